//! Keys that follow each other: only those that were named, and that agreed.

use dm_model::{
    AuthorKey, Body, Envelope, EnvelopeError, InstanceId, KeyChange, Keypair, Signature, Space, Succession, Successor,
    TakeOver, Timestamp,
};
use proptest::prelude::*;

fn keys(number: u8) -> Keypair {
    Keypair::from_secret(&[number; 32])
}

fn reopen(envelope: &Envelope) -> Result<Envelope, EnvelopeError> {
    Envelope::open(envelope.bytes().to_vec(), *envelope.signature())
}

fn change(signer: u8, successor: Option<Successor>) -> Envelope {
    let body = KeyChange { author: "Ada".to_owned(), successor, words: String::new() };
    Envelope::seal(Space::PUBLIC, &keys(signer), Timestamp::from_ms(1), Body::KeyChange(body))
}

/// The keys of these numbers, each named by the one before it.
fn succession(numbers: &[u8]) -> Succession {
    let mut all = Succession::of(keys(numbers[0]).public());
    for pair in numbers.windows(2) {
        all = all.then(&keys(pair[0]), keys(pair[1]).public()).expect("another key");
    }
    all
}

fn take_over(signer: u8, succession: Succession, channel: InstanceId) -> Envelope {
    let body = Body::TakeOver(TakeOver { channel, onto: Vec::new() });
    Envelope::seal_succeeded(Space::PUBLIC, &keys(signer), Timestamp::from_ms(1), succession, body)
}

fn instance(number: u8) -> InstanceId {
    keys(number).public().instance()
}

#[test]
fn the_next_key_agrees() {
    let proved = Successor::prove("Ada", &keys(1).public(), &keys(2));
    assert!(reopen(&change(1, Some(proved))).is_ok());
    assert!(reopen(&change(1, None)).is_ok());
    let bad = |envelope: &Envelope| reopen(envelope) == Err(EnvelopeError::BadKeyChange { id: envelope.id() });
    // Nobody can name a key that does not agree, take the agreement to another name or old key, or make it up.
    let unwilling = Successor { key: keys(3).public(), ..proved };
    let of_another_name = Successor::prove("Ben", &keys(1).public(), &keys(2));
    let made_up = Successor { proof: Signature::from_bytes([7; 64]), ..proved };
    for wrong in [unwilling, of_another_name, made_up] {
        assert!(bad(&change(1, Some(wrong))), "{wrong:?}");
    }
    assert!(bad(&change(3, Some(proved))), "an agreement with another key");
    // A key does not follow itself.
    assert!(bad(&change(1, Some(Successor::prove("Ada", &keys(1).public(), &keys(1))))));
}

#[test]
fn a_main_is_held_by_the_keys_that_its_first_one_leads_to() {
    let own = instance(1);
    for good in [&[1u8, 2] as &[u8], &[1, 2, 3]] {
        let last = *good.last().expect("a key");
        let opened = reopen(&take_over(last, succession(good), own)).expect("it is proved");
        assert_eq!(opened.succession().map(Succession::changes), Some(good.len() - 1));
        assert_eq!(opened.body().channel(), Some(own));
    }
    // Of another main, by a former key, by a stranger: none of them may.
    let foreign = take_over(2, succession(&[1, 2]), instance(2));
    assert_eq!(reopen(&foreign), Err(EnvelopeError::ForeignChannel { id: foreign.id() }));
    for (signer, numbers) in [(1, &[1u8, 2] as &[u8]), (9, &[1, 2]), (2, &[1, 2, 3])] {
        let envelope = take_over(signer, succession(numbers), own);
        assert_eq!(reopen(&envelope), Err(EnvelopeError::BadKeyChange { id: envelope.id() }));
    }
    // Without the chain, a later key is a stranger.
    let bare = Body::Unapply(dm_model::Unapply {
        channel: own,
        onto: Vec::new(),
        patches: vec![dm_model::PatchId::from_bytes([1; 16])],
    });
    let bare = Envelope::seal(Space::PUBLIC, &keys(2), Timestamp::from_ms(1), bare);
    assert_eq!(reopen(&bare), Err(EnvelopeError::ForeignChannel { id: bare.id() }));
}

#[test]
fn no_key_follows_itself_and_only_the_last_one_names_the_next() {
    let two = succession(&[1, 2]);
    assert_eq!(two.then(&keys(2), keys(1).public()), None, "a loop");
    assert_eq!(two.then(&keys(2), keys(2).public()), None, "itself");
    assert_eq!(two.then(&keys(1), keys(3).public()), None, "named by a former key");
    let mut many = Succession::of(keys(0).public());
    for number in 0..64 {
        many = many.then(&keys(number), keys(number + 1).public()).expect("room for it");
    }
    assert_eq!(many.then(&keys(64), keys(65).public()), None, "too many");
    assert_eq!(Succession::from_bytes(&many.to_bytes()), Ok(many));
}

proptest! {
    /// Whatever bit of a chain is turned, it is no chain any more: no key can be put into one by someone else.
    #[test]
    fn a_chain_cannot_be_altered(length in 2..5u8, at: usize, bit in 0..8u8) {
        let numbers: Vec<u8> = (1..=length).collect();
        let chain = succession(&numbers);
        let mut bytes = chain.to_bytes();
        prop_assert_eq!(Succession::from_bytes(&bytes), Ok(chain));
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(Succession::from_bytes(&bytes).is_err());
    }

    #[test]
    fn facts_under_later_keys_read_back(length in 2..5u8, bit: usize) {
        let numbers: Vec<u8> = (1..=length).collect();
        let envelope = take_over(length, succession(&numbers), instance(1));
        prop_assert_eq!(reopen(&envelope), Ok(envelope.clone()));
        let mut altered = envelope.bytes().to_vec();
        let at = bit / 8 % altered.len();
        altered[at] ^= 1 << (bit % 8);
        prop_assert!(Envelope::open(altered, *envelope.signature()).is_err());
    }

    #[test]
    fn no_key_of_other_bytes_agrees(bytes: [u8; 32], proof: [u8; 32]) {
        let mut twice = [0; 64];
        twice[..32].copy_from_slice(&proof);
        twice[32..].copy_from_slice(&proof);
        let next = Successor { key: AuthorKey::from_bytes(bytes), proof: Signature::from_bytes(twice) };
        prop_assert!(reopen(&change(1, Some(next))).is_err());
    }
}
