//! Bridges to git: how far histories were brought in, and what was written out where.
//!
//! What a history that is brought in last had at each location lies in `import_base`, as for a folder, under a root of its own.

use dm_model::EnvelopeId;

use crate::error::StoreError;
use crate::tx::{ReadTx, WriteTx};

impl ReadTx<'_> {
    /// The commit that was brought in last of a history, as its object id.
    ///
    /// # Errors
    /// The disk.
    pub fn git_head(&self, root: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT s.head FROM git_source s JOIN import_root r ON r.id = s.root WHERE r.root = ?1";
        self.row(sql, [root], |row| row.get(0))
    }

    /// The files of a history whose present text was not taken, each with the reason, by path.
    ///
    /// # Errors
    /// The disk.
    pub fn git_lag(&self, root: &str) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT l.file, l.reason FROM git_lag l JOIN import_root r ON r.id = l.root WHERE r.root = ?1 ORDER BY l.file";
        self.rows(sql, [root], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The facts of the own main that were written to a branch of a repository, in their order, each with the commit that
    /// brought the branch to it.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn git_marks(&self, repository: &str, branch: &str) -> Result<Vec<(EnvelopeId, Vec<u8>)>, StoreError> {
        let sql =
            "SELECT m.fact, m.object FROM git_mark m JOIN git_target t ON t.id = m.target JOIN env v ON v.id = m.fact
            WHERE t.repository = ?1 AND t.branch = ?2 ORDER BY v.counted, m.fact";
        let rows =
            self.rows(sql, (repository, branch), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        rows.into_iter().map(|(fact, object)| Ok((self.log_global(fact)?, object))).collect()
    }

    /// The counting revisions of all patches, each after what it needs.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn revision_ids(&self) -> Result<Vec<EnvelopeId>, StoreError> {
        let sql = "SELECT id FROM env WHERE patch IS NOT NULL AND counted > 0 ORDER BY counted";
        let rows = self.rows(sql, [], |row| row.get::<_, i64>(0))?;
        rows.into_iter().map(|local| self.log_global(local)).collect()
    }

    /// The counting facts of the own main's public part, each after the one that it stands on.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn own_facts(&self) -> Result<Vec<EnvelopeId>, StoreError> {
        let sql = "SELECT f.env FROM fact f JOIN channel c ON c.id = f.channel JOIN env v ON v.id = f.env
            WHERE c.hash = (SELECT instance FROM meta) AND c.space = zeroblob(16) ORDER BY v.counted";
        let rows = self.rows(sql, [], |row| row.get::<_, i64>(0))?;
        rows.into_iter().map(|local| self.log_global(local)).collect()
    }
}

impl WriteTx<'_> {
    /// Remembers which commit of a history was brought in last.
    ///
    /// # Errors
    /// The disk.
    pub fn put_git_head(&mut self, root: &str, head: &[u8]) -> Result<(), StoreError> {
        self.run("INSERT OR IGNORE INTO import_root (root) VALUES (?1)", [root])?;
        let sql = "INSERT OR REPLACE INTO git_source (root, head) SELECT id, ?2 FROM import_root WHERE root = ?1";
        self.run(sql, (root, head))?;
        Ok(())
    }

    /// Notes that a file's present text was not taken, and why; no reason takes the note away.
    ///
    /// # Errors
    /// The disk.
    pub fn put_git_lag(&mut self, root: &str, file: &str, reason: Option<&str>) -> Result<(), StoreError> {
        self.run("INSERT OR IGNORE INTO import_root (root) VALUES (?1)", [root])?;
        match reason {
            Some(reason) => self.run(
                "INSERT OR REPLACE INTO git_lag (root, file, reason) SELECT id, ?2, ?3 FROM import_root WHERE root = ?1",
                (root, file, reason),
            )?,
            None => {
                let sql = "DELETE FROM git_lag WHERE root = (SELECT id FROM import_root WHERE root = ?1) AND file = ?2";
                self.run(sql, (root, file))?
            }
        };
        Ok(())
    }

    /// Remembers which commits brought a branch of a repository to which facts.
    ///
    /// # Errors
    /// The disk; a fact that is not held.
    pub fn put_git_marks(
        &mut self,
        repository: &str,
        branch: &str,
        marks: &[(EnvelopeId, Vec<u8>)],
    ) -> Result<(), StoreError> {
        self.run("INSERT OR IGNORE INTO git_target (repository, branch) VALUES (?1, ?2)", (repository, branch))?;
        for (fact, object) in marks {
            let local = self.log_local(fact)?.ok_or_else(|| self.no_such("envelope", fact))?;
            self.run(
                "INSERT OR REPLACE INTO git_mark (target, fact, object)
                 SELECT id, ?3, ?4 FROM git_target WHERE repository = ?1 AND branch = ?2",
                (repository, branch, local, object),
            )?;
        }
        Ok(())
    }

    /// Forgets what was written to a branch of a repository: it is not there any more.
    ///
    /// # Errors
    /// The disk.
    pub fn forget_git_target(&mut self, repository: &str, branch: &str) -> Result<(), StoreError> {
        let id = "SELECT id FROM git_target WHERE repository = ?1 AND branch = ?2";
        self.run(&format!("DELETE FROM git_mark WHERE target IN ({id})"), (repository, branch))?;
        self.run("DELETE FROM git_target WHERE repository = ?1 AND branch = ?2", (repository, branch))?;
        Ok(())
    }

    /// What was written so far is nothing that an undo would take back.
    pub fn forget_captured(&mut self) {
        self.captured.clear();
    }
}
