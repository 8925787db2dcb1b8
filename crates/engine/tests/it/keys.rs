//! Keys of authors and of the instance: what signs, what follows, what is held, between stores that exchange by path.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dm_engine::{
    Direction, Engine, EngineError, ExchangeReport, FixedSystem, InitOptions, KeyChangeReport, KeyEntry, OpenOptions,
    RemoteRequest, RotateRequest, SessionChoice, SourceText, Status, System, Transaction,
};
use dm_model::{Apply, Body, Envelope, EnvelopeId, Keypair, Space, Timestamp};
use dm_store::{Arrival, AuthorKeyRecord, KeyState, Mode, Store};

/// A store of somebody's.
struct Place {
    folder: PathBuf,
    engine: Engine,
}

/// A home that everyone exchanges with, in a folder of the test's own.
struct World {
    folder: tempfile::TempDir,
    home: Place,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Place::make(folder.path(), "home", "Home");
        Self { folder, home }
    }

    /// Somebody's store, with the home as its remote.
    fn place(&self, name: &str, author: &str) -> Place {
        let place = Place::make(self.folder.path(), name, author);
        let url = self.home.folder.to_string_lossy().into_owned();
        let mut tx = place.engine.begin(&SessionChoice::Current, false).unwrap();
        tx.remote_add(&RemoteRequest { name: "home".to_owned(), url, token: None, timeout_s: 5 }).unwrap();
        tx.commit().unwrap();
        place
    }

    /// Somebody who got hold of an author's key.
    fn thief(&self, of: &Place) -> Place {
        let snapshot = of.engine.snapshot(&SessionChoice::Current).unwrap();
        let (export, text) = snapshot.key_text(&of.engine, None).unwrap();
        let thief = self.place("thief", &export.author);
        thief.run(|tx| tx.key_import(&text)).unwrap();
        thief
    }
}

impl Place {
    fn make(around: &Path, name: &str, author: &str) -> Self {
        let folder = around.join(name);
        let system: Arc<dyn System> = Arc::new(FixedSystem::new(Timestamp::from_ms(1_767_225_600_000), name));
        let init =
            InitOptions { folder: folder.clone(), author: author.to_owned(), name: name.to_owned(), dry_run: false };
        dm_engine::init(&init, system.as_ref()).unwrap();
        let engine = Engine::open(OpenOptions { folder: folder.clone(), author: None, system }).unwrap();
        Self { folder, engine }
    }

    fn run<T>(&self, run: impl FnOnce(&mut Transaction<'_>) -> Result<T, EngineError>) -> Result<T, EngineError> {
        let mut tx = self.engine.begin(&SessionChoice::Current, false)?;
        let done = run(&mut tx)?;
        tx.commit()?;
        Ok(done)
    }

    /// Saves a function and puts it into main.
    fn write(&self, name: &str) -> Result<String, EngineError> {
        self.run(|tx| {
            let text = format!("module Ada.M\n\nlet {name} (n: Int64) : Int64 =\n  n\n");
            tx.save(&dm_engine::SaveRequest {
                text: SourceText { file: "-".to_owned(), text },
                module: None,
                intent: Some(format!("Write {name}")),
                binds: Vec::new(),
                base: None,
            })?;
            Ok(tx.apply(None, false)?.applied.last().unwrap().id.clone())
        })
    }

    fn sync(&self) -> ExchangeReport {
        self.engine.exchange(Some("home"), Direction::Both, false, &mut |_| {}).unwrap()
    }

    fn push(&self) {
        self.engine.exchange(Some("home"), Direction::PushOnly, false, &mut |_| {}).unwrap();
    }

    fn status(&self) -> Status {
        self.engine.snapshot(&SessionChoice::Current).unwrap().status().unwrap()
    }

    /// The intents of what is held, with why.
    fn held(&self) -> Vec<(String, String)> {
        self.status().held.into_iter().map(|held| (held.patch.intent, held.reason)).collect()
    }

    fn names(&self) -> u64 {
        self.status().definitions
    }

    fn keys(&self, all: bool) -> Vec<KeyEntry> {
        self.engine.snapshot(&SessionChoice::Current).unwrap().keys(&self.engine, all).unwrap()
    }

    /// The key that signs for an author; of the instance, with none.
    fn signs(&self, author: Option<&str>) -> String {
        let found = self.keys(false).into_iter().find(|key| key.signs && key.author.as_deref() == author);
        found.unwrap().key
    }

    fn rotate(&self) -> Result<KeyChangeReport, EngineError> {
        self.run(|tx| tx.key_rotate(&RotateRequest::default()))
    }

    fn trust(&self, author: &str, key: &str) {
        self.run(|tx| tx.trust(author, key)).unwrap();
    }

    fn secret(&self, key: &str) -> Keypair {
        let hex = std::fs::read_to_string(self.folder.join(".darkmatter/keys").join(key)).unwrap();
        Keypair::from_secret(hex.trim().parse::<EnvelopeId>().unwrap().as_bytes())
    }

    /// A copy of all of this store as it is now: what a thief has.
    fn stolen(&self, world: &World, name: &str) -> Place {
        let folder = world.folder.path().join(name);
        crate::support::copy_folder(&self.folder, &folder);
        let system: Arc<dyn System> = Arc::new(FixedSystem::new(Timestamp::from_ms(1_767_225_700_000), name));
        let engine = Engine::open(OpenOptions { folder: folder.clone(), author: None, system }).unwrap();
        Place { folder, engine }
    }

    fn verifies(&self) {
        assert_eq!(self.engine.verify().unwrap().findings, Vec::new());
        assert_eq!(self.engine.rebuild(true).unwrap().differed, Vec::<String>::new());
    }
}

#[test]
fn an_author_and_an_instance_have_keys_of_their_own() {
    let world = World::new();
    let ada = world.place("ada", "Ada");
    ada.write("f").unwrap();
    assert_ne!(ada.signs(Some("Ada")), ada.signs(None));
    let log = ada.engine.snapshot(&SessionChoice::Current).unwrap().signed_log(9, None).unwrap();
    let signatures = &log.first().unwrap().signatures;
    let said: Vec<_> = signatures.iter().map(|one| (one.what.as_str(), one.key.clone(), one.valid)).collect();
    assert_eq!(said, [("revision", ada.signs(Some("Ada")), true), ("apply", ada.signs(None), true)]);
    // Another name, another key.
    let options = OpenOptions { author: Some("Ben".to_owned()), ..ada.engine.options() };
    let ben = Place { folder: ada.folder.clone(), engine: Engine::open(options).unwrap() };
    ben.write("g").unwrap();
    assert_ne!(ada.signs(Some("Ada")), ada.signs(Some("Ben")));
    ada.verifies();
}

#[test]
fn a_new_key_goes_through_by_itself_and_old_work_with_it() {
    let world = World::new();
    let (ada, ben) = (world.place("ada", "Ada"), world.place("ben", "Ben"));
    ada.write("f").unwrap();
    ada.sync();
    ben.sync();
    assert_eq!(ben.names(), 1);
    let first = ada.signs(Some("Ada"));
    let report = ada.rotate().unwrap();
    assert_eq!((report.old.as_ref(), report.stands_by, report.left_out.len()), (Some(&first), 1, 0));
    ada.write("g").unwrap();
    ada.sync();
    let news = ben.sync().received;
    assert_eq!((ben.held(), ben.names()), (Vec::new(), 2));
    let key = news.new_keys.first().unwrap();
    assert_eq!((key.trusted, key.follows.as_ref(), &key.key), (true, Some(&first), &report.new));
    // Who comes later gets all of it: the new key stands by what the former one signed.
    let cara = world.place("cara", "Cara");
    cara.sync();
    assert_eq!((cara.held(), cara.names()), (Vec::new(), 2));
    // And once more, so that a vouching is vouched for.
    ada.rotate().unwrap();
    ada.write("h").unwrap();
    ada.sync();
    let dan = world.place("dan", "Dan");
    dan.sync();
    assert_eq!((dan.held(), dan.names()), (Vec::new(), 3));
    for place in [&ada, &ben, &cara, &dan, &world.home] {
        place.verifies();
    }
}

#[test]
fn what_a_stolen_key_signs_is_held_with_words_and_what_is_applied_stays() {
    let world = World::new();
    let (ada, ben) = (world.place("ada", "Ada"), world.place("ben", "Ben"));
    ada.write("f").unwrap();
    ada.sync();
    ben.sync();
    let thief = world.thief(&ada);
    let old = ada.signs(Some("Ada"));
    let new = ada.rotate().unwrap().new;
    ada.sync();
    thief.write("g").unwrap();
    thief.sync();
    ben.sync();
    let short = |key: &str| key.chars().take(16).collect::<String>();
    let reason = format!(
        "Ada has another key ({}) since, and does not stand by it: it is signed with the former one ({}); \
         `dm remote trust Ada {1}` trusts it",
        short(&new),
        short(&old)
    );
    assert_eq!(ben.held(), [("Write g".to_owned(), reason)]);
    assert_eq!(ben.names(), 1);
    // Nor by hand, nor along with something else.
    let patch = ben.status().held.first().unwrap().patch.id.clone();
    let refused = ben.run(|tx| tx.apply(Some(&patch), false));
    assert!(matches!(refused, Err(EngineError::Untrusted { .. })), "{refused:?}");
    // It was Ada after all, on an old copy: she stands by it, and everyone has it.
    ada.sync();
    ada.run(|tx| tx.key_vouch(None, std::slice::from_ref(&patch))).unwrap();
    ada.sync();
    ben.sync();
    assert_eq!((ben.held(), ben.names()), (Vec::new(), 2));
    // The thief's store learns that its key was given up, and signs no more with it.
    thief.sync();
    let refused = thief.write("h");
    assert!(matches!(refused, Err(EngineError::KeyGivenUp { .. })), "{refused:?}");
}

#[test]
fn a_revoked_key_is_held_everywhere_until_the_new_one_is_trusted_by_hand() {
    let world = World::new();
    let (ada, ben) = (world.place("ada", "Ada"), world.place("ben", "Ben"));
    ada.write("f").unwrap();
    ada.sync();
    ben.sync();
    let thief = world.thief(&ada);
    // The thief lets the key name another one; so does Ada: neither follows by itself.
    thief.rotate().unwrap();
    thief.write("g").unwrap();
    thief.sync();
    ben.sync();
    assert_eq!(ben.names(), 2, "nobody knows yet");
    let report = ada.run(|tx| tx.key_revoke(None, None, "stolen", &[])).unwrap();
    ada.write("h").unwrap();
    ada.sync();
    thief.write("i").unwrap();
    thief.sync();
    let news = ben.sync().received;
    assert!(news.new_keys.iter().any(|key| key.revoked && Some(&key.key) == report.old.as_ref()), "{news:?}");
    let intents: Vec<String> = ben.held().into_iter().map(|(intent, _)| intent).collect();
    assert_eq!((intents.len(), ben.names()), (2, 2), "{intents:?}");
    // What was applied stays. Ben asks Ada, and trusts her new key.
    ben.trust("Ada", &report.new);
    assert_eq!(ben.held().into_iter().map(|(intent, _)| intent).collect::<Vec<_>>(), ["Write i"]);
    // Who comes later decides once, and has Ada's work from before the theft as well.
    let cara = world.place("cara", "Cara");
    cara.sync();
    cara.trust("Ada", &report.new);
    assert!(cara.held().iter().all(|(intent, _)| intent == "Write i" || intent == "Write g"), "{:?}", cara.held());
    assert!(cara.names() >= 2);
    for place in [&ada, &ben, &cara] {
        place.verifies();
    }
}

#[test]
fn a_key_trusted_in_spite_of_all_is_until_it_is_revoked_again() {
    let world = World::new();
    let (ada, ben) = (world.place("ada", "Ada"), world.place("ben", "Ben"));
    ada.write("f").unwrap();
    ada.sync();
    ben.sync();
    let copy = world.thief(&ada);
    let old = ada.signs(Some("Ada"));
    ada.rotate().unwrap();
    ada.sync();
    copy.write("g").unwrap();
    copy.push();
    ben.sync();
    assert_eq!(ben.held().len(), 1);
    ben.trust("Ada", &old);
    assert_eq!((ben.held(), ben.names()), (Vec::new(), 2));
    // A later word about it counts again: the copy, which still has it, revokes it.
    let mut tx = copy.engine.begin(&SessionChoice::Current, false).unwrap();
    assert!(tx.key_revoke(None, Some("0123456789"), "", &[]).is_err());
    tx.key_revoke(None, Some(&old), "found", &[]).unwrap();
    tx.commit().unwrap();
    copy.push();
    ben.sync();
    let keys = ben.keys(true);
    let standing = &keys.iter().find(|key| key.key == old).unwrap().standing;
    assert_eq!(standing, "revoked");
}

#[test]
fn one_key_on_two_machines() {
    let world = World::new();
    let (laptop, desktop, ben) =
        (world.place("laptop", "Ada"), world.place("desktop", "Ada"), world.place("ben", "Ben"));
    laptop.write("f").unwrap();
    desktop.write("g").unwrap();
    desktop.sync();
    ben.sync();
    let (former, key) = (desktop.signs(Some("Ada")), laptop.signs(Some("Ada")));
    let snapshot = laptop.engine.snapshot(&SessionChoice::Current).unwrap();
    let (_, text) = snapshot.key_text(&laptop.engine, None).unwrap();
    drop(snapshot);
    let report = desktop.run(|tx| tx.key_import(&text)).unwrap();
    assert_eq!((report.old.as_ref(), &report.new, report.stands_by), (Some(&former), &key, 1));
    assert_eq!(desktop.signs(Some("Ada")), key);
    desktop.write("h").unwrap();
    desktop.sync();
    laptop.sync();
    ben.sync();
    // Ben trusted the desktop's key; it named the laptop's.
    assert_eq!((ben.held(), ben.names()), (Vec::new(), 3));
    assert_eq!((laptop.held(), laptop.names()), (Vec::new(), 3));
    // A key that was given up is not taken again, and no other text is one.
    laptop.rotate().unwrap();
    laptop.sync();
    desktop.sync();
    let refused = desktop.run(|tx| tx.key_import(&text));
    assert!(matches!(refused, Err(EngineError::KeyGivenUp { .. })), "{refused:?}");
    for bad in
        ["", "darkmatter author key 1\n", &text.replace("author Ada", "author"), &text.replace("secret ", "secret 0")]
    {
        let refused = desktop.run(|tx| tx.key_import(bad));
        assert!(matches!(refused, Err(EngineError::BadKeyText(_))), "{bad}: {refused:?}");
    }
    let refused = desktop.write("i");
    assert!(matches!(refused, Err(EngineError::KeyGivenUp { .. })), "{refused:?}");
    let snapshot = laptop.engine.snapshot(&SessionChoice::Current).unwrap();
    let (_, text) = snapshot.key_text(&laptop.engine, None).unwrap();
    drop(snapshot);
    desktop.run(|tx| tx.key_import(&text)).unwrap();
    desktop.write("i").unwrap();
    desktop.sync();
    ben.sync();
    assert_eq!((ben.held(), ben.names()), (Vec::new(), 4));
}

#[test]
fn a_lost_key_says_so_and_a_new_one_is_trusted_by_hand() {
    let world = World::new();
    let (ada, ben) = (world.place("ada", "Ada"), world.place("ben", "Ben"));
    ada.write("f").unwrap();
    ada.sync();
    ben.sync();
    std::fs::remove_file(ada.folder.join(".darkmatter/keys").join(ada.signs(Some("Ada")))).unwrap();
    assert!(ada.keys(false).iter().any(|key| key.signs && !key.secret_here));
    assert_eq!(ada.names(), 1, "it can still be read");
    for refused in [ada.write("g").map(drop), ada.rotate().map(drop)] {
        assert!(matches!(refused, Err(EngineError::NoKey { .. })), "{refused:?}");
    }
    let report = ada.run(|tx| tx.key_rotate(&RotateRequest { lost: true, ..RotateRequest::default() })).unwrap();
    assert_eq!((report.fact, report.stands_by), (None, 1));
    let draft = ada.status().focused.map(|patch| patch.id);
    assert_eq!(draft, None, "what could not be signed was not written");
    ada.write("g").unwrap();
    ada.sync();
    ben.sync();
    assert_eq!(ben.held().len(), 1);
    ben.trust("Ada", &report.new);
    assert_eq!((ben.held(), ben.names()), (Vec::new(), 2));
}

#[test]
fn another_key_of_an_instance_takes_its_main_over() {
    let world = World::new();
    let (ada, ben) = (world.place("ada", "Ada"), world.place("ben", "Ben"));
    ada.write("f").unwrap();
    ada.sync();
    ben.sync();
    let thief = ada.stolen(&world, "thief");
    let first = ada.signs(None);
    let report = ada.run(|tx| tx.key_rotate_instance()).unwrap();
    assert_eq!((report.old.as_ref(), report.author), (Some(&first), None));
    ada.write("g").unwrap();
    ada.sync();
    let main = ada.status().view_fingerprint;
    // The thief has the author's key still, so what is written counts; but nothing goes into Ada's main.
    thief.write("h").unwrap();
    thief.push();
    assert_eq!(ben.sync().received.pending, 0);
    assert_eq!(ben.held(), Vec::new());
    ada.sync();
    assert_eq!(ada.status().view_fingerprint, main);
    assert!(ada.status().conflicts.is_empty());
    // Once the thief's store hears of it, it says so instead of writing for nothing.
    thief.sync();
    let refused = thief.write("i");
    assert!(matches!(refused, Err(EngineError::MainTakenOver)), "{refused:?}");
    // And back and forth, as far as the owner wants.
    ada.run(|tx| tx.key_rotate_instance()).unwrap();
    ada.write("k").unwrap();
    ada.sync();
    ben.sync();
    assert_eq!(ben.held(), Vec::new());
    for place in [&ada, &ben, &world.home] {
        place.verifies();
    }
}

#[test]
fn a_dry_run_leaves_no_key() {
    let world = World::new();
    let ada = world.place("ada", "Ada");
    ada.write("f").unwrap();
    let files = || std::fs::read_dir(ada.folder.join(".darkmatter/keys")).unwrap().count();
    let before = (files(), ada.keys(true));
    let mut tx = ada.engine.begin(&SessionChoice::Current, true).unwrap();
    tx.key_rotate(&RotateRequest::default()).unwrap();
    tx.key_rotate_instance().unwrap();
    tx.commit().unwrap();
    assert_eq!((files(), ada.keys(true)), before);
}

#[test]
fn keys_cannot_be_undone() {
    let world = World::new();
    let ada = world.place("ada", "Ada");
    ada.write("f").unwrap();
    ada.rotate().unwrap();
    let key = ada.signs(Some("Ada"));
    let report = ada.run(|tx| tx.undo(None)).unwrap();
    assert_eq!(report.command.verb, "patch apply");
    assert!(report.notes.iter().any(|note| note.contains("key rotate")), "{:?}", report.notes);
    assert_eq!(ada.signs(Some("Ada")), key);
}

/// Turns a store into one of an older version: its only key signed everything, for everyone.
fn make_older(place: &Place) {
    let hex = std::fs::read_to_string(place.folder.join(".darkmatter/key")).unwrap();
    let keys = Keypair::from_secret(hex.trim().parse::<EnvelopeId>().unwrap().as_bytes());
    let store = Store::open(&place.folder.join(".darkmatter/store.db"), Mode::ReadWrite).unwrap();
    let mut tx = store.write().unwrap();
    let patch = dm_model::PatchId::from_bytes([7; 16]);
    let at = Timestamp::from_ms(1_767_225_600_500);
    let body = dm_model::Revision {
        patch,
        replaces: Vec::new(),
        author: "Ada".to_owned(),
        intent: "Older work".to_owned(),
        created_at: at,
        depends: Vec::new(),
        ops: Vec::new(),
    };
    let revision = Envelope::seal(Space::PUBLIC, &keys, at, Body::Revision(body));
    let apply = Apply {
        channel: keys.public().instance(),
        onto: Vec::new(),
        patches: vec![(patch, revision.id())],
        forced: String::new(),
    };
    let apply = Envelope::seal(Space::PUBLIC, &keys, at, Body::Apply(apply));
    tx.append(&Arrival { envelopes: vec![Arc::new(revision), Arc::new(apply)], definitions: Vec::new() }).unwrap();
    tx.put_own_key("Ada", None).unwrap();
    let record =
        AuthorKeyRecord { author: "Ada".to_owned(), key: keys.public(), state: KeyState::Trusted, first_seen: at };
    tx.put_key(&record).unwrap();
    tx.commit().unwrap();
    std::fs::remove_dir_all(place.folder.join(".darkmatter/keys")).unwrap();
}

#[test]
fn in_an_older_store_the_first_signature_makes_the_author_s_key_follow_the_instance_s() {
    let world = World::new();
    let (ada, ben) = (world.place("ada", "Ada"), world.place("ben", "Ben"));
    make_older(&ada);
    ada.sync();
    let news = ben.sync().received;
    assert_eq!(news.applied.len(), 1);
    assert_eq!(news.new_keys.first().map(|key| &key.key), Some(&ada.signs(None)));
    // Ben's store trusts the instance's key as Ada's. Her next patch comes under another one, and goes through.
    ada.write("f").unwrap();
    ada.sync();
    let news = ben.sync().received;
    let key = news.new_keys.first().unwrap();
    assert_eq!((key.trusted, key.follows.clone()), (true, Some(ada.signs(None))));
    assert_eq!((ben.held(), ben.names()), (Vec::new(), 1));
    assert_eq!(ben.keys(true).iter().filter(|key| key.author.as_deref() == Some("Ada")).count(), 2);
    // Whoever comes later has both.
    let cara = world.place("cara", "Cara");
    cara.sync();
    assert_eq!(cara.held(), Vec::new());
    assert_eq!(cara.engine.snapshot(&SessionChoice::Current).unwrap().log(9, None).unwrap().len(), 2);
    // A stolen secret of the instance signs nothing as Ada any more.
    assert_eq!(ada.secret(&ada.signs(Some("Ada"))).public().to_string(), ada.signs(Some("Ada")));
    for place in [&ada, &ben, &cara] {
        place.verifies();
    }
}
