//! Peers that do not keep to the protocol, or lines that alter what they carry: bounded work, nothing stored that was not checked,
//! and an error that says what the peer did.

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_collab::sync::{
    Claim, Direction, Flaw, Initiator, Message, Named as _, Outcome, Parcel, Parts, Place, Plan, ProtocolError, Range,
    RangeAnswer, Received, Responder, Sealed, SpaceClaim, Step, SyncError, Verdict,
};
use dm_collab::{Fingerprint, ProjectionRead as _};
use dm_model::{
    Body, DefHash, Envelope, EnvelopeError, EnvelopeId, Signature, Space, Timestamp, Unapply, Verdict as Review,
    VerdictKind,
};
use dm_sim::Memory;

use super::peer::{Line, PEER, Peer, Stop, World, exchange, meet, meet_until_quiet, plan};
use super::{assert_equal, with_news};
use crate::scene::{keys, main_of, patch};

const TEAM: Space = Space::from_bytes([3; 16]);

/// What came of an exchange with a liar.
struct Lied {
    left: Peer,
    right: Peer,
    outcome: Outcome,
    ended: Result<(), ProtocolError>,
    questions: usize,
}

/// An honest asker with something of its own, an answerer with more, and a line that changes what arrives as an answer.
fn lied_to(direction: Direction, mut lie: impl FnMut(Message) -> Message) -> Lied {
    let (mut right, mut left) = with_news(&World::patches(3, 3));
    let mut own = World::default();
    let written = own.write(1, 7, false, "let f7 () = 7");
    own.apply(5, written);
    left.store(&own.all());
    let before = (left.memory.clone(), right.memory.clone());
    let (answer, question) = (&mut |m: Message| lie(m).encode(), &mut |m: Message| m.encode());
    let mut line = Line { left: Some(400), questions: Vec::new(), largest: 0, answer, question };
    let (outcome, ended) = exchange(&mut left, &mut right, &plan(direction), &mut line);
    let questions = line.questions.len();
    assert!(questions < 150, "it comes to an end: {:?}", line.questions);
    let ended = ended.map_err(|stop| match stop {
        Stop::Failed(SyncError::Protocol(error)) => error,
        other => unreachable!("{other:?}"),
    });
    for id in before.0.envelopes.keys() {
        assert!(left.memory.envelopes.contains_key(id));
    }
    let honest: BTreeSet<EnvelopeId> = with_news(&World::patches(3, 3)).0.memory.envelopes.keys().copied().collect();
    let foreign = |envelope: &&Arc<Envelope>| {
        let author = envelope.header().author_key;
        !honest.contains(&envelope.id()) && ![1, 2, 5].map(|person| keys(person).public()).contains(&author)
    };
    assert_eq!(left.memory.envelopes.values().filter(foreign).count(), 0, "nothing of a liar is stored");
    Lied { left, right, outcome, ended, questions }
}

#[track_caller]
fn refused(direction: Direction, lie: impl FnMut(Message) -> Message) -> ProtocolError {
    lied_to(direction, lie).ended.unwrap_err()
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

/// Changes each delivery with envelopes in it.
fn in_deliveries(mut change: impl FnMut(&mut dm_collab::sync::Delivery)) -> impl FnMut(Message) -> Message {
    move |message| match message {
        Message::Delivery(mut delivery) if !delivery.envelopes.is_empty() => {
            change(&mut delivery);
            Message::Delivery(delivery)
        }
        other => other,
    }
}

#[test]
fn what_fails_its_checks_is_handed_out_apart_and_the_rest_is_stored() {
    let evil = note(9, Space::PUBLIC);
    let forged = {
        let body = Unapply { channel: main_of(3), onto: Vec::new(), patches: vec![patch(0)] };
        Envelope::seal(Space::PUBLIC, &keys(9), Timestamp::from_ms(1), Body::Unapply(body))
    };
    type Change<'c> = Box<dyn Fn(&mut Sealed) + 'c>;
    let changes: [(Change<'_>, &str); 6] = [
        (Box::new(|one| one.signature = Signature::from_bytes([1; 64])), "does not verify"),
        (Box::new(|one| one.bytes[40] ^= 1), "are those of"),
        (Box::new(|one| one.bytes.truncate(40)), "are those of"),
        (Box::new(|one| one.bytes.clear()), "are those of"),
        (Box::new(|one| *one = sealed(&evil)), "are those of"),
        (Box::new(|one| *one = sealed(&forged)), "are those of"),
    ];
    for (change, words) in changes {
        let mut asked = Vec::new();
        let mut left = None;
        let lied = lied_to(
            Direction::PullOnly,
            in_deliveries(|delivery| {
                asked.push(delivery.envelopes.len());
                change(&mut delivery.envelopes[1].1);
            }),
        );
        lied.ended.unwrap();
        assert_eq!(lied.outcome.quarantined.len(), 1, "{words}");
        let bad = lied.outcome.quarantined[0];
        assert!(!lied.left.memory.envelopes.contains_key(&bad) && lied.right.memory.envelopes.contains_key(&bad));
        assert_eq!(lied.outcome.received.len() + 1, asked.iter().sum::<usize>(), "all others came");
        assert!(!lied.outcome.known.contains(&bad), "it is asked for again");
        left.replace(lied.left);
        // The next exchange, with an honest line, brings it.
        let (mut left, mut right) = (left.unwrap(), lied.right);
        meet(&mut left, &mut right, Direction::PullOnly);
        assert!(left.memory.envelopes.contains_key(&bad), "{words}");
        meet_until_quiet(&mut left, &mut right);
        assert_equal(&left, &right);
    }
}

#[test]
fn an_envelope_of_a_later_format_is_told_from_a_damaged_one() {
    let mut later = note(9, Space::PUBLIC).bytes().to_vec();
    later[0] = 9;
    let later = Sealed { signature: Signature::from_bytes([1; 64]), bytes: later };
    let put = |sealed: Sealed| {
        let parcel = Parcel { envelopes: vec![sealed], definitions: Vec::new() };
        let mut responder = Responder::new(vec![Space::PUBLIC]);
        let memory = Peer::new(1).memory;
        let Step::Store(received) = responder.handle(Message::Put { parcel, finish: true }, &memory).unwrap() else {
            unreachable!("nothing to store")
        };
        let Step::Settle = responder.stored(&memory).unwrap() else { unreachable!("not settled") };
        let Step::Send(Message::Finished { refused, .. }) = responder.settled(&[], &memory).unwrap() else {
            unreachable!("not finished")
        };
        assert_eq!(refused, [received.refused[0].id]);
        assert!(received.envelopes.is_empty());
        received.refused[0].clone()
    };
    let newer = put(later.clone());
    assert_eq!(newer.id, later.id());
    assert!(newer.flaw.is_later_format(), "{}", newer.flaw);
    let mut cut = note(9, Space::PUBLIC).bytes().to_vec();
    cut.truncate(50);
    let damaged = put(Sealed { signature: Signature::from_bytes([1; 64]), bytes: cut });
    assert!(matches!(damaged.flaw, Flaw::Invalid(EnvelopeError::Decode(_))) && !damaged.flaw.is_later_format());
}

#[test]
fn an_envelope_of_another_space_is_no_accident() {
    // Offered under its own id: hash and signature hold, the space does not.
    let other = note(9, TEAM);
    let id = other.id();
    let error = refused(Direction::Both, |message| match message {
        Message::Welcome { instance, missing, .. } => {
            let verdicts = vec![Verdict::Ahead { of_known: false, offered: vec![id] }];
            Message::Welcome { instance, verdicts, missing }
        }
        Message::Delivery(mut delivery) => {
            delivery.absent.clear();
            delivery.envelopes = vec![(0, sealed(&other))];
            Message::Delivery(delivery)
        }
        message => message,
    });
    assert_eq!(error, ProtocolError::OtherSpace);
    // Nor does one come with the peer's last facts, whoever signed it.
    for foreign in [note(9, TEAM), note(9, Space::PUBLIC)] {
        let id = foreign.id();
        let error = refused(Direction::Both, |message| match message {
            Message::Finished { mut parcel, refused } => {
                parcel.envelopes.push(sealed(&foreign));
                Message::Finished { parcel, refused }
            }
            other => other,
        });
        assert!([ProtocolError::OtherSpace, ProtocolError::UnaskedEnvelope(id)].contains(&error), "{error}");
    }
}

#[test]
fn what_was_not_asked_for_is_refused() {
    let evil = note(9, Space::PUBLIC);
    let error = refused(Direction::Both, in_deliveries(|delivery| delivery.envelopes.push((99, sealed(&evil)))));
    assert!(matches!(error, ProtocolError::Range(_)), "{error}");
    let error = refused(Direction::Both, in_deliveries(|delivery| delivery.absent = vec![4095]));
    assert!(matches!(error, ProtocolError::Range(_)), "{error}");
    let mut world = World::default();
    let hash = world.define("let evil () = 1");
    let bytes = world.definitions[0].1.encode();
    let error = refused(Direction::Both, in_deliveries(|delivery| delivery.definitions.push(bytes.clone())));
    assert_eq!(error, ProtocolError::UnaskedDefinition(hash));
    // A definition that does not decode is passed over; what names it waits.
    let lied = lied_to(Direction::PullOnly, |message| match message {
        Message::Delivery(mut delivery) => {
            delivery.definitions.iter_mut().for_each(|bytes| bytes.push(0));
            Message::Delivery(delivery)
        }
        other => other,
    });
    lied.ended.unwrap();
    assert!(lied.left.memory.pending.len() > 2);
}

#[test]
fn a_million_fake_ids_end_after_one_delivery() {
    let fake =
        |n: u32| EnvelopeId::from_bytes(dm_model::codec::hash(dm_model::codec::Domain::Op, 9, &[&n.to_be_bytes()]));
    let list = |from: u32, count: u32| {
        let ids: BTreeSet<EnvelopeId> = (from..from + count).map(fake).collect();
        ids.into_iter().collect::<Vec<_>>()
    };
    // All at once, where the set came to its answerer.
    let lied = lied_to(Direction::Both, |message| match message {
        Message::Welcome { instance, missing, .. } => {
            let verdicts = vec![Verdict::Ahead { of_known: false, offered: list(0, 4096) }];
            Message::Welcome { instance, verdicts, missing }
        }
        other => other,
    });
    assert_eq!((lied.ended, lied.questions), (Err(ProtocolError::Withheld(4096)), 2));
    // Range by range, without end: each answer cuts what was asked and offers as much as it can.
    let mut next = 0;
    let lied = lied_to(Direction::Both, |message| match message {
        Message::Welcome { instance, missing, .. } => {
            let begins = (1..16).map(|n| Place { time: n << 40, prefix: 0 }).collect();
            let sums = (1..17).map(|n| Fingerprint { count: n << 20, sum: [n as u8; 32] }).collect();
            let verdicts = vec![Verdict::Differ(RangeAnswer::Parts(Parts { begins, sums }))];
            Message::Welcome { instance, verdicts, missing }
        }
        Message::Compared { sections } => {
            let mut answer = |answer: RangeAnswer| match answer {
                RangeAnswer::Difference { lacking, .. } => RangeAnswer::Difference { offered: list(0, 9), lacking },
                _ => {
                    next += 4096;
                    RangeAnswer::Ids(list(next, 4096))
                }
            };
            Message::Compared {
                sections: sections.into_iter().map(|s| s.into_iter().map(&mut answer).collect()).collect(),
            }
        }
        other => other,
    });
    assert!(matches!(lied.ended, Err(ProtocolError::Withheld(_))), "{:?}", lied.ended);
    assert!(lied.questions < 6, "{}", lied.questions);
}

#[test]
fn ranges_that_never_shrink_are_given_up() {
    // Each part is cut again, for ever, and nothing is ever offered.
    let mut asked: Vec<Range> = Vec::new();
    let question = std::cell::RefCell::new(&mut asked);
    let (mut right, mut left) = with_news(&World::patches(3, 3));
    let cut = |range: &Range| {
        let begin = Place { time: range.from.time, prefix: range.from.prefix + 1 };
        Parts {
            begins: vec![begin],
            sums: vec![Fingerprint { count: 1, sum: [1; 32] }, Fingerprint { count: 5, sum: [5; 32] }],
        }
    };
    let mut lie = |message: Message| match message {
        Message::Welcome { instance, missing, .. } => {
            let verdicts = vec![Verdict::Differ(RangeAnswer::Parts(cut(&Range::ALL)))];
            Message::Welcome { instance, verdicts, missing }.encode()
        }
        Message::Compared { .. } => {
            let answers = question.borrow().iter().map(|range| RangeAnswer::Parts(cut(range))).collect();
            Message::Compared { sections: vec![answers] }.encode()
        }
        other => other.encode(),
    };
    let mut hear = |message: Message| {
        if let Message::Compare { sections } = &message {
            // Only sums are asked of what this side holds nothing of.
            **question.borrow_mut() = sections[0].1.iter().map(|(range, _)| *range).collect();
        }
        message.encode()
    };
    let mut line = Line { left: Some(4000), questions: Vec::new(), largest: 0, answer: &mut lie, question: &mut hear };
    let (outcome, ended) = exchange(&mut left, &mut right, &plan(Direction::Both), &mut line);
    let Err(Stop::Failed(SyncError::Protocol(error))) = ended else { unreachable!("{ended:?}") };
    assert!(matches!(error, ProtocolError::NoEnd(_) | ProtocolError::Range(_)), "{error}");
    assert!(line.questions.len() < 100, "{}", line.questions.len());
    assert!(outcome.received.is_empty());
}

#[test]
fn an_answer_put_off_for_ever_is_given_up() {
    let lied = lied_to(Direction::Both, |message| match message {
        Message::Welcome { instance, missing, .. } => {
            let verdicts = vec![Verdict::Differ(RangeAnswer::Later)];
            Message::Welcome { instance, verdicts, missing }
        }
        Message::Compared { sections } => {
            let later = |section: Vec<RangeAnswer>| section.iter().map(|_| RangeAnswer::Later).collect();
            Message::Compared { sections: sections.into_iter().map(later).collect() }
        }
        other => other,
    });
    assert!(matches!(lied.ended, Err(ProtocolError::NoEnd(_))), "{:?}", lied.ended);
}

#[test]
fn answers_about_ranges_that_do_not_fit_are_refused() {
    let place = |time| Place { time, prefix: 0 };
    let sum = Fingerprint { count: 1, sum: [1; 32] };
    let parts = |begins: Vec<Place>| {
        let sums = vec![sum; begins.len() + 1];
        RangeAnswer::Parts(Parts { begins, sums })
    };
    for wrong in
        [parts(vec![]), parts(vec![Place::FIRST]), RangeAnswer::Difference { offered: Vec::new(), lacking: Vec::new() }]
    {
        let error = refused(Direction::Both, |message| match message {
            Message::Welcome { instance, missing, .. } => {
                Message::Welcome { instance, verdicts: vec![Verdict::Differ(wrong.clone())], missing }
            }
            other => other,
        });
        assert!(matches!(error, ProtocolError::Range(_)), "{wrong:?}: {error}");
    }
    // Verdicts about more or fewer spaces than were asked about, answers about more or fewer ranges.
    for verdicts in [vec![], vec![Verdict::Same, Verdict::Same]] {
        let error = refused(Direction::Both, |message| match message {
            Message::Welcome { instance, missing, .. } => {
                Message::Welcome { instance, verdicts: verdicts.clone(), missing }
            }
            other => other,
        });
        assert_eq!(error, ProtocolError::Unexpected { found: "welcome" });
    }
    for sections in [vec![], vec![vec![]], vec![vec![RangeAnswer::Same], vec![RangeAnswer::Same]]] {
        let error = refused(Direction::Both, |message| match message {
            Message::Welcome { instance, missing, .. } => {
                let verdicts = vec![Verdict::Differ(parts(vec![place(0)]))];
                Message::Welcome { instance, verdicts, missing }
            }
            Message::Compared { .. } => Message::Compared { sections: sections.clone() },
            other => other,
        });
        assert!(matches!(error, ProtocolError::Range(_)), "{error}");
    }
}

#[test]
fn a_false_verdict_harms_nobody() {
    let ahead = |of_known| Verdict::Ahead { of_known, offered: Vec::new() };
    for verdict in [
        Verdict::Same,
        Verdict::AsKnown,
        Verdict::NotShared,
        ahead(false),
        ahead(true),
        Verdict::Differ(RangeAnswer::Same),
    ] {
        let lied = lied_to(Direction::Both, |message| match message {
            Message::Welcome { instance, missing, .. } => {
                Message::Welcome { instance, verdicts: vec![verdict.clone()], missing }
            }
            other => other,
        });
        lied.ended.unwrap();
        let (mut left, mut right) = (lied.left, lied.right);
        meet_until_quiet(&mut left, &mut right);
        assert_equal(&left, &right);
    }
}

#[test]
fn withheld_envelopes_are_said_and_what_came_stays() {
    let lied = lied_to(
        Direction::Both,
        in_deliveries(|delivery| {
            let kept = if delivery.envelopes.len() > 3 { 2 } else { 0 };
            delivery.envelopes.truncate(kept);
            delivery.definitions.clear();
        }),
    );
    assert!(matches!(lied.ended, Err(ProtocolError::Withheld(_))), "{:?}", lied.ended);
    assert!(!lied.outcome.received.is_empty() && lied.outcome.received.len() < lied.right.memory.envelopes.len());
    assert!(lied.outcome.received.iter().all(|id| lied.left.memory.envelopes.contains_key(id)));
    // One that it says it does not have any more stops nothing, and is said.
    let lied = lied_to(
        Direction::PullOnly,
        in_deliveries(|delivery| {
            let (at, _) = delivery.envelopes.remove(0);
            delivery.absent = vec![at];
            delivery.definitions.clear();
        }),
    );
    lied.ended.unwrap();
    assert_eq!(lied.outcome.withheld, 1);
}

#[test]
fn content_is_given_once_whatever_the_peer_says_it_lacks() {
    let left = lied_to(Direction::Both, |message| message).left;
    let held = *left.memory.definitions.keys().next().unwrap();
    let named = |hash: &DefHash| {
        let revision = left.memory.envelopes.values().find(|envelope| match envelope.body() {
            Body::Revision(revision) => revision.contents().contains(hash),
            _ => false,
        });
        revision.unwrap().id()
    };
    let missing = vec![(named(&held), held)];
    let lied = lied_to(Direction::Both, |message| match message {
        Message::Stored { .. } | Message::Finished { .. } => {
            Message::Stored { missing: missing.clone(), refused: Vec::new() }
        }
        other => other,
    });
    assert_eq!(lied.ended, Err(ProtocolError::Unexpected { found: "stored" }));
    let other = left.memory.counted.iter().find(|id| **id != missing[0].0).copied().unwrap();
    for claimed in [vec![(other, held)], vec![(missing[0].0, DefHash::from_bytes([7; 32]))]] {
        let lied = lied_to(Direction::PushOnly, |message| match message {
            Message::Welcome { instance, verdicts, .. } => {
                Message::Welcome { instance, verdicts, missing: claimed.clone() }
            }
            other => other,
        });
        lied.ended.unwrap();
        assert!(!lied.outcome.sent.is_empty());
        assert!(lied.outcome.sent.iter().all(|id| lied.right.memory.envelopes.contains_key(id)));
    }
}

#[test]
fn parents_in_a_cycle_wait_for_ever_and_stop_nothing() {
    // A cycle cannot be made of hashes; two that name each other by ids nobody has are as near as it gets.
    let review = |supersedes: u8, person: u8| {
        let body = Review {
            revision: EnvelopeId::from_bytes([9; 32]),
            author: "Eve".to_owned(),
            kind: VerdictKind::Approve,
            words: String::new(),
            supersedes: vec![EnvelopeId::from_bytes([supersedes; 32])],
        };
        Arc::new(Envelope::seal(Space::PUBLIC, &keys(person), Timestamp::from_ms(1), Body::Verdict(body)))
    };
    let (mut left, mut right) = with_news(&World::patches(2, 3));
    right.store(&Received { envelopes: vec![review(1, 8), review(2, 9)], ..Received::default() });
    meet_until_quiet(&mut left, &mut right);
    assert_equal(&left, &right);
    assert_eq!(left.memory.pending.len(), 2);
    assert_eq!(meet(&mut left, &mut right, Direction::Both).0, ["hello"]);
}

/// One message of each kind.
fn every_kind() -> Vec<Message> {
    let print = Fingerprint::default();
    let claims = vec![SpaceClaim { space: Space::PUBLIC, all: print, known: print }];
    vec![
        Message::Hello { instance: main_of(9), claims },
        Message::Welcome { instance: main_of(9), verdicts: vec![Verdict::Same], missing: Vec::new() },
        Message::Compare { sections: vec![(Space::PUBLIC, vec![(Range::ALL, Claim::Sum(print))])] },
        Message::Compared { sections: Vec::new() },
        Message::Get { ids: Vec::new() },
        Message::GetContent { pairs: Vec::new() },
        Message::Delivery(dm_collab::sync::Delivery::default()),
        Message::Put { parcel: Parcel::default(), finish: false },
        Message::Stored { missing: Vec::new(), refused: Vec::new() },
        Message::Finished { refused: Vec::new(), parcel: Parcel::default() },
    ]
}

#[test]
fn an_answer_of_another_kind_is_refused() {
    for at in ["welcome", "delivery", "finished"] {
        for wrong in every_kind() {
            let kind = wrong.kind();
            if at == kind || (at, kind) == ("finished", "stored") {
                continue;
            }
            let error = refused(Direction::Both, |message| if message.kind() == at { wrong.clone() } else { message });
            assert_eq!(error, ProtocolError::Unexpected { found: kind }, "{kind} for {at}");
        }
    }
}

#[test]
fn who_answers_takes_questions_only() {
    let peer = Peer::new(1);
    for message in every_kind() {
        let kind = message.kind();
        let step = Responder::new(vec![Space::PUBLIC]).handle(message, &peer.memory);
        if ["hello", "compare", "get", "get-content", "put"].contains(&kind) {
            drop(step.unwrap());
        } else {
            let unexpected = ProtocolError::Unexpected { found: kind };
            assert!(matches!(step.unwrap_err(), SyncError::Protocol(error) if error == unexpected));
        }
    }
}

#[test]
fn a_space_that_is_not_for_the_asker_is_as_one_that_is_not_there() {
    let world = World::patches(2, 3);
    let (mut with, mut without) = (Peer::new(1), Peer::new(1));
    let hidden = note(3, TEAM);
    with.store(&world.all());
    without.store(&world.all());
    with.store(&Received { envelopes: vec![Arc::new(hidden.clone())], ..Received::default() });
    let print = Fingerprint::default();
    let claims = |space| vec![SpaceClaim { space, all: print, known: print }];
    let asked = vec![(TEAM, vec![(Range::ALL, Claim::Sum(print))])];
    let put = Parcel { envelopes: vec![sealed(&hidden)], definitions: Vec::new() };
    let public = world.envelopes[0].id();
    for question in [
        Message::Hello { instance: main_of(9), claims: claims(TEAM) },
        Message::Compare { sections: asked.clone() },
        Message::Get { ids: vec![hidden.id(), public] },
        Message::GetContent { pairs: vec![(hidden.id(), world.definitions[0].0)] },
        Message::Put { parcel: put.clone(), finish: true },
    ] {
        let answers = [&with, &without].map(|peer| {
            let mut responder = Responder::new(vec![Space::PUBLIC]);
            let step = responder.handle(question.clone(), &peer.memory);
            match step {
                Ok(Step::Settle) => format!("{:?}", responder.settled(&[], &peer.memory)),
                step => format!("{step:?}"),
            }
        });
        assert_eq!(answers[0], answers[1], "{}", question.kind());
        assert!(!answers[0].contains("03, 03"), "{}", answers[0]);
    }
    // For whoever may read it, it is a space like any other, known here already or not.
    for peer in [&with, &without] {
        let mut responder = Responder::new(vec![TEAM]);
        drop(responder.handle(Message::Hello { instance: main_of(9), claims: claims(TEAM) }, &peer.memory).unwrap());
        let Step::Send(Message::Welcome { verdicts, .. }) = responder.settled(&[], &peer.memory).unwrap() else {
            unreachable!("no welcome")
        };
        assert_ne!(verdicts, [Verdict::NotShared]);
        drop(Responder::new(vec![TEAM]).handle(Message::Compare { sections: asked.clone() }, &peer.memory).unwrap());
        drop(
            Responder::new(vec![TEAM])
                .handle(Message::Put { parcel: put.clone(), finish: true }, &peer.memory)
                .unwrap(),
        );
    }
}

#[test]
fn several_spaces_go_in_one_exchange_and_each_only_where_it_is_shared() {
    let (mut left, mut right) = with_news(&World::patches(2, 3));
    let (ours, theirs) = (note(3, TEAM), note(4, TEAM));
    left.store(&Received { envelopes: vec![Arc::new(ours.clone())], ..Received::default() });
    right.store(&Received { envelopes: vec![Arc::new(theirs.clone())], ..Received::default() });
    // Only the public space is asked for: nothing of the team's goes either way.
    meet(&mut left, &mut right, Direction::Both);
    assert!(!right.memory.envelopes.contains_key(&ours.id()) && !left.memory.envelopes.contains_key(&theirs.id()));
    let (answer, question) = (&mut |m: Message| m.encode(), &mut |m: Message| m.encode());
    let both = Plan { spaces: vec![TEAM, Space::PUBLIC], ..plan(Direction::Both) };
    // The answerer does not share it with this asker.
    let mut line = Line { left: None, questions: Vec::new(), largest: 0, answer, question };
    let (outcome, ended) = exchange(&mut left, &mut right, &both, &mut line);
    ended.unwrap();
    assert_eq!((outcome.not_shared, line.questions.len()), (vec![TEAM], 1));
    assert!(!right.memory.envelopes.contains_key(&ours.id()) && !left.memory.envelopes.contains_key(&theirs.id()));
    // It does.
    right.allowed.push(TEAM);
    let (answer, question) = (&mut |m: Message| m.encode(), &mut |m: Message| m.encode());
    let mut line = Line { left: None, questions: Vec::new(), largest: 0, answer, question };
    exchange(&mut left, &mut right, &both, &mut line).1.unwrap();
    assert!(right.memory.envelopes.contains_key(&ours.id()) && left.memory.envelopes.contains_key(&theirs.id()));
    let (answer, question) = (&mut |m: Message| m.encode(), &mut |m: Message| m.encode());
    let mut line = Line { left: None, questions: Vec::new(), largest: 0, answer, question };
    exchange(&mut left, &mut right, &both, &mut line).1.unwrap();
    assert_eq!(line.questions, ["hello"]);
}

#[test]
fn what_is_put_is_checked_and_what_nothing_waits_for_is_passed_over() {
    let world = World::patches(2, 3);
    let mut peer = Peer::new(1);
    let definition = world.definitions[0].1.encode();
    let put = |envelopes: Vec<Sealed>, definitions: Vec<Vec<u8>>| {
        let parcel = Parcel { envelopes, definitions };
        Message::Put { parcel, finish: true }
    };
    let take = |peer: &Peer, message| match Responder::new(vec![Space::PUBLIC]).handle(message, &peer.memory) {
        Ok(Step::Store(received)) => received,
        other => unreachable!("{other:?}"),
    };
    assert!(take(&peer, put(Vec::new(), vec![definition.clone(), vec![9]])).definitions.is_empty());
    let revision = sealed(&world.envelopes[0]);
    let twice = put(vec![revision.clone(), revision.clone()], vec![definition.clone(), definition.clone()]);
    let received = take(&peer, twice);
    assert_eq!((received.envelopes.len(), received.definitions.len()), (1, 1));
    // Once its revision waits, it may come alone.
    peer.store(&Received { envelopes: received.envelopes, ..Received::default() });
    let alone = take(&peer, put(Vec::new(), vec![definition]));
    assert_eq!(alone.definitions.len(), 1);
    peer.store(&alone);
    let bad = Sealed { signature: Signature::from_bytes([0; 64]), bytes: revision.bytes };
    let received = take(&peer, put(vec![bad, sealed(&world.envelopes[1])], Vec::new()));
    assert_eq!((received.envelopes.len(), received.refused.len()), (1, 1), "the rest is stored");
    assert!(matches!(received.refused[0].flaw, Flaw::Invalid(EnvelopeError::BadSignature { .. })));
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
    unexpected(new().handle(Message::Get { ids: Vec::new() }, &peer.memory));
}

/// Everything honest that there is to store, by hash.
fn all_ids(peers: [&Memory; 2]) -> (BTreeSet<EnvelopeId>, BTreeSet<DefHash>) {
    let ids = peers.iter().flat_map(|memory| memory.envelopes.keys().copied()).collect();
    (ids, peers.iter().flat_map(|memory| memory.definitions.keys().copied()).collect())
}

/// Both before an exchange in which ranges are compared, envelopes fetched and put.
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
            let mut line = Line { left: Some(400), questions: Vec::new(), largest: 0, answer, question };
            let (_, ended) = exchange(&mut left, &mut right, &plan(Direction::Both), &mut line);
            assert!(!matches!(ended, Err(Stop::Cut)), "message {number}, byte {at}: it does not end");
            // Only own facts are new.
            for peer in [&left, &right] {
                let own = [1, 2].map(|person| peer.memory.facts(&dm_collab::Channel::public(main_of(person))).unwrap());
                ids.extend(own.iter().flatten().map(|fact| fact.id()));
            }
            for peer in [&left, &right] {
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
    assert!(lengths.len() >= 6, "hello, get, put and their answers: {}", lengths.len());
}
