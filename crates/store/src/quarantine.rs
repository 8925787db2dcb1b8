//! What arrived and failed its checks: kept apart, bounded, until it arrives whole.

use dm_model::{EnvelopeId, Signature, Timestamp};

use crate::error::StoreError;
use crate::tx::{ReadTx, WriteTx};

/// Most envelopes in quarantine; the one seen longest ago makes room.
pub const QUARANTINE_MAX: usize = 256;
/// Most bytes that are kept of one: enough for most, and 16 MiB of them all.
const BYTES_MAX: usize = 64 << 10;
/// Most bytes of words kept about one.
const WORDS_MAX: usize = 400;

/// Why an envelope is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuarantineReason {
    /// Its bytes are not those of its id, or do not decode.
    Damaged,
    /// Its signature does not hold, or it says what its key may not.
    Signature,
    /// Its format is that of a later version.
    Newer,
}

impl QuarantineReason {
    const ALL: [Self; 3] = [Self::Damaged, Self::Signature, Self::Newer];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Signature => "signature",
            Self::Newer => "newer",
        }
    }

    const fn tag(self) -> i64 {
        match self {
            Self::Damaged => 0,
            Self::Signature => 1,
            Self::Newer => 2,
        }
    }
}

/// An envelope in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The id under which it was asked for or came.
    pub id: EnvelopeId,
    /// Who sent it last: a remote's name, or who put it here.
    pub remote: String,
    /// Why.
    pub reason: QuarantineReason,
    /// Why, in words.
    pub words: String,
    /// The signature that came with it.
    pub signature: Signature,
    /// Its bytes, unless they are too many to keep.
    pub bytes: Option<Vec<u8>>,
    /// When it came first.
    pub first_seen: Timestamp,
    /// When it came last.
    pub last_seen: Timestamp,
    /// How often it came.
    pub tries: u64,
}

impl ReadTx<'_> {
    /// What is in quarantine, by id.
    ///
    /// # Errors
    /// The disk.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, StoreError> {
        let sql = "SELECT id, remote, reason, words, signature, bytes, first_seen, last_seen, tries FROM quarantine ORDER BY id";
        self.rows(sql, [], |row| {
            let reason: i64 = row.get(2)?;
            let known = QuarantineReason::ALL.into_iter().find(|known| known.tag() == reason);
            Ok(Quarantined {
                id: EnvelopeId::from_bytes(row.get(0)?),
                remote: row.get(1)?,
                reason: known.unwrap_or(QuarantineReason::Damaged),
                words: row.get(3)?,
                signature: Signature::from_bytes(row.get(4)?),
                bytes: row.get(5)?,
                first_seen: Timestamp::from_ms(row.get(6)?),
                last_seen: Timestamp::from_ms(row.get(7)?),
                tries: row.get::<_, i64>(8)?.cast_unsigned(),
            })
        })
    }

    /// How many envelopes are in quarantine.
    ///
    /// # Errors
    /// The disk.
    pub fn quarantined_count(&self) -> Result<u64, StoreError> {
        let count = self.row("SELECT count(*) FROM quarantine", [], |row| row.get::<_, i64>(0))?;
        Ok(count.unwrap_or_default().cast_unsigned())
    }
}

impl WriteTx<'_> {
    /// Puts an envelope into quarantine, or notes that it came again: `first_seen` and `tries` are those of all times together.
    /// One that is held already stays out.
    ///
    /// # Errors
    /// The disk.
    pub fn quarantine(&mut self, one: &Quarantined) -> Result<(), StoreError> {
        if self.log_local(&one.id)?.is_some() {
            return Ok(());
        }
        let words: String = one.words.chars().take(WORDS_MAX / 4).collect();
        let bytes = one.bytes.as_deref().filter(|bytes| bytes.len() <= BYTES_MAX);
        self.run(
            "INSERT INTO quarantine (id, remote, reason, words, signature, bytes, first_seen, last_seen, tries)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO UPDATE SET remote = ?2, reason = ?3, words = ?4,
             signature = ?5, bytes = ?6, last_seen = ?8, tries = tries + ?9",
            rusqlite::params![
                one.id.as_bytes(),
                one.remote,
                one.reason.tag(),
                words,
                one.signature.as_bytes(),
                bytes,
                one.first_seen.as_ms(),
                one.last_seen.as_ms(),
                one.tries.cast_signed(),
            ],
        )?;
        let over = self.quarantined_count()?.saturating_sub(QUARANTINE_MAX as u64).cast_signed();
        let sql = "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE id <> ?1 ORDER BY last_seen, id LIMIT ?2)";
        self.run(sql, (one.id.as_bytes(), over))?;
        Ok(())
    }

    /// Takes out of quarantine what is held now.
    pub(crate) fn release(&self, ids: impl Iterator<Item = EnvelopeId>) -> Result<(), StoreError> {
        if self.row("SELECT 1 FROM quarantine LIMIT 1", [], |_| Ok(()))?.is_none() {
            return Ok(());
        }
        for id in ids {
            self.run("DELETE FROM quarantine WHERE id = ?1", [id.as_bytes()])?;
        }
        Ok(())
    }
}
