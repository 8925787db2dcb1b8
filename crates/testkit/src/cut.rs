//! Commands that are cut at a step: killed at, or failing from, the n-th time that they call the system for something.
//!
//! The steps are real: `strace` stops the process at the call itself, so that what is tested is the program as it is, with every
//! library in it, and not a copy with places to fail at.

use std::fs;

use crate::sandbox::{Machine, Ran, Server};

/// How a command is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It is killed (SIGKILL) as it enters the call.
    Kill,
    /// The call, and all later ones of its name, fail with this error: `ENOSPC`, `EIO`, ...
    Fail(&'static str),
}

impl Cut {
    fn inject(self, call: &str, nth: u32) -> String {
        match self {
            Self::Kill => format!("inject={call}:signal=KILL:when={nth}"),
            Self::Fail(error) => format!("inject={call}:error={error}:when={nth}+"),
        }
    }
}

impl Machine {
    /// Runs the program and cuts it at the `nth` call (from 1) of that name which one of its threads makes. `None` if there were
    /// not so many.
    ///
    /// # Panics
    /// If `strace` is not there (`cargo xtask test` installs it) or may not trace.
    #[track_caller]
    #[must_use]
    pub fn dm_cut(&self, call: &str, nth: u32, cut: Cut, args: &[&str]) -> Option<Ran> {
        let log = tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("no temporary file: {error}"));
        let trace = format!("trace={call}");
        let log_path = log.path().to_string_lossy();
        let inject = cut.inject(call, nth);
        let before = ["-f", "-qq", "-o", &log_path, "-e", &trace, "-e", &inject, "--"];
        let ran = self.under("strace", &before, args);
        let traced = fs::read_to_string(log.path()).unwrap_or_else(|error| panic!("{log_path}: {error}"));
        assert!(!ran.stderr.contains("ptrace"), "{}: no tracing here: {}", ran.typed, ran.stderr);
        let was_cut = traced.contains("(INJECTED)") || traced.contains("killed by SIGKILL");
        was_cut.then_some(ran)
    }

    /// Starts the program as a server that is killed at the `nth` call (from 1) of that name which one of its threads makes. `None`
    /// if that was before it was ready.
    #[must_use]
    pub fn serve_cut(&self, call: &str, nth: u32, args: &[&str]) -> Option<Server> {
        let (trace, inject) = (format!("trace={call}"), Cut::Kill.inject(call, nth));
        let before = ["-D", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject, "--"];
        Server::start(self.command_under("strace", &before, args), self.server_log()).ok()
    }

    /// Puts the machine's home back to what [`Machine::keep`] kept.
    ///
    /// # Panics
    /// If anything cannot be copied.
    pub fn restore(&self, kept: &Kept) {
        let home = self.home();
        let restored = fs::remove_dir_all(&home).and_then(|()| crate::sandbox::copy_all(kept.folder.path(), &home));
        restored.unwrap_or_else(|error| panic!("{}: {error}", home.display()));
    }

    /// Keeps a copy of the machine's home, its stores and files. Nothing may be running there.
    ///
    /// # Panics
    /// If anything cannot be copied.
    #[must_use]
    pub fn keep(&self) -> Kept {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let copied = crate::sandbox::copy_all(&self.home(), folder.path());
        copied.unwrap_or_else(|error| panic!("{}: {error}", self.home().display()));
        Kept { folder }
    }
}

/// A copy of a machine's home.
#[derive(Debug)]
pub struct Kept {
    folder: tempfile::TempDir,
}
