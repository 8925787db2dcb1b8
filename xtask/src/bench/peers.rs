//! The other programs that do the same jobs, each with its own recommended settings, on the same code base and edits.
//!
//! They keep files, so they get one file per definition, and what they write to the working folder is in their times.
//! What a program cannot do, or what is not installed, is missing from the table.

mod cgi;
mod jobs;
mod repo;

use std::cell::OnceCell;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::ground::Ground;
use super::sample::{self, Sample, Usage};
use crate::step;

pub use jobs::{JOBS, Job};

/// Another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Git,
    Jj,
    Pijul,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Git, Self::Jj, Self::Pijul];

    pub fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Jj => "jj",
            Self::Pijul => "pijul",
        }
    }
}

/// A program that is installed, with a home of its own.
pub struct Peer<'g> {
    pub kind: Kind,
    pub ground: &'g Ground,
    /// What it says of its version.
    pub version: String,
    home: PathBuf,
    /// Where its ssh-agent listens, if it needs one.
    agent: OnceCell<Agent>,
}

/// An ssh-agent that ends with this.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const GIT_CONFIG: &str = "[user]\n\tname = Bench\n\temail = bench@example.org\n[init]\n\tdefaultBranch = main\n\
    [gc]\n\tauto = 0\n[advice]\n\tdetachedHead = false\n[pull]\n\trebase = true\n";
const JJ_CONFIG: &str = "[user]\nname = \"Bench\"\nemail = \"bench@example.org\"\n[ui]\npaginate = \"never\"\n\
    color = \"never\"\n[snapshot]\nmax-new-file-size = \"1MiB\"\n";
const PIJUL_CONFIG: &str = "[author]\nname = \"bench\"\nfull_name = \"Bench\"\nemail = \"bench@example.org\"\n";

impl<'g> Peer<'g> {
    /// The program, if it is installed.
    pub fn find(kind: Kind, ground: &'g Ground) -> Result<Option<Self>> {
        let home = ground.folder().join(format!("home-{}", kind.name()));
        fs::create_dir_all(home.join(".config/jj"))?;
        fs::create_dir_all(home.join(".config/pijul"))?;
        fs::write(home.join(".gitconfig"), GIT_CONFIG)?;
        fs::write(home.join(".config/jj/config.toml"), JJ_CONFIG)?;
        fs::write(home.join(".config/pijul/config.toml"), PIJUL_CONFIG)?;
        let mut peer = Self { kind, ground, version: String::new(), home, agent: OnceCell::new() };
        match step::read(peer.command(ground.folder(), &["--version"]).stderr(Stdio::null())) {
            Ok(words) => peer.version = words.lines().next().unwrap_or_default().trim().to_owned(),
            Err(_) => return Ok(None),
        }
        if kind == Kind::Pijul {
            let agent = peer.start_agent()?;
            drop(peer.agent.set(agent));
        }
        Ok(Some(peer))
    }

    fn start_agent(&self) -> Result<Agent> {
        let (key, socket) = (self.home.join("id_ed25519"), self.home.join("agent"));
        let ssh = |program: &str| {
            let mut command = Command::new(program);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env("HOME", &self.home);
            command.env("SSH_AUTH_SOCK", &socket);
            command
        };
        let key_path = key.to_string_lossy();
        step::run(ssh("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key_path]))?;
        let mut start = ssh("ssh-agent");
        let mut child =
            start.arg("-D").arg("-a").arg(&socket).stdout(Stdio::piped()).spawn().context("no ssh-agent")?;
        let printed = child.stdout.take();
        let agent = Agent { child, socket: socket.clone() };
        // It says where it listens once it does.
        let mut line = String::new();
        BufReader::new(printed.context("ssh-agent without its output")?).read_line(&mut line)?;
        ensure!(line.contains("SSH_AUTH_SOCK"), "the ssh-agent does not listen: {line}");
        step::run(ssh("ssh-add").arg("-q").arg(&key))?;
        Ok(agent)
    }

    /// A command in a folder, with the peer's own home and nothing of this machine's settings.
    pub fn command(&self, folder: &Path, args: &[&str]) -> Command {
        self.sealed(self.kind.name(), folder, args)
    }

    /// Any program with the peer's home.
    pub fn sealed(&self, program: &str, folder: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(folder).stdin(Stdio::null()).env_clear();
        command.env("HOME", &self.home).env("XDG_CONFIG_HOME", self.home.join(".config")).env("USER", "bench");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("TMPDIR", self.ground.folder()).env("LC_ALL", "C.UTF-8");
        if let Some(agent) = self.agent.get() {
            command.env("SSH_AUTH_SOCK", &agent.socket);
        }
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// Runs a command and says what it took.
    pub fn run(&self, folder: &Path, args: &[&str]) -> Result<Usage> {
        sample::run(&mut self.command(folder, args))
    }

    /// What a command printed.
    pub fn read(&self, folder: &Path, args: &[&str]) -> Result<String> {
        step::read(self.command(folder, args).stderr(Stdio::null()))
    }

    /// What its start takes, in milliseconds.
    pub fn start(&self, runs: usize) -> Result<Sample> {
        let used = (0..runs).map(|_| self.run(self.ground.folder(), &["--version"])).collect::<Result<Vec<_>>>()?;
        Sample::of_times(&used, 1e3)
    }
}

/// Several commands that one job takes.
pub fn sum(used: impl IntoIterator<Item = Usage>) -> Usage {
    let none = Usage { seconds: 0.0, cpu: 0.0, memory: 0 };
    used.into_iter().fold(none, |sum, used| Usage {
        seconds: sum.seconds + used.seconds,
        cpu: sum.cpu + used.cpu,
        memory: sum.memory.max(used.memory),
    })
}
