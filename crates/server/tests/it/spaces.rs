//! Three people, one server, a group of two: the third never hears of what the group does, until it publishes.

use dm_engine::{EngineError, SessionChoice, SourceText, Transaction};
use dm_model::Space;

use crate::http::ask;
use crate::instance::Instance;

fn act<T>(
    instance: &Instance,
    act: impl FnOnce(&mut Transaction<'_>) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let engine = instance.engine();
    let mut tx = engine.begin(&SessionChoice::Current, false)?;
    let done = act(&mut tx)?;
    tx.commit()?;
    Ok(done)
}

/// Writes a function and puts it into main.
fn write(instance: &Instance, space: Option<&str>, name: &str, body: &str) -> Result<String, EngineError> {
    act(instance, |tx| {
        tx.in_space(space)?;
        let text = format!("module Acme.M\n\nlet {name} (n: Int64) : Int64 =\n  {body}\n");
        tx.save(&dm_engine::SaveRequest {
            text: SourceText { file: "-".to_owned(), text },
            module: None,
            intent: Some(format!("Write {name}")),
            binds: Vec::new(),
            base: None,
        })?;
        Ok(tx.apply(None, false)?.applied.remove(0).id)
    })
}

fn has(instance: &Instance, name: &str) -> bool {
    instance.engine().snapshot(&SessionChoice::Current).unwrap().show(&format!("Acme.M.{name}")).is_ok()
}

fn token(home: &Instance, name: &str, spaces: &[String]) -> String {
    act(home, |tx| tx.create_token(name, spaces)).unwrap().token
}

/// What a door says to a key.
fn asked(url: &str, path: &str, token: &str) -> String {
    let answer = ask(url, "GET", path, &[("authorization", &format!("Bearer {token}"))], &[]);
    assert_eq!(answer.status, 200);
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[test]
fn a_group_of_two_works_and_the_third_hears_of_it_once_it_publishes() {
    let home = Instance::new("home", "Home");
    let (ada, ben, eve) = (Instance::new("ada", "Ada"), Instance::new("ben", "Ben"), Instance::new("eve", "Eve"));
    let id = act(&ada, |tx| tx.space_new("team")).unwrap().id;
    act(&ben, |tx| tx.space_join("crew", &id)).unwrap();
    act(&home, |tx| tx.space_join("team", &id)).unwrap();
    let team = ["team".to_owned()];
    let url = home.serve();
    let keys = [token(&home, "ada", &team), token(&home, "ben", &team), token(&home, "eve", &[])];
    for (person, key) in [&ada, &ben, &eve].into_iter().zip(&keys) {
        person.remote(&url, Some(key), 30);
    }

    write(&ada, None, "open", "n").unwrap();
    let secret = write(&ada, Some("team"), "hidden", "Acme.M.open n").unwrap();
    let space: Space = id.parse().unwrap();
    // Nothing of the group goes anywhere before that is said.
    ada.sync();
    assert_eq!(home.engine().instance(&[space]).unwrap().envelopes, 0);
    let remote = ada.engine().snapshot(&SessionChoice::Current).unwrap().remotes().unwrap().remove(0).name;
    act(&ada, |tx| tx.space_share("team", &remote, true)).unwrap();
    act(&ben, |tx| tx.space_share("crew", &remote, true)).unwrap();
    ada.sync();
    ben.sync();
    eve.sync();
    assert!(home.engine().instance(&[space]).unwrap().envelopes > 0);
    assert!(has(&ben, "hidden") && has(&ben, "open"));
    assert!(has(&eve, "open") && !has(&eve, "hidden"));
    assert_eq!(eve.engine().instance(&[space]).unwrap().envelopes, 0);

    // Who asks for a group without the key to it is answered as if there were none, at each door.
    act(&eve, |tx| tx.space_join("theirs", &id)).unwrap();
    act(&eve, |tx| tx.space_share("theirs", &remote, true)).unwrap();
    eve.sync();
    assert_eq!(eve.engine().instance(&[space]).unwrap().envelopes, 0);
    let (page, more) = (asked(&url, "/api/patches/pull", &keys[2]), asked(&url, "/api/patches/pull", &keys[0]));
    assert!(!page.contains("hidden") && !page.contains(&secret));
    assert!(more.contains(&secret));
    let of = |key: &str| asked(&url, "/api/instance", key);
    assert_ne!(of(&keys[2]), of(&keys[0]));
    let own = eve.engine().instance(&[Space::PUBLIC]).unwrap();
    assert!(of(&keys[2]).contains(&own.set_fingerprint) && of(&keys[2]).contains(&own.view_fingerprint));

    // A public patch does not stand on the group's.
    let refused = write(&ben, None, "above", "Acme.M.hidden n");
    let Err(EngineError::NotReadable { lacking, .. }) = refused else { panic!("{refused:?}") };
    assert!(lacking[0].contains("Acme.M.hidden") && lacking[0].contains("crew"), "{lacking:?}");

    // Published, it is everyone's, and nothing changes for the group.
    let view = |person: &Instance| person.engine().instance(&[Space::PUBLIC, space]).unwrap().view_fingerprint;
    let before = view(&ada);
    act(&ada, |tx| tx.publish(std::slice::from_ref(&secret), false)).unwrap();
    assert_eq!(view(&ada), before);
    for person in [&ada, &eve, &ben] {
        person.sync();
    }
    assert!(has(&eve, "hidden"));
    assert_eq!((view(&ben), view(&home)), (before.clone(), before));
    write(&ben, None, "above", "Acme.M.hidden n").unwrap();
    for person in [&ada, &ben, &eve, &home] {
        person.verifies();
    }
}
