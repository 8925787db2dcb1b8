//! Instances that speak different versions of the protocol.

use dm_engine::Direction;
use dm_model::Timestamp;
use dm_testkit::{Proxy, Way};

use crate::instance::{Instance, START_MS};

fn ada() -> Instance {
    let ada = Instance::new("laptop", "Ada");
    ada.define("one", "n");
    ada.define("two", "Ada.Net.one n");
    ada
}

fn spoken(instance: &Instance) -> Option<u8> {
    instance.store().read().unwrap().protocol_of("home").unwrap().map(|(version, _)| version)
}

#[test]
fn a_server_of_version_1_is_spoken_with_in_version_1_and_remembered() {
    let (ada, home) = (ada(), Instance::new("home", "Home"));
    let server = home.serve_as(false, 1);
    ada.remote(&server, None, 20);
    let report = ada.sync();
    assert_eq!((report.protocol, report.sent_envelopes, report.received_envelopes), (1, 4, 1));
    assert_eq!(ada.prints(), home.prints());
    assert_eq!(spoken(&ada), Some(1));
    // It is not asked again in version 2 for a day.
    let proxy = Proxy::to(&server);
    ada.forget_remote();
    ada.remote(&proxy.url(), None, 20);
    ada.sync();
    let asked_both = proxy.carried().0;
    proxy.heal();
    let report = ada.sync();
    assert_eq!((report.protocol, report.round_trips), (1, 1));
    assert!(proxy.carried().0 * 3 < asked_both * 2, "{} of {asked_both}", proxy.carried().0);
    // A day later the server is newer, and so is what is spoken.
    drop(server);
    let newer = home.serve();
    proxy.turn_to(&newer);
    let store = ada.store();
    let mut tx = store.write().unwrap();
    tx.put_protocol("home", 1, Timestamp::from_ms(START_MS - 25 * 3_600_000)).unwrap();
    tx.commit().unwrap();
    drop(store);
    let report = ada.sync();
    assert_eq!((report.protocol, report.round_trips), (2, 1));
    assert_eq!(spoken(&ada), Some(2));
    // And should it be older again, that is no failure.
    drop(newer);
    let older = home.serve_as(false, 1);
    proxy.turn_to(&older);
    ada.define("three", "3L");
    let report = ada.sync();
    assert_eq!((report.protocol, report.sent.len()), (1, 1));
    assert_eq!((spoken(&ada), ada.prints()), (Some(1), home.prints()));
    ada.verifies();
    home.verifies();
}

#[test]
fn an_asker_of_version_1_is_answered_in_version_1() {
    let (ada, home, ben) = (ada(), Instance::new("home", "Home"), Instance::new("desktop", "Ben"));
    let server = home.serve();
    for person in [&ada, &ben] {
        person.remote(&server, None, 20);
        person.speak(1);
    }
    assert_eq!(ada.sync().protocol, 1);
    let report = ben.sync();
    assert_eq!((report.protocol, report.received.applied.len()), (1, 2));
    ben.write("Write three", "module Ben.Net\n\nlet three (n: Int64) : Int64 =\n  Ada.Net.two n\n");
    ben.sync();
    // One of them is brought up to date: both versions speak to one server.
    ada.speak(2);
    assert_eq!(ada.sync().protocol, 2);
    ada.define("four", "4L");
    ada.sync();
    ben.sync();
    ada.sync();
    for person in [&ada, &ben] {
        assert_eq!(person.sync().round_trips, 1);
        assert_eq!(person.prints(), home.prints());
        person.verifies();
    }
}

#[test]
fn a_token_is_asked_for_in_every_version() {
    let (ada, home) = (ada(), Instance::new("home", "Home"));
    let server = home.serve_as(true, 1);
    ada.remote(&server, Some("dm_wrong"), 20);
    let error = ada.exchange(Direction::Both).unwrap_err().to_string();
    assert!(error.contains("key"), "{error}");
    ada.forget_remote();
    ada.remote(&server, Some(&home.token("ada")), 20);
    assert_eq!(ada.sync().protocol, 1);
}

#[test]
fn a_mixed_exchange_cut_anywhere_goes_on() {
    for (asks, answers) in [(1, 2), (2, 1)] {
        let (asker, home) = (ada(), Instance::new("home", "Home"));
        home.define("other", "n");
        let whole = {
            let (asker, home) = (asker.copy(), home.copy());
            let server = home.serve_as(false, answers);
            let proxy = Proxy::to(&server);
            asker.remote(&proxy.url(), None, 20);
            asker.speak(asks);
            asker.sync();
            proxy.carried()
        };
        for (way, total) in [(Way::Up, whole.0), (Way::Down, whole.1)] {
            for bytes in (0..12).map(|place| total * place / 12) {
                let (asker, home) = (asker.copy(), home.copy());
                let server = home.serve_as(false, answers);
                let proxy = Proxy::to(&server);
                asker.remote(&proxy.url(), None, 20);
                asker.speak(asks);
                proxy.cut_after(way, bytes);
                assert!(asker.exchange(Direction::Both).is_err(), "{way:?} {bytes}");
                proxy.heal();
                asker.sync();
                asker.sync();
                assert_eq!(asker.prints(), home.prints());
            }
        }
    }
}

/// Bytes of bodies that a sync of our own packages takes, and one of an edit after it.
fn packages_pushed(protocol: u8) -> (u64, u64) {
    let (ada, home) = (Instance::new("laptop", "Ada"), Instance::new("home", "Home"));
    let packages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packages");
    let sources = dm_engine::read_sources(&packages, false).unwrap();
    let engine = ada.engine();
    let mut tx = engine.begin(&dm_engine::SessionChoice::Current, false).unwrap();
    let request = dm_engine::ImportRequest {
        sources: &sources,
        intent: Some("Import".to_owned()),
        single: false,
        draft: false,
        prune: false,
        overwrite: false,
    };
    tx.import(&request).unwrap();
    tx.commit().unwrap();
    let server = home.serve();
    ada.remote(&server, None, 60);
    ada.speak(protocol);
    let bytes = |report: dm_engine::ExchangeReport| report.bytes_sent + report.bytes_received;
    let whole = bytes(ada.sync());
    let text = "module Acme.Shop.Money\n\n/// Adds one cent.\nlet more (cents: Int64) : Int64 =\n  cents + 1L\n";
    ada.write("Add a cent where the register lacks one", text);
    (whole, bytes(ada.sync()))
}

#[test]
fn texts_take_fewer_bytes_in_version_2() {
    let (first, second) = (packages_pushed(1), packages_pushed(2));
    println!("whole tree and one patch: version 1 {first:?}, version 2 {second:?}");
    assert!(second.0 < first.0 && second.1 < first.1, "{second:?} {first:?}");
    assert!(second.1 < 2048, "one patch: {}", second.1);
}
