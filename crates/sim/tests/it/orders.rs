//! The order of arrival, its cuts and repetitions, restarts and clocks mean nothing (I1-I4, I14, I15).

use std::collections::BTreeMap;
use std::sync::Arc;

use dm_collab::exchange::{conflicts, select};
use dm_collab::{Batch, Channel, Conflict, Membership, Subject};
use dm_model::{
    Body, Envelope, EnvelopeError, EnvelopeId, InstanceId, Keypair, PatchId, RevisionId, Signature, Space, Timestamp,
};
use dm_sim::agreement::anyone;
use dm_sim::history::{anything, shuffled};
use dm_sim::{Memory, Watch, World};
use proptest::prelude::*;

use crate::play::{agreed, config};

fn played(history: &[dm_sim::Step]) -> World {
    let mut world = World::new(3, Watch::Never);
    world.play(history).unwrap();
    world
}

/// What one person holds, as one batch.
fn holdings(world: &World, who: usize) -> Batch {
    let person = &world.people[who];
    let envelopes = person.holdings.envelopes.iter().map(|held| Arc::clone(&held.envelope)).collect();
    Batch { envelopes, content: person.memory.content().collect() }
}

/// A projection of a batch that arrives in this order, so much at once.
fn arrived(own: InstanceId, batch: &Batch, seed: u64, at_once: usize, twice: bool) -> Memory {
    let mut memory = Memory::new(own);
    let envelopes = batch.envelopes.iter().map(|one| Batch { envelopes: vec![Arc::clone(one)], content: Vec::new() });
    let content = batch.content.iter().map(|one| Batch { envelopes: Vec::new(), content: vec![one.clone()] });
    let mut parts: Vec<Batch> = envelopes.chain(content).collect();
    if twice {
        parts.extend(parts.clone());
    }
    shuffled(&mut parts, seed);
    for parts in parts.chunks(at_once) {
        let mut batch = Batch::default();
        for part in parts {
            batch.envelopes.extend(part.envelopes.iter().cloned());
            batch.content.extend(part.content.iter().cloned());
        }
        memory.receive(&batch);
    }
    memory
}

/// The same log as if its authors' clocks had shown other times, and what each envelope became.
fn at_other_times(world: &World, time: impl Fn(i64) -> i64) -> (Batch, BTreeMap<EnvelopeId, EnvelopeId>) {
    let mut became: BTreeMap<EnvelopeId, EnvelopeId> = BTreeMap::new();
    let mut log = Batch { envelopes: Vec::new(), content: world.log.content.clone() };
    for (envelope, tick) in world.log.envelopes.iter().zip(1..) {
        let new = |ids: &[EnvelopeId]| {
            let mut ids: Vec<EnvelopeId> = ids.iter().map(|id| became[id]).collect();
            ids.sort_unstable();
            ids
        };
        let body = match envelope.body().clone() {
            Body::Revision(mut body) => {
                body.replaces = new(&body.replaces);
                body.created_at = Timestamp::from_ms(time(tick));
                Body::Revision(body)
            }
            Body::Apply(mut body) => {
                body.onto = new(&body.onto);
                body.patches.iter_mut().for_each(|(_, revision)| *revision = became[revision]);
                Body::Apply(body)
            }
            Body::Unapply(mut body) => {
                body.onto = new(&body.onto);
                Body::Unapply(body)
            }
            Body::TakeOver(mut body) => {
                body.onto = new(&body.onto);
                Body::TakeOver(body)
            }
            Body::Withdraw(mut body) => {
                body.revision = became[&body.revision];
                Body::Withdraw(body)
            }
            Body::Verdict(mut body) => {
                body.revision = became[&body.revision];
                body.supersedes = new(&body.supersedes);
                Body::Verdict(body)
            }
            other => other,
        };
        let author = envelope.body().channel().unwrap_or_else(|| envelope.header().author_key.instance());
        let author = world.people.iter().find(|person| person.main() == author).unwrap();
        let again = author.seal_like(envelope, Timestamp::from_ms(time(tick)), body);
        became.insert(envelope.id(), again.id());
        log.envelopes.push(again);
    }
    (log, became)
}

/// The conflicts of ops: those of facts are about envelopes, whose ids cover their times.
fn of_ops(conflicts: Vec<Conflict>) -> Vec<Conflict> {
    conflicts.into_iter().filter(|conflict| conflict.subject == Subject::Ops).collect()
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn i1_two_replicas_give_one_projection_whichever_comes_first(history in anything(1..40)) {
        let world = played(&history);
        let (first, second) = (holdings(&world, 0), holdings(&world, 1));
        for person in &world.people {
            let (mut one, mut other) = (Memory::new(person.main()), Memory::new(person.main()));
            one.receive(&first);
            one.receive(&second);
            other.receive(&second);
            other.receive(&first);
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn i2_any_grouping_and_repetition_gives_one_projection(
        history in anything(1..40),
        seed in any::<u64>(),
        at_once in 1..9usize,
        twice in any::<bool>(),
    ) {
        let world = played(&history);
        for person in &world.people {
            let at_once_all = arrived(person.main(), &world.log, 0, usize::MAX, false);
            prop_assert_eq!(&arrived(person.main(), &world.log, seed, at_once, twice), &at_once_all);
        }
    }

    #[test]
    fn i3_after_any_exchanges_equal_sets_are_equal_projections(history in anything(1..40), seed in any::<u64>()) {
        let mut world = World::new(3, Watch::Never);
        agreed(world.play(&history))?;
        agreed(world.exchange())?;
        for person in &world.people {
            prop_assert_eq!(&person.memory, &arrived(person.main(), &world.log, seed, 3, false));
        }
    }

    #[test]
    fn i4_what_was_kept_up_is_what_a_rebuild_gives(history in anything(1..40)) {
        let mut world = World::new(3, Watch::Never);
        for step in history.iter() {
            agreed(world.step(step))?;
            for (who, person) in world.people.iter().enumerate() {
                let mut rebuilt = Memory::new(person.main());
                rebuilt.receive(&holdings(&world, who));
                prop_assert_eq!(&person.memory, &rebuilt);
            }
        }
    }

    #[test]
    fn i14_clocks_decide_nothing(history in anything(1..40), years in -1..2i64, stride in -9..9i64) {
        let world = played(&history);
        let year = 365 * 24 * 3600 * 1000;
        let (other, became) = at_other_times(&world, |tick| 2 * year + years * year + tick * stride);
        for person in &world.people {
            let (one, two) = (arrived(person.main(), &world.log, 0, 9, false), arrived(person.main(), &other, 0, 9, false));
            prop_assert_eq!(&one.entities, &two.entities);
            prop_assert_eq!(&one.effective, &two.effective);
            prop_assert_eq!(one.fingerprint, two.fingerprint);
            let new = |(key, says): (&(Channel, PatchId), &Membership)| {
                let says = match says {
                    Membership::In(revision) => Membership::In(became[revision]),
                    Membership::Disputed(values) => {
                        let mut values: Vec<Option<RevisionId>> =
                            values.iter().map(|value| value.map(|revision| became[&revision])).collect();
                        values.sort_unstable();
                        Membership::Disputed(values)
                    }
                    out => out.clone(),
                };
                (*key, says)
            };
            prop_assert_eq!(one.membership.iter().map(new).collect::<BTreeMap<_, _>>(), two.membership.clone());
            prop_assert_eq!(of_ops(conflicts(&one, &anyone).unwrap()), of_ops(conflicts(&two, &anyone).unwrap()));
            let (chosen, again) = (select(&one, &anyone).unwrap(), select(&two, &anyone).unwrap());
            let applied: Vec<_> = chosen.apply.iter().map(|(patch, revision)| (*patch, became[revision])).collect();
            prop_assert_eq!(applied, again.apply);
            let mut held: Vec<_> =
                chosen.held.into_iter().map(|held| (held.patch, became[&held.revision], held.reason)).collect();
            held.sort_by_key(|(patch, revision, _)| (*patch, *revision));
            let again: Vec<_> = again.held.into_iter().map(|held| (held.patch, held.revision, held.reason)).collect();
            prop_assert_eq!(held, again);
        }
    }

    #[test]
    fn i15_whoever_opens_an_envelope_judges_it_alike(
        history in anything(1..20),
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let world = played(&history);
        prop_assume!(!world.log.envelopes.is_empty());
        let envelope = &world.log.envelopes[which.index(world.log.envelopes.len())];
        let opened = Envelope::open(envelope.bytes().to_vec(), *envelope.signature());
        prop_assert_eq!(opened.unwrap().id(), envelope.id());
        let mut bytes = envelope.bytes().to_vec();
        let place = at.index(bytes.len());
        bytes[place] ^= flip;
        prop_assert!(Envelope::open(bytes.clone(), *envelope.signature()).is_err());
        bytes.truncate(place);
        prop_assert!(Envelope::open(bytes, *envelope.signature()).is_err());
        let mut signature = *envelope.signature().as_bytes();
        signature[at.index(64)] ^= flip;
        let altered = Envelope::open(envelope.bytes().to_vec(), Signature::from_bytes(signature));
        prop_assert!(altered.is_err());
        // A fact on a main is its holder's only: signed by another key, it is refused by everyone.
        let stranger = Keypair::from_secret(&[99; 32]);
        let foreign = Envelope::seal(Space::PUBLIC, &stranger, Timestamp::from_ms(0), envelope.body().clone());
        let judged = Envelope::open(foreign.bytes().to_vec(), *foreign.signature());
        let is_fact = matches!(envelope.body(), Body::Apply(_) | Body::Unapply(_));
        prop_assert_eq!(matches!(judged, Err(EnvelopeError::ForeignChannel { .. })), is_fact);
        prop_assert_eq!(judged.is_ok(), !is_fact);
        // Nor does it help to show the keys of its holder, without having the last one.
        if let Some(succession) = envelope.succession() {
            let foreign = Envelope::seal_succeeded(
                Space::PUBLIC,
                &stranger,
                Timestamp::from_ms(0),
                succession.clone(),
                envelope.body().clone(),
            );
            let judged = Envelope::open(foreign.bytes().to_vec(), *foreign.signature());
            let refused = matches!(judged, Err(EnvelopeError::BadKeyChange { .. }));
            prop_assert!(refused);
        }
    }
}
