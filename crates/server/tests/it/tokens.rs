//! Who may ask.

use dm_engine::{Direction, EngineError, RemoteError};
use dm_model::Timestamp;

use crate::http::{Answer, ask, get};
use crate::instance::{Instance, START_MS};

fn with_token(url: &str, path: &str, header: &str) -> Answer {
    ask(url, "GET", path, &[("authorization", header)], &[])
}

const GUARDED: [(&str, &str); 4] =
    [("GET", "/api/instance"), ("GET", "/api/patches/pull"), ("POST", "/api/patches/push"), ("POST", "/api/sync")];

#[test]
fn everyone_may_ask_until_the_first_token_is_made() {
    let home = Instance::new("home", "Home");
    let url = home.serve();
    assert_eq!(get(&url, "/api/instance").status, 200);
    let token = home.token("laptop");
    for (method, path) in GUARDED {
        let words = ask(&url, method, path, &[], &[]).refuses(401, "token");
        assert_eq!(words, "this server asks for a key, and none was shown");
        let wrong = [("authorization", "Bearer dm_00")];
        let words = ask(&url, method, path, &wrong, &[]).refuses(401, "token");
        assert_eq!(words, "the key is none of this server's, or has expired");
    }
    assert_eq!(with_token(&url, "/api/instance", &format!("Bearer {token}")).status, 200);
    assert_eq!(get(&url, "/healthz").status, 200, "health is open to all");
    get(&url, "/nothing").refuses(404, "not-found");
    for header in [token.clone(), format!("Basic {token}"), format!("Bearer {token}x"), "Bearer".to_owned()] {
        with_token(&url, "/api/instance", &header).refuses(401, "token");
    }
}

#[test]
fn a_token_can_be_required_before_the_first_is_made() {
    let home = Instance::new("home", "Home");
    let url = home.serve_with(true);
    get(&url, "/api/instance").refuses(401, "token");
    let token = home.token("laptop");
    assert_eq!(with_token(&url, "/api/instance", &format!("Bearer {token}")).status, 200);
}

#[test]
fn an_expired_token_is_refused() {
    let home = Instance::new("home", "Home");
    let token = home.token("laptop");
    let url = home.serve();
    let header = format!("Bearer {token}");
    let expire = |at: i64| {
        let path = home.folder.path().join(".darkmatter/store.db");
        let store = dm_store::Store::open(&path, dm_store::Mode::ReadWrite).unwrap();
        let mut tx = store.write().unwrap();
        let known = tx.tokens().unwrap().remove(0);
        tx.put_token(&dm_store::Token { expires_at: Some(Timestamp::from_ms(at)), ..known }).unwrap();
        tx.commit().unwrap();
    };
    expire(START_MS + 86_400_000);
    assert_eq!(with_token(&url, "/api/instance", &header).status, 200);
    expire(START_MS);
    with_token(&url, "/api/instance", &header).refuses(401, "token");
    get(&url, "/api/instance").refuses(401, "token");
}

#[test]
fn who_shows_the_right_token_syncs_and_nobody_else_learns_anything() {
    let (home, ada) = (Instance::new("home", "Home"), Instance::new("laptop", "Ada"));
    let token = home.token("laptop");
    let url = home.serve();
    ada.define("one", "n");
    for wrong in [None, Some("dm_wrong")] {
        ada.remote(&url, wrong, 30);
        for direction in [Direction::Both, Direction::PullOnly, Direction::PushOnly] {
            let error = ada.exchange(direction).unwrap_err();
            let EngineError::Remote { source, .. } = &error else { panic!("{error}") };
            assert!(matches!(**source, RemoteError::NotAllowed(_)), "{error}");
            assert!(error.to_string().contains("refuses the key"), "{error}");
        }
        ada.forget_remote();
    }
    assert_eq!(home.envelopes(), 0);
    ada.remote(&url, Some(&token), 30);
    ada.sync();
    assert_eq!(home.prints(), ada.prints());
}
