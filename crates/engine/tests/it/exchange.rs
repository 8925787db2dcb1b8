//! Exchange with another store by its path: the same machine as over HTTP, without a server.

use std::path::Path;
use std::sync::Arc;

use dm_engine::{
    Direction, Engine, EngineError, FixedSystem, InitOptions, OpenOptions, RemoteRequest, SessionChoice, SourceText,
    Status, System,
};
use dm_model::Timestamp;

use crate::support::Desk;

fn engine_at(desk: &Desk, folder: &Path) -> Engine {
    let mut options = desk.engine.options();
    options.folder = folder.to_path_buf();
    Engine::open(options).unwrap()
}

/// A store of Ben's beside Ada's.
fn ben(ada: &Desk) -> Engine {
    let folder = ada.path("ben");
    let system: Arc<dyn System> = Arc::new(FixedSystem::new(Timestamp::from_ms(1_767_225_600_000), "ben"));
    let init = InitOptions { folder: folder.clone(), author: "Ben".to_owned(), name: "ben".to_owned(), dry_run: false };
    dm_engine::init(&init, system.as_ref()).unwrap();
    Engine::open(OpenOptions { folder, author: None, system }).unwrap()
}

fn add_remote(engine: &Engine, path: &Path) -> Result<(), EngineError> {
    let url = path.to_string_lossy().into_owned();
    let mut tx = engine.begin(&SessionChoice::Current, false)?;
    tx.remote_add(&RemoteRequest { name: "there".to_owned(), url, token: None, timeout_s: 1 })?;
    tx.commit()
}

fn sync(engine: &Engine) -> dm_engine::ExchangeReport {
    engine.exchange(Some("there"), Direction::Both, false, &mut |_| {}).unwrap()
}

fn status(engine: &Engine) -> Status {
    engine.snapshot(&SessionChoice::Current).unwrap().status().unwrap()
}

/// Saves a function and puts it into main.
fn write(engine: &Engine, name: &str) -> String {
    let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
    let text = format!("module Ada.M\n\nlet {name} (n: Int64) : Int64 =\n  n\n");
    tx.save(&dm_engine::SaveRequest {
        text: SourceText { file: "-".to_owned(), text },
        module: None,
        intent: Some(format!("Write {name}")),
        binds: Vec::new(),
        base: None,
    })
    .unwrap();
    let applied = tx.apply(None, false).unwrap();
    tx.commit().unwrap();
    applied.applied.last().unwrap().id.clone()
}

fn sets_are_equal(left: &Engine, right: &Engine) -> bool {
    left.instance(&[dm_model::Space::PUBLIC]).unwrap().set_fingerprint
        == right.instance(&[dm_model::Space::PUBLIC]).unwrap().set_fingerprint
}

#[test]
fn two_stores_end_with_the_same_code() {
    let ada = Desk::new();
    let ben = ben(&ada);
    write(&ada.engine, "a");
    write(&ben, "b");
    add_remote(&ben, &ada.path("store")).unwrap();
    let report = sync(&ben);
    assert_eq!((report.received.applied.len(), report.sent.len()), (1, 1));
    assert_eq!(status(&ada.engine).view_fingerprint, status(&ben).view_fingerprint);
    assert!(sets_are_equal(&ada.engine, &ben));
    assert_eq!(sync(&ben).round_trips, 1);
}

#[test]
fn a_path_without_a_store_is_no_remote() {
    let desk = Desk::new();
    let refused = add_remote(&desk.engine, &desk.path("nowhere"));
    assert!(matches!(refused, Err(EngineError::BadUrl { .. })), "{refused:?}");
    add_remote(&desk.engine, &desk.path("store/.darkmatter")).unwrap();
    assert_eq!(sync(&desk.engine).round_trips, 1, "a store is at one with itself");
}

/// Two copies of one store, edited apart and laid together (T5): nothing is lost, both say the same, and what the copies'
/// facts disagree about is settled by applying it again.
#[test]
fn copies_of_a_store_can_be_laid_together() {
    let ada = Desk::new();
    write(&ada.engine, "a");
    crate::support::copy_folder(&ada.path("store"), &ada.path("copy"));
    let other = engine_at(&ada, &ada.path("copy"));
    let here = write(&ada.engine, "b");
    write(&other, "c");
    add_remote(&other, &ada.path("store")).unwrap();
    sync(&other);
    assert!(sets_are_equal(&ada.engine, &other));
    let (left, right) = (status(&ada.engine), status(&other));
    assert_eq!(left.view_fingerprint, right.view_fingerprint);
    let kinds = |status: &Status| status.conflicts.iter().map(|conflict| conflict.kind.clone()).collect::<Vec<_>>();
    assert_eq!(kinds(&left), ["disputed", "disputed"]);
    assert_eq!(left.conflicts.len(), right.conflicts.len());
    // One fact onto both ends of the fork joins them, for the other patch too.
    let mut tx = other.begin(&SessionChoice::Current, false).unwrap();
    tx.apply(Some(&here), false).unwrap();
    tx.commit().unwrap();
    sync(&other);
    for engine in [&ada.engine, &other] {
        let status = status(engine);
        assert_eq!((status.conflicts.len(), status.definitions), (0, 3));
        assert!(engine.verify().unwrap().findings.is_empty());
    }
    assert_eq!(status(&ada.engine).view_fingerprint, status(&other).view_fingerprint);
}

#[test]
fn what_can_never_count_fills_no_store() {
    use dm_collab::sync::{Message, Parcel, ProtocolError, Sealed};
    use dm_model::{Body, Envelope, EnvelopeId, Keypair, Space, Verdict, VerdictKind};
    let ada = Desk::new();
    let mut ben = ben(&ada);
    let keys = Keypair::from_secret(&[7; 32]);
    // Each waits for a revision that nobody has.
    let put = |from: i64, count: i64| {
        let sealed = |number: i64| {
            let body = Body::Verdict(Verdict {
                revision: EnvelopeId::from_bytes([9; 32]),
                author: "Eve".to_owned(),
                kind: VerdictKind::Approve,
                words: String::new(),
                supersedes: Vec::new(),
            });
            let envelope = Envelope::seal(Space::PUBLIC, &keys, Timestamp::from_ms(number), body);
            Sealed { signature: *envelope.signature(), bytes: envelope.bytes().to_vec() }
        };
        let parcel = Parcel { envelopes: (from..from + count).map(sealed).collect(), definitions: Vec::new() };
        Message::Put { parcel, finish: true }.encode()
    };
    ben.limit_waiting(40);
    ben.respond(&put(0, 40), &[Space::PUBLIC]).unwrap();
    assert_eq!(status(&ben).pending, 40);
    // A parcel with one too many is refused whole; what is no news is not.
    let error = ben.respond(&put(30, 11), &[Space::PUBLIC]).unwrap_err();
    assert!(matches!(error, EngineError::Peer(ProtocolError::TooManyWaiting(41))), "{error}");
    ben.respond(&put(0, 40), &[Space::PUBLIC]).unwrap();
    assert_eq!((status(&ben).pending, ben.instance(&[dm_model::Space::PUBLIC]).unwrap().envelopes), (40, 40));
    // Who pulls them says whose they are.
    let mut ada = engine_at(&ada, &ada.path("store"));
    let path = ben.options().folder;
    add_remote(&ada, &path).unwrap();
    ada.limit_waiting(39);
    let error = ada.exchange(Some("there"), Direction::Both, false, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("remote `there`") && error.to_string().contains("40 envelopes"), "{error}");
    assert_eq!(ada.instance(&[dm_model::Space::PUBLIC]).unwrap().envelopes, 0);
    ada.limit_waiting(40);
    sync(&ada);
    assert_eq!(status(&ada).pending, 40);
}

#[test]
fn nothing_new_is_small_and_a_patch_is_too() {
    let ada = Desk::new();
    let ben = ben(&ada);
    add_remote(&ada.engine, &ben.options().folder).unwrap();
    for number in 0..12 {
        write(&ada.engine, &format!("f{number}"));
    }
    sync(&ada.engine);
    let nothing = sync(&ada.engine);
    assert_eq!(nothing.round_trips, 1);
    assert!(nothing.bytes_sent + nothing.bytes_received < 200, "{} {}", nothing.bytes_sent, nothing.bytes_received);
    write(&ada.engine, "one_more");
    let one = sync(&ada.engine);
    assert_eq!((one.round_trips, one.sent.len()), (2, 1));
    // Uncompressed: no wire is between them.
    assert!(one.bytes_sent + one.bytes_received < 4096, "{} {}", one.bytes_sent, one.bytes_received);
}
