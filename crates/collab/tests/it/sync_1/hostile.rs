//! Peers that do not keep to the protocol, or lines that alter what they carry: an error, and nothing stored that was not
//! checked.

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_collab::ProjectionRead as _;
use dm_collab::sync::v1::{Initiator, Message, Responder, Verdict};
use dm_collab::sync::{Direction, Named as _, Outcome, Parcel, ProtocolError, Received, Sealed, SyncError};

type Step = dm_collab::sync::Step<Message>;
use dm_model::{
    Body, DefHash, Envelope, EnvelopeError, EnvelopeId, Signature, Space, Timestamp, Unapply, Verdict as Review,
    VerdictKind,
};

use super::peer::{Line, PEER, Peer, Stop, World, exchange, meet_until_quiet, plan};
use super::{assert_equal, with_news};
use crate::scene::{keys, main_of, patch};
use dm_sim::Memory;

/// An honest asker with something of its own, an answerer with more, and a line that changes what arrives as an answer.
fn lied_to(
    direction: Direction,
    mut lie: impl FnMut(Message) -> Message,
) -> (Peer, Peer, Outcome, Result<(), ProtocolError>) {
    let (mut right, mut left) = with_news(&World::patches(3, 3));
    let mut own = World::default();
    let written = own.write(1, 7, false, "let f7 () = 7");
    own.apply(5, written);
    left.store(&own.all());
    let before = (left.memory.clone(), right.memory.clone());
    let (answer, question) = (&mut |m: Message| lie(m).encode(), &mut |m: Message| m.encode());
    let mut line = Line { left: Some(200), questions: Vec::new(), largest: 0, answer, question };
    let (outcome, ended) = exchange(&mut left, &mut right, &plan(direction), &mut line);
    assert!(line.questions.len() < 40, "it comes to an end: {:?}", line.questions);
    let ended = ended.map_err(|stop| match stop {
        Stop::Failed(SyncError::Protocol(error)) => error,
        other => unreachable!("{other:?}"),
    });
    for id in before.0.envelopes.keys() {
        assert!(left.memory.envelopes.contains_key(id));
    }
    (left, right, outcome, ended)
}

fn refused(direction: Direction, lie: impl FnMut(Message) -> Message) -> ProtocolError {
    let (left, _, _, ended) = lied_to(direction, lie);
    let honest: BTreeSet<EnvelopeId> = with_news(&World::patches(3, 3)).0.memory.envelopes.keys().copied().collect();
    let foreign = |envelope: &&Arc<Envelope>| {
        let author = envelope.header().author_key;
        !honest.contains(&envelope.id()) && ![1, 2, 5].map(|person| keys(person).public()).contains(&author)
    };
    assert_eq!(left.memory.envelopes.values().filter(foreign).count(), 0, "nothing of a liar is stored");
    ended.unwrap_err()
}

fn sealed(envelope: &Envelope) -> Sealed {
    Sealed { signature: *envelope.signature(), bytes: envelope.bytes().to_vec() }
}

fn note(person: u8, space: Space) -> Envelope {
    let body = Review {
        revision: EnvelopeId::from_bytes([9; 32]),
        author: "Eve".to_owned(),
        kind: VerdictKind::Reject,
        words: String::new(),
        supersedes: Vec::new(),
    };
    Envelope::seal(space, &keys(person), Timestamp::from_ms(1), Body::Verdict(body))
}

/// Changes each parcel that answers.
fn in_parcels(mut change: impl FnMut(&mut Parcel)) -> impl FnMut(Message) -> Message {
    move |message| match message {
        Message::Parcel(mut parcel) => {
            change(&mut parcel);
            Message::Parcel(parcel)
        }
        other => other,
    }
}

#[test]
fn what_was_not_asked_for_is_refused() {
    let evil = note(9, Space::PUBLIC);
    let error = refused(Direction::Both, in_parcels(|parcel| parcel.envelopes.push(sealed(&evil))));
    assert_eq!(error, ProtocolError::UnaskedEnvelope(evil.id()));

    let mut world = World::default();
    let hash = world.define("let evil () = 1");
    let bytes = world.definitions[0].1.encode();
    let error = refused(Direction::Both, in_parcels(|parcel| parcel.definitions.push(bytes.clone())));
    assert_eq!(error, ProtocolError::UnaskedDefinition(hash));
}

#[test]
fn what_fails_its_checks_is_refused() {
    let error =
        refused(Direction::Both, in_parcels(|parcel| parcel.envelopes[1].signature = Signature::from_bytes([1; 64])));
    assert!(matches!(error, ProtocolError::Envelope(EnvelopeError::BadSignature { .. })), "{error}");

    let other = note(9, Space::from_bytes([3; 16]));
    let error = refused(Direction::Both, in_parcels(|parcel| parcel.envelopes.insert(0, sealed(&other))));
    assert_eq!(error, ProtocolError::OtherSpace);

    let error = refused(Direction::Both, in_parcels(|parcel| parcel.definitions[0].push(0)));
    assert!(matches!(error, ProtocolError::Definition(_)), "{error}");

    let error = refused(Direction::Both, in_parcels(|parcel| parcel.envelopes[0].bytes.truncate(40)));
    assert!(matches!(error, ProtocolError::Envelope(EnvelopeError::Decode(_))), "{error}");
}

#[test]
fn a_main_is_written_by_its_holder_only() {
    let body = Unapply { channel: main_of(3), onto: Vec::new(), patches: vec![patch(0)] };
    let forged = Envelope::seal(Space::PUBLIC, &keys(9), Timestamp::from_ms(1), Body::Unapply(body));
    let error = refused(Direction::Both, in_parcels(|parcel| parcel.envelopes.push(sealed(&forged))));
    assert_eq!(error, ProtocolError::Envelope(EnvelopeError::ForeignChannel { id: forged.id() }));
    // Nor do facts of others come with the last answer.
    let foreign = note(9, Space::PUBLIC);
    let error = refused(Direction::Both, |message| match message {
        Message::Finished { mut parcel } => {
            parcel.envelopes.push(sealed(&foreign));
            Message::Finished { parcel }
        }
        other => other,
    });
    assert_eq!(error, ProtocolError::UnaskedEnvelope(foreign.id()));
}

#[test]
fn withheld_envelopes_are_said_and_what_came_stays() {
    let (left, right, outcome, ended) = lied_to(
        Direction::Both,
        in_parcels(|parcel| {
            if !parcel.envelopes.is_empty() {
                let kept = if parcel.envelopes.len() > 3 { 2 } else { 0 };
                parcel.envelopes.truncate(kept);
                parcel.definitions.clear();
            }
        }),
    );
    assert!(matches!(ended, Err(ProtocolError::Withheld(_))), "{ended:?}");
    assert!(!outcome.received.is_empty() && outcome.received.len() < right.memory.envelopes.len());
    assert!(outcome.received.iter().all(|id| left.memory.envelopes.contains_key(id)));
    let (_, _, _, ended) = lied_to(Direction::Both, in_parcels(|parcel| *parcel = Parcel::default()));
    assert!(matches!(ended, Err(ProtocolError::Withheld(_))), "{ended:?}");
}

#[test]
fn ids_that_nobody_has_are_not_asked_for_without_end() {
    let error = refused(Direction::Both, |message| match message {
        Message::Difference { lacking, .. } => {
            let offered = (0..200u8).map(|byte| EnvelopeId::from_bytes([byte; 32])).collect();
            Message::Difference { lacking, offered }
        }
        other => other,
    });
    assert_eq!(error, ProtocolError::Withheld(200));
}

#[test]
fn content_is_given_once_whatever_the_peer_says_it_lacks() {
    let (left, ..) = lied_to(Direction::Both, |message| message);
    let held = *left.memory.definitions.keys().next().unwrap();
    let named = |hash: &DefHash| {
        let revision = left.memory.envelopes.values().find(|envelope| match envelope.body() {
            Body::Revision(revision) => revision.contents().contains(hash),
            _ => false,
        });
        revision.unwrap().id()
    };
    let missing = vec![(named(&held), held)];
    // `Stored` without end, each with content that is there.
    let (_, _, _, ended) = lied_to(Direction::Both, |message| match message {
        Message::Stored { .. } | Message::Finished { .. } => Message::Stored { missing: missing.clone() },
        other => other,
    });
    assert_eq!(ended, Err(ProtocolError::Unexpected { found: "stored" }));
    // Content with a revision that does not name it, which is not given; what is to be sent is sent all the same.
    let strange = vec![(left.memory.pending.keys().chain(left.memory.counted.iter()).copied().next().unwrap(), held)];
    let other = left.memory.counted.iter().find(|id| **id != missing[0].0).copied().unwrap();
    for claimed in [strange, vec![(other, held)], vec![(missing[0].0, DefHash::from_bytes([7; 32]))]] {
        let (_, right, outcome, ended) = lied_to(Direction::PushOnly, |message| match message {
            Message::Welcome { instance, verdict, .. } => {
                Message::Welcome { instance, verdict, missing: claimed.clone() }
            }
            other => other,
        });
        ended.unwrap();
        assert!(!outcome.sent.is_empty());
        assert!(outcome.sent.iter().all(|id| right.memory.envelopes.contains_key(id)));
    }
}

#[test]
fn a_false_verdict_harms_nobody() {
    for verdict in [Verdict::Same, Verdict::AsKnown, Verdict::Differ] {
        let (mut left, mut right, _, ended) = lied_to(Direction::Both, |message| match message {
            Message::Welcome { instance, missing, .. } => Message::Welcome { instance, verdict, missing },
            other => other,
        });
        ended.unwrap();
        meet_until_quiet(&mut left, &mut right);
        assert_equal(&left, &right);
    }
}

/// One message of each kind.
fn every_kind() -> Vec<Message> {
    let parcel = Parcel::default();
    let print = dm_collab::Fingerprint::default();
    vec![
        Message::Hello { instance: main_of(9), space: Space::PUBLIC, all: print, known: print },
        Message::Welcome { instance: main_of(9), verdict: Verdict::Same, missing: Vec::new() },
        Message::Have { space: Space::PUBLIC, ids: Vec::new() },
        Message::Difference { lacking: Vec::new(), offered: Vec::new() },
        Message::Get { ids: Vec::new() },
        Message::GetContent { pairs: Vec::new() },
        Message::Parcel(parcel.clone()),
        Message::Put { parcel: parcel.clone(), finish: false },
        Message::Stored { missing: Vec::new() },
        Message::Finished { parcel },
    ]
}

#[test]
fn an_answer_of_another_kind_is_refused() {
    let fits = [("welcome", "welcome"), ("difference", "difference"), ("parcel", "parcel"), ("finished", "finished")];
    for (at, _) in fits {
        for wrong in every_kind() {
            let kind = wrong.kind();
            if fits.contains(&(at, kind)) || (at, kind) == ("finished", "stored") {
                continue;
            }
            let error = refused(Direction::Both, |message| if message.kind() == at { wrong.clone() } else { message });
            assert_eq!(error, ProtocolError::Unexpected { found: kind }, "{kind} for {at}");
        }
    }
}

#[test]
fn who_answers_takes_questions_only_and_of_the_public_space() {
    let peer = Peer::new(1);
    for message in every_kind() {
        let kind = message.kind();
        let step = Responder::new(vec![Space::PUBLIC]).handle(message, &peer.memory);
        if ["hello", "have", "get", "get-content", "put"].contains(&kind) {
            drop(step.unwrap());
        } else {
            let error = step.unwrap_err();
            let unexpected = ProtocolError::Unexpected { found: kind };
            assert!(matches!(error, SyncError::Protocol(error) if error == unexpected));
        }
    }
    let space = Space::from_bytes([1; 16]);
    let print = dm_collab::Fingerprint::default();
    let hidden = sealed(&note(9, space));
    for message in [
        Message::Hello { instance: main_of(9), space, all: print, known: print },
        Message::Have { space, ids: Vec::new() },
        Message::Put { parcel: Parcel { envelopes: vec![hidden], definitions: Vec::new() }, finish: true },
    ] {
        let error = Responder::new(vec![Space::PUBLIC]).handle(message, &peer.memory).unwrap_err();
        assert!(matches!(error, SyncError::Protocol(ProtocolError::OtherSpace)), "{error}");
    }
}

#[test]
fn what_is_put_is_checked_and_content_comes_only_for_what_waits() {
    let world = World::patches(2, 3);
    let mut peer = Peer::new(1);
    let definition = world.definitions[0].1.encode();
    let put = |envelopes: Vec<Sealed>, definitions: Vec<Vec<u8>>| {
        let parcel = Parcel { envelopes, definitions };
        Message::Put { parcel, finish: true }
    };
    let take = |peer: &Peer, message| match Responder::new(vec![Space::PUBLIC]).handle(message, &peer.memory) {
        Ok(Step::Store(received)) => Ok(received),
        Ok(other) => unreachable!("{other:?}"),
        Err(SyncError::Protocol(error)) => Err(error),
        Err(error) => unreachable!("{error}"),
    };
    let unasked = take(&peer, put(Vec::new(), vec![definition.clone()])).unwrap_err();
    assert_eq!(unasked, ProtocolError::UnaskedDefinition(world.definitions[0].0));
    // With its revision it is named; once that waits, or both are held, it may come alone, and again.
    let revision = sealed(&world.envelopes[0]);
    let twice = put(vec![revision.clone(), revision.clone()], vec![definition.clone(), definition.clone()]);
    let received = take(&peer, twice).unwrap();
    assert_eq!((received.envelopes.len(), received.definitions.len()), (1, 1));
    peer.store(&Received { envelopes: received.envelopes, definitions: Vec::new(), ..Received::default() });
    let alone = take(&peer, put(Vec::new(), vec![definition.clone()])).unwrap();
    peer.store(&alone);
    take(&peer, put(Vec::new(), vec![definition])).unwrap();
    let bad = Sealed { signature: Signature::from_bytes([0; 64]), bytes: revision.bytes };
    let error = take(&peer, put(vec![bad], Vec::new())).unwrap_err();
    assert!(matches!(error, ProtocolError::Envelope(EnvelopeError::BadSignature { .. })));
}

#[test]
fn content_is_served_only_through_what_names_it_and_nothing_of_another_space() {
    let world = World::patches(2, 3);
    let mut peer = Peer::new(1);
    peer.store(&world.all());
    let hidden = note(3, Space::from_bytes([1; 16]));
    peer.store(&Received { envelopes: vec![Arc::new(hidden.clone())], definitions: Vec::new(), ..Received::default() });
    let ask = |message| match Responder::new(vec![Space::PUBLIC]).handle(message, &peer.memory).unwrap() {
        Step::Send(Message::Parcel(parcel)) => (parcel.envelopes.len(), parcel.definitions.len()),
        other => unreachable!("{other:?}"),
    };
    let (first, second) = (world.envelopes[0].id(), world.envelopes[2].id());
    let hash = world.definitions[0].0;
    assert_eq!(ask(Message::GetContent { pairs: vec![(first, hash)] }), (0, 1));
    assert_eq!(ask(Message::GetContent { pairs: vec![(first, hash), (second, hash), (first, hash)] }), (0, 1));
    assert_eq!(ask(Message::GetContent { pairs: vec![(second, hash)] }), (0, 0));
    assert_eq!(ask(Message::GetContent { pairs: vec![(EnvelopeId::from_bytes([4; 32]), hash)] }), (0, 0));
    assert_eq!(ask(Message::Get { ids: vec![hidden.id()] }), (0, 0));
    assert_eq!(ask(Message::Get { ids: vec![first, hidden.id(), first] }), (1, 1));
}

#[test]
fn steps_out_of_turn_are_refused() {
    let peer = Peer::new(1);
    let unexpected = |step: Result<Step, SyncError>| {
        assert!(matches!(step, Err(SyncError::Protocol(ProtocolError::Unexpected { .. }))), "{step:?}");
    };
    unexpected(Responder::new(vec![Space::PUBLIC]).stored(&peer.memory));
    unexpected(Responder::new(vec![Space::PUBLIC]).settled(&[], &peer.memory));
    let new = || Initiator::new(plan(Direction::Both));
    unexpected(new().stored(&peer.memory));
    unexpected(new().settled(&[], &peer.memory));
    unexpected(new().handle(Message::Parcel(Parcel::default()), &peer.memory));
}

/// Everything honest that there is to store, by hash.
fn all_ids(peers: [&Memory; 2]) -> (BTreeSet<EnvelopeId>, BTreeSet<DefHash>) {
    let ids = peers.iter().flat_map(|memory| memory.envelopes.keys().copied()).collect();
    (ids, peers.iter().flat_map(|memory| memory.definitions.keys().copied()).collect())
}

/// Both before an exchange in which each kind of message occurs but `stored`.
fn both_with_news() -> (Peer, Peer) {
    let world = World::patches(2, 3);
    let (mut left, mut right) = (Peer::new(1), Peer::new(2));
    left.store(&world.part(|at| at < 2 || at == 4));
    right.store(&world.part(|at| at >= 2));
    (left, right)
}

#[test]
fn no_flipped_bit_gets_anything_stored_that_nobody_wrote() {
    // The honest exchange says how long each message is.
    let mut lengths = Vec::new();
    {
        let (mut left, mut right) = both_with_news();
        let lengths = std::cell::RefCell::new(&mut lengths);
        let count = |message: Message| {
            let bytes = message.encode();
            lengths.borrow_mut().push(bytes.len());
            bytes
        };
        let (answer, question) = (&mut |m| count(m), &mut |m| count(m));
        let mut line = Line { left: None, questions: Vec::new(), largest: 0, answer, question };
        exchange(&mut left, &mut right, &plan(Direction::Both), &mut line).1.unwrap();
    }
    for (number, length) in lengths.iter().enumerate() {
        for at in 0..*length {
            let (mut left, mut right) = both_with_news();
            let (mut ids, mut hashes) = all_ids([&left.memory, &right.memory]);
            let seen = std::cell::Cell::new(0);
            let change = |message: Message| {
                let mut bytes = message.encode();
                if seen.replace(seen.get() + 1) == number {
                    bytes[at] ^= 1 << (at % 8);
                }
                bytes
            };
            let (answer, question) = (&mut |m| change(m), &mut |m| change(m));
            let mut line = Line { left: Some(60), questions: Vec::new(), largest: 0, answer, question };
            let (_, ended) = exchange(&mut left, &mut right, &plan(Direction::Both), &mut line);
            assert!(!matches!(ended, Err(Stop::Cut)), "message {number}, byte {at}: it does not end");
            // Only own facts are new.
            for peer in [&left, &right] {
                let own = [1, 2].map(|person| peer.memory.facts(&dm_collab::Channel::public(main_of(person))).unwrap());
                ids.extend(own.iter().flatten().map(|fact| fact.id()));
                assert!(peer.memory.envelopes.keys().all(|id| ids.contains(id)), "message {number}, byte {at}");
                hashes.extend(peer.memory.definitions.keys());
                assert!(peer.memory.definitions.iter().all(|(hash, definition)| definition.hash() == *hash));
            }
            if at % 11 == 0 {
                left.memory.known.remove(PEER);
                meet_until_quiet(&mut left, &mut right);
                assert_equal(&left, &right);
            }
        }
    }
    assert!(lengths.len() >= 8, "hello, have, get, put and their answers");
}
