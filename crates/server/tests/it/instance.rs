//! Instances to be served and to ask with.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use dm_collab::sync::{Message, Parcel, Sealed};
use dm_engine::wire;
use dm_engine::{
    Direction, Engine, EngineError, ExchangeReport, FixedSystem, InitOptions, OpenOptions, RemoteRequest, SaveRequest,
    SessionChoice, SourceText, System, init,
};
use dm_model::Timestamp;
use dm_server::ServeConfig;

use crate::http::{self, Answer};

/// Clock and dice that can be made to fail as a mistake of ours would.
pub struct Moody {
    inner: FixedSystem,
    /// How many readings of the clock until one panics; below zero: never.
    left: AtomicI64,
}

impl Moody {
    /// The clock panics once, at the reading after so many.
    pub fn fail_after(&self, readings: i64) {
        self.left.store(readings, Ordering::SeqCst);
    }
}

impl System for Moody {
    fn now(&self) -> Timestamp {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            panic!("BUG: made by a test");
        }
        self.inner.now()
    }

    fn random(&self) -> std::io::Result<[u8; 32]> {
        self.inner.random()
    }
}

/// A store in a temporary folder.
pub struct Instance {
    pub folder: tempfile::TempDir,
    pub system: Arc<Moody>,
    author: String,
}

pub const START_MS: i64 = 1_767_225_600_000;

impl Instance {
    /// An empty store; the seed makes its key.
    pub fn new(seed: &str, author: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_ms(START_MS);
        let system = Arc::new(Moody { inner: FixedSystem::new(now, seed), left: AtomicI64::new(-1) });
        let options = InitOptions {
            folder: folder.path().to_path_buf(),
            author: author.to_owned(),
            name: seed.to_owned(),
            dry_run: false,
        };
        init(&options, &*system).unwrap();
        Self { folder, system, author: author.to_owned() }
    }

    pub fn engine(&self) -> Engine {
        let system: Arc<dyn System> = Arc::clone(&self.system) as Arc<dyn System>;
        let folder = self.folder.path().to_path_buf();
        Engine::open(OpenOptions { folder, author: Some(self.author.clone()), system }).unwrap()
    }

    /// Saves a text in a new patch and puts it into main.
    pub fn write(&self, intent: &str, text: &str) {
        let engine = self.engine();
        let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
        let text = SourceText { file: "-".to_owned(), text: text.to_owned() };
        let intent = Some(intent.to_owned());
        tx.save(&SaveRequest { text, module: None, intent, binds: Vec::new(), base: None }).unwrap();
        tx.apply(None, false).unwrap();
        tx.commit().unwrap();
    }

    /// Writes one function.
    pub fn define(&self, name: &str, body: &str) {
        let text = format!("module Ada.Net\n\nlet {name} (n: Int64) : Int64 =\n  {body}\n");
        self.write(&format!("Write {name}"), &text);
    }

    pub fn remote(&self, url: &str, token: Option<&str>, timeout_s: u64) {
        let engine = self.engine();
        let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
        let token = token.map(str::to_owned);
        tx.remote_add(&RemoteRequest { name: "home".to_owned(), url: url.to_owned(), token, timeout_s }).unwrap();
        tx.commit().unwrap();
    }

    pub fn forget_remote(&self) {
        let engine = self.engine();
        let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
        tx.remote_remove("home").unwrap();
        tx.commit().unwrap();
    }

    pub fn exchange(&self, direction: Direction) -> Result<ExchangeReport, EngineError> {
        self.engine().exchange(None, direction, false, &mut |_| {})
    }

    #[track_caller]
    pub fn sync(&self) -> ExchangeReport {
        self.exchange(Direction::Both).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The store itself, behind the engine's back.
    pub fn store(&self) -> dm_store::Store {
        let path = self.folder.path().join(".darkmatter/store.db");
        dm_store::Store::open(&path, dm_store::Mode::ReadWrite).unwrap()
    }

    /// Asks the remote in this version of the protocol from now on.
    pub fn speak(&self, protocol: u8) {
        let store = self.store();
        let mut tx = store.write().unwrap();
        tx.put_protocol("home", protocol, self.system.now()).unwrap();
        tx.commit().unwrap();
    }

    pub fn token(&self, name: &str) -> String {
        let engine = self.engine();
        let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
        let token = tx.create_token(name, &[]).unwrap().token;
        tx.commit().unwrap();
        token
    }

    /// Fingerprints of its envelopes and of its view.
    pub fn prints(&self) -> (String, String) {
        let instance = self.engine().instance(&[dm_model::Space::PUBLIC]).unwrap();
        (instance.set_fingerprint, instance.view_fingerprint)
    }

    pub fn envelopes(&self) -> u64 {
        self.engine().instance(&[dm_model::Space::PUBLIC]).unwrap().envelopes
    }

    #[track_caller]
    pub fn verifies(&self) {
        let report = self.engine().verify().unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }

    /// All that it holds as one parcel.
    pub fn parcel(&self) -> Parcel {
        let page = self.engine().page(None, &[dm_model::Space::PUBLIC]).unwrap();
        assert!(!page.more);
        let sealed = |envelope: &Arc<dm_model::Envelope>| Sealed {
            signature: *envelope.signature(),
            bytes: envelope.bytes().to_vec(),
        };
        let definitions = page.definitions.into_iter().map(|(_, bytes)| bytes).collect();
        Parcel { envelopes: page.envelopes.iter().map(sealed).collect(), definitions }
    }

    /// Serves it on a thread of its own.
    pub fn serve(&self) -> Served {
        self.serve_with(false)
    }

    pub fn serve_with(&self, require_token: bool) -> Served {
        self.serve_as(require_token, dm_server::PROTOCOL_VERSION)
    }

    /// Serves it as an older program would, up to a version of the protocol.
    pub fn serve_as(&self, require_token: bool, protocol_max: u8) -> Served {
        let engine = self.engine();
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let config = ServeConfig { listen: "127.0.0.1:0".to_owned(), require_token, protocol_max };
            let mut ready = |url: &str| tell.send(url.to_owned()).unwrap();
            dm_server::serve_until(engine, &config, &mut ready, async { drop(stopped.await) }).unwrap();
        });
        Served { url: told.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    /// The same store once more, in a folder of its own.
    pub fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (self.folder.path().join(".darkmatter"), folder.path().join(".darkmatter"));
        copy_folder(&from, &to);
        let now = Timestamp::from_ms(START_MS + 3_600_000);
        let system = Arc::new(Moody { inner: FixedSystem::new(now, "copy"), left: AtomicI64::new(-1) });
        Self { folder, system, author: self.author.clone() }
    }
}

/// Copies a folder with all that is in it.
fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy_folder(&path, &target) } else { std::fs::copy(&path, &target).map(drop).unwrap() }
    }
}

/// A server; it ends when this is dropped.
pub struct Served {
    url: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl std::ops::Deref for Served {
    type Target = str;

    /// Its URL.
    fn deref(&self) -> &str {
        &self.url
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

pub const SYNC: (&str, &str) = ("content-type", wire::SYNC_MEDIA_TYPE);
pub const JSON: (&str, &str) = ("content-type", "application/json");

/// Asks a question at the sync door.
#[track_caller]
pub fn question(url: &str, message: &Message) -> Answer {
    http::ask(url, "POST", "/api/sync", &[SYNC], &wire::pack(&message.encode()))
}

/// The machine's answer in an HTTP one.
#[track_caller]
pub fn message(answer: &Answer) -> Message {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    Message::decode(&wire::unpack(&answer.body).unwrap()).unwrap()
}

/// A put of all that an instance holds, to be settled at once.
pub fn put_all(instance: &Instance) -> Message {
    Message::Put { parcel: instance.parcel(), finish: true }
}
