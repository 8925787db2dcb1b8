//! `dm serve` as a process of its own: how it ends, and what becomes of those who were asking.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use dm_testkit::{Machine, Proxy, Sandbox, Server, Way};

use crate::support::{ask, sandbox};

fn home(sandbox: &Sandbox) -> (Machine, Server) {
    let home = sandbox.machine("home");
    home.dm(&["init", "--author", "Home"]).succeeds();
    let server = start(&home);
    (home, server)
}

fn start(home: &Machine) -> Server {
    home.serve(&["serve", "--listen", "127.0.0.1:0"])
}

/// A laptop with some patches in its main.
fn laptop(sandbox: &Sandbox, url: &str) -> Machine {
    let laptop = sandbox.machine("laptop");
    laptop.dm(&["init", "--author", "Ada"]).succeeds();
    for number in 0..4 {
        let text = format!("module Ada.M{number}\n\n/// {}\nlet f (n: Int64) : Int64 =\n  n\n", "Words. ".repeat(40));
        laptop.dm_with_input(&["add", "-", "--intent", "Write"], &text).succeeds();
        laptop.dm(&["patch", "apply"]).succeeds();
    }
    laptop.dm(&["remote", "add", "home", url, "--timeout", "20"]).succeeds();
    laptop
}

fn view(machine: &Machine) -> String {
    ask(machine, &["status"])["view_fingerprint"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn it_ends_when_told_to_after_answering() {
    let sandbox = sandbox();
    let (home, server) = home(&sandbox);
    let laptop = laptop(&sandbox, &server.url());
    laptop.dm(&["push"]).succeeds().prints("sent to home: 4 patches");
    // A connection that asks nothing keeps it as little as one that has been answered.
    let idle = TcpStream::connect(server.address()).unwrap();
    let mut asking = TcpStream::connect(server.address()).unwrap();
    asking.write_all(b"GET /api/instance HTTP/1.1\r\nhost: home\r\n\r\n").unwrap();
    let mut first = [0; 15];
    asking.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    assert_eq!(server.stop(), Some(0));
    drop(idle);
    assert_eq!(view(&home), view(&laptop));
    home.dm(&["verify"]).succeeds();
    laptop.dm(&["sync"]).exits(3).says("it cannot be reached: connection refused");
}

#[test]
fn who_was_asking_a_server_that_died_goes_on_with_the_next_one() {
    // How much a whole exchange takes.
    let total = {
        let sandbox = sandbox();
        let (_, server) = home(&sandbox);
        let proxy = Proxy::to(&server.url());
        laptop(&sandbox, &proxy.url()).dm(&["sync"]).succeeds();
        proxy.carried()
    };
    for (way, bytes) in [(Way::Up, total.0 / 3), (Way::Up, total.0 - 2), (Way::Down, 0), (Way::Down, total.1 - 2)] {
        let sandbox = sandbox();
        let (home, server) = home(&sandbox);
        let proxy = Proxy::to(&server.url());
        let laptop = laptop(&sandbox, &proxy.url());
        let server = Arc::new(Mutex::new(Some(server)));
        let dying = Arc::clone(&server);
        proxy.cut_after_then(way, bytes, move || {
            dying.lock().unwrap().take().unwrap().kill();
        });
        let failed = laptop.dm(&["sync"]).exits(3);
        let said = failed.stderr.contains("cut") || failed.stderr.contains("reached");
        assert!(said && failed.stderr.contains("hint: what"), "{way:?} {bytes}: {}", failed.stderr);
        assert!(server.lock().unwrap().is_none(), "it is dead");
        home.dm(&["verify"]).succeeds();
        laptop.dm(&["verify"]).succeeds();
        let next = start(&home);
        proxy.turn_to(&next.url());
        proxy.heal();
        laptop.dm(&["sync"]).succeeds();
        laptop.dm(&["sync"]).succeeds().prints("nothing to exchange: home holds the same");
        assert_eq!(view(&home), view(&laptop), "{way:?} {bytes}");
    }
}

#[test]
fn who_opens_it_to_everyone_is_warned() {
    let sandbox = sandbox();
    let (home, server) = home(&sandbox);
    assert_eq!(server.log(), "", "only this machine reaches it");
    drop(server);
    let wide: &[&str] = &["serve", "--listen", "0.0.0.0:0"];
    let log = home.serve(wide).log();
    assert!(log.contains("warning: everyone who reaches http://0.0.0.0:"), "{log}");
    assert!(log.contains("`dm token create NAME` makes a key"), "{log}");
    assert_eq!(home.serve(&["serve", "--listen", "0.0.0.0:0", "--require-token"]).log(), "");
    home.dm(&["token", "create", "laptop"]).succeeds();
    assert_eq!(home.serve(wide).log(), "");
}

#[test]
fn a_port_that_is_taken_and_an_address_that_is_none_are_said_so() {
    let sandbox = sandbox();
    let (home, server) = home(&sandbox);
    home.dm(&["serve", "--listen", &server.address()])
        .exits(3)
        .says("cannot listen at")
        .says("port 0 takes a free one");
    home.dm(&["serve", "--listen", "nowhere"]).exits(2).says("no address to listen at").says("HOST:PORT");
    sandbox.machine("empty").dm(&["serve"]).exits(3).says("no store in");
}
