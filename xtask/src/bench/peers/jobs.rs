//! The jobs that others do too, under the names of our figures.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use super::repo::{Bare, history, same_files};
use super::{Kind, Peer, cgi, sum};
use crate::bench::bundle;
use crate::bench::corpus::{self, Corpus, Edit};
use crate::bench::network;
use crate::bench::relay::Relay;
use crate::bench::rows::Unit;
use crate::bench::sample::{Sample, Usage};
use crate::bench::scale::{LARGE, MANY_EDITS, RECORDS, SMALL};

const SECONDS: f64 = 1.0;
const MILLISECONDS: f64 = 1e3;
/// How often something short is run; something long; something very long.
const SHORT_RUNS: usize = 20;
const LONG_RUNS: usize = 3;
/// How many edits are recorded in the large code base.
const LARGE_RECORDS: usize = 10;

/// A job: some figures, and who can do it.
pub struct Job {
    /// The figures that it gives.
    pub figures: &'static [&'static str],
    pub peers: &'static [Kind],
    pub measure: fn(&Peer<'_>) -> Figures,
}

const EVERYBODY: &[Kind] = &Kind::ALL;
const GIT_AND_JJ: &[Kind] = &[Kind::Git, Kind::Jj];

/// All of them.
pub const JOBS: [Job; 12] = [
    Job { figures: &["import-10k"], peers: EVERYBODY, measure: |peer| import(peer, SMALL, LONG_RUNS, "import-10k") },
    Job { figures: &["import-100k"], peers: EVERYBODY, measure: |peer| import(peer, LARGE, 1, "import-100k") },
    Job { figures: &["record-10k"], peers: EVERYBODY, measure: |peer| record(peer, SMALL, RECORDS, "record-10k") },
    Job {
        figures: &["record-100k", "status-1-100k", "status-100-100k"],
        peers: EVERYBODY,
        measure: |peer| reads(peer, LARGE),
    },
    Job {
        figures: &["status-1-10k", "diff-1-10k", "status-100-10k", "diff-100-10k"],
        peers: EVERYBODY,
        measure: |peer| reads(peer, SMALL),
    },
    Job { figures: &["apply-1000"], peers: &[Kind::Git], measure: apply },
    Job {
        figures: &["apply-1000", "clone-10k", "sync-0-1k", "sync-1-1k", "sync-100-1k", "sync-both-1k"],
        peers: &[Kind::Pijul],
        measure: apply,
    },
    Job { figures: &["clone-10k", "clone-10k-bytes"], peers: GIT_AND_JJ, measure: clone_small },
    Job { figures: &["clone-100k", "clone-100k-bytes"], peers: GIT_AND_JJ, measure: clone_large },
    Job {
        figures: &["sync-0-1k", "sync-1-1k", "sync-100-1k", "sync-both-1k"],
        peers: GIT_AND_JJ,
        measure: |peer| sync(peer, 1000, ["sync-0-1k", "sync-1-1k", "sync-100-1k", "sync-both-1k"]),
    },
    Job {
        figures: &["sync-0-10k", "sync-1-10k", "sync-100-10k", "sync-both-10k"],
        peers: GIT_AND_JJ,
        measure: |peer| sync(peer, 10_000, ["sync-0-10k", "sync-1-10k", "sync-100-10k", "sync-both-10k"]),
    },
    Job {
        figures: &["sync-0-100k", "sync-1-100k", "sync-100-100k", "sync-both-100k"],
        peers: GIT_AND_JJ,
        measure: |peer| sync(peer, 100_000, ["sync-0-100k", "sync-1-100k", "sync-100-100k", "sync-both-100k"]),
    },
];

/// Figures by the names of ours.
pub type Figure = (&'static str, Unit, Sample);
type Figures = Result<Vec<Figure>>;

fn times(name: &'static str, used: &[Usage], unit: Unit) -> Result<Figure> {
    let in_a_second = if unit == Unit::Seconds { SECONDS } else { MILLISECONDS };
    Ok((name, unit, Sample::of_times(used, in_a_second)?))
}

fn import(peer: &Peer<'_>, corpus: Corpus, runs: usize, name: &'static str) -> Figures {
    let mut used = Vec::new();
    for _ in 0..runs {
        let folder = peer.ground.new_folder()?;
        corpus.write_files(folder.path())?;
        peer.init(folder.path())?;
        used.push(peer.first_record(folder.path())?);
    }
    Ok(vec![times(name, &used, Unit::Seconds)?])
}

fn record(peer: &Peer<'_>, corpus: Corpus, runs: usize, name: &'static str) -> Figures {
    let folder = peer.imported(corpus)?;
    Ok(vec![record_in(peer, folder.path(), corpus, runs, name)?])
}

fn record_in(peer: &Peer<'_>, folder: &Path, corpus: Corpus, runs: usize, name: &'static str) -> Result<Figure> {
    let mut used = Vec::new();
    for edit in corpus.edits(1, runs, 1) {
        corpus::write_file(folder, edit)?;
        used.push(peer.record(folder)?);
    }
    times(name, &used, Unit::Milliseconds)
}

fn reads(peer: &Peer<'_>, corpus: Corpus) -> Figures {
    let folder = peer.imported(corpus)?;
    let folder = folder.path();
    let large = corpus.size == LARGE.size;
    let mut found = Vec::new();
    if large {
        found.push(record_in(peer, folder, corpus, LARGE_RECORDS, "record-100k")?);
    }
    let names = if large {
        ["status-1-100k", "", "status-100-100k", ""]
    } else {
        ["status-1-10k", "diff-1-10k", "status-100-10k", "diff-100-10k"]
    };
    let runs = if large { 5 } else { SHORT_RUNS };
    let [status_of_one, diff_of_one, status_of_many, diff_of_many] = names;
    for (edits, status, diff) in [(1, status_of_one, diff_of_one), (MANY_EDITS, status_of_many, diff_of_many)] {
        for edit in corpus.edits(2, edits, 2) {
            corpus::write_file(folder, edit)?;
        }
        peer.status(folder)?;
        let used = (0..runs).map(|_| peer.status(folder)).collect::<Result<Vec<_>>>()?;
        found.push(times(status, &used, Unit::Milliseconds)?);
        if !diff.is_empty() {
            let used = (0..runs).map(|_| peer.diff(folder)).collect::<Result<Vec<_>>>()?;
            found.push(times(diff, &used, Unit::Milliseconds)?);
        }
    }
    Ok(found)
}

/// `git am` of a thousand patches; `pijul pull` of as many, which gives its clone and syncs too, since its histories are slow to make.
fn apply(peer: &Peer<'_>) -> Figures {
    let edits = history(SMALL, bundle::PATCHES, 11);
    match peer.kind {
        Kind::Git => git_am(peer, &edits),
        Kind::Pijul => pijul_exchange(peer, &edits),
        Kind::Jj => bail!("jj applies no bundle"),
    }
}

fn git_am(git: &Peer<'_>, edits: &[Edit]) -> Figures {
    let around = git.ground.new_folder()?;
    let bare = Bare::new(git, around.path(), SMALL, edits)?;
    let source = bare.path.to_string_lossy().into_owned();
    let mail = around.path().join("patches.mbox");
    let base = format!("main~{}", edits.len());
    fs::write(&mail, git.read(&bare.path, &["format-patch", "--stdout", &format!("{base}..main")])?)?;
    let mut used = Vec::new();
    for run in 0..2 {
        let name = format!("am-{run}");
        git.clone(around.path(), &source, &name)?;
        let folder = around.path().join(&name);
        git.run(&folder, &["reset", "-q", "--hard", &format!("origin/{base}")])?;
        used.push(git.run(&folder, &["am", "-q", &mail.to_string_lossy()])?);
        let wanted = git.read(&folder, &["rev-parse", "origin/main^{tree}"])?;
        ensure!(git.read(&folder, &["rev-parse", "HEAD^{tree}"])? == wanted, "git am made other files");
    }
    Ok(vec![times("apply-1000", &used, Unit::Seconds)?])
}

fn pijul_exchange(pijul: &Peer<'_>, edits: &[Edit]) -> Figures {
    let base = pijul.imported(SMALL)?;
    let around = pijul.ground.new_folder()?;
    let source = around.path().join("source");
    pijul.clone(around.path(), &base.path().to_string_lossy(), "source")?;
    for edit in edits {
        corpus::write_file(&source, *edit)?;
        pijul.record(&source)?;
    }
    let from = source.to_string_lossy().into_owned();
    let (mut applied, mut cloned) = (Vec::new(), Vec::new());
    for run in 0..2 {
        let (pulling, cloning) = (format!("pull-{run}"), format!("clone-{run}"));
        pijul.clone(around.path(), &base.path().to_string_lossy(), &pulling)?;
        let folder = around.path().join(&pulling);
        applied.push(pijul.run(&folder, &["pull", "-a", &from])?);
        ensure!(same_files(&source, &folder, edits)?, "pijul pull made other files");
        cloned.push(pijul.clone(around.path(), &from, &cloning)?);
    }
    let mut found = vec![times("apply-1000", &applied, Unit::Seconds)?, times("clone-10k", &cloned, Unit::Seconds)?];
    let near = around.path().join("clone-0");
    let mut number = 0;
    let mut news = |folder: &Path, count: usize| -> Result<()> {
        for _ in 0..count {
            number += 1;
            corpus::write_file(folder, Edit { number, edition: 500_000 + number })?;
            pijul.record(folder)?;
        }
        Ok(())
    };
    found.extend(rounds(
        pijul,
        &near,
        ["sync-0-1k", "sync-1-1k", "sync-100-1k", "sync-both-1k"],
        2,
        &mut |side, count| news(if side == Side::Far { &source } else { &near }, count),
    )?);
    Ok(found)
}

fn clone_small(peer: &Peer<'_>) -> Figures {
    clone(peer, SMALL, &history(SMALL, network::CLONE_PATCHES, 21), LONG_RUNS, ["clone-10k", "clone-10k-bytes"])
}

fn clone_large(peer: &Peer<'_>) -> Figures {
    clone(peer, LARGE, &[], 1, ["clone-100k", "clone-100k-bytes"])
}

/// The git that makes what jj and git clone.
fn git_of<'g>(peer: &Peer<'g>) -> Result<Peer<'g>> {
    Peer::find(Kind::Git, peer.ground)?.context("git is not installed")
}

fn clone(peer: &Peer<'_>, corpus: Corpus, edits: &[Edit], runs: usize, [time, bytes]: [&'static str; 2]) -> Figures {
    let around = peer.ground.new_folder()?;
    Bare::new(&git_of(peer)?, around.path(), corpus, edits)?;
    let server = cgi::serve(around.path())?;
    let mut used = Vec::new();
    for run in 0..runs {
        used.push(peer.clone(around.path(), &format!("http://{server}/bare.git"), &format!("clone-{run}"))?);
        let file = around.path().join(format!("clone-{run}")).join(corpus::file_of(corpus.size - 1));
        ensure!(file.exists(), "the clone has not all files");
    }
    let relay = Relay::to(server)?;
    peer.clone(around.path(), &format!("http://{}/bare.git", relay.address), "counted")?;
    let counted = Sample::new(vec![relay.take_bytes() as f64])?;
    Ok(vec![times(time, &used, Unit::Seconds)?, (bytes, Unit::Bytes, counted)])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Near,
    Far,
}

fn sync(peer: &Peer<'_>, patches: usize, names: [&'static str; 4]) -> Figures {
    let git = git_of(peer)?;
    let around = peer.ground.new_folder()?;
    let bare = Bare::new(&git, around.path(), SMALL, &history(SMALL, patches, 31))?;
    let server = cgi::serve(around.path())?;
    peer.clone(around.path(), &format!("http://{server}/bare.git"), "near")?;
    let near = around.path().join("near");
    let mut number = 0;
    rounds(peer, &near, names, 5, &mut |side, count| {
        let edits: Vec<Edit> = (0..count)
            .map(|_| {
                number += 1;
                Edit { number, edition: 500_000 + number }
            })
            .collect();
        if side == Side::Far {
            return bare.add(&git, &edits);
        }
        for edit in &edits {
            corpus::write_file(&near, *edit)?;
            peer.record(&near)?;
        }
        Ok(())
    })
}

/// Nothing new (besides start-up), one new, a hundred new, one on either side.
fn rounds(
    peer: &Peer<'_>,
    near: &Path,
    [zero, one, hundred, both]: [&'static str; 4],
    long_runs: usize,
    news: &mut dyn FnMut(Side, usize) -> Result<()>,
) -> Figures {
    peer.pull(near)?;
    let nothing = |_| match peer.kind {
        // What `pull` does beside it is for when something came.
        Kind::Jj => peer.run(near, &["git", "fetch"]),
        Kind::Git | Kind::Pijul => peer.pull(near),
    };
    let used = (0..SHORT_RUNS).map(nothing).collect::<Result<Vec<_>>>()?;
    let (name, unit, sample) = times(zero, &used, Unit::Milliseconds)?;
    let mut found = vec![(name, unit, sample.less(&peer.start(SHORT_RUNS)?))];
    let (mut ones, mut hundreds, mut boths) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SHORT_RUNS {
        news(Side::Far, 1)?;
        ones.push(peer.pull(near)?);
    }
    for _ in 0..long_runs {
        news(Side::Far, 100)?;
        hundreds.push(peer.pull(near)?);
    }
    found.push(times(one, &ones, Unit::Milliseconds)?);
    found.push(times(hundred, &hundreds, Unit::Milliseconds)?);
    if peer.kind != Kind::Jj {
        for _ in 0..long_runs * 2 {
            news(Side::Far, 1)?;
            news(Side::Near, 1)?;
            boths.push(sum([peer.pull(near)?, peer.push(near)?]));
        }
        found.push(times(both, &boths, Unit::Milliseconds)?);
    }
    Ok(found)
}
