//! Whether what the incremental fold has kept up is what the naive model computes from scratch.

use std::collections::BTreeMap;
use std::fmt::Debug;

use dm_collab::{Candidates, ProjectionRead as _, SessionLayers, View, exchange};
use dm_model::{EntityId, Envelope, Location, Op, OpId, Register};

use crate::memory::Memory;
use crate::model::{Holdings, Meaning, Model};

/// Two answers to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The question.
    pub about: &'static str,
    /// What the product answers.
    pub product: String,
    /// What the model answers.
    pub model: String,
}

impl std::fmt::Display for Disagreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n product: {}\n model:   {}", self.about, self.product, self.model)
    }
}

impl std::error::Error for Disagreement {}

fn same<T: PartialEq + Debug>(about: &'static str, product: &T, model: &T) -> Result<(), Disagreement> {
    if product == model {
        return Ok(());
    }
    Err(Disagreement { about, product: format!("{product:#?}"), model: format!("{model:#?}") })
}

/// Every key is trusted: trust is not what is proved here.
#[must_use]
pub fn anyone(_: &Envelope) -> bool {
    true
}

/// Some keys are not trusted: what a pull makes of that is the same for product and model.
fn wary(envelope: &Envelope) -> bool {
    envelope.header().author_key.as_bytes()[0].is_multiple_of(2)
}

/// Compares all that a projection holds and what a pull would do.
///
/// # Errors
/// The first difference.
pub fn check(memory: &Memory, holdings: &Holdings) -> Result<(), Disagreement> {
    let model = Model::of(memory.own_channel(), holdings);
    check_projection(memory, &model)?;
    check_pull(memory, &model)
}

/// Compares what a projection holds.
///
/// # Errors
/// The first difference.
pub fn check_projection(memory: &Memory, model: &Model<'_>) -> Result<(), Disagreement> {
    same("which envelopes count", &memory.counted, &model.counting)?;
    same("what is pending", &memory.pending, &model.pending)?;
    same("the leaves of channels", &memory.leaves, &model.leaves)?;
    same("what channels say of patches", &memory.membership, &model.membership)?;
    same("what revisions do", &memory.effects, &model.effects)?;
    same("which ops are effective", &memory.effective, &model.effective.keys().copied().collect())?;
    same("the states of entities", &memory.entities, &model.entities)?;
    same("the view fingerprint", &memory.fingerprint, &model.fingerprint())?;
    check_view("main", &View::main(memory), &model.main())
}

/// Compares what a pull applies and holds, and the conflicts that an instance lists.
///
/// # Errors
/// The first difference.
pub fn check_pull(memory: &Memory, model: &Model<'_>) -> Result<(), Disagreement> {
    same("what a pull applies and holds", &exchange::select(memory, &anyone).unwrap(), &model.select(&anyone))?;
    same("what a wary pull applies", &exchange::select(memory, &wary).unwrap(), &model.select(&wary))?;
    same("the listed conflicts", &exchange::conflicts(memory, &anyone).unwrap(), &model.conflicts(&anyone))?;
    check_view(
        "main with all that is held",
        &Candidates::of(memory, &anyone).unwrap().union().unwrap(),
        &model.union(&anyone),
    )
}

/// Compares what a session sees.
///
/// # Errors
/// The first difference.
pub fn check_session(memory: &Memory, holdings: &Holdings, layers: &SessionLayers<'_>) -> Result<(), Disagreement> {
    let model = Model::of(memory.own_channel(), holdings);
    check_view("a session", &View::session(memory, layers).unwrap(), &model.session(layers))
}

/// Compares what a view answers, about everything that is in it.
fn check_view(which: &'static str, view: &View<'_>, meaning: &Meaning) -> Result<(), Disagreement> {
    let same_entities: BTreeMap<EntityId, _> =
        meaning.entities.keys().filter_map(|entity| Some((*entity, view.entity(entity).unwrap()?))).collect();
    same(which, &same_entities, &meaning.entities)?;
    same("the fingerprint of a view", &view.fingerprint().unwrap(), &meaning.fingerprint())?;
    same("the conflicts of a view", &view.conflicts().unwrap(), &meaning.conflicts())?;
    for (entity, state) in &meaning.entities {
        for register in state.registers.keys() {
            same("a value in force", &view.value(entity, *register).unwrap(), &meaning.value(entity, *register))?;
        }
        same("what an entity uses", &view.uses(entity).unwrap(), &meaning.uses(entity))?;
        same("who uses an entity", &view.dependents(entity).unwrap(), &meaning.dependents(entity))?;
        for location in places(state.registers.get(&Register::Location).iter().flat_map(|state| &state.heads)) {
            same("who is live", &view.entities_at(&location).unwrap(), &meaning.entities_at(&location))?;
        }
    }
    Ok(())
}

fn places<'h>(heads: impl Iterator<Item = &'h dm_collab::Head>) -> Vec<Location> {
    heads
        .filter_map(|head| match &head.value {
            dm_model::Value::Location(location) => location.clone(),
            _ => None,
        })
        .collect()
}

/// Compares the ops that the drafts of a stack make.
///
/// # Errors
/// The first difference.
pub fn check_drafts(product: &[Vec<(OpId, Op)>], model: &[Vec<(OpId, Op)>]) -> Result<(), Disagreement> {
    same("the ops of drafts", &product, &model)
}
