//! What definitions of the own main mean: hashes that readers worked out, kept for the next ones.
//!
//! A memo, filled by readers and never by who writes (SEMANTICS section 10). Only an entity is kept that lives, that nobody disagrees on, that has
//! no pin, and that refers only to such; where one is kept, all are that it reaches. So who may mean something else after a change is found by going back
//! along references through those that are kept. A write that changes such an entity drops its own row and says that it is due; the next reader
//! sees to those that reach it.

use dm_collab::{EntityState, Fingerprint, ProjectionRead as _};
use dm_model::{DefHash, EntityId, LinkHash, Register, Value};

use crate::error::StoreError;
use crate::store::Store;
use crate::tx::{ReadTx, WriteTx};

/// What a definition means, and what others see of it.
pub type KeptLink = (LinkHash, Option<LinkHash>);

/// What a reader worked out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkNotes {
    /// The main that it read: what it means, and how many envelopes that took, since a main may come to mean again what it meant before.
    pub read: (Fingerprint, u64),
    /// The version of the hashes.
    pub format: u8,
    /// The entities that were due.
    pub due: Vec<EntityId>,
    /// Those whose kept links no longer hold for that.
    pub stale: Vec<EntityId>,
    /// Links that hold.
    pub links: Vec<(EntityId, KeptLink)>,
}

impl ReadTx<'_> {
    /// What an entity meant when its link was kept, by this version of the hashes. Holds unless the entity reaches one that is due.
    ///
    /// # Errors
    /// The disk.
    pub fn kept_link(&self, entity: &EntityId, format: u8) -> Result<Option<KeptLink>, StoreError> {
        let Some(local) = self.entity_local(entity)? else { return Ok(None) };
        self.row("SELECT hash, interface FROM link WHERE entity = ?1 AND format = ?2", (local, format), |row| {
            let interface = row.get::<_, Option<[u8; 32]>>(1)?;
            Ok((LinkHash::from_bytes(row.get(0)?), interface.map(LinkHash::from_bytes)))
        })
    }

    /// The entities with a kept link, whether or not it holds.
    ///
    /// # Errors
    /// The disk.
    pub fn with_kept_links(&self) -> Result<Vec<EntityId>, StoreError> {
        self.entity_ids_of("SELECT entity FROM link", [])
    }

    /// The entities that changed since links that reach them were kept.
    ///
    /// # Errors
    /// The disk.
    pub fn links_due(&self) -> Result<Vec<EntityId>, StoreError> {
        self.entity_ids_of("SELECT entity FROM link_due", [])
    }

    /// Leaves what was worked out for [`Store::keep_noted_links`], once this transaction is over and before the next one.
    pub fn note_links(&self, notes: LinkNotes) {
        self.store.noted_links.replace(Some(notes));
    }

    /// What [`LinkNotes::read`] is now.
    ///
    /// # Errors
    /// The disk.
    pub fn main_read(&self) -> Result<(Fingerprint, u64), StoreError> {
        let counted = self.row("SELECT counted FROM meta", [], |row| row.get::<_, i64>(0))?.unwrap_or_default();
        Ok((self.view_fingerprint()?, counted.cast_unsigned()))
    }
}

impl Store {
    /// Keeps the links that the last reader noted, if main is still what it read. That it cannot be written now is no error: the next reader
    /// works them out again.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn keep_noted_links(&self) -> Result<(), StoreError> {
        let Some(notes) = self.noted_links.take() else { return Ok(()) };
        let mut tx = match self.write() {
            Ok(tx) => tx,
            Err(StoreError::Busy { .. } | StoreError::ReadOnly { .. } | StoreError::Full { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        if tx.main_read()? != notes.read {
            return Ok(());
        }
        tx.keep_links(&notes)?;
        tx.commit()
    }
}

impl WriteTx<'_> {
    fn keep_links(&mut self, notes: &LinkNotes) -> Result<(), StoreError> {
        for entity in &notes.stale {
            if let Some(local) = self.entity_local(entity)? {
                self.run("DELETE FROM link WHERE entity = ?1", [local])?;
            }
        }
        for entity in &notes.due {
            if let Some(local) = self.entity_local(entity)? {
                self.run("DELETE FROM link_due WHERE entity = ?1", [local])?;
            }
        }
        self.put_links(notes.format, &notes.links, &[])
    }

    /// Keeps links, and says that some are due.
    ///
    /// # Errors
    /// The disk.
    pub fn put_links(
        &mut self,
        format: u8,
        links: &[(EntityId, KeptLink)],
        due: &[EntityId],
    ) -> Result<(), StoreError> {
        for (entity, (link, interface)) in links {
            let Some(local) = self.entity_local(entity)? else { continue };
            let interface = interface.as_ref().map(LinkHash::as_bytes);
            self.run(
                "INSERT OR REPLACE INTO link (entity, format, hash, interface) VALUES (?1, ?2, ?3, ?4)",
                (local, format, link.as_bytes(), interface),
            )?;
        }
        for entity in due {
            if let Some(local) = self.entity_local(entity)? {
                self.run("INSERT OR IGNORE INTO link_due (entity) VALUES (?1)", [local])?;
            }
        }
        Ok(())
    }

    /// An entity is another now: what it meant is gone, and who reaches it is to be seen to.
    pub(crate) fn lose_link(
        &mut self,
        local: i64,
        before: Option<&EntityState>,
        after: &EntityState,
    ) -> Result<(), StoreError> {
        if before.and_then(linked_content) != linked_content(after)
            && self.run("DELETE FROM link WHERE entity = ?1", [local])? > 0
        {
            self.run("INSERT OR IGNORE INTO link_due (entity) VALUES (?1)", [local])?;
        }
        Ok(())
    }
}

/// The content by which an entity's link may be kept.
#[must_use]
pub fn linked_content(state: &EntityState) -> Option<DefHash> {
    let pinned = |register: &Register| matches!(register, Register::Pin(_) | Register::Later { .. });
    let plain = state.is_live()
        && !state.registers.get(&Register::Content).is_some_and(dm_collab::RegisterState::is_contested)
        && !state
            .registers
            .iter()
            .any(|(register, is)| pinned(register) && is.provisional() != Some(&Value::Pin(None)));
    state.content().filter(|_| plain)
}
