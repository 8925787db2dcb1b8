//! The client over bad networks and before servers that are none: a clear error, nothing lost, and the next time it goes on.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use dm_engine::{Direction, EngineError, RemoteError};
use dm_testkit::{Proxy, Way};

use crate::instance::{Instance, Served};

/// What a remote's failure was.
#[track_caller]
fn remote_error(error: EngineError) -> RemoteError {
    match error {
        EngineError::Remote { source, .. } => *source,
        other => panic!("not the remote's failure: {other}"),
    }
}

/// An instance to ask with, one to be asked, a proxy between them.
struct Scene {
    asker: Instance,
    home: Instance,
    proxy: Proxy,
    _server: Served,
}

impl Scene {
    fn of(asker: &Instance, home: &Instance) -> Self {
        let (asker, home) = (asker.copy(), home.copy());
        let server = home.serve();
        let proxy = Proxy::to(&server);
        asker.remote(&proxy.url(), None, 20);
        Self { asker, home, proxy, _server: server }
    }

    /// How many bytes a whole exchange takes each way.
    fn measure(asker: &Instance, home: &Instance, direction: Direction) -> (u64, u64) {
        let scene = Self::of(asker, home);
        scene.asker.exchange(direction).unwrap();
        scene.proxy.carried()
    }
}

/// Bytes at which to cut: all of the beginning of what matters, then at even distances.
fn places(total: u64) -> Vec<u64> {
    (0..24).map(|place| total * place / 24).chain([1, 17, total - 1]).collect()
}

#[track_caller]
fn cut_everywhere(asker: &Instance, home: &Instance, direction: Direction) {
    let (up, down) = Scene::measure(asker, home, direction);
    let mut failures = 0;
    for (way, total) in [(Way::Up, up), (Way::Down, down)] {
        for bytes in places(total) {
            let scene = Scene::of(asker, home);
            let before = (scene.asker.envelopes(), scene.home.envelopes());
            scene.proxy.cut_after(way, bytes);
            let ended = scene.asker.exchange(direction);
            match ended {
                Ok(_) => assert!(!scene.proxy.has_cut(), "{way:?} {bytes} of {total}: cut, and not noticed"),
                Err(error) => {
                    failures += 1;
                    let error = remote_error(error);
                    let said = matches!(error, RemoteError::Cut(_) | RemoteError::Unreachable(_));
                    assert!(said, "{way:?} {bytes} of {total}: {error}");
                }
            }
            assert!(scene.asker.envelopes() >= before.0 && scene.home.envelopes() >= before.1, "something is lost");
            scene.asker.verifies();
            scene.home.verifies();
            scene.proxy.heal();
            scene.asker.sync();
            assert_eq!(scene.asker.prints(), scene.home.prints(), "{way:?} {bytes} of {total}");
            assert_eq!(scene.asker.sync().round_trips, 1);
            assert_eq!(
                scene.asker.engine().snapshot(&dm_engine::SessionChoice::Current).unwrap().status().unwrap().pending,
                0
            );
        }
    }
    assert!(failures > 40, "{failures} cuts were felt");
}

fn ada() -> Instance {
    let ada = Instance::new("laptop", "Ada");
    ada.define("one", "n");
    ada.define("two", "Ada.Net.one n");
    ada.define("one", "n + 1L");
    ada
}

#[test]
fn a_first_push_cut_anywhere_goes_on() {
    cut_everywhere(&ada(), &Instance::new("home", "Home"), Direction::Both);
}

#[test]
fn a_first_pull_cut_anywhere_goes_on() {
    cut_everywhere(&Instance::new("desktop", "Ben"), &ada(), Direction::Both);
}

#[test]
fn an_exchange_both_ways_cut_anywhere_goes_on() {
    let (ada, ben) = (ada(), Instance::new("desktop", "Ben"));
    let server = ada.serve();
    ben.remote(&server, None, 20);
    ben.sync();
    ben.forget_remote();
    ben.write("Write three", "module Ben.Net\n\nlet three (n: Int64) : Int64 =\n  Ada.Net.two n\n");
    ada.define("four", "4L");
    drop(server);
    cut_everywhere(&ben, &ada, Direction::Both);
}

#[test]
fn a_report_says_what_went_each_way_and_a_dry_run_what_would() {
    let scene = Scene::of(&ada(), &Instance::new("home", "Home"));
    let dry = scene.asker.engine().exchange(None, Direction::Both, true, &mut |_| {}).unwrap();
    assert!(dry.dry_run);
    assert_eq!((dry.sent.len(), dry.sent_envelopes, dry.sent_facts), (3, 6, 3));
    assert_eq!(scene.home.envelopes(), 0);
    let mut said = Vec::new();
    let report = scene.asker.engine().exchange(None, Direction::Both, false, &mut |words| said.push(words.to_owned()));
    let report = report.unwrap();
    assert_eq!(said, ["asking home", "sending to home"]);
    assert_eq!((report.sent.len(), report.sent_envelopes, report.sent_facts), (3, 6, 3));
    assert_eq!((report.received_envelopes, report.received_facts, report.round_trips), (1, 1, 2));
    let intents: Vec<&str> = report.sent.iter().map(|patch| patch.intent.as_str()).collect();
    assert_eq!(intents, ["Write one", "Write two", "Write one"], "oldest first");
    let nothing = scene.asker.sync();
    assert_eq!((nothing.round_trips, nothing.sent_envelopes, nothing.received_envelopes), (1, 0, 0));
    assert!(nothing.bytes_sent + nothing.bytes_received < 300);
}

#[test]
fn a_slow_drip_arrives() {
    let scene = Scene::of(&ada(), &Instance::new("home", "Home"));
    scene.proxy.drip(7);
    scene.asker.sync();
    assert_eq!(scene.asker.prints(), scene.home.prints());
}

/// Answers each connection with the same bytes, whatever is asked.
fn always(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(read_request(&mut stream));
            drop(stream.write_all(answer));
        }
    });
    url
}

/// Reads a request with its body.
fn read_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        read.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&read).to_lowercase();
    let length = head.split("content-length:").nth(1).and_then(|rest| rest.split_whitespace().next());
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    stream.read_exact(&mut vec![0; length])
}

#[track_caller]
fn fails_with(url: &str) -> RemoteError {
    let ada = ada();
    ada.remote(url, None, 5);
    let before = ada.prints();
    let error = remote_error(ada.exchange(Direction::Both).unwrap_err());
    assert_eq!(ada.prints(), before);
    error
}

#[test]
fn whatever_answers_that_is_no_server_of_ours_is_said_so() {
    let answers: [&'static [u8]; 7] = [
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nnot here\n",
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 3\r\n\r\nno\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.darkmatter.sync\r\ncontent-length: 7\r\n\r\nno zstd",
    ];
    for answer in answers {
        let error = fails_with(&always(answer));
        assert!(matches!(error, RemoteError::Foreign(_)), "{}: {error:?}", String::from_utf8_lossy(answer));
    }
}

/// A refusal as our server words it.
fn refusal(status: &str, kind: &str, message: &str) -> &'static [u8] {
    let body = serde_json::json!({ "error": { "kind": kind, "message": message } }).to_string();
    Vec::leak(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

#[test]
fn refusals_are_passed_on_without_what_could_harm_a_terminal() {
    let error = fails_with(&always(refusal("503 Busy", "busy", "later \u{1b}[2J\nplease")));
    assert_eq!(error.to_string(), "it refused with status 503: later  [2J please");
    let error = fails_with(&always(refusal("400 Bad", "protocol-version", "only 7")));
    assert!(matches!(error, RemoteError::Version(_)), "{error}");
    let error = fails_with(&always(refusal("401 No", "token", "wrong")));
    assert!(matches!(error, RemoteError::NotAllowed(_)), "{error}");
}

#[test]
fn an_answer_in_another_version_or_of_another_kind_is_refused() {
    use dm_collab::sync::Message;
    use dm_engine::wire::{SYNC_MEDIA_TYPE, pack};
    let answer = |bytes: &[u8]| -> &'static [u8] {
        let body = pack(bytes);
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {SYNC_MEDIA_TYPE}\r\ncontent-length: {}\r\n\r\n", body.len());
        Vec::leak([head.as_bytes(), &body].concat())
    };
    let mut later = Message::Stored { missing: Vec::new(), refused: Vec::new() }.encode();
    let error = fails_with(&always(answer(&later)));
    assert!(matches!(error, RemoteError::Invalid(_)), "{error}");
    later[0] = 9;
    let error = fails_with(&always(answer(&later)));
    assert!(matches!(error, RemoteError::Version(_)), "{error}");
}

#[test]
fn nobody_there_is_said_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = fails_with(&url);
    assert!(matches!(error, RemoteError::Unreachable(_)), "{error}");
    let error = fails_with("http://no-such-host.invalid");
    assert!(matches!(error, RemoteError::Unreachable(_)), "{error}");
}

/// Takes connections and requests and never answers.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let kept: Vec<_> = listener
            .incoming()
            .map(|stream| {
                let mut stream = stream.unwrap();
                drop(read_request(&mut stream));
                stream
            })
            .collect();
        drop(kept);
    });
    url
}

#[test]
fn a_server_that_never_answers_is_given_up_in_time() {
    let ada = ada();
    ada.remote(&silent(), None, 1);
    let begun = Instant::now();
    let error = remote_error(ada.exchange(Direction::Both).unwrap_err());
    assert!(matches!(error, RemoteError::TimedOut(1)), "{error}");
    assert_eq!(error.to_string(), "it did not answer within 1 s");
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(8), "{took:?}");
    ada.verifies();
}

#[test]
fn an_answer_that_drips_without_end_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream).unwrap();
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\ncontent-type: application/vnd.darkmatter.sync\r\n\r\n",
            )
            .unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        // The client says nothing more: each reading lasts its time-out, and then a byte goes.
        while matches!(stream.read(&mut [0]), Err(_) | Ok(1)) && stream.write_all(b"x").is_ok() {}
    });
    let ada = ada();
    ada.remote(&url, None, 1);
    // A time-out shorter than the command line takes, so that the test is short.
    let store =
        dm_store::Store::open(&ada.folder.path().join(".darkmatter/store.db"), dm_store::Mode::ReadWrite).unwrap();
    let mut tx = store.write().unwrap();
    let remote = tx.remote("home").unwrap().unwrap();
    tx.put_remote(&dm_store::Remote { timeout_ms: 60, ..remote }).unwrap();
    tx.commit().unwrap();
    let error = remote_error(ada.exchange(Direction::Both).unwrap_err());
    assert!(matches!(error, RemoteError::TimedOut(_)), "{error}");
}

#[test]
fn a_request_that_never_arrives_whole_does_not_keep_a_server_that_is_to_stop() {
    let home = Instance::new("home", "Home");
    let server = home.serve();
    let mut stream = TcpStream::connect(server.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(b"POST /api/sync HTTP/1.1\r\ncontent-length: 100\r\ncontent-type: application/vnd.darkmatter.sync\r\n\r\nhalf").unwrap();
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(stream.read(&mut [0; 9]).unwrap_or(0), 0, "it is closed");
}
