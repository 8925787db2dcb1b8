//! Cloning and syncing over loopback HTTP (B6, B7).

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::corpus::Corpus;
use super::ground::{Ground, Server};
use super::relay::{Relay, address_in};
use super::rows::{Row, Unit};
use super::sample::{self, Sample, Usage};
use super::scale::{LARGE, SMALL};

/// Patches on top of the code base that is cloned.
pub const CLONE_PATCHES: usize = 1000;
const CLONE_RUNS: usize = 5;
const LARGE_CLONE_RUNS: usize = 3;
/// How often a sync with nothing new is run, with one new patch, with a hundred.
const NOTHING_RUNS: usize = 60;
const ONE_RUNS: usize = 40;
const HUNDRED_RUNS: usize = 7;
const HUNDRED: usize = 100;

const fn clone_row(name: &'static str, what: &'static str, goal: f64, measure: fn(&Ground) -> Result<Sample>) -> Row {
    Row::new(name, what, goal, Unit::Seconds, measure).against(&[("jj", 0.5)])
}

const fn milliseconds(
    name: &'static str,
    what: &'static str,
    goal: f64,
    measure: fn(&Ground) -> Result<Sample>,
) -> Row {
    Row::new(name, what, goal, Unit::Milliseconds, measure)
}

/// The figures of this file.
pub const ROWS: [Row; 21] = [
    clone_row("clone-10k", "full clone of 10,000 definitions and 1,000 patches over HTTP", 0.35, |ground| {
        ground.together("clone-10k", clone_small)
    }),
    Row::new("clone-10k-bytes", "bytes on the wire of that clone", 3e6, Unit::Bytes, |ground| {
        ground.together("clone-10k-bytes", clone_small)
    })
    .against(&[("git", 1.0)]),
    clone_row("clone-100k", "full clone of 100,000 definitions over HTTP", 2.5, |ground| {
        ground.together("clone-100k", clone_large)
    }),
    Row::new("clone-100k-bytes", "bytes on the wire of that clone", 30e6, Unit::Bytes, |ground| {
        ground.together("clone-100k-bytes", clone_large)
    })
    .against(&[("git", 1.0)]),
    milliseconds("sync-0-1k", "`dm sync`, nothing new, 1,000 patches of history, besides start-up", 5.0, |ground| {
        ground.together("sync-0-1k", sync_1k)
    })
    .against(&[("pijul", 1.0)])
    .without_start(),
    milliseconds("sync-0-10k", "the same, 10,000 patches", 5.0, |ground| ground.together("sync-0-10k", sync_10k))
        .without_start(),
    milliseconds("sync-0-100k", "the same, 100,000 patches", 5.0, |ground| ground.together("sync-0-100k", sync_100k))
        .without_start(),
    Row::new("sync-0-trips", "round trips of a sync with nothing new", 1.0, Unit::Count, |ground| {
        ground.together("sync-0-trips", sync_1k)
    }),
    Row::new("sync-0-bytes", "bodies of that sync, both ways", 300.0, Unit::Bytes, |ground| {
        ground.together("sync-0-bytes", sync_1k)
    }),
    milliseconds("sync-1-1k", "`dm sync`, one new patch, 1,000 patches of history", 14.0, |ground| {
        ground.together("sync-1-1k", sync_1k)
    })
    .against(&[("git", 0.25)]),
    milliseconds("sync-1-10k", "the same, 10,000 patches", 14.0, |ground| ground.together("sync-1-10k", sync_10k))
        .against(&[("git", 0.25)]),
    milliseconds("sync-1-100k", "the same, 100,000 patches", 14.0, |ground| ground.together("sync-1-100k", sync_100k))
        .against(&[("git", 0.25)]),
    Row::new("sync-1-bytes", "bodies of that sync, 100,000 patches of history", 4096.0, Unit::Bytes, |ground| {
        ground.together("sync-1-bytes", sync_100k)
    }),
    milliseconds("sync-100-1k", "`dm sync`, 100 new patches, 1,000 patches of history", 100.0, |ground| {
        ground.together("sync-100-1k", sync_1k)
    }),
    milliseconds("sync-100-10k", "the same, 10,000 patches", 100.0, |ground| ground.together("sync-100-10k", sync_10k)),
    milliseconds("sync-100-100k", "the same, 100,000 patches", 100.0, |ground| {
        ground.together("sync-100-100k", sync_100k)
    }),
    milliseconds("sync-both-1k", "`dm sync`, one new patch on either side, 1,000 patches of history", 28.0, |ground| {
        ground.together("sync-both-1k", sync_1k)
    }),
    milliseconds("sync-both-10k", "the same, 10,000 patches", 28.0, |ground| {
        ground.together("sync-both-10k", sync_10k)
    }),
    milliseconds("sync-both-100k", "the same, 100,000 patches", 28.0, |ground| {
        ground.together("sync-both-100k", sync_100k)
    }),
    Row::new("sync-0-growth", "sync-0-100k / sync-0-1k", 1.3, Unit::Times, |ground| {
        ground.ratio("sync-0-100k", "sync-0-1k")
    }),
    Row::new("sync-1-growth", "sync-1-100k / sync-1-1k", 1.3, Unit::Times, |ground| {
        ground.ratio("sync-1-100k", "sync-1-1k")
    }),
];

/// Adds applied patches of one edit each to a store, without going through `dm`.
fn add_history(ground: &Ground, store: &Path, patches: usize, seed: usize) -> Result<()> {
    ground.tool(&["history", &store.to_string_lossy(), &patches.to_string(), &seed.to_string()]).map(|_| ())
}

/// A store of another instance that knows a server as `home`.
fn reader(ground: &Ground, url: &str) -> Result<tempfile::TempDir> {
    let store = ground.new_folder()?;
    ground.init(store.path(), "Reader")?;
    ground.run(store.path(), &["remote", "add", "home", url])?;
    Ok(store)
}

fn clone_small(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let store = ground.copy_of(&ground.generated(SMALL)?)?;
    add_history(ground, store.path(), CLONE_PATCHES, 21)?;
    let (times, bytes) = clone(ground, store.path(), CLONE_RUNS)?;
    Ok(vec![("clone-10k", times), ("clone-10k-bytes", bytes)])
}

fn clone_large(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let store = ground.copy_of(&ground.generated(LARGE)?)?;
    let (times, bytes) = clone(ground, store.path(), LARGE_CLONE_RUNS)?;
    Ok(vec![("clone-100k", times), ("clone-100k-bytes", bytes)])
}

fn clone(ground: &Ground, store: &Path, runs: usize) -> Result<(Sample, Sample)> {
    let server = ground.serve(store)?;
    let wanted = ground.fingerprint(store)?;
    let mut used = Vec::new();
    for _ in 0..runs {
        let reader = reader(ground, &server.url)?;
        used.push(ground.run(reader.path(), &["pull", "home"])?);
        ensure!(ground.fingerprint(reader.path())? == wanted, "the clone is not the whole main");
    }
    let relay = Relay::to(address_in(&server.url)?)?;
    let counted = reader(ground, &format!("http://{}", relay.address))?;
    relay.take_bytes();
    ground.run(counted.path(), &["pull", "home"])?;
    Ok((Sample::of_times(&used, 1.0)?, Sample::new(vec![relay.take_bytes() as f64])?))
}

fn sync_1k(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let [zero, one, hundred, both, trips, bytes, _] = sync(ground, 1000)?;
    Ok(vec![
        ("sync-0-1k", zero),
        ("sync-1-1k", one),
        ("sync-100-1k", hundred),
        ("sync-both-1k", both),
        ("sync-0-trips", trips),
        ("sync-0-bytes", bytes),
    ])
}

fn sync_10k(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let [zero, one, hundred, both, ..] = sync(ground, 10_000)?;
    Ok(vec![("sync-0-10k", zero), ("sync-1-10k", one), ("sync-100-10k", hundred), ("sync-both-10k", both)])
}

fn sync_100k(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let [zero, one, hundred, both, _, _, bytes] = sync(ground, 100_000)?;
    Ok(vec![
        ("sync-0-100k", zero),
        ("sync-1-100k", one),
        ("sync-100-100k", hundred),
        ("sync-both-100k", both),
        ("sync-1-bytes", bytes),
    ])
}

/// Two stores with a long history in common, and a server between them.
struct Pair<'g> {
    ground: &'g Ground,
    near: tempfile::TempDir,
    far: tempfile::TempDir,
    _server: Server,
    seed: usize,
}

impl<'g> Pair<'g> {
    fn new(ground: &'g Ground, corpus: Corpus, history: usize) -> Result<Self> {
        let far = ground.copy_of(&ground.generated(corpus)?)?;
        add_history(ground, far.path(), history, 31)?;
        let server = ground.serve(far.path())?;
        let near = reader(ground, &server.url)?;
        ground.run(near.path(), &["pull", "home"])?;
        let pair = Self { ground, near, far, _server: server, seed: 100 };
        // The first sync brings the server the fact that its patches were applied here.
        pair.sync()?;
        pair.check_equal()?;
        Ok(pair)
    }

    fn check_equal(&self) -> Result<()> {
        let (near, far) = (self.ground.fingerprint(self.near.path())?, self.ground.fingerprint(self.far.path())?);
        ensure!(near == far, "the two mains differ after a sync");
        Ok(())
    }

    fn news(&mut self, store: Side, patches: usize) -> Result<()> {
        self.seed += 1;
        let store = if store == Side::Near { self.near.path() } else { self.far.path() };
        add_history(self.ground, store, patches, self.seed)
    }

    fn sync(&self) -> Result<(Usage, Value)> {
        let mut command = self.ground.dm(self.near.path(), &["sync", "home", "--json"])?;
        let (used, printed) = sample::run_and_read(&mut command, self.ground.folder())?;
        Ok((used, serde_json::from_str(&printed).context("sync answered no JSON")?))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Near,
    Far,
}

fn number(report: &Value, name: &str) -> Result<f64> {
    report.get(name).and_then(Value::as_f64).with_context(|| format!("the report has no {name}"))
}

fn bodies(report: &Value) -> Result<f64> {
    Ok(number(report, "bytes_sent")? + number(report, "bytes_received")?)
}

/// Nothing new (besides start-up), one new, a hundred new, one on either side; round trips and bytes of the first, bytes of the
/// second.
fn sync(ground: &Ground, history: usize) -> Result<[Sample; 7]> {
    let mut pair = Pair::new(ground, SMALL, history)?;
    let (mut zero, mut trips, mut bytes_of_none) = (Vec::new(), Vec::new(), Vec::new());
    let mut starts = Vec::new();
    for _ in 0..NOTHING_RUNS {
        starts.push(ground.run(pair.near.path(), &["--version"])?);
        let (used, report) = pair.sync()?;
        zero.push(used);
        trips.push(number(&report, "round_trips")?);
        bytes_of_none.push(bodies(&report)?);
    }
    let start = Sample::of_times(&starts, 1e3)?;
    let zero = Sample::of_times(&zero, 1e3)?.less(&start);
    let (mut one, mut bytes_of_one) = (Vec::new(), Vec::new());
    for _ in 0..ONE_RUNS {
        pair.news(Side::Far, 1)?;
        let (used, report) = pair.sync()?;
        ensure!(number(&report, "received_envelopes")? >= 1.0, "the new patch did not come");
        one.push(used);
        bytes_of_one.push(bodies(&report)?);
    }
    pair.check_equal()?;
    let mut hundred = Vec::new();
    for _ in 0..HUNDRED_RUNS {
        pair.news(Side::Far, HUNDRED)?;
        let (used, report) = pair.sync()?;
        ensure!(number(&report, "received_envelopes")? >= HUNDRED as f64, "not all new patches came");
        hundred.push(used);
    }
    pair.check_equal()?;
    let mut both = Vec::new();
    for _ in 0..ONE_RUNS {
        pair.news(Side::Far, 1)?;
        pair.news(Side::Near, 1)?;
        let (used, report) = pair.sync()?;
        let moved = (number(&report, "received_envelopes")?, number(&report, "sent_envelopes")?);
        ensure!(moved.0 >= 1.0 && moved.1 >= 1.0, "patches went one way only");
        both.push(used);
    }
    pair.check_equal()?;
    Ok([
        zero,
        Sample::of_times(&one, 1e3)?,
        Sample::of_times(&hundred, 1e3)?,
        Sample::of_times(&both, 1e3)?,
        Sample::new(trips)?,
        Sample::new(bytes_of_none)?,
        Sample::new(bytes_of_one)?,
    ])
}
