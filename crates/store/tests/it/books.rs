//! What a store keeps besides the log: sessions, drafts, settings, import bases, remotes, keys, tokens.

use std::collections::BTreeMap;

use dm_collab::draft::{Draft, Stack};
use dm_collab::trust::Root;
use dm_model::{DefHash, EnvelopeId, OpId, PatchId, Session, SessionId, SessionState, Space, Succession, Visibility};
use dm_store::{
    Arrival, AuthorKeyRecord, DraftHeader, ImportBase, KeyState, Remote, RemoteMode, StoreError, Token, WriteTx,
};

use crate::support::{TempStore, TestResult, at, definition, entity, keys, location, patch_id, shop, temp_store};

fn session(n: u8, name: &str, active: i64) -> Session {
    Session {
        id: SessionId::from_bytes([n; 16]),
        name: name.to_owned(),
        intent: format!("work {n}"),
        owner: "Ada".to_owned(),
        state: SessionState::Active,
        patches: vec![patch_id(n)],
        focused: Some(patch_id(n)),
        pinned: Vec::new(),
        environment: BTreeMap::from([("MODE".to_owned(), "test".to_owned())]),
        transferable: true,
        started_at: at(1),
        last_active_at: at(active),
    }
}

fn header(patch: PatchId, session: SessionId) -> DraftHeader {
    DraftHeader {
        patch,
        session,
        author: "Ada".to_owned(),
        intent: "Try it".to_owned(),
        created_at: at(5),
        updated_at: at(6),
        depends: vec![patch_id(9)],
        todos: vec![("test it".to_owned(), false), ("name it".to_owned(), true)],
        tags: vec!["shop".to_owned()],
        space: Space::PUBLIC,
    }
}

fn write(temp: &TempStore, write: impl FnOnce(&mut WriteTx<'_>) -> Result<(), StoreError>) {
    let mut tx = temp.store.write().unwrap();
    write(&mut tx).unwrap();
    tx.commit().unwrap();
    assert_eq!(temp.store.read().unwrap().verify(), []);
}

/// A draft that creates a function here and edits nothing else.
fn draft(patch: PatchId, path: &str, content: DefHash) -> Draft {
    let mut stack = Stack::new(Vec::new()).unwrap();
    let place = stack.push(patch);
    stack.create(place, (location(path), 0), &[], (content, Visibility::Public)).unwrap();
    stack.drafts()[place].clone()
}

#[test]
fn sessions_come_back_as_they_were() -> TestResult {
    let temp = temp_store(1);
    let (first, mut second) = (session(1, "work", 10), session(2, "review", 20));
    assert_eq!(temp.store.read()?.current_session()?, None);
    write(&temp, |tx| {
        tx.put_session(&first)?;
        tx.put_session(&second)?;
        tx.set_current_session(Some(&first.id))
    });
    {
        let tx = temp.store.read()?;
        assert_eq!(tx.session(&first.id)?, Some(first.clone()));
        assert_eq!(tx.sessions()?, [second.clone(), first.clone()], "last used first");
        assert_eq!(tx.session_ids()?, [first.id, second.id]);
        assert_eq!(tx.current_session()?, Some(first));
    }
    second.state = SessionState::Completed;
    write(&temp, |tx| {
        tx.put_session(&second)?;
        tx.set_current_session(None)
    });
    let tx = temp.store.read()?;
    assert_eq!((tx.session(&second.id)?, tx.current_session()?), (Some(second), None));
    Ok(())
}

#[test]
fn a_session_that_is_not_there_cannot_be_current() -> TestResult {
    let temp = temp_store(1);
    let mut tx = temp.store.write()?;
    let error = tx.set_current_session(Some(&SessionId::from_bytes([7; 16]))).unwrap_err();
    assert!(matches!(error, StoreError::NoSuch { what: "session", .. }), "{error}");
    Ok(())
}

#[test]
fn a_session_goes_with_its_drafts_and_leaves_those_of_others() -> TestResult {
    let temp = temp_store(1);
    let text = definition("let f (x: Int64) : Int64 = x", &[]);
    write(&temp, |tx| {
        tx.put_draft_definitions(std::slice::from_ref(&text))?;
        for n in [1, 2] {
            let session = session(n, "s", 1);
            tx.put_session(&session)?;
            tx.put_draft_header(&header(patch_id(n), session.id))?;
            tx.put_draft(&draft(patch_id(n), "Acme.f", text.hash()))?;
        }
        tx.set_current_session(Some(&SessionId::from_bytes([1; 16])))
    });
    write(&temp, |tx| tx.remove_session(&SessionId::from_bytes([1; 16])));
    let tx = temp.store.read()?;
    assert_eq!((tx.current_session()?, tx.draft_ids()?), (None, vec![patch_id(2)]));
    assert_eq!(tx.draft(&patch_id(1))?.entities, BTreeMap::new());
    assert_eq!(tx.draft(&patch_id(2))?, draft(patch_id(2), "Acme.f", text.hash()));
    Ok(())
}

#[test]
fn drafts_are_a_private_journal() -> TestResult {
    let temp = temp_store(1);
    temp.append(&shop().arrival());
    let before = temp.store.read()?.dump_projections()?;
    let text = definition("let f (x: Int64) : Int64 = x", &[]);
    let session = session(1, "work", 1);
    let kept = draft(patch_id(5), "Acme.f", text.hash());
    write(&temp, |tx| {
        tx.put_session(&session)?;
        tx.put_draft_definitions(std::slice::from_ref(&text))?;
        tx.put_draft_header(&header(patch_id(5), session.id))?;
        tx.put_draft(&kept)
    });
    {
        let tx = temp.store.read()?;
        assert_eq!(tx.draft_header(&patch_id(5))?, Some(header(patch_id(5), session.id)));
        assert_eq!(tx.drafts_of(&session.id)?.into_keys().collect::<Vec<_>>(), [patch_id(5)]);
        assert_eq!(tx.draft_headers()?.len(), 1);
        assert_eq!((tx.draft(&patch_id(5))?, tx.draft_size(&patch_id(5))?), (kept, 1));
        assert_eq!(tx.definition(&text.hash())?.as_ref(), Some(&**text.definition()));
        // Nothing of it is in the set that others see, nor in main.
        assert_eq!(tx.dump_projections()?, before);
        assert_eq!(tx.patch_ids()?, [patch_id(1)]);
    }
    write(&temp, |tx| tx.touch_draft(&patch_id(5), at(77)));
    assert_eq!(temp.store.read()?.draft_header(&patch_id(5))?.map(|header| header.updated_at), Some(at(77)));
    write(&temp, |tx| tx.put_draft(&Draft { patch: patch_id(5), entities: BTreeMap::new() }));
    assert_eq!(temp.store.read()?.draft_size(&patch_id(5))?, 0);
    write(&temp, |tx| tx.remove_draft(&patch_id(5)));
    assert_eq!(temp.store.read()?.draft_header(&patch_id(5))?, None);
    let error = temp.store.write()?.touch_draft(&patch_id(5), at(1)).unwrap_err();
    assert!(matches!(error, StoreError::NoSuch { what: "draft", .. }), "{error}");
    Ok(())
}

#[test]
fn what_a_draft_brings_may_be_just_what_another_patch_waits_for() -> TestResult {
    let temp = temp_store(1);
    let shop = shop();
    let envelopes = vec![shop.created.clone(), shop.applied.clone()];
    temp.append(&Arrival { envelopes, definitions: vec![shop.tax.clone()] });
    assert_eq!(temp.store.read()?.names_count()?, 0);
    write(&temp, |tx| tx.put_draft_definitions(std::slice::from_ref(&shop.total)));
    assert_eq!(temp.store.read()?.names_count()?, 2);
    Ok(())
}

#[test]
fn settings_are_kept_replaced_and_removed() -> TestResult {
    let temp = temp_store(1);
    write(&temp, |tx| {
        tx.put_setting("merge.auto", Some("false"))?;
        tx.put_setting("author", Some("Ada"))?;
        tx.put_setting("author", Some("Grace"))
    });
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(temp.store.read()?.settings()?, [pair("author", "Grace"), pair("merge.auto", "false")]);
    write(&temp, |tx| tx.put_setting("author", None));
    assert_eq!(temp.store.read()?.setting("author")?, None);
    write(&temp, |tx| tx.rename_instance("shop server"));
    assert_eq!(temp.again().instance().name, "shop server");
    Ok(())
}

#[test]
fn import_bases_are_kept_by_folder() -> TestResult {
    let temp = temp_store(1);
    let shop = shop();
    temp.append(&shop.arrival());
    let base = |path: &str, content: DefHash, file: &str| ImportBase {
        location: location(path),
        entity: entity(path),
        content,
        heads: vec![OpId::from_bytes([4; 32]), OpId::from_bytes([5; 32])],
        file: file.to_owned(),
    };
    let (tax, total) = (
        base("Acme.Shop.tax", shop.tax.hash(), "shop.dark"),
        base("Acme.Shop.Cart.total", shop.total.hash(), "shop/cart.dark"),
    );
    write(&temp, |tx| {
        tx.put_import_bases("/home/ada/a", &[tax.clone(), total.clone()])?;
        tx.put_import_bases("/home/ada/b", std::slice::from_ref(&tax))
    });
    {
        let tx = temp.store.read()?;
        assert_eq!(tx.import_roots()?, ["/home/ada/a", "/home/ada/b"]);
        assert_eq!(tx.import_bases("/home/ada/a")?, [total, tax.clone()], "by location");
        assert_eq!(tx.import_bases("/home/ada/b")?, std::slice::from_ref(&tax));
        assert_eq!(tx.import_bases("/elsewhere")?, []);
    }
    let newer = ImportBase { content: shop.total.hash(), heads: Vec::new(), ..tax.clone() };
    write(&temp, |tx| {
        tx.put_import_bases("/home/ada/b", std::slice::from_ref(&newer))?;
        tx.remove_import_bases("/home/ada/a", &[location("Acme.Shop.Cart.total")])
    });
    assert_eq!(temp.store.read()?.import_bases("/home/ada/a")?, [tax]);
    assert_eq!(temp.store.read()?.import_bases("/home/ada/b")?, [newer]);
    write(&temp, |tx| tx.forget_import_root("/home/ada/b"));
    assert_eq!(temp.store.read()?.import_roots()?, ["/home/ada/a"]);
    Ok(())
}

fn remote(name: &str) -> Remote {
    Remote {
        name: name.to_owned(),
        url: format!("http://{name}.example:7777"),
        token: Some("secret".to_owned()),
        timeout_ms: 30_000,
        mode: RemoteMode::Hybrid,
        last_sync: None,
    }
}

#[test]
fn remotes_remember_what_was_exchanged() -> TestResult {
    let temp = temp_store(1);
    let shop = shop();
    temp.append(&shop.arrival());
    write(&temp, |tx| {
        tx.put_remote(&remote("home"))?;
        tx.put_remote(&remote("work"))?;
        tx.add_known("home", &[shop.created.id(), shop.created.id()])
    });
    {
        let tx = temp.store.read()?;
        assert_eq!(tx.remotes()?, [remote("home"), remote("work")]);
        assert_eq!(tx.remote("nowhere")?, None);
        assert_eq!(tx.known_ids("home", Space::PUBLIC)?, [shop.created.id()]);
        assert_eq!(tx.unknown_ids("home", Space::PUBLIC)?, [shop.applied.id()]);
        assert_eq!(tx.known_fingerprint("home", Space::PUBLIC)?.count, 1);
        for name in ["home", "work"] {
            let unknown = tx.unknown_ids(name, Space::PUBLIC)?.len() as u64;
            assert_eq!(tx.unknown_count(name, Space::PUBLIC)?, unknown, "{name}");
        }
    }
    let synced = Remote { last_sync: Some(at(99)), mode: RemoteMode::Automatic, token: None, ..remote("home") };
    write(&temp, |tx| {
        tx.put_remote(&synced)?;
        tx.add_known("home", &[shop.applied.id()])
    });
    {
        let tx = temp.store.read()?;
        assert_eq!(tx.remote("home")?, Some(synced));
        // Equal sets have equal fingerprints.
        assert_eq!(tx.known_fingerprint("home", Space::PUBLIC)?, tx.set_fingerprint(Space::PUBLIC)?);
        assert_eq!(tx.unknown_count("home", Space::PUBLIC)?, 0);
    }
    write(&temp, |tx| tx.remove_remote("home"));
    let tx = temp.store.read()?;
    assert_eq!(tx.remotes()?, [remote("work")]);
    assert!(matches!(tx.known_ids("home", Space::PUBLIC), Err(StoreError::NoSuch { what: "remote", .. })));
    drop(tx);
    // A new remote of that name starts from nothing.
    write(&temp, |tx| tx.put_remote(&remote("home")));
    assert_eq!(temp.store.read()?.known_ids("home", Space::PUBLIC)?, []);
    Ok(())
}

#[test]
fn only_what_is_held_can_be_known() -> TestResult {
    let temp = temp_store(1);
    let mut tx = temp.store.write()?;
    tx.put_remote(&remote("home"))?;
    let error = tx.add_known("home", &[shop().created.id()]).unwrap_err();
    assert!(matches!(error, StoreError::NoSuch { what: "envelope", .. }), "{error}");
    Ok(())
}

#[test]
fn keys_are_kept_by_author() -> TestResult {
    let temp = temp_store(1);
    let key = |author: &str, n: u8, state, seen| AuthorKeyRecord {
        author: author.to_owned(),
        key: keys(n).public(),
        state,
        first_seen: at(seen),
    };
    write(&temp, |tx| {
        tx.put_key(&key("Ada", 2, KeyState::Seen, 20))?;
        tx.put_key(&key("Ada", 1, KeyState::Trusted, 10))?;
        tx.put_key(&key("Grace", 1, KeyState::Trusted, 30))
    });
    {
        let tx = temp.store.read()?;
        let ada = [key("Ada", 1, KeyState::Trusted, 10), key("Ada", 2, KeyState::Seen, 20)];
        assert_eq!(tx.keys_of("Ada")?, ada, "first seen first");
        assert_eq!(tx.keys()?.len(), 3);
        assert_eq!(tx.keys_of("Nobody")?, []);
    }
    write(&temp, |tx| tx.put_key(&key("Ada", 2, KeyState::Trusted, 99)));
    let known = temp.store.read()?.keys_of("Ada")?;
    assert_eq!(known[1], key("Ada", 2, KeyState::Trusted, 20), "when it was first seen stays");
    Ok(())
}

#[test]
fn what_a_store_signs_with_and_what_was_overruled_is_kept() -> TestResult {
    let temp = temp_store(1);
    let change = EnvelopeId::from_bytes([7; 32]);
    assert_eq!(temp.store.read()?.own_key("Ada")?, None);
    assert_eq!(temp.store.read()?.succession()?, None);
    let keys_of_ada = |n| keys(n).public();
    let later = Succession::of(keys(1).public()).then(&keys(1), keys_of_ada(9)).unwrap();
    write(&temp, |tx| {
        tx.put_own_key("Ada", Some(&keys_of_ada(2)))?;
        tx.put_own_key("Grace", Some(&keys_of_ada(3)))?;
        tx.put_own_key("Ada", Some(&keys_of_ada(4)))?;
        tx.put_succession(&later)?;
        let (author, first_seen) = ("Ada".to_owned(), at(1));
        tx.put_key(&AuthorKeyRecord { author, key: keys_of_ada(2), state: KeyState::Trusted, first_seen })?;
        tx.overrule("Ada", &keys_of_ada(2), &[change].into())
    });
    {
        let tx = temp.store.read()?;
        let own = vec![("Ada".to_owned(), keys_of_ada(4)), ("Grace".to_owned(), keys_of_ada(3))];
        assert_eq!((tx.own_keys()?, tx.succession()?), (own, Some(later)));
        assert_eq!(tx.trust_roots("Ada")?, [Root { key: keys_of_ada(2), in_spite_of: [change].into() }]);
        assert_eq!((tx.trust_roots("Grace")?, tx.key_facts_of("Ada")?.len()), (Vec::new(), 0));
    }
    write(&temp, |tx| tx.put_own_key("Ada", None));
    assert_eq!(temp.store.read()?.own_key("Ada")?, None);
    // Keys of another instance are damage, and no answer.
    let foreign = Succession::of(keys(8).public()).then(&keys(8), keys_of_ada(9)).unwrap();
    let mut tx = temp.store.write()?;
    tx.put_succession(&foreign)?;
    tx.commit()?;
    assert!(matches!(temp.store.read()?.succession(), Err(StoreError::Damaged { .. })));
    assert!(temp.store.read()?.verify().iter().any(|finding| finding.table == "succession"));
    Ok(())
}

#[test]
fn tokens_are_found_by_the_hash_of_their_secret() -> TestResult {
    let temp = temp_store(1);
    let token = |name: &str, n: u8| Token {
        name: name.to_owned(),
        hash: [n; 32],
        created_at: at(1),
        expires_at: Some(at(100)).filter(|_| n == 2),
    };
    write(&temp, |tx| {
        tx.put_token(&token("laptop", 1))?;
        tx.put_token(&token("ci", 2))
    });
    {
        let tx = temp.store.read()?;
        assert_eq!(tx.tokens()?, [token("ci", 2), token("laptop", 1)]);
        assert_eq!(tx.token_with(&[2; 32])?, Some(token("ci", 2)));
        assert_eq!(tx.token_with(&[3; 32])?, None);
    }
    write(&temp, |tx| tx.put_token(&token("laptop", 3)));
    assert_eq!(temp.store.read()?.token_with(&[1; 32])?, None);
    let mut tx = temp.store.write()?;
    assert!(tx.remove_token("laptop")? && !tx.remove_token("laptop")?);
    tx.commit()?;
    assert_eq!(temp.store.read()?.tokens()?, [token("ci", 2)]);
    Ok(())
}
