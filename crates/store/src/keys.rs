//! Keys of this store: with which it signs for whom, what was decided about others', and the facts about keys that the log has.

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_collab::trust::Root;
use dm_model::{AuthorKey, Envelope, EnvelopeId, PatchId, RevisionId, Succession};

use crate::error::StoreError;
use crate::remotes::KeyState;
use crate::store::Instance;
use crate::tx::{ReadTx, WriteTx};

impl ReadTx<'_> {
    /// Whose store this is.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        self.store.instance()
    }

    /// The key that this store signs with for an author, if it has one of its own.
    ///
    /// # Errors
    /// The disk.
    pub fn own_key(&self, author: &str) -> Result<Option<AuthorKey>, StoreError> {
        self.row("SELECT key FROM own_key WHERE author = ?1", [author], |row| row.get(0).map(AuthorKey::from_bytes))
    }

    /// The keys that this store signs with, by author.
    ///
    /// # Errors
    /// The disk.
    pub fn own_keys(&self) -> Result<Vec<(String, AuthorKey)>, StoreError> {
        let sql = "SELECT author, key FROM own_key ORDER BY author";
        self.rows(sql, [], |row| Ok((row.get(0)?, AuthorKey::from_bytes(row.get(1)?))))
    }

    /// The keys of this instance up to the present one; none if it has its first key still.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn succession(&self) -> Result<Option<Succession>, StoreError> {
        let bytes = self.row("SELECT bytes FROM succession", [], |row| row.get::<_, Vec<u8>>(0))?;
        let read = |bytes: Vec<u8>| {
            let keys =
                Succession::from_bytes(&bytes).map_err(|error| self.damaged(format!("table succession: {error}")))?;
            let own = keys.instance() == self.store.instance().id;
            own.then_some(keys).ok_or_else(|| self.damaged("table succession has the keys of another instance"))
        };
        bytes.map(read).transpose()
    }

    /// What was decided here about an author's keys.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn trust_roots(&self, author: &str) -> Result<Vec<Root>, StoreError> {
        let keys = self.keys_of(author)?.into_iter().filter(|known| known.state == KeyState::Trusted);
        let sql = "SELECT change FROM overruled WHERE author = ?1 AND key = ?2";
        keys.map(|known| {
            let rows = self.rows(sql, (author, known.key.as_bytes()), |row| row.get::<_, Vec<u8>>(0))?;
            let ids: Option<BTreeSet<EnvelopeId>> = rows.iter().map(|row| EnvelopeId::from_slice(row)).collect();
            let in_spite_of = ids.ok_or_else(|| self.damaged("table overruled has a hash of the wrong length"))?;
            Ok(Root { key: known.key, in_spite_of })
        })
        .collect()
    }

    /// The counting facts about an author's keys, ascending.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn key_facts_of(&self, author: &str) -> Result<Vec<Arc<Envelope>>, StoreError> {
        self.envelopes_of("SELECT env FROM key_fact WHERE author = ?1", [author])
    }

    /// The authors of whom the log has facts about keys, by name.
    ///
    /// # Errors
    /// The disk.
    pub fn authors_with_key_facts(&self) -> Result<Vec<String>, StoreError> {
        self.rows("SELECT DISTINCT author FROM key_fact ORDER BY author", [], |row| row.get(0))
    }

    /// The revisions that bear an author's name and were signed with that key, oldest here first, with their patches. Looks at every
    /// envelope.
    ///
    /// # Errors
    /// The disk.
    pub fn revisions_signed(&self, author: &str, key: &AuthorKey) -> Result<Vec<(RevisionId, PatchId)>, StoreError> {
        let sql = "SELECT l.hash, v.patch FROM env v JOIN log l ON l.id = v.id
            WHERE v.author = ?1 AND v.author_key = ?2 AND v.patch IS NOT NULL ORDER BY v.id";
        self.rows(sql, (author, key.as_bytes()), |row| {
            Ok((RevisionId::from_bytes(row.get(0)?), PatchId::from_bytes(row.get(1)?)))
        })
    }

    /// The authors whose names revisions bear that were signed with that key, by name. Looks at every envelope.
    ///
    /// # Errors
    /// The disk.
    pub fn authors_signed_with(&self, key: &AuthorKey) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT author FROM env WHERE author_key = ?1 AND author IS NOT NULL ORDER BY author";
        self.rows(sql, [key.as_bytes()], |row| row.get(0))
    }

    /// Whether any envelope that bears an author's name was signed with that key.
    ///
    /// # Errors
    /// The disk.
    pub fn has_signed(&self, author: &str, key: &AuthorKey) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM env WHERE author = ?1 AND author_key = ?2 LIMIT 1";
        Ok(self.row(sql, (author, key.as_bytes()), |row| row.get::<_, i64>(0))?.is_some())
    }
}

impl WriteTx<'_> {
    /// Signs for an author with that key from now on; with none, as if there had never been one.
    ///
    /// # Errors
    /// The disk.
    pub fn put_own_key(&mut self, author: &str, key: Option<&AuthorKey>) -> Result<(), StoreError> {
        match key {
            Some(key) => {
                let sql = "INSERT OR REPLACE INTO own_key (author, key) VALUES (?1, ?2)";
                self.run(sql, (author, key.as_bytes()))?;
            }
            None => {
                self.run("DELETE FROM own_key WHERE author = ?1", [author])?;
            }
        }
        Ok(())
    }

    /// Signs facts of the main with the last of these keys from now on.
    ///
    /// # Errors
    /// The disk.
    pub fn put_succession(&mut self, keys: &Succession) -> Result<(), StoreError> {
        self.run("INSERT OR REPLACE INTO succession (one, bytes) VALUES (1, ?1)", [keys.to_bytes()])?;
        Ok(())
    }

    /// Trusts a key in spite of these facts about it.
    ///
    /// # Errors
    /// The disk.
    pub fn overrule(
        &mut self,
        author: &str,
        key: &AuthorKey,
        changes: &BTreeSet<EnvelopeId>,
    ) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO overruled (author, key, change) VALUES (?1, ?2, ?3)";
        for change in changes {
            self.run(sql, (author, key.as_bytes(), change.as_bytes()))?;
        }
        Ok(())
    }
}
