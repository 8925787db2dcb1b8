//! Other instances as this one knows them: remotes, what was exchanged with each, keys seen, tokens given out.

use std::collections::BTreeMap;
use std::sync::Arc;

use dm_collab::Fingerprint;
use dm_model::{AuthorKey, Envelope, EnvelopeId, Space, Timestamp};

use crate::append::set_element;
use crate::command::Row;
use crate::error::StoreError;
use crate::tx::{ReadTx, WriteTx};

/// When a remote is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemoteMode {
    /// When asked.
    Manual,
    /// By itself, both ways.
    Automatic,
    /// Pulled by itself, pushed when asked.
    Hybrid,
}

impl RemoteMode {
    const ALL: [Self; 3] = [Self::Manual, Self::Automatic, Self::Hybrid];

    /// The word for it: `manual`, `automatic`, `hybrid`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Automatic => "automatic",
            Self::Hybrid => "hybrid",
        }
    }

    /// The mode of that word.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }

    const fn tag(self) -> i64 {
        match self {
            Self::Manual => 0,
            Self::Automatic => 1,
            Self::Hybrid => 2,
        }
    }
}

/// Another instance to exchange with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its name here, unique.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// What it asks for, if it asks for something.
    pub token: Option<String>,
    /// How long to wait for it, in milliseconds.
    pub timeout_ms: u64,
    /// When it is synced.
    pub mode: RemoteMode,
    /// When it was last synced with success.
    pub last_sync: Option<Timestamp>,
}

/// What is thought of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyState {
    /// It speaks for the author.
    Trusted,
    /// It was seen under the author's name and nobody vouched for it.
    Seen,
}

impl KeyState {
    const fn tag(self) -> i64 {
        match self {
            Self::Trusted => 1,
            Self::Seen => 0,
        }
    }
}

/// A key that signed under an author's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorKeyRecord {
    /// The name.
    pub author: String,
    /// The key.
    pub key: AuthorKey,
    /// What is thought of it.
    pub state: KeyState,
    /// When it was first seen under that name.
    pub first_seen: Timestamp,
}

/// A key to this instance's server. The secret itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is called, unique.
    pub name: String,
    /// A hash of the secret that cannot be turned back.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

const REMOTE: &str = "SELECT name, url, token, timeout_ms, mode, last_sync FROM remote";

fn remote_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Remote> {
    let mode: i64 = row.get(4)?;
    Ok(Remote {
        name: row.get(0)?,
        url: row.get(1)?,
        token: row.get(2)?,
        timeout_ms: row.get::<_, i64>(3)?.cast_unsigned(),
        mode: RemoteMode::ALL.into_iter().find(|known| known.tag() == mode).unwrap_or(RemoteMode::Manual),
        last_sync: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_ms),
    })
}

fn key_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<AuthorKeyRecord> {
    Ok(AuthorKeyRecord {
        author: row.get(0)?,
        key: AuthorKey::from_bytes(row.get(1)?),
        state: if row.get::<_, i64>(2)? == KeyState::Trusted.tag() { KeyState::Trusted } else { KeyState::Seen },
        first_seen: Timestamp::from_ms(row.get(3)?),
    })
}

fn token_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Token> {
    Ok(Token {
        name: row.get(0)?,
        hash: row.get(1)?,
        created_at: Timestamp::from_ms(row.get(2)?),
        expires_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_ms),
    })
}

impl ReadTx<'_> {
    /// All remotes, by name.
    ///
    /// # Errors
    /// The disk.
    pub fn remotes(&self) -> Result<Vec<Remote>, StoreError> {
        self.rows(&format!("{REMOTE} ORDER BY name"), [], remote_row)
    }

    /// The remote of that name.
    ///
    /// # Errors
    /// The disk.
    pub fn remote(&self, name: &str) -> Result<Option<Remote>, StoreError> {
        self.row(&format!("{REMOTE} WHERE name = ?1"), [name], remote_row)
    }

    pub(crate) fn remote_local(&self, name: &str) -> Result<i64, StoreError> {
        let local = self.row("SELECT id FROM remote WHERE name = ?1", [name], |row| row.get(0))?;
        local.ok_or_else(|| self.no_such("remote", name))
    }

    /// The envelopes of a space that were received from a remote or pushed to it, ascending.
    ///
    /// # Errors
    /// The disk; no such remote.
    pub fn known_ids(&self, remote: &str, space: Space) -> Result<Vec<EnvelopeId>, StoreError> {
        let local = self.remote_local(remote)?;
        let Some(space) = self.space_local(space)? else { return Ok(Vec::new()) };
        let sql = "SELECT a.env FROM env_at a WHERE a.space = ?2
            AND NOT EXISTS (SELECT 1 FROM unsent u WHERE u.remote = ?1 AND u.space = ?2 AND u.env = a.env)";
        self.envelope_ids_of(sql, (local, space))
    }

    /// The envelopes of a space that were neither received from a remote nor pushed to it, ascending.
    ///
    /// # Errors
    /// The disk; no such remote.
    pub fn unknown_ids(&self, remote: &str, space: Space) -> Result<Vec<EnvelopeId>, StoreError> {
        let local = self.remote_local(remote)?;
        let Some(space) = self.space_local(space)? else { return Ok(Vec::new()) };
        self.envelope_ids_of("SELECT env FROM unsent WHERE remote = ?1 AND space = ?2", (local, space))
    }

    /// Whether any remote has an envelope, as far as is known here.
    ///
    /// # Errors
    /// The disk.
    pub fn is_known(&self, id: &EnvelopeId) -> Result<bool, StoreError> {
        let Some(local) = self.log_local(id)? else { return Ok(false) };
        let sql = "SELECT 1 FROM remote r, env v JOIN space_no s ON s.space = v.space WHERE v.id = ?1 AND NOT EXISTS
            (SELECT 1 FROM unsent u WHERE u.remote = r.id AND u.space = s.id AND u.env = v.id) LIMIT 1";
        Ok(self.row(sql, [local], |_| Ok(()))?.is_some())
    }

    /// How many [`ReadTx::unknown_ids`] there are, without reading them.
    ///
    /// # Errors
    /// The disk; no such remote.
    pub fn unknown_count(&self, remote: &str, space: Space) -> Result<u64, StoreError> {
        let held = self.set_fingerprint(space)?.count;
        Ok(held.saturating_sub(self.known_fingerprint(remote, space)?.count))
    }

    /// The fingerprint of [`ReadTx::known_ids`].
    ///
    /// # Errors
    /// The disk; no such remote.
    pub fn known_fingerprint(&self, remote: &str, space: Space) -> Result<Fingerprint, StoreError> {
        self.known_of(self.remote_local(remote)?, space)
    }

    fn known_of(&self, remote: i64, space: Space) -> Result<Fingerprint, StoreError> {
        let sql = "SELECT count, sum FROM known_space WHERE remote = ?1 AND space = ?2";
        let found = self.row(sql, (remote, space.as_bytes()), |row| {
            Ok(Fingerprint { count: row.get::<_, i64>(0)?.cast_unsigned(), sum: row.get(1)? })
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The version of the protocol that a remote was last found to speak, and when it was asked.
    ///
    /// # Errors
    /// The disk; no such remote.
    pub fn protocol_of(&self, remote: &str) -> Result<Option<(u8, Timestamp)>, StoreError> {
        let local = self.remote_local(remote)?;
        self.row("SELECT protocol, asked_at FROM peer WHERE remote = ?1", [local], |row| {
            Ok((row.get(0)?, Timestamp::from_ms(row.get(1)?)))
        })
    }

    /// Keys seen under an author's name, first seen first.
    ///
    /// # Errors
    /// The disk.
    pub fn keys_of(&self, author: &str) -> Result<Vec<AuthorKeyRecord>, StoreError> {
        let sql = "SELECT author, key, state, first_seen FROM trusted_key WHERE author = ?1 ORDER BY first_seen, key";
        self.rows(sql, [author], key_row)
    }

    /// All keys seen, by author.
    ///
    /// # Errors
    /// The disk.
    pub fn keys(&self) -> Result<Vec<AuthorKeyRecord>, StoreError> {
        let sql = "SELECT author, key, state, first_seen FROM trusted_key ORDER BY author, first_seen, key";
        self.rows(sql, [], key_row)
    }

    /// All tokens, by name.
    ///
    /// # Errors
    /// The disk.
    pub fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.rows("SELECT name, hash, created_at, expires_at FROM token ORDER BY name", [], token_row)
    }

    /// The token with that hash.
    ///
    /// # Errors
    /// The disk.
    pub fn token_with(&self, hash: &[u8; 32]) -> Result<Option<Token>, StoreError> {
        self.row("SELECT name, hash, created_at, expires_at FROM token WHERE hash = ?1", [hash], token_row)
    }
}

impl WriteTx<'_> {
    /// Writes a remote, new or changed; what is known of it stays.
    ///
    /// # Errors
    /// The disk.
    pub fn put_remote(&mut self, remote: &Remote) -> Result<(), StoreError> {
        self.capture(Row::Remote(remote.name.clone()))?;
        let new = self.row("SELECT 1 FROM remote WHERE name = ?1", [&remote.name], |_| Ok(()))?.is_none();
        self.run(
            "INSERT INTO remote (name, url, token, timeout_ms, mode, last_sync) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (name) DO UPDATE SET url = ?2, token = ?3, timeout_ms = ?4, mode = ?5, last_sync = ?6",
            (
                &remote.name,
                &remote.url,
                &remote.token,
                i64::try_from(remote.timeout_ms).unwrap_or(i64::MAX),
                remote.mode.tag(),
                remote.last_sync.map(Timestamp::as_ms),
            ),
        )?;
        if new {
            let local = self.remote_local(&remote.name)?;
            self.run(
                "INSERT INTO unsent (remote, space, env) SELECT ?1, space, env FROM env_at ORDER BY space, env",
                [local],
            )?;
        }
        Ok(())
    }

    /// Removes a remote and what is known of it.
    ///
    /// # Errors
    /// The disk; no such remote.
    pub fn remove_remote(&mut self, name: &str) -> Result<(), StoreError> {
        let local = self.remote_local(name)?;
        self.forget_shares(name)?;
        self.capture(Row::Remote(name.to_owned()))?;
        self.run("DELETE FROM unsent WHERE remote = ?1", [local])?;
        self.run("DELETE FROM peer WHERE remote = ?1", [local])?;
        self.run("DELETE FROM known_space WHERE remote = ?1", [local])?;
        self.run("DELETE FROM remote WHERE id = ?1", [local])?;
        Ok(())
    }

    /// Notes that a remote has these envelopes, which are held here.
    ///
    /// # Errors
    /// The disk; no such remote, an envelope that is not held.
    pub fn add_known(&mut self, remote: &str, ids: &[EnvelopeId]) -> Result<(), StoreError> {
        let remote_id = self.remote_local(remote)?;
        let mut spaces: BTreeMap<Space, Fingerprint> = BTreeMap::new();
        for id in ids {
            let local = self.log_local(id)?.ok_or_else(|| self.no_such("envelope", id))?;
            let sql = "SELECT v.space, s.id FROM env v JOIN space_no s ON s.space = v.space WHERE v.id = ?1";
            let space = self.row(sql, [local], |row| Ok((Space::from_bytes(row.get(0)?), row.get::<_, i64>(1)?)))?;
            let (space, number) = space.ok_or_else(|| self.damaged(format!("table env has no row {local}")))?;
            let sql = "DELETE FROM unsent WHERE remote = ?1 AND space = ?2 AND env = ?3";
            if self.run(sql, (remote_id, number, local))? == 0 {
                continue;
            }
            let fingerprint = match spaces.entry(space) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(self.known_fingerprint(remote, space)?)
                }
            };
            fingerprint.add(&set_element(id));
        }
        for (space, fingerprint) in spaces {
            self.put_known(remote_id, space, &fingerprint)?;
        }
        Ok(())
    }

    /// Notes the version of the protocol that a remote was found to speak.
    ///
    /// # Errors
    /// The disk; no such remote.
    pub fn put_protocol(&mut self, remote: &str, protocol: u8, asked_at: Timestamp) -> Result<(), StoreError> {
        let local = self.remote_local(remote)?;
        let sql = "INSERT OR REPLACE INTO peer (remote, protocol, asked_at) VALUES (?1, ?2, ?3)";
        self.run(sql, (local, protocol, asked_at.as_ms()))?;
        Ok(())
    }

    /// What is appended from now on comes from this remote, so it has it.
    ///
    /// # Errors
    /// The disk; no such remote.
    pub fn comes_from(&mut self, remote: &str) -> Result<(), StoreError> {
        self.source = Some(self.remote_local(remote)?);
        Ok(())
    }

    /// Notes that remotes lack new envelopes, all but the one they come from.
    pub(crate) fn add_unsent(&self, envelopes: &[(i64, Arc<Envelope>)]) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(envelopes.len());
        for (local, envelope) in envelopes {
            rows.push((self.space_interned(envelope.header().space)?, *local, envelope));
        }
        rows.sort_unstable_by_key(|(space, local, _)| (*space, *local));
        for remote in self.rows("SELECT id FROM remote", [], |row| row.get::<_, i64>(0))? {
            if self.source != Some(remote) {
                let rows: Vec<[i64; 3]> = rows.iter().map(|(space, local, _)| [remote, *space, *local]).collect();
                self.insert_integers("unsent", &rows)?;
                continue;
            }
            let mut spaces: BTreeMap<Space, Fingerprint> = BTreeMap::new();
            for (_, _, envelope) in &rows {
                spaces.entry(envelope.header().space).or_default().add(&set_element(&envelope.id()));
            }
            for (space, more) in spaces {
                let mut known = self.known_of(remote, space)?;
                known.merge(&more);
                self.put_known(remote, space, &known)?;
            }
        }
        Ok(())
    }

    fn put_known(&self, remote: i64, space: Space, known: &Fingerprint) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO known_space (remote, space, count, sum) VALUES (?1, ?2, ?3, ?4)",
            (remote, space.as_bytes(), known.count.cast_signed(), known.sum),
        )?;
        Ok(())
    }

    /// Writes a key seen under an author's name; when it was first seen stays.
    ///
    /// # Errors
    /// The disk.
    pub fn put_key(&mut self, record: &AuthorKeyRecord) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO trusted_key (author, key, state, first_seen) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (author, key) DO UPDATE SET state = ?3",
            (&record.author, record.key.as_bytes(), record.state.tag(), record.first_seen.as_ms()),
        )?;
        Ok(())
    }

    /// Writes a token, replacing one of its name.
    ///
    /// # Errors
    /// The disk.
    pub fn put_token(&mut self, token: &Token) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO token (name, hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
            (&token.name, token.hash, token.created_at.as_ms(), token.expires_at.map(Timestamp::as_ms)),
        )?;
        Ok(())
    }

    /// Removes a token; true if there was one.
    ///
    /// # Errors
    /// The disk.
    pub fn remove_token(&mut self, name: &str) -> Result<bool, StoreError> {
        self.put_token_spaces(name, &[])?;
        Ok(self.run("DELETE FROM token WHERE name = ?1", [name])? > 0)
    }
}
