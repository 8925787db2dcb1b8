//! Which keys speak for an author: a function of the set of facts and of what was decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::trust::{Keys, Root, Standing, follows};
use dm_model::{
    AuthorKey, Body, Envelope, EnvelopeId, KeyChange, Keypair, PatchId, Revision, Space, Successor, Timestamp, Vouch,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn keypair(number: u8) -> Keypair {
    Keypair::from_secret(&[number + 1; 32])
}

fn key(number: u8) -> AuthorKey {
    keypair(number).public()
}

fn seal(signer: u8, at: i64, body: Body) -> Arc<Envelope> {
    Arc::new(Envelope::seal(Space::PUBLIC, &keypair(signer), Timestamp::from_ms(at), body))
}

fn change(author: &str, old: u8, new: Option<u8>, at: i64) -> Arc<Envelope> {
    let successor = new.map(|new| Successor::prove(author, &key(old), &keypair(new)));
    seal(old, at, Body::KeyChange(KeyChange { author: author.to_owned(), successor, words: String::new() }))
}

fn becomes(old: u8, new: u8) -> Arc<Envelope> {
    change("Ada", old, Some(new), 1)
}

fn revoked(old: u8) -> Arc<Envelope> {
    change("Ada", old, None, 1)
}

fn vouch(signer: u8, envelopes: &[EnvelopeId]) -> Arc<Envelope> {
    let envelopes: BTreeSet<EnvelopeId> = envelopes.iter().copied().collect();
    let body = Vouch { author: "Ada".to_owned(), envelopes: envelopes.into_iter().collect() };
    seal(signer, 1, Body::Vouch(body))
}

fn revision(signer: u8, number: u8) -> Arc<Envelope> {
    let body = Revision {
        patch: PatchId::from_bytes([number; 16]),
        replaces: Vec::new(),
        author: "Ada".to_owned(),
        intent: "Work".to_owned(),
        created_at: Timestamp::from_ms(0),
        depends: Vec::new(),
        ops: Vec::new(),
    };
    seal(signer, 1, Body::Revision(body))
}

fn roots(numbers: &[u8]) -> Vec<Root> {
    numbers.iter().map(|number| Root { key: key(*number), in_spite_of: BTreeSet::new() }).collect()
}

fn keys(roots_of: &[u8], facts: &[Arc<Envelope>]) -> Keys {
    Keys::of("Ada", &roots(roots_of), facts)
}

fn speaking(keys: &Keys) -> Vec<u8> {
    (0..8).filter(|number| keys.speaks(&key(*number))).collect()
}

#[test]
fn trust_goes_from_a_key_to_the_one_that_follows_it() {
    let ada = keys(&[0], &[becomes(0, 1), becomes(1, 2)]);
    assert_eq!(speaking(&ada), [2]);
    assert_eq!(ada.standing(&key(0)), Standing::Replaced(key(1)));
    assert_eq!(ada.standing(&key(3)), Standing::Unknown);
    // Who joined later, and saw the last key first, trusts that one.
    assert_eq!(speaking(&keys(&[2], &[becomes(0, 1), becomes(1, 2)])), [2]);
    // A key that nobody trusts passes nothing on, and another author's facts are none of Ada's.
    assert_eq!(speaking(&keys(&[0], &[becomes(4, 5)])), [0]);
    assert_eq!(speaking(&keys(&[0], &[change("Ben", 0, Some(1), 1)])), [0]);
}

#[test]
fn of_two_that_follow_one_key_neither_does() {
    let facts = [becomes(0, 1), becomes(0, 2), becomes(1, 3)];
    let ada = keys(&[0], &facts);
    assert_eq!(speaking(&ada), [] as [u8; 0]);
    let mut both = vec![key(1), key(2)];
    both.sort_unstable();
    assert_eq!(ada.standing(&key(0)), Standing::Disputed(both));
    assert_eq!(ada.standing(&key(3)), Standing::Unknown);
    // Whoever knows better says so, and trust goes on from there.
    assert_eq!(speaking(&keys(&[0, 1], &facts)), [3]);
    // The same thing said twice is no dispute.
    assert_eq!(speaking(&keys(&[0], &[becomes(0, 1), change("Ada", 0, Some(1), 2)])), [1]);
}

#[test]
fn a_revoked_key_passes_nothing_on() {
    let facts = [becomes(0, 1), revoked(0)];
    let ada = keys(&[0], &facts);
    assert_eq!(speaking(&ada), [] as [u8; 0]);
    assert_eq!(ada.standing(&key(0)), Standing::Revoked);
    // In spite of what was known, by hand; what comes later is judged anew.
    let by_hand =
        |known: &[Arc<Envelope>]| Root { key: key(0), in_spite_of: known.iter().map(|fact| fact.id()).collect() };
    assert_eq!(speaking(&Keys::of("Ada", &[by_hand(&facts)], &facts)), [0]);
    assert_eq!(speaking(&Keys::of("Ada", &[by_hand(&facts[..1])], &facts)), [] as [u8; 0]);
}

#[test]
fn loops_end_and_leave_nobody() {
    assert_eq!(speaking(&keys(&[0], &[becomes(0, 1), becomes(1, 0)])), [] as [u8; 0]);
    assert_eq!(speaking(&keys(&[0], &[becomes(0, 1), becomes(1, 2), becomes(2, 1)])), [] as [u8; 0]);
}

#[test]
fn a_new_key_stands_by_what_the_former_one_signed_and_by_nothing_else() {
    let (own, forged) = (revision(0, 1), revision(0, 2));
    let stands_by = vouch(1, &[own.id()]);
    let ada = keys(&[0], &[becomes(0, 1), Arc::clone(&stands_by)]);
    assert!(ada.accepts(&own) && !ada.accepts(&forged) && ada.accepts(&revision(1, 3)));
    // The next key stands by the vouching, hence by what that stands by.
    let again = vouch(2, &[stands_by.id()]);
    let later = keys(&[0], &[becomes(0, 1), becomes(1, 2), Arc::clone(&stands_by), again]);
    assert!(later.accepts(&own) && !later.accepts(&forged));
    // A key that has given way vouches for nothing any more, nor does one that was never trusted.
    let late = [becomes(0, 1), becomes(1, 2), vouch(1, &[forged.id()]), vouch(5, &[forged.id()])];
    assert!(!keys(&[0], &late).accepts(&forged));
    // Vouchings that stand by each other stand by nothing.
    assert!(!keys(&[0], &[becomes(0, 1), vouch(0, &[own.id()])]).accepts(&own));
}

#[test]
fn a_key_follows_those_that_lead_to_it() {
    let facts = [becomes(0, 1), becomes(1, 2), change("Ben", 2, Some(3), 1), becomes(2, 0)];
    assert!(follows("Ada", &key(2), &key(0), &facts) && follows("Ada", &key(0), &key(0), &facts));
    assert!(!follows("Ada", &key(3), &key(0), &facts));
    assert!(!follows("Ada", &key(4), &key(0), &facts));
}

/// What is said of keys in a random history: (old, new or none, which time).
fn said() -> impl Strategy<Value = Vec<(u8, Option<u8>, i64)>> {
    vec((0..6u8, prop::option::weighted(0.85, 0..6u8), 0..2i64), 0..9)
}

/// The keys that speak, by lists and loops.
fn naive(roots: &BTreeSet<u8>, said: &[(u8, Option<u8>, i64)]) -> Vec<u8> {
    let mut names: BTreeMap<u8, BTreeSet<Option<u8>>> = BTreeMap::new();
    for (old, new, _) in said.iter().filter(|(old, new, _)| Some(*old) != *new) {
        names.entry(*old).or_default().insert(*new);
    }
    let mut spoke = roots.clone();
    for _ in 0..10 {
        let heirs = spoke.iter().filter_map(|old| names.get(old)).filter(|named| named.len() == 1);
        let heirs: Vec<u8> = heirs.flat_map(|named| named.iter().flatten().copied()).collect();
        spoke.extend(heirs);
    }
    spoke.into_iter().filter(|key| !names.contains_key(key)).collect()
}

proptest! {
    #[test]
    fn trust_is_a_function_of_the_set(
        said in said(),
        trusted in prop::collection::btree_set(0..6u8, 0..3),
        vouched in vec((0..6u8, vec(0..8usize, 1..3)), 0..5),
        seed: u64,
    ) {
        let mut facts: Vec<Arc<Envelope>> = Vec::new();
        for (old, new, at) in said.iter().filter(|(old, new, _)| Some(*old) != *new) {
            facts.push(change("Ada", *old, *new, *at));
        }
        let revisions: Vec<Arc<Envelope>> = (0..6).map(|signer| revision(signer, signer)).collect();
        for (signer, named) in &vouched {
            let known: Vec<EnvelopeId> = revisions.iter().chain(&facts).map(|fact| fact.id()).collect();
            let named: Vec<EnvelopeId> = named.iter().map(|at| known[at % known.len()]).collect();
            facts.push(vouch(*signer, &named));
        }
        let roots: Vec<u8> = trusted.iter().copied().collect();
        let first = keys(&roots, &facts);
        prop_assert_eq!(speaking(&first), naive(&trusted, &said));
        let mut other = facts.clone();
        other.extend(facts.iter().take(3).cloned());
        dm_sim::history::shuffled(&mut other, seed);
        let second = keys(&roots, &other);
        for number in 0..6 {
            prop_assert_eq!(first.standing(&key(number)), second.standing(&key(number)));
        }
        for revision in &revisions {
            prop_assert_eq!(first.accepts(revision), second.accepts(revision));
        }
        // What keys say that never spoke for the author changes nothing, unless one that does stands by it.
        let heard = |fact: &&Arc<Envelope>| {
            first.standing(&fact.header().author_key) != Standing::Unknown || first.vouches_for(&fact.id())
        };
        let known: Vec<Arc<Envelope>> = facts.iter().filter(heard).cloned().collect();
        let without = keys(&roots, &known);
        prop_assert_eq!(speaking(&without), speaking(&first));
        for revision in &revisions {
            prop_assert_eq!(without.accepts(revision), first.accepts(revision));
        }
    }
}
