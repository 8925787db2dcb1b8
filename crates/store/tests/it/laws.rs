//! Laws over random histories: order and grouping do not matter, a rebuild changes nothing, and the answers are the delta's.

use std::sync::Arc;

use dm_collab::{
    Channel, Effect, EntityState, Fingerprint, Membership, Need, Presence, ProjectionDelta, ProjectionRead, ReadError,
};
use dm_model::{
    DefHash, EntityId, Envelope, EnvelopeId, InstanceId, Kind, Location, Op, OpId, PatchId, RevisionId, Space,
    Timestamp,
};
use dm_store::{Arrival, ReadTx, Store};
use proptest::prelude::*;

use crate::generate::{Dice, History, SPACES, history};
use crate::support::temp_store;

/// Every answer about what a delta changed is what the delta says.
fn check_answers(tx: &ReadTx<'_>, delta: &ProjectionDelta) {
    for id in &delta.counted {
        assert_eq!(tx.presence(id).unwrap(), Presence::Counted);
    }
    let pending = tx.pending().unwrap();
    for (id, missing) in &delta.pending {
        assert_eq!(tx.presence(id).unwrap(), Presence::Pending);
        assert_eq!(&pending[id], missing);
        for need in missing {
            assert!(tx.waiting_on(need).unwrap().contains(id));
        }
    }
    for (channel, leaves) in &delta.leaves {
        assert_eq!(&tx.leaves(channel).unwrap(), leaves);
    }
    for ((channel, patch), membership) in &delta.membership {
        assert_eq!(&tx.membership(channel, patch).unwrap(), membership);
    }
    for (revision, effect) in &delta.effects {
        assert_eq!(&tx.effect(revision).unwrap(), effect);
        let waits = matches!(effect, Effect::Blocked(_) | Effect::NeedsNewer);
        assert_eq!(tx.blocked().unwrap().contains(revision), waits);
    }
    for (op, effective) in &delta.op_effective {
        assert_eq!(tx.op_effective(op).unwrap(), *effective);
    }
    for (entity, state) in &delta.entities {
        let expected = Some(state.clone()).filter(|state| !state.registers.is_empty());
        assert_eq!(tx.entity(entity).unwrap(), expected);
        for location in &state.live {
            assert!(tx.entities_at(location).unwrap().contains(entity));
        }
    }
    assert_eq!(tx.view_fingerprint().unwrap(), delta.view_fingerprint);
}

/// Answers only what must be answered; the rest stays as the port defines it.
struct Plain<'t, 's>(&'t ReadTx<'s>);

macro_rules! through {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $answer:ty;)*) => {
        impl ProjectionRead for Plain<'_, '_> {
            $(fn $name(&self $(, $argument: $type)*) -> $answer { self.0.$name($($argument),*) })*
        }
    };
}

through! {
    fn own_channel(&self) -> InstanceId;
    fn presence(&self, envelope: &EnvelopeId) -> Result<Presence, ReadError>;
    fn envelope(&self, envelope: &EnvelopeId) -> Result<Option<Arc<Envelope>>, ReadError>;
    fn content_present(&self, content: &DefHash) -> Result<bool, ReadError>;
    fn waiting_on(&self, need: &Need) -> Result<Vec<EnvelopeId>, ReadError>;
    fn op(&self, op: &OpId) -> Result<Option<Arc<Op>>, ReadError>;
    fn carriers(&self, op: &OpId) -> Result<Vec<RevisionId>, ReadError>;
    fn needing(&self, op: &OpId) -> Result<Vec<RevisionId>, ReadError>;
    fn entity_ops(&self, entity: &EntityId) -> Result<Vec<(OpId, Arc<Op>)>, ReadError>;
    fn op_effective(&self, op: &OpId) -> Result<bool, ReadError>;
    fn effect(&self, revision: &RevisionId) -> Result<Effect, ReadError>;
    fn membership(&self, channel: &Channel, patch: &PatchId) -> Result<Membership, ReadError>;
    fn leaves(&self, channel: &Channel) -> Result<Vec<EnvelopeId>, ReadError>;
    fn facts(&self, channel: &Channel) -> Result<Vec<Arc<Envelope>>, ReadError>;
    fn channels(&self) -> Result<Vec<Channel>, ReadError>;
    fn members(&self, channel: &Channel) -> Result<Vec<(PatchId, Membership)>, ReadError>;
    fn revisions(&self, patch: &PatchId) -> Result<Vec<RevisionId>, ReadError>;
    fn patch_facts(&self, patch: &PatchId) -> Result<Vec<Arc<Envelope>>, ReadError>;
    fn key_facts(&self, author: &str) -> Result<Vec<Arc<Envelope>>, ReadError>;
    fn entity(&self, entity: &EntityId) -> Result<Option<EntityState>, ReadError>;
    fn entities_at(&self, location: &Location) -> Result<Vec<EntityId>, ReadError>;
    fn flagged(&self) -> Result<Vec<EntityId>, ReadError>;
    fn collisions(&self) -> Result<Vec<Location>, ReadError>;
    fn deleted_dependencies(&self) -> Result<Vec<(EntityId, EntityId)>, ReadError>;
    fn dependents(&self, entity: &EntityId) -> Result<Vec<EntityId>, ReadError>;
    fn definition_head(&self, content: &DefHash) -> Result<Option<(Kind, Vec<EntityId>)>, ReadError>;
    fn view_fingerprint(&self) -> Result<Fingerprint, ReadError>;
}

/// The lists that the store keeps are those that the port's own definitions give.
fn check_lists(tx: &ReadTx<'_>) {
    let plain = Plain(tx);
    assert_eq!(tx.blocked().unwrap(), plain.blocked().unwrap());
    assert_eq!(tx.disputed().unwrap(), plain.disputed().unwrap());
    assert_eq!(tx.unseen().unwrap(), plain.unseen().unwrap());
    assert_eq!(tx.own_channels().unwrap(), plain.own_channels().unwrap());
    let mut private = false;
    for entry in tx.log(None, usize::MAX).unwrap() {
        let (id, space) = (entry.envelope.id(), entry.envelope.header().space);
        private |= !space.is_public();
        assert_eq!(tx.space(&id).unwrap(), Some(space));
        if let dm_model::Body::Revision(revision) = entry.envelope.body() {
            let patch = revision.patch;
            assert_eq!(tx.own_membership(&patch).unwrap(), plain.own_membership(&patch).unwrap());
        }
    }
    assert_eq!(tx.any_private().unwrap(), private);
    check_rows_of_states(tx);
}

/// Marks, names and dependencies, from the states alone.
fn check_rows_of_states(tx: &ReadTx<'_>) {
    let ids: std::collections::BTreeSet<EntityId> = tx
        .log(None, usize::MAX)
        .unwrap()
        .iter()
        .flat_map(|entry| ops_of(&entry.envelope))
        .map(|op| op.entity)
        .collect();
    let states: std::collections::BTreeMap<EntityId, EntityState> =
        ids.into_iter().filter_map(|id| Some((id, tx.entity(&id).unwrap()?))).collect();
    let flagged = |state: &EntityState| {
        state.registers.values().any(dm_collab::RegisterState::is_contested)
            || !state.edited_while_deleted.is_empty()
            || !state.edited_while_deprecated.is_empty()
    };
    let expected: Vec<EntityId> = states.iter().filter(|(_, state)| flagged(state)).map(|(id, _)| *id).collect();
    assert_eq!(tx.flagged().unwrap(), expected);
    let mut at: std::collections::BTreeMap<&Location, Vec<EntityId>> = std::collections::BTreeMap::new();
    let mut lost = Vec::new();
    for (id, state) in &states {
        for location in &state.live {
            at.entry(location).or_default().push(*id);
        }
        assert_eq!(tx.names_of(id).unwrap().len(), state.live.len());
        let uses = |id: &EntityId| states[id].content().map(|hash| tx.definition_head(&hash).unwrap().unwrap().1);
        let dependents: Vec<EntityId> = states
            .iter()
            .filter(|(user, state)| state.is_live() && uses(user).is_some_and(|uses| uses.contains(id)))
            .map(|(user, _)| *user)
            .collect();
        assert_eq!(tx.dependents(id).unwrap(), dependents);
        if !state.is_live() {
            lost.extend(dependents.into_iter().map(|user| (user, *id)));
        }
    }
    lost.sort_unstable();
    assert_eq!(tx.deleted_dependencies().unwrap(), lost);
    let colliding: Vec<Location> = at.iter().filter(|(_, ids)| ids.len() > 1).map(|(at, _)| (*at).clone()).collect();
    assert_eq!(tx.collisions().unwrap(), colliding);
    assert_eq!(tx.live_names("").unwrap().len(), at.values().map(Vec::len).sum::<usize>());
}

fn ops_of(envelope: &dm_model::Envelope) -> Vec<dm_model::Op> {
    match envelope.body() {
        dm_model::Body::Revision(revision) => revision.ops.clone(),
        _ => Vec::new(),
    }
}

/// Appends everything in pieces of random size and order, content apart from envelopes.
fn append_in_pieces(store: &Store, history: &History, dice: &mut Dice) {
    let mut envelopes = history.envelopes.clone();
    let mut definitions = history.definitions.clone();
    dice.shuffle(&mut envelopes);
    dice.shuffle(&mut definitions);
    while !envelopes.is_empty() || !definitions.is_empty() {
        let arrival = Arrival {
            envelopes: envelopes.split_off(envelopes.len().saturating_sub(dice.below(6))),
            definitions: definitions.split_off(definitions.len().saturating_sub(dice.below(4))),
        };
        let mut tx = store.write().unwrap();
        let delta = tx.append(&arrival).unwrap();
        check_answers(&tx, &delta);
        if dice.one_in(4) {
            // Thrown away and done again: nothing of the first time may stay.
            tx.discard();
            let mut tx = store.write().unwrap();
            assert_eq!(tx.append(&arrival).unwrap(), delta);
            tx.commit().unwrap();
        } else {
            tx.commit().unwrap();
        }
    }
}

/// Every envelope comes after all that it needs.
fn check_order(tx: &ReadTx<'_>) {
    let mut ids: Vec<EnvelopeId> = SPACES.iter().flat_map(|space| tx.envelope_ids(*space).unwrap()).collect();
    ids.sort_unstable();
    let mut held = std::collections::BTreeSet::new();
    let mut ops = std::collections::BTreeSet::new();
    for envelope in tx.envelopes_in_order(&ids).unwrap() {
        if tx.presence(&envelope.id()).unwrap() == Presence::Counted {
            assert!(envelope.needs().iter().all(|need| held.contains(need)));
            if let dm_model::Body::Revision(revision) = envelope.body() {
                assert!(revision.needs().iter().all(|need| ops.contains(need)));
            }
        }
        held.insert(envelope.id());
        ops.extend(ops_of(&envelope).iter().map(dm_model::Op::id));
    }
    assert_eq!(held.len(), ids.len());
}

fn check_pages(tx: &ReadTx<'_>) {
    let whole: Vec<_> = tx.log(None, usize::MAX).unwrap().iter().map(|entry| entry.envelope.id()).collect();
    let mut paged = Vec::new();
    let mut before: Option<(Timestamp, dm_model::EnvelopeId)> = None;
    loop {
        let page = tx.log(before, 3).unwrap();
        let Some(last) = page.last() else { break };
        before = Some((last.envelope.header().authored_at, last.envelope.id()));
        paged.extend(page.iter().map(|entry| entry.envelope.id()));
    }
    assert_eq!(paged, whole);
}

fn check_history(seed: u64, steps: usize) {
    let history = history(seed, steps);
    let whole = temp_store(0);
    let arrival = Arrival { envelopes: history.envelopes.clone(), definitions: history.definitions.clone() };
    whole.append(&arrival);
    let pieces = temp_store(0);
    append_in_pieces(&pieces.store, &history, &mut Dice::new(seed ^ 1));

    let expected = whole.store.read().unwrap().dump_projections().unwrap();
    let tx = pieces.store.read().unwrap();
    assert_eq!(tx.dump_projections().unwrap(), expected);
    check_lists(&tx);
    check_order(&tx);
    check_pages(&tx);
    for definition in &history.definitions {
        assert_eq!(tx.definition(&definition.hash()).unwrap().as_ref(), Some(&**definition.definition()));
    }
    drop(tx);

    let mut tx = pieces.store.write().unwrap();
    let again = tx.append(&arrival).unwrap();
    assert!(again.counted.is_empty() && again.entities.is_empty());
    assert_eq!(tx.dump_projections().unwrap(), expected);
    tx.rebuild().unwrap();
    assert_eq!(tx.dump_projections().unwrap(), expected);
    tx.commit().unwrap();
    assert_eq!(pieces.store.read().unwrap().verify(), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn order_grouping_and_rebuilding_change_nothing(seed: u64, steps in 5usize..45) {
        check_history(seed, steps);
    }
}

/// Ranges between any two places, and what stands in them by counting one by one.
fn check_ranges(tx: &ReadTx<'_>, dice: &mut Dice) {
    use dm_collab::sync::{Place, Range, set_element};
    let all = tx.log(None, usize::MAX).unwrap();
    let mut placed: Vec<(Place, dm_model::EnvelopeId)> =
        all.iter().map(|entry| (Place::of(&entry.envelope), entry.envelope.id())).collect();
    placed.sort_unstable();
    let at = |dice: &mut Dice| match placed.get(dice.below(placed.len() + 1)) {
        Some((place, _)) => Place { prefix: place.prefix.wrapping_add(dice.below(2) as u64), ..*place },
        None => Place { time: i64::MAX, prefix: u64::MAX },
    };
    let ranges = (0..30).map(|_| {
        let (one, other) = (at(dice), at(dice));
        Range { from: one.min(other), to: Some(one.max(other)).filter(|_| !dice.one_in(5)) }
    });
    for range in ranges.chain([Range::ALL]).collect::<Vec<_>>() {
        let inside: Vec<_> = placed.iter().filter(|(place, _)| range.has(*place)).collect();
        let mut sum = dm_collab::Fingerprint::default();
        inside.iter().for_each(|(_, id)| sum.add(&set_element(id)));
        assert_eq!(tx.range_fingerprint(Space::PUBLIC, &range).unwrap(), sum, "{range:?}");
        let mut ids = tx.range_ids(Space::PUBLIC, &range, usize::MAX).unwrap();
        ids.sort_unstable();
        let mut expected: Vec<_> = inside.iter().map(|(_, id)| *id).collect();
        expected.sort_unstable();
        assert_eq!(ids, expected, "{range:?}");
        let cuts = tx.range_cuts(Space::PUBLIC, &range, 16).unwrap();
        assert!(cuts.len() < 16 && cuts.is_sorted_by(|left, right| left < right), "{cuts:?}");
        assert!(cuts.iter().all(|cut| range.has(*cut) && *cut > range.from), "{cuts:?} in {range:?}");
        let places: std::collections::BTreeSet<_> = inside.iter().map(|(place, _)| *place).collect();
        assert_eq!(cuts.is_empty(), places.len() < 2, "{range:?}");
    }
}

#[test]
fn sums_of_ranges_are_those_of_what_stands_there() {
    use dm_model::{Body, Envelope, EnvelopeId, Keypair, Verdict, VerdictKind};
    let keys = Keypair::from_secret(&[5; 32]);
    let mut dice = Dice::new(11);
    // Times: ascending, anyhow, in two clusters, all equal.
    let times: [fn(i64, &mut Dice) -> i64; 4] =
        [|n, _| n, |_, dice| dice.below(1 << 30) as i64 - (1 << 29), |n, _| n % 2 * 1_000_000 + n % 3, |_, _| 7];
    for time in times {
        let temp = super::support::temp_store(1);
        let mut number = 0;
        for size in [1, 1, 40, 255, 1, 300, 2, 200] {
            let envelopes = (0..size).map(|_| {
                number += 1;
                let body = Body::Verdict(Verdict {
                    revision: EnvelopeId::from_bytes([9; 32]),
                    author: format!("{number}"),
                    kind: VerdictKind::Approve,
                    words: String::new(),
                    supersedes: Vec::new(),
                });
                let at = Timestamp::from_ms(time(number, &mut dice));
                std::sync::Arc::new(Envelope::seal(Space::PUBLIC, &keys, at, body))
            });
            let arrival = Arrival { envelopes: envelopes.collect(), definitions: Vec::new() };
            let mut tx = temp.store.write().unwrap();
            tx.append(&arrival).unwrap();
            tx.commit().unwrap();
            check_ranges(&temp.store.read().unwrap(), &mut dice);
        }
        assert_eq!(temp.store.read().unwrap().verify(), []);
        let mut tx = temp.store.write().unwrap();
        tx.rebuild().unwrap();
        assert_eq!(tx.verify(), []);
        check_ranges(&tx, &mut dice);
    }
}

/// Whatever there is to compare is looked up, not read through: SQLite's own plan says so.
#[test]
fn exchanges_read_no_table_through() {
    let temp = super::support::temp_store(1);
    let path = temp.store.path().to_path_buf();
    drop(temp.store);
    let raw = rusqlite::Connection::open(path).unwrap();
    let inside = "a.space = ?1 AND (a.time, a.h8) >= (?2, ?3) AND (a.time, a.h8) < (?4, ?5) ORDER BY a.time, a.h8";
    let range = "(space=? AND (time,h8)>(?,?) AND (time,h8)<(?,?))";
    for (sql, wanted) in [
        (format!("SELECT a.time, l.hash FROM env_at a JOIN log l ON l.id = a.env WHERE {inside}"), range),
        (format!("SELECT a.count FROM bucket a WHERE {inside}"), range),
        (
            "SELECT time FROM bucket WHERE space = ?1 AND (time, h8) <= (?2, ?3) ORDER BY time DESC, h8 DESC LIMIT 1"
                .to_owned(),
            "(space=? AND (time,h8)<(?,?))",
        ),
        ("SELECT env FROM unsent WHERE remote = ?1 AND space = ?2".to_owned(), "(remote=? AND space=?)"),
    ] {
        let mut statement = raw.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let count = statement.parameter_count();
        let params = rusqlite::params_from_iter((0..count).map(|_| 1));
        let plan: Vec<String> = statement.query_map(params, |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(plan[0].contains(wanted), "{sql}: {plan:?}");
        assert!(!plan.iter().any(|step| step.contains("SCAN") || step.contains("TEMP B-TREE")), "{sql}: {plan:?}");
    }
}
