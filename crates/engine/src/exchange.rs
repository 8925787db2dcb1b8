//! Exchange: what arrives is stored, its keys noted, and what does not conflict is applied (SEMANTICS R25).

use dm_collab::exchange::Candidates;
use dm_collab::patch::{apply_fact, revision_body};
use dm_model::{Body, EnvelopeId, PatchId};

use crate::error::EngineError;
use crate::patches;
use crate::report::{HeldPatch, PatchSummary, Received};
use crate::snapshot::{conflict_summaries, held_patch};
use crate::transaction::Transaction;
use crate::trust;

impl Transaction<'_> {
    /// Notes the keys of what arrived, applies what another main has and what does not conflict, and says in words what came
    /// and what is held.
    pub(crate) fn settle_received(&mut self, arrived: &[EnvelopeId]) -> Result<Received, EngineError> {
        let new_keys = trust::note_keys(&mut self.tx, arrived, self.engine.system())?;
        let trusted = trust::Trusted::load(&self.tx)?;
        let selection = Candidates::of(&*self.tx, &|envelope| trusted.trusts(envelope))?.select()?;
        if !selection.apply.is_empty() {
            let fact = apply_fact(&*self.tx, &selection.apply, String::new())?;
            self.append(vec![Body::Apply(fact)])?;
        }
        let mut brought: Vec<PatchId> = Vec::new();
        for id in arrived {
            if let Some(body) = revision_body(&*self.tx, id)?
                && !brought.contains(&body.patch)
            {
                brought.push(body.patch);
            }
        }
        let look = self.look(None)?;
        let all: Vec<String> = patches::all_patches(&self.tx)?.iter().map(ToString::to_string).collect();
        let summarize = |ids: &[PatchId]| -> Result<Vec<PatchSummary>, EngineError> {
            ids.iter().map(|patch| patches::summary_among(&look, &self.workspace, patch, &all)).collect()
        };
        let applied: Vec<PatchId> = selection.apply.iter().map(|(patch, _)| *patch).collect();
        let mut held: Vec<HeldPatch> = Vec::new();
        for patch in &selection.held {
            held.push(held_patch(&look, &self.workspace, patch)?);
        }
        Ok(Received {
            patches: summarize(&brought)?,
            applied: summarize(&applied)?,
            held,
            conflicts: conflict_summaries(&look, &self.workspace)?,
            new_keys,
            pending: look.tx.counts()?.pending,
        })
    }
}
