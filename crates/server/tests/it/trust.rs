//! Keys: an author's first one is trusted and said so, another one is held until somebody vouches for it.

use dm_engine::{EngineError, SessionChoice};

use crate::instance::Instance;

fn trust(instance: &Instance, author: &str, key: &str) -> Result<dm_engine::Received, EngineError> {
    let engine = instance.engine();
    let mut tx = engine.begin(&SessionChoice::Current, false)?;
    let received = tx.trust(author, key)?;
    tx.commit()?;
    Ok(received)
}

fn held(instance: &Instance) -> Vec<dm_engine::HeldPatch> {
    instance.engine().snapshot(&SessionChoice::Current).unwrap().status().unwrap().held
}

/// Ada's laptop, someone else who calls herself so, a home between them and Ben.
struct Cast {
    ada: Instance,
    other: Instance,
    home: Instance,
    ben: Instance,
}

fn cast(author: &str) -> (Cast, crate::instance::Served) {
    let ada = Instance::new("laptop", author);
    ada.write("Begin", "module Ada.One\n\nlet f (n: Int64) : Int64 =\n  n\n");
    let other = Instance::new("elsewhere", author);
    other.write("Join in", "module Ada.Two\n\nlet g (n: Int64) : Int64 =\n  n\n");
    let (home, ben) = (Instance::new("home", "Home"), Instance::new("desktop", "Ben"));
    let server = home.serve();
    for instance in [&ada, &other, &ben] {
        instance.remote(&server, None, 20);
    }
    (Cast { ada, other, home, ben }, server)
}

/// The key that signs for the author of a store.
fn key_of(instance: &Instance) -> String {
    let engine = instance.engine();
    let keys = engine.snapshot(&SessionChoice::Current).unwrap().keys(&engine, false).unwrap();
    keys.into_iter().find(|key| key.signs && key.author.is_some()).unwrap().key
}

#[test]
fn another_key_is_held_with_words_until_it_is_trusted() {
    let (cast, _server) = cast("Ada");
    cast.ada.sync();
    cast.other.sync();
    let report = cast.ben.sync();
    let (first, second) = (key_of(&cast.ada), key_of(&cast.other));
    let keys: Vec<(&str, &str, bool)> =
        report.received.new_keys.iter().map(|key| (key.author.as_str(), key.key.as_str(), key.trusted)).collect();
    assert_eq!(keys.len(), 2);
    assert!(keys.contains(&("Ada", &first, true)) && keys.contains(&("Ada", &second, false)), "{keys:?}");
    assert_eq!(report.received.applied.iter().map(|patch| patch.intent.as_str()).collect::<Vec<_>>(), ["Begin"]);
    for instance in [&cast.home, &cast.ben, &cast.ada] {
        cast.ada.sync();
        let held = held(instance);
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].patch.intent, "Join in");
        let short: String = second.chars().take(16).collect();
        let words = format!("Ada signed it with another key ({short}); `dm remote trust Ada {short}` trusts it");
        assert_eq!(held[0].reason, words);
    }
    // Only whose key it is said to be, and enough of it to mean it.
    for (author, key) in [("Ben", &second[..16]), ("Ada", &second[..7]), ("Ada", "0123456789abcdef"), ("Ada", "")] {
        let error = trust(&cast.ben, author, key).unwrap_err();
        assert!(matches!(error, EngineError::NoSuchKey { .. }), "{error}");
    }
    let received = trust(&cast.ben, "Ada", &second[..16]).unwrap();
    assert_eq!(received.applied.iter().map(|patch| patch.intent.as_str()).collect::<Vec<_>>(), ["Join in"]);
    assert!(held(&cast.ben).is_empty());
    // Trust is everyone's own: the home still holds it until somebody there vouches.
    cast.ben.sync();
    assert_eq!(held(&cast.home).len(), 1);
    trust(&cast.home, "Ada", &second).unwrap();
    trust(&cast.ada, "Ada", &second).unwrap();
    for _ in 0..2 {
        cast.ada.sync();
        cast.ben.sync();
    }
    assert_eq!(cast.ada.prints(), cast.home.prints());
    assert_eq!(cast.ben.prints(), cast.home.prints());
    // What comes later under a trusted key is applied at once.
    cast.other.write("Go on", "module Ada.Two\n\nlet h (n: Int64) : Int64 =\n  n\n");
    cast.other.sync();
    assert!(held(&cast.home).is_empty());
    assert!(cast.ben.sync().received.new_keys.is_empty());
    assert!(held(&cast.ben).is_empty());
}

#[test]
fn a_name_of_several_words_is_quoted_in_the_command_to_type() {
    let (cast, _server) = cast("Ada Lovelace");
    cast.ada.sync();
    cast.other.sync();
    let reason = &held(&cast.home)[0].reason;
    assert!(reason.contains("`dm remote trust \"Ada Lovelace\" "), "{reason}");
}

#[test]
fn ones_own_key_is_trusted_from_the_start() {
    let (cast, _server) = cast("Ada");
    cast.other.sync();
    // The home saw the other's key first; Ada's store knows whose name its own patches bear.
    let report = cast.ada.sync();
    assert_eq!(report.received.held.len(), 1);
    assert_eq!(held(&cast.home)[0].patch.intent, "Begin");
}
