//! What fails its checks: kept apart, said, asked for again, gone when it arrives whole; and stores that exchange all at once.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use dm_collab::sync::{Message, Sealed, Verdict};
use dm_engine::{Direction, EngineError, RemoteError, SessionChoice, wire};
use dm_model::{EnvelopeId, Signature};

use crate::http::ask;
use crate::instance::{Instance, SYNC, message, question};

fn ada() -> Instance {
    let ada = Instance::new("laptop", "Ada");
    ada.define("one", "n");
    ada.define("two", "Ada.Net.one n");
    ada
}

fn quarantined(instance: &Instance) -> Vec<dm_engine::QuarantineEntry> {
    instance.engine().snapshot(&SessionChoice::Current).unwrap().quarantine().unwrap()
}

/// A server that says something else than the one behind it: it ends with the test.
fn liar(server: &str, lie: impl Fn(Message) -> Message + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, server) = (format!("http://{}", listener.local_addr().unwrap()), server.to_owned());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            while let Some(body) = read_body(&mut stream) {
                let honest = ask(&server, "POST", "/api/sync", &[SYNC], &body);
                let said = wire::Spoken::of(&lie(message(&honest))).pack();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
                    wire::SYNC_MEDIA_TYPE,
                    said.len()
                );
                drop(stream.write_all(&[head.as_bytes(), &said].concat()));
            }
        }
    });
    url
}

/// The body of the next request on a connection, if there is one.
fn read_body(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.split("content-length:").nth(1).and_then(|rest| rest.split_whitespace().next());
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

/// Another signature under the first envelope of each delivery.
fn wrong_signature(message: Message) -> Message {
    match message {
        Message::Delivery(mut delivery) => {
            if let Some((_, sealed)) = delivery.envelopes.first_mut() {
                sealed.signature = Signature::from_bytes([7; 64]);
            }
            Message::Delivery(delivery)
        }
        other => other,
    }
}

#[test]
fn a_damaged_envelope_is_kept_apart_and_comes_whole_the_next_time() {
    let (home, ben) = (ada(), Instance::new("desktop", "Ben"));
    let server = home.serve();
    ben.remote(&liar(&server, wrong_signature), None, 20);
    let report = ben.exchange(Direction::PullOnly).unwrap();
    let id = home.parcel().envelopes[0].id().to_string();
    assert_eq!((report.received_envelopes, &report.quarantined), (3, &vec![id.clone()]));
    assert!(report.received.pending > 0, "what needs it waits");
    let entry = quarantined(&ben).remove(0);
    assert_eq!((&*entry.id, &*entry.remote, &*entry.reason, entry.tries), (&*id, "home", "signature", 1));
    let status = ben.engine().snapshot(&SessionChoice::Current).unwrap().status().unwrap();
    assert_eq!(status.quarantined, 1);
    // It is asked for again, and is as bad as before.
    assert_eq!(ben.exchange(Direction::PullOnly).unwrap().quarantined, [id]);
    assert_eq!(quarantined(&ben)[0].tries, 2);
    ben.verifies();
    // Another remote has it whole.
    ben.forget_remote();
    ben.remote(&server, None, 20);
    let report = ben.sync();
    assert_eq!((report.received_envelopes >= 1, report.quarantined.len(), report.received.pending), (true, 0, 0));
    assert_eq!(quarantined(&ben), []);
    ben.sync();
    assert_eq!(ben.prints(), home.prints());
    ben.verifies();
}

#[test]
fn a_peer_that_breaks_the_protocol_is_named_and_changes_nothing() {
    let home = ada();
    let server = home.serve();
    let fake = |n: u32| EnvelopeId::from_bytes([n as u8; 32]);
    type Lie = fn(Message) -> Message;
    let lies: [(Lie, &str); 3] = [
        (
            |message| match message {
                Message::Delivery(mut delivery) => {
                    delivery.envelopes.clear();
                    Message::Delivery(delivery)
                }
                other => other,
            },
            "were offered and not sent",
        ),
        (
            |message| match message {
                Message::Delivery(mut delivery) => {
                    delivery.absent = vec![4000];
                    Message::Delivery(delivery)
                }
                other => other,
            },
            "of a range",
        ),
        (|_| Message::Get { ids: Vec::new() }, "`get` message where it does not belong"),
    ];
    for (lie, words) in lies {
        let ben = Instance::new("desktop", "Ben");
        ben.remote(&liar(&server, lie), None, 20);
        let Err(EngineError::Remote { name, source, .. }) = ben.exchange(Direction::Both) else { panic!("{words}") };
        assert_eq!(name, "home");
        assert!(matches!(*source, RemoteError::Invalid(_)) && source.to_string().contains(words), "{source}");
        assert_eq!(ben.envelopes(), 0);
        ben.verifies();
    }
    // More ids than anyone has, each time others.
    let ben = Instance::new("desktop", "Ben");
    let many = (1..200).map(fake).collect::<Vec<_>>();
    let offering = move |message| match message {
        Message::Welcome { instance, missing, .. } => {
            let verdicts = vec![Verdict::Ahead { of_known: false, offered: many.clone() }];
            Message::Welcome { instance, verdicts, missing }
        }
        other => other,
    };
    ben.remote(&liar(&server, offering), None, 20);
    let error = ben.exchange(Direction::Both).unwrap_err().to_string();
    assert!(error.contains("remote `home`") && error.contains("199 envelopes were offered"), "{error}");
}

#[test]
fn what_is_put_and_fails_its_checks_stops_nothing_else_and_is_bounded() {
    let (ada, home) = (ada(), Instance::new("home", "Home"));
    let url = home.serve();
    let mut parcel = ada.parcel();
    for number in 0..600u32 {
        // A later format, whose hash holds.
        let mut bytes = vec![9];
        bytes.extend(number.to_be_bytes());
        parcel.envelopes.push(Sealed { signature: Signature::from_bytes([1; 64]), bytes });
    }
    let Message::Finished { refused, .. } = message(&question(&url, &Message::Put { parcel, finish: true })) else {
        panic!("not finished")
    };
    assert_eq!((refused.len(), home.envelopes()), (600, 5));
    let kept = quarantined(&home);
    assert_eq!(kept.len(), dm_store::QUARANTINE_MAX);
    assert!(kept.iter().all(|entry| entry.reason == "newer" && entry.remote == "(pushed)" && entry.bytes == Some(5)));
    home.verifies();
}

#[test]
fn stores_that_sync_with_each_other_at_once_end_equal() {
    let (ada, ben) = (ada(), Instance::new("desktop", "Ben"));
    ben.write("Write three", "module Ben.Net\n\nlet three (n: Int64) : Int64 =\n  n\n");
    let (ada_server, ben_server) = (ada.serve(), ben.serve());
    ada.remote(&ben_server, None, 30);
    ben.remote(&ada_server, None, 30);
    for round in 0..4 {
        ada.define(&format!("a{round}"), &format!("{round}L"));
        ben.write("Write more", &format!("module Ben.Net\n\nlet b{round} (n: Int64) : Int64 =\n  {round}L\n"));
        std::thread::scope(|scope| {
            for one in [&ada, &ben, &ada, &ben] {
                scope.spawn(move || one.sync());
            }
        });
    }
    ada.sync();
    ben.sync();
    assert_eq!(ada.sync().round_trips, 1);
    assert_eq!(ada.prints(), ben.prints());
    ada.verifies();
    ben.verifies();
}

#[test]
fn many_clients_at_one_server_all_at_once_end_equal() {
    let home = Instance::new("home", "Home");
    let url = home.serve();
    let people: Vec<Instance> = (0..5)
        .map(|number| {
            let person = Instance::new(&format!("person-{number}"), &format!("Person {number}"));
            person.remote(&url, None, 30);
            person
        })
        .collect();
    for round in 0..3 {
        std::thread::scope(|scope| {
            for (number, person) in people.iter().enumerate() {
                scope.spawn(move || {
                    let text = format!("module P{number}.M\n\nlet f{round} (n: Int64) : Int64 =\n  {round}L\n");
                    person.write("Write it", &text);
                    person.sync();
                });
            }
        });
    }
    for person in people.iter().chain(&people) {
        person.sync();
    }
    for person in &people {
        assert_eq!(person.prints(), home.prints());
        assert_eq!(person.sync().round_trips, 1);
        person.verifies();
    }
}
