//! Spaces as this store names them, and where each goes: to which remotes, for which tokens (SEMANTICS R21).

use dm_model::{Space, Timestamp};

use crate::command::Row;
use crate::error::StoreError;
use crate::tx::{ReadTx, WriteTx};

/// A group's space that has a name here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSpace {
    /// The space.
    pub space: Space,
    /// Its name, unique here; others may call it something else.
    pub name: String,
    /// Since when it has a name here.
    pub since: Timestamp,
}

fn named_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<NamedSpace> {
    Ok(NamedSpace { space: Space::from_bytes(row.get(0)?), name: row.get(1)?, since: Timestamp::from_ms(row.get(2)?) })
}

impl ReadTx<'_> {
    /// The spaces that have a name here, by name.
    ///
    /// # Errors
    /// The disk.
    pub fn named_spaces(&self) -> Result<Vec<NamedSpace>, StoreError> {
        self.rows("SELECT space, name, since FROM space_name ORDER BY name", [], named_row)
    }

    /// What a space is called here.
    ///
    /// # Errors
    /// The disk.
    pub fn named_space(&self, space: Space) -> Result<Option<NamedSpace>, StoreError> {
        self.row("SELECT space, name, since FROM space_name WHERE space = ?1", [space.as_bytes()], named_row)
    }

    /// The spaces of which envelopes are held, with how many, ascending: the public one first.
    ///
    /// # Errors
    /// The disk.
    pub fn held_spaces(&self) -> Result<Vec<(Space, u64)>, StoreError> {
        self.rows("SELECT space, count FROM space ORDER BY space", [], |row| {
            Ok((Space::from_bytes(row.get(0)?), row.get::<_, i64>(1)?.cast_unsigned()))
        })
    }

    /// The spaces that are exchanged with a remote, ascending: the public one unless it was taken off, and groups that were put on.
    ///
    /// # Errors
    /// The disk.
    pub fn shared_spaces(&self, remote: &str) -> Result<Vec<Space>, StoreError> {
        let sql = "SELECT space, shared FROM remote_space WHERE remote = ?1 ORDER BY space";
        let chosen = self.rows(sql, [remote], |row| Ok((Space::from_bytes(row.get(0)?), row.get::<_, bool>(1)?)))?;
        let mut shared = Vec::new();
        if !chosen.contains(&(Space::PUBLIC, false)) {
            shared.push(Space::PUBLIC);
        }
        shared.extend(chosen.into_iter().filter(|(space, on)| *on && !space.is_public()).map(|(space, _)| space));
        Ok(shared)
    }

    /// The remotes that a space is exchanged with, by name.
    ///
    /// # Errors
    /// The disk.
    pub fn remotes_sharing(&self, space: Space) -> Result<Vec<String>, StoreError> {
        let mut sharing = Vec::new();
        for remote in self.remotes()? {
            if self.shared_spaces(&remote.name)?.contains(&space) {
                sharing.push(remote.name);
            }
        }
        Ok(sharing)
    }

    /// The groups' spaces that a token opens beside the public one, ascending.
    ///
    /// # Errors
    /// The disk.
    pub fn token_spaces(&self, token: &str) -> Result<Vec<Space>, StoreError> {
        let sql = "SELECT space FROM token_space WHERE token = ?1 ORDER BY space";
        self.rows(sql, [token], |row| row.get(0).map(Space::from_bytes))
    }

    /// What was chosen for a space and a remote, if it was.
    pub(crate) fn share(&self, remote: &str, space: Space) -> Result<Option<bool>, StoreError> {
        let sql = "SELECT shared FROM remote_space WHERE remote = ?1 AND space = ?2";
        self.row(sql, (remote, space.as_bytes()), |row| row.get(0))
    }
}

impl WriteTx<'_> {
    /// Names a space, or renames it.
    ///
    /// # Errors
    /// The disk.
    pub fn put_named_space(&mut self, named: &NamedSpace) -> Result<(), StoreError> {
        self.capture(Row::SpaceName(named.space))?;
        self.run(
            "INSERT OR REPLACE INTO space_name (space, name, since) VALUES (?1, ?2, ?3)",
            (named.space.as_bytes(), &named.name, named.since.as_ms()),
        )?;
        Ok(())
    }

    /// Forgets a space's name, and that it is exchanged with anyone. What is held of it stays.
    ///
    /// # Errors
    /// The disk.
    pub fn forget_space(&mut self, space: Space) -> Result<(), StoreError> {
        let sql = "SELECT remote FROM remote_space WHERE space = ?1 ORDER BY remote";
        for remote in self.rows(sql, [space.as_bytes()], |row| row.get::<_, String>(0))? {
            self.put_share(&remote, space, None)?;
        }
        self.capture(Row::SpaceName(space))?;
        self.run("DELETE FROM space_name WHERE space = ?1", [space.as_bytes()])?;
        Ok(())
    }

    /// Chooses whether a space is exchanged with a remote; none: as if never chosen.
    ///
    /// # Errors
    /// The disk.
    pub fn put_share(&mut self, remote: &str, space: Space, shared: Option<bool>) -> Result<(), StoreError> {
        self.capture(Row::Share(remote.to_owned(), space))?;
        match shared {
            Some(shared) => self.run(
                "INSERT OR REPLACE INTO remote_space (remote, space, shared) VALUES (?1, ?2, ?3)",
                (remote, space.as_bytes(), shared),
            )?,
            None => {
                let sql = "DELETE FROM remote_space WHERE remote = ?1 AND space = ?2";
                self.run(sql, (remote, space.as_bytes()))?
            }
        };
        Ok(())
    }

    /// As if nothing was ever chosen for a remote.
    pub(crate) fn forget_shares(&mut self, remote: &str) -> Result<(), StoreError> {
        let sql = "SELECT space FROM remote_space WHERE remote = ?1 ORDER BY space";
        for space in self.rows(sql, [remote], |row| row.get(0).map(Space::from_bytes))? {
            self.put_share(remote, space, None)?;
        }
        Ok(())
    }

    /// Says which groups' spaces a token opens beside the public one.
    ///
    /// # Errors
    /// The disk.
    pub fn put_token_spaces(&mut self, token: &str, spaces: &[Space]) -> Result<(), StoreError> {
        self.run("DELETE FROM token_space WHERE token = ?1", [token])?;
        for space in spaces.iter().filter(|space| !space.is_public()) {
            let sql = "INSERT OR IGNORE INTO token_space (token, space) VALUES (?1, ?2)";
            self.run(sql, (token, space.as_bytes()))?;
        }
        Ok(())
    }
}
