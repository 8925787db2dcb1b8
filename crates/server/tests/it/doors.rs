//! What each door takes and answers, and what it refuses.

use std::collections::BTreeSet;

use dm_collab::sync::{MESSAGE_BYTES_MAX, Message, Named as _, Parcel, Range, Sealed, SpaceClaim, Verdict, v1};
use dm_engine::wire;
use dm_model::Space;
use serde_json::{Value, json};

use crate::http::{ask, get, parse, request, send};
use crate::instance::{Instance, JSON, SYNC, message, put_all, question};

fn with_patches(seed: &str) -> Instance {
    let ada = Instance::new(seed, "Ada");
    ada.define("one", "n");
    ada.define("two", "Ada.Net.one n");
    ada.define("one", "n + 1L");
    ada
}

fn hello(instance: &Instance) -> Message {
    let print = dm_collab::Fingerprint::default();
    let instance = instance.engine().instance(&[Space::PUBLIC]).unwrap().id.parse().unwrap();
    Message::Hello { instance, claims: vec![SpaceClaim { space: Space::PUBLIC, all: print, known: print }] }
}

#[test]
fn health_and_instance() {
    let home = Instance::new("home", "Home");
    let url = home.serve();
    let health = get(&url, "/healthz");
    assert_eq!((health.status, health.json()), (200, json!({ "status": "ok" })));
    assert!(health.head.to_lowercase().contains("content-type: application/json"));
    let instance = get(&url, "/api/instance").json();
    let own = home.engine().instance(&[Space::PUBLIC]).unwrap();
    assert_eq!(instance, serde_json::to_value(&own).unwrap());
    assert_eq!((&instance["kind"], &instance["protocol"]), (&json!("http-server"), &json!(2)));
    assert_eq!(instance["capabilities"], json!(["read", "write", "sync", "merge"]));
    assert_eq!(instance["envelopes"], 0);
}

#[test]
fn other_paths_and_methods_are_refused_in_the_same_words() {
    let url = Instance::new("home", "Home").serve();
    for path in ["/", "/api", "/api/nothing", "/api/sync/", "/../healthz"] {
        get(&url, path).refuses(404, "not-found");
    }
    for (method, path) in
        [("GET", "/api/sync"), ("POST", "/api/instance"), ("DELETE", "/api/patches/pull"), ("POST", "/healthz")]
    {
        ask(&url, method, path, &[], &[]).refuses(405, "method");
    }
    assert!(send(&url, b"no http at all\r\n\r\n").starts_with(b"HTTP/1.1 400"));
}

#[test]
fn the_sync_door_answers_questions() {
    let (home, ada) = (Instance::new("home", "Home"), with_patches("laptop"));
    let url = home.serve();
    let Message::Welcome { verdicts, missing, instance } = message(&question(&url, &hello(&ada))) else {
        panic!("no welcome")
    };
    assert_eq!((verdicts, missing), (vec![Verdict::Same], Vec::new()));
    assert_eq!(instance.to_string(), home.engine().instance(&[Space::PUBLIC]).unwrap().id);
    let Message::Finished { parcel, .. } = message(&question(&url, &put_all(&ada))) else { panic!("not finished") };
    assert_eq!(parcel.envelopes.len(), 1, "the home's own fact");
    assert_eq!(home.prints().1, ada.prints().1);
    // The same again changes nothing.
    let before = home.prints();
    let Message::Finished { parcel, .. } = message(&question(&url, &put_all(&ada))) else { panic!("not finished") };
    assert!(parcel.envelopes.is_empty());
    assert_eq!(home.prints(), before);
    home.verifies();
}

#[test]
fn what_is_no_question_is_refused() {
    let (home, ada) = (Instance::new("home", "Home"), with_patches("laptop"));
    let url = home.serve();
    let put = wire::pack(&put_all(&ada).encode());
    let post = |headers: &[(&str, &str)], body: &[u8]| ask(&url, "POST", "/api/sync", headers, body);
    post(&[JSON], &put).refuses(415, "media-type");
    post(&[], &put).refuses(415, "media-type");
    let words = post(&[SYNC], &put_all(&ada).encode()).refuses(400, "request");
    assert!(words.contains("unpack"), "{words}");
    post(&[SYNC], b"<html>").refuses(400, "request");
    post(&[SYNC], b"").refuses(400, "request");
    let mut version = put_all(&ada).encode();
    version[0] = 3;
    let words = post(&[SYNC], &wire::pack(&version)).refuses(400, "protocol-version");
    assert!(words.contains("version 3") && words.contains("up to 2"), "{words}");
    let answer = Message::Stored { missing: Vec::new(), refused: Vec::new() };
    let words = question(&url, &answer).refuses(400, "request");
    assert!(words.contains("`stored`"), "{words}");
    let hidden = Space::from_bytes([1; 16]);
    let claim = dm_collab::sync::Claim::Sum(dm_collab::Fingerprint::default());
    let words = question(&url, &Message::Compare { sections: vec![(hidden, vec![(Range::ALL, claim)])] });
    words.refuses(400, "request");
    let have = v1::Message::Have { space: hidden, ids: Vec::new() };
    post(&[SYNC], &wire::pack(&have.encode())).refuses(400, "request");
    assert_eq!(home.envelopes(), 0);
    assert_eq!(message(&question(&url, &hello(&ada))).kind(), "welcome", "and it goes on");
}

#[test]
fn too_large_a_body_is_refused() {
    let home = Instance::new("home", "Home");
    let url = home.serve();
    let large = vec![b' '; MESSAGE_BYTES_MAX + 1];
    for (path, header) in [("/api/sync", SYNC), ("/api/patches/push", JSON)] {
        // Only its length is said; it need not be sent to be refused.
        let mut head = request("POST", path, &[header], &[]);
        let said = String::from_utf8(head.clone()).unwrap();
        head = said.replace("content-length: 0", &format!("content-length: {}", large.len())).into_bytes();
        parse(&send(&url, &head)).unwrap().refuses(413, "too-large");
    }
    // Small when packed, too large when unpacked.
    let bomb = wire::pack(&large);
    assert!(bomb.len() < 100_000);
    let words = ask(&url, "POST", "/api/sync", &[SYNC], &bomb).refuses(400, "request");
    assert!(words.contains("more than"), "{words}");
}

#[test]
fn a_request_cut_at_any_byte_stores_nothing() {
    let (home, ada) = (Instance::new("home", "Home"), Instance::new("laptop", "Ada"));
    ada.define("one", "n");
    let url = home.serve();
    let body = wire::pack(&put_all(&ada).encode());
    // The body is shorter than what was packed.
    for end in 0..body.len() {
        let answer = ask(&url, "POST", "/api/sync", &[SYNC], &body[..end]);
        answer.refuses(400, "request");
    }
    // The connection ends early.
    let whole = request("POST", "/api/sync", &[SYNC], &body);
    for end in 0..whole.len() {
        let answer = send(&url, &whole[..end]);
        assert!(parse(&answer).is_none_or(|answer| answer.status >= 400), "cut at {end}");
    }
    assert_eq!(home.envelopes(), 0);
    assert_eq!(message(&question(&url, &put_all(&ada))).kind(), "finished");
    assert_eq!(home.prints().1, ada.prints().1);
}

#[test]
fn an_altered_request_stores_nothing_that_nobody_wrote() {
    let (home, ada) = (Instance::new("home", "Home"), Instance::new("laptop", "Ada"));
    ada.define("one", "n");
    let url = home.serve();
    let honest: BTreeSet<Vec<u8>> = ada.parcel().envelopes.into_iter().map(|sealed| sealed.bytes).collect();
    let message_bytes = put_all(&ada).encode();
    let mut refused = 0;
    for at in 0..message_bytes.len() {
        let mut altered = message_bytes.clone();
        altered[at] ^= 1 << (at % 8);
        let answer = ask(&url, "POST", "/api/sync", &[SYNC], &wire::pack(&altered));
        assert!(answer.status == 200 || answer.status == 400, "byte {at}: {answer:?}");
        refused += usize::from(match answer.status {
            400 => true,
            _ => match message(&answer) {
                Message::Stored { .. } => true,
                Message::Finished { refused, .. } => !refused.is_empty(),
                other => panic!("{other:?}"),
            },
        });
    }
    assert!(refused > message_bytes.len() * 9 / 10, "{refused} of {}", message_bytes.len());
    let own = home.engine().instance(&[Space::PUBLIC]).unwrap().key;
    for sealed in home.parcel().envelopes {
        let envelope = dm_model::Envelope::open(sealed.bytes.clone(), sealed.signature).unwrap();
        let author = envelope.header().author_key.to_string();
        assert!(honest.contains(&sealed.bytes) || author == own, "{envelope:?}");
    }
    home.verifies();
}

/// A page of the pull door as the body of a push.
fn as_push(page: &Value) -> Vec<u8> {
    serde_json::to_vec(&json!({ "envelopes": page["envelopes"], "definitions": page["definitions"] })).unwrap()
}

#[test]
fn what_the_pull_door_gives_the_push_door_takes() {
    let (from, to) = (with_patches("laptop"), Instance::new("home", "Home"));
    let (from_url, to_url) = (from.serve(), to.serve());
    let page = get(&from_url, "/api/patches/pull").json();
    assert_eq!(page["more"], false);
    assert_eq!(page["envelopes"].as_array().unwrap().len(), 6);
    let first = &page["envelopes"][0]["view"];
    assert_eq!(
        (&first["kind"], &first["author"], &first["intent"]),
        (&json!("revision"), &json!("Ada"), &json!("Write one"))
    );
    assert_eq!((&first["ops"][0]["op"], &first["ops"][0]["location"]), (&json!("CreateName"), &json!("Ada.Net.one")));
    let report = ask(&to_url, "POST", "/api/patches/push", &[JSON], &as_push(&page)).json();
    assert_eq!(report["applied"].as_array().unwrap().len(), 3, "{report}");
    assert_eq!((&report["held"], &report["pending"]), (&json!([]), &json!(0)));
    assert_eq!(report["new_keys"][0]["trusted"], true);
    assert_eq!(to.prints().1, from.prints().1);
    let again = ask(&to_url, "POST", "/api/patches/push", &[JSON], &as_push(&page)).json();
    assert_eq!(again["applied"], json!([]));
}

#[test]
fn the_pull_door_goes_page_by_page() {
    let home = Instance::new("home", "Home");
    for number in 0..4 {
        home.define(&format!("f{number}"), &format!("{number}L"));
    }
    let url = home.serve();
    let first = get(&url, "/api/patches/pull").json();
    let cursor = first["cursor"].as_str().unwrap();
    let after = |cursor: &str| get(&url, &format!("/api/patches/pull?since={cursor}"));
    let rest = after(cursor).json();
    assert_eq!((&rest["envelopes"], &rest["more"], &rest["cursor"]), (&json!([]), &json!(false), &json!(cursor)));
    home.define("later", "1L");
    let rest = after(cursor).json();
    assert_eq!(rest["envelopes"].as_array().unwrap().len(), 2);
    assert_ne!(rest["cursor"], first["cursor"]);
    for foreign in ["0123456789ab.3", "nonsense", "", ".", "12", &format!("{cursor}9999999999"), "%00", "-1"] {
        let words = after(foreign).refuses(400, "request");
        assert!(words.contains("no cursor of this server"), "{foreign}: {words}");
    }
    let other = Instance::new("other", "Home").serve();
    get(&other, &format!("/api/patches/pull?since={cursor}")).refuses(400, "request");
    get(&url, "/api/patches/pull?since=a&since=b").refuses(400, "request");
}

#[test]
fn long_logs_come_in_several_pages_and_none_is_lost() {
    let home = Instance::new("home", "Home");
    let url = home.serve();
    // Reviews of what nobody has: they wait, and are passed on all the same.
    let keys = dm_model::Keypair::from_secret(&[7; 32]);
    let sealed = |number: i64| {
        let verdict = dm_model::Verdict {
            revision: dm_model::EnvelopeId::from_bytes([9; 32]),
            author: "Eve".to_owned(),
            kind: dm_model::VerdictKind::Approve,
            words: String::new(),
            supersedes: Vec::new(),
        };
        let now = dm_model::Timestamp::from_ms(number);
        let envelope = dm_model::Envelope::seal(Space::PUBLIC, &keys, now, dm_model::Body::Verdict(verdict));
        Sealed { signature: *envelope.signature(), bytes: envelope.bytes().to_vec() }
    };
    let parcel = Parcel { envelopes: (0..1020).map(sealed).collect(), definitions: Vec::new() };
    assert_eq!(message(&question(&url, &Message::Put { parcel, finish: true })).kind(), "finished");
    let (mut path, mut ids, mut pages) = ("/api/patches/pull".to_owned(), BTreeSet::new(), 0);
    loop {
        let page = get(&url, &path).json();
        pages += 1;
        for envelope in page["envelopes"].as_array().unwrap() {
            assert!(ids.insert(envelope["id"].as_str().unwrap().to_owned()), "twice");
        }
        path = format!("/api/patches/pull?since={}", page["cursor"].as_str().unwrap());
        if page["more"] == false {
            break;
        }
    }
    assert_eq!((ids.len(), pages), (1020, 3));
}

#[test]
fn a_push_that_is_not_right_says_where() {
    let (from, home) = (with_patches("laptop"), Instance::new("home", "Home"));
    let (from_url, url) = (from.serve(), home.serve());
    let page = get(&from_url, "/api/patches/pull").json();
    let push = |body: &Value| ask(&url, "POST", "/api/patches/push", &[JSON], &serde_json::to_vec(body).unwrap());
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body: Value = serde_json::from_slice(&as_push(&page)).unwrap();
        change(&mut body);
        body
    };
    type Change<'c> = &'c dyn Fn(&mut Value);
    let cases: [(Change<'_>, &str); 6] = [
        (&|body| body["envelopes"][2]["bytes"] = json!("???"), "envelopes[2].bytes"),
        (&|body| body["envelopes"][1]["signature"] = json!("AAAA"), "envelopes[1].signature has not 64 bytes"),
        (&|body| body["definitions"][0]["bytes"] = json!("A"), "definitions[0].bytes"),
        (&|body| body["envelopes"][0]["signature"] = body["envelopes"][1]["signature"].clone(), "does not verify"),
        (&|body| body["envelopes"][0]["bytes"] = json!("AAAA"), "does not decode"),
        (&|body| body["patches"] = json!([]), "unknown field `patches`"),
    ];
    for (change, wanted) in cases {
        let words = push(&with(change)).refuses(400, "request");
        assert!(words.contains(wanted), "{wanted}: {words}");
    }
    push(&json!({})).refuses(400, "request");
    ask(&url, "POST", "/api/patches/push", &[JSON], b"{").refuses(400, "request");
    ask(&url, "POST", "/api/patches/push", &[SYNC], b"{}").refuses(415, "media-type");
    let alone = json!({ "envelopes": [], "definitions": page["definitions"] });
    let words = push(&alone).refuses(400, "request");
    assert!(words.contains("was not asked for"), "{words}");
    assert_eq!(home.envelopes(), 0);
    // Without its content it waits, and says so; the content may come later.
    let report = push(&json!({ "envelopes": page["envelopes"] })).json();
    assert_eq!(report["applied"], json!([]));
    assert!(report["pending"].as_u64().unwrap() >= 3, "{report}");
    let report = push(&alone).json();
    assert_eq!((report["applied"].as_array().unwrap().len(), &report["pending"]), (3, &json!(0)), "{report}");
    assert_eq!(home.prints().1, from.prints().1);
}

#[test]
fn a_panic_fails_one_request_only() {
    let (home, ada) = (Instance::new("home", "Home"), with_patches("laptop"));
    let url = home.serve();
    // Wherever the clock is read while a parcel is stored and settled.
    let mut failed = 0;
    for reading in 0..20 {
        home.system.fail_after(reading);
        let answer = question(&url, &put_all(&ada));
        home.system.fail_after(-1);
        if answer.status == 200 {
            break;
        }
        failed += 1;
        let words = answer.refuses(500, "bug");
        assert!(words.starts_with("BUG:"), "{words}");
        assert_eq!(home.envelopes(), 0, "all or nothing");
        assert_eq!(get(&url, "/healthz").status, 200);
    }
    assert!(failed > 1, "the clock is read more than once");
    assert_eq!(home.prints().1, ada.prints().1);
    home.verifies();
}

#[test]
fn many_push_at_once_and_nothing_is_lost() {
    let home = Instance::new("home", "Home");
    let url = home.serve();
    let people: Vec<Instance> = (0..6)
        .map(|number| {
            let person = Instance::new(&format!("person-{number}"), &format!("Person {number}"));
            // The same content for all, and something of one's own.
            person.write("Say it", &format!("module P{number}.M\n\nlet same (n: Int64) : Int64 =\n  n\n"));
            person.write("Say more", &format!("module P{number}.M\n\nlet own (n: Int64) : Int64 =\n  {number}L\n"));
            person.remote(&url, None, 30);
            person
        })
        .collect();
    std::thread::scope(|scope| {
        for person in &people {
            scope.spawn(|| person.sync());
        }
    });
    for _ in 0..2 {
        for person in &people {
            person.sync();
        }
    }
    for person in &people {
        assert_eq!(person.sync().round_trips, 1);
        assert_eq!(person.prints(), home.prints());
        person.verifies();
    }
    assert!(home.envelopes() >= 6 * 4);
    home.verifies();
}
