//! Dropping what nothing names any more.

use dm_model::Timestamp;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::report::GcReport;

/// How many days commands stay undoable, if nothing else is said.
pub const GC_DAYS: u32 = 30;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Engine {
    /// Drops the commands of more than so many days, and the definitions that then no patch, no draft, no base of an import and no
    /// command names; gives the disk its space back. What history needs stays. It cannot be undone.
    ///
    /// # Errors
    /// If the store is damaged, so that it is not known what is named; if it cannot be written. Then nothing is dropped.
    pub fn gc(&self, days: u32, dry_run: bool) -> Result<GcReport, EngineError> {
        let before = self.system().now().as_ms().saturating_sub(i64::from(days).saturating_mul(DAY_MS));
        let mut tx = self.store().write()?;
        let garbage = tx.collect_garbage(Timestamp::from_ms(before))?;
        let mut report = GcReport {
            dry_run,
            days,
            commands: garbage.commands,
            definitions: garbage.definitions,
            summaries: garbage.summaries,
            bytes: garbage.bytes,
            bytes_before: 0,
            bytes_after: 0,
        };
        if dry_run {
            tx.discard();
            return Ok(report);
        }
        tx.commit()?;
        let compacted = self.store().compact()?;
        report.bytes_before = compacted.bytes_before;
        report.bytes_after = compacted.bytes_after;
        Ok(report)
    }
}
