//! The bridge to git, with the real program in sealed repositories.

use std::path::{Path, PathBuf};
use std::process::Command;

use dm_engine::{
    EngineError, ExportRequest, GitError, GitExportReport, GitExportRequest, GitImportReport, GitImportRequest,
};

use crate::support::{Desk, session};

/// A repository with a work tree.
struct Repo {
    path: PathBuf,
    clock: std::cell::Cell<u64>,
}

impl Repo {
    fn new(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        let repo = Self { path, clock: std::cell::Cell::new(1_700_000_000) };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// Runs git without anything of the surroundings; answers what it printed.
    fn git(&self, args: &[&str]) -> String {
        let now = format!("{} +0200", self.clock.get());
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.path).args(args);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").env("HOME", &self.path);
        command.env("GIT_AUTHOR_NAME", "Ada").env("GIT_AUTHOR_EMAIL", "ada@example.org").env("GIT_AUTHOR_DATE", &now);
        command.env("GIT_COMMITTER_NAME", "Bo").env("GIT_COMMITTER_EMAIL", "bo@example.org");
        let output = command.env("GIT_COMMITTER_DATE", &now).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits all that is there; answers the commit's id.
    fn commit(&self, message: &str) -> String {
        self.clock.set(self.clock.get() + 60);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }
}

fn request(path: &Path) -> GitImportRequest {
    GitImportRequest {
        repository: path.to_path_buf(),
        path: "packages".to_owned(),
        branch: None,
        all: false,
        dry_run: false,
    }
}

fn import(desk: &Desk, repo: &Repo) -> Result<GitImportReport, EngineError> {
    desk.engine.git_import(&request(&repo.path), &mut |_, _| ())
}

fn changes(report: &GitImportReport) -> String {
    let words: Vec<String> =
        report.changes.iter().map(|change| format!("{} {}", change.count, change.change)).collect();
    words.join(", ")
}

const SHOP: &str = "module Acme.Shop

/// What sending costs.
let fee (cents: Int64) : Int64 =
  390L

val limit = 4000L
";

fn log(desk: &Desk) -> Vec<(String, String, i64)> {
    let log = desk.engine.snapshot(&session("work")).unwrap().log(100, None).unwrap();
    log.into_iter().map(|entry| (entry.patch.intent, entry.patch.author, entry.patch.created_at)).collect()
}

#[test]
fn each_commit_becomes_a_patch_of_its_author() {
    let desk = Desk::new();
    let repo = Repo::new(desk.path("repo"));
    repo.write("README", "no code");
    repo.commit("Begin");
    repo.write("packages/shop.dark", SHOP);
    let first = repo.commit("Add the shop\n\nIt sends things.\n");
    repo.write("packages/shop.dark", &SHOP.replace("390L", "400L"));
    repo.write("other.dark", "module Other\n\nval no = 1L\n");
    repo.commit("Raise the fee");
    repo.write("other.dark", "module Other\n\nval no = 2L\n");
    repo.commit("Outside of the folder");
    repo.write("packages/shop.dark", &SHOP.replace("390L", "400L").replace("Acme.Shop", "Acme.Store"));
    repo.commit("Call it a store");
    std::fs::remove_file(repo.path.join("packages/shop.dark")).unwrap();
    repo.write("packages/deep/fee.dark", "module Acme.Store\n\nval limit = 4000L\n");
    repo.commit("");
    let report = import(&desk, &repo).unwrap();
    assert_eq!((report.commits, report.patches, report.texts, report.texts_taken), (4, 4, 4, 4));
    assert_eq!(changes(&report), "2 create, 1 delete, 1 edit, 2 move");
    assert_eq!((report.files, report.lagging.len(), report.conflicts, report.rewritten), (1, 0, 0, false));
    assert_eq!(desk.names("work"), ["Acme.Store.limit"]);
    let (ada, ms) = ("Ada <ada@example.org>".to_owned(), |n: i64| (1_700_000_000 + n * 60) * 1000);
    let expected =
        [("A commit without a message", 6), ("Call it a store", 5), ("Raise the fee", 3), ("Add the shop", 2)];
    assert_eq!(log(&desk), expected.map(|(intent, n)| (intent.to_owned(), ada.clone(), ms(n))));
    let log = desk.engine.snapshot(&session("work")).unwrap().log(100, None).unwrap();
    let body = log.last().and_then(|entry| entry.patch.body.clone()).unwrap();
    assert_eq!(body, format!("It sends things.\n\nGit-Commit: {first}"));
    assert!(desk.engine.verify().unwrap().findings.is_empty());
}

#[test]
fn later_only_new_commits_are_brought_in_wherever_the_repository_is() {
    let desk = Desk::new();
    let repo = Repo::new(desk.path("repo"));
    repo.write("packages/shop.dark", SHOP);
    repo.commit("Add the shop");
    assert_eq!(import(&desk, &repo).unwrap().patches, 1);
    let again = import(&desk, &repo).unwrap();
    assert_eq!((again.commits, again.patches), (0, 0));
    std::fs::rename(&repo.path, desk.path("moved")).unwrap();
    let repo = Repo { path: desk.path("moved"), ..repo };
    repo.write("packages/shop.dark", &SHOP.replace("4000L", "5000L"));
    repo.commit("Raise the limit");
    let later = import(&desk, &repo).unwrap();
    assert_eq!((later.commits, later.patches, changes(&later)), (1, 1, "1 edit".to_owned()));
    assert!(desk.text("work", "limit").contains("5000L"));
    // A history that was written anew: what it lost is taken back.
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let back = import(&desk, &repo).unwrap();
    assert_eq!((back.rewritten, back.patches, changes(&back)), (true, 1, "1 edit".to_owned()));
    assert!(desk.text("work", "limit").contains("4000L"));
    repo.write("packages/more.dark", "module Acme.More\n\nval one = 1L\n");
    repo.commit("More");
    let more = import(&desk, &repo).unwrap();
    assert_eq!((more.rewritten, more.patches), (false, 1));
}

#[test]
fn a_file_that_cannot_be_taken_keeps_what_it_had_and_is_named() {
    let desk = Desk::new();
    let repo = Repo::new(desk.path("repo"));
    repo.write("packages/shop.dark", SHOP);
    repo.write("packages/twin.dark", "module Acme.Twin\n\nval one = 1L\n");
    repo.commit("Begin");
    repo.write("packages/shop.dark", "module Acme.Shop\n\nlet fee (cents\n");
    repo.write("packages/bytes.dark", "module Acme\n\nval \u{fffd}");
    std::fs::write(repo.path.join("packages/bytes.dark"), b"module Acme\n\nval x = \"\xff\"\n").unwrap();
    std::os::unix::fs::symlink("shop.dark", repo.path.join("packages/link.dark")).unwrap();
    repo.write("packages/twin.dark", "module Acme.Twin\n\nval one = 2L\n");
    repo.write("packages/again.dark", "module Acme.Twin\n\nval one = 3L\n");
    repo.write("packages/old_notes.dark", "not looked at");
    repo.commit("Break much");
    let report = import(&desk, &repo).unwrap();
    let lagging: Vec<_> = report.lagging.iter().map(|lag| (lag.file.as_str(), lag.reason.as_str())).collect();
    let [again, bytes, link, shop] = lagging.as_slice() else { panic!("{lagging:?}") };
    // Of two that define the same the one that had it keeps it.
    assert_eq!(*again, ("again.dark", "`Acme.Twin.one` is defined in twin.dark too"));
    assert_eq!(*bytes, ("bytes.dark", "not UTF-8 at byte 22"));
    assert_eq!((*link, shop.0), (("link.dark", "it is a symbolic link"), "shop.dark"));
    assert!(shop.1.starts_with("row 3: "), "{}", shop.1);
    assert_eq!((report.texts, report.texts_taken, report.files), (6, 3, 5));
    assert!(desk.text("work", "fee").contains("390L"));
    assert!(desk.text("work", "Acme.Twin.one").contains("2L"));
    let log = desk.engine.snapshot(&session("work")).unwrap().log(1, None).unwrap();
    let body = log[0].patch.body.clone().unwrap();
    assert!(body.contains("\nNot-Taken: shop.dark: row 3: "), "{body}");
    // Once it can be read it is taken, and is named no more.
    repo.write("packages/shop.dark", &SHOP.replace("390L", "1L"));
    std::fs::remove_file(repo.path.join("packages/again.dark")).unwrap();
    repo.write("packages/twin.dark", "module Acme.Twin\n\nval one = 4L\n");
    repo.commit("Mend");
    let report = import(&desk, &repo).unwrap();
    assert_eq!(report.lagging.len(), 2);
    assert!(desk.text("work", "fee").contains("1L"));
    assert!(desk.text("work", "Acme.Twin.one").contains("4L"));
}

#[test]
fn merges_are_followed_along_the_first_parent() {
    let desk = Desk::new();
    let repo = Repo::new(desk.path("repo"));
    repo.write("packages/shop.dark", SHOP);
    repo.commit("Begin");
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.write("packages/side.dark", "module Acme.Side\n\nval one = 1L\n");
    repo.commit("On the side, first");
    repo.write("packages/side.dark", "module Acme.Side\n\nval one = 2L\n");
    repo.commit("On the side, second");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("packages/shop.dark", &SHOP.replace("4000L", "1L"));
    repo.commit("On main");
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "Merge side", "side"]);
    let report = import(&desk, &repo).unwrap();
    let intents: Vec<String> = log(&desk).into_iter().map(|(intent, ..)| intent).collect();
    assert_eq!((report.patches, intents), (3, vec!["Merge side".into(), "On main".into(), "Begin".into()]));
    assert!(desk.text("work", "Acme.Side.one").contains("2L"));
}

#[test]
fn what_changed_here_is_not_turned_back_by_a_history() {
    let desk = Desk::new();
    let repo = Repo::new(desk.path("repo"));
    repo.write("packages/shop.dark", SHOP);
    repo.commit("Begin");
    import(&desk, &repo).unwrap();
    desk.save("work", "module Acme.Shop\n\nval limit = 7L\n").unwrap();
    desk.apply("work").unwrap();
    repo.write("packages/shop.dark", &SHOP.replace("390L", "1L"));
    repo.commit("The fee only");
    let report = import(&desk, &repo).unwrap();
    assert_eq!((report.kept, report.conflicts, changes(&report)), (1, 0, "1 edit".to_owned()));
    assert!(desk.text("work", "limit").contains("7L"));
    repo.write("packages/shop.dark", &SHOP.replace("4000L", "8L"));
    repo.commit("Both");
    let report = import(&desk, &repo).unwrap();
    assert_eq!(report.conflicts, 1, "both sides changed it: that is said");
    // A store that has other code at a place is not written over.
    let other = Desk::with("module Acme.Shop\n\nval limit = 9L\n");
    match other.engine.git_import(&request(&repo.path), &mut |_, _| ()) {
        Err(EngineError::WouldTurnBack(places)) => assert_eq!(places, ["Acme.Shop.limit"]),
        found => panic!("{found:?}"),
    }
    assert_eq!(other.names("work"), ["Acme.Shop.limit"]);
}

#[test]
fn a_dry_run_and_a_repository_that_cannot_be_read_write_nothing() {
    let desk = Desk::new();
    let fail = |path: &Path, branch: Option<&str>, folder: &str| {
        let branch = branch.map(str::to_owned);
        let request = GitImportRequest { branch, path: folder.to_owned(), ..request(path) };
        match desk.engine.git_import(&request, &mut |_, _| ()) {
            Err(EngineError::Git(error)) => error,
            found => panic!("{found:?}"),
        }
    };
    assert!(matches!(fail(&desk.path("nowhere"), None, ""), GitError::NoRepository(_)));
    std::fs::create_dir_all(desk.path("empty")).unwrap();
    assert!(matches!(fail(&desk.path("empty"), None, ""), GitError::NoRepository(_)));
    let repo = Repo::new(desk.path("repo"));
    assert!(matches!(fail(&repo.path, None, ""), GitError::Unborn(name) if name == "main"));
    repo.write("packages/shop.dark", SHOP);
    repo.commit("Begin");
    repo.write("packages/shop.dark", &SHOP.replace("390L", "1L"));
    repo.commit("Change");
    assert!(matches!(fail(&repo.path, Some("gone"), ""), GitError::NoCommit(_)));
    assert!(matches!(fail(&repo.path, Some("--all"), ""), GitError::NoCommit(_)));
    assert!(matches!(fail(&repo.path, None, "elsewhere"), GitError::NothingThere(_)));
    for folder in ["../x", "/x", "a//b", "a/../b"] {
        assert!(matches!(fail(&repo.path, None, folder), GitError::BadFolder(_)), "{folder}");
    }
    let shallow = desk.path("shallow");
    let from = format!("file://{}", repo.path.display());
    repo.git(&["clone", "--quiet", "--depth=1", &from, shallow.to_str().unwrap()]);
    assert!(matches!(fail(&shallow, None, "packages"), GitError::Shallow));
    let dry = GitImportRequest { dry_run: true, ..request(&repo.path) };
    let report = desk.engine.git_import(&dry, &mut |_, _| ()).unwrap();
    assert_eq!((report.patches, desk.names("work").len()), (2, 0));
    assert_eq!(import(&desk, &repo).unwrap().patches, 2);
}

fn export(desk: &Desk, to: &Path) -> Result<GitExportReport, EngineError> {
    let request = GitExportRequest { repository: to.to_path_buf(), branch: "darkmatter".to_owned(), dry_run: false };
    desk.engine.git_export(&request, &mut |_, _| ())
}

fn reader(path: &Path) -> Repo {
    Repo { path: path.to_path_buf(), clock: std::cell::Cell::new(1_800_000_000) }
}

/// Some history: created, edited, renamed so that what uses it is shown otherwise, deleted.
fn worked_in() -> Desk {
    let desk = Desk::with(SHOP);
    let change = |text: &str| {
        desk.save("work", text).unwrap();
        desk.apply("work").unwrap();
    };
    change("module Acme.Shop\n\nlet total (n: Int64) : Int64 =\n  fee n\n");
    change("module Acme.Ui\n\nlet show (n: Int64) : Int64 =\n  Shop.fee n\n");
    desk.mv("work", "Acme.Shop.fee", "Acme.Post.postage").unwrap();
    desk.apply("work").unwrap();
    change("module Acme.Ui\n\nlet postage (n: Int64) : Int64 =\n  n\n");
    desk.rm("work", "limit").unwrap();
    desk.apply("work").unwrap();
    desk
}

/// The same with the last patch taken back.
fn lived_in() -> Desk {
    let desk = worked_in();
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.undo(None).unwrap();
    tx.commit().unwrap();
    desk
}

/// The files of main as `dm export` writes them.
fn exported(desk: &Desk, name: &str, folder: &str) -> std::collections::BTreeMap<String, String> {
    let mut tx = desk.engine.begin(&session(name), false).unwrap();
    tx.export(&ExportRequest { folder: desk.path(folder), module: None, force: false }).unwrap();
    drop(tx);
    let mut files = std::collections::BTreeMap::new();
    let mut folders = vec![desk.path(folder)];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "dark") {
                let name = path.strip_prefix(desk.path(folder)).unwrap().to_string_lossy().into_owned();
                files.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    files
}

/// The files of a commit.
fn committed(repo: &Repo, commit: &str) -> std::collections::BTreeMap<String, String> {
    let names = repo.git(&["ls-tree", "-r", "--name-only", commit]);
    names.lines().map(|name| (name.to_owned(), repo.git(&["show", &format!("{commit}:{name}")]) + "\n")).collect()
}

#[test]
fn each_applied_patch_becomes_a_commit_with_the_tree_of_an_export() {
    let desk = lived_in();
    let report = export(&desk, &desk.path("out.git")).unwrap();
    assert!(report.made);
    let repo = reader(&desk.path("out.git"));
    let subjects = repo.git(&["log", "--reverse", "--format=%s|%an|%cn", "darkmatter"]);
    let expected = [
        "Import: Acme.Shop|Ada",
        "Change|Ada",
        "Change|Ada",
        "Move|Ada",
        "Change|Ada",
        "Delete|Ada",
        "Take back: Delete|Darkmatter",
    ];
    let expected: Vec<String> = expected.iter().map(|line| format!("{line}|Darkmatter")).collect();
    assert_eq!(subjects.lines().collect::<Vec<_>>(), expected);
    assert_eq!(committed(&repo, "darkmatter"), exported(&desk, "other", "files"));
    let body = repo.git(&["log", "-1", "--format=%(trailers:key=Darkmatter-Patch,valueonly)", "darkmatter~1"]);
    assert_eq!(Some(body.trim()), report.written[5].patches.first().map(String::as_str));
    assert_eq!(repo.git(&["fsck", "--strict"]), "");
    // Another repository gets the same commits.
    let again = export(&desk, &desk.path("again.git")).unwrap();
    assert_eq!((again.head, again.written), (report.head, report.written));
}

#[test]
fn later_only_what_is_new_is_written_and_the_same_as_at_once() {
    let desk = lived_in();
    let first = export(&desk, &desk.path("out.git")).unwrap();
    let nothing = export(&desk, &desk.path("out.git")).unwrap();
    assert_eq!((nothing.written.len(), nothing.there, &nothing.head), (0, 7, &first.head));
    desk.save("work", "module Acme.Shop\n\nval limit = 1L\n").unwrap();
    desk.apply("work").unwrap();
    desk.mv("work", "Acme.Shop", "Acme.Store").unwrap();
    desk.apply("work").unwrap();
    let later = export(&desk, &desk.path("out.git")).unwrap();
    assert_eq!((later.written.len(), later.there), (2, 7));
    let at_once = export(&desk, &desk.path("once.git")).unwrap();
    assert_eq!(at_once.head, later.head);
    assert_eq!(committed(&reader(&desk.path("out.git")), "darkmatter"), exported(&desk, "other", "files"));
    // Every commit of the way has the tree that an export had then: once rendered whole, once step by step.
    let repo = reader(&desk.path("out.git"));
    for (written, before) in later.written.iter().zip([&nothing.head, &Some(later.written[0].commit.clone())]) {
        assert_eq!(&Some(repo.git(&["rev-parse", &format!("{}^", written.commit)])), before);
    }
}

#[test]
fn a_branch_that_others_wrote_to_is_left_alone() {
    let desk = lived_in();
    let first = export(&desk, &desk.path("out.git")).unwrap();
    let repo = reader(&desk.path("out.git"));
    let tree = repo.git(&["rev-parse", "darkmatter^{tree}"]);
    let own = repo.git(&["commit-tree", &tree, "-p", "darkmatter", "-m", "Mine"]);
    repo.git(&["update-ref", "refs/heads/darkmatter", &own]);
    match export(&desk, &repo.path) {
        Err(EngineError::Git(GitError::ForeignBranch { found, .. })) => assert_eq!(found, own),
        found => panic!("{found:?}"),
    }
    assert_eq!(repo.git(&["rev-parse", "darkmatter"]), own);
    // Set back to one of ours, or taken away, it is brought up again.
    repo.git(&["update-ref", "refs/heads/darkmatter", &first.written[2].commit]);
    assert_eq!(export(&desk, &repo.path).unwrap().written.len(), 0);
    assert_eq!(Some(repo.git(&["rev-parse", "darkmatter"])), first.head);
    repo.git(&["update-ref", "-d", "refs/heads/darkmatter"]);
    export(&desk, &repo.path).unwrap();
    assert_eq!(Some(repo.git(&["rev-parse", "darkmatter"])), first.head);
    // A repository that has nothing of it any more gets all of it again.
    std::fs::remove_dir_all(&repo.path).unwrap();
    let whole = export(&desk, &repo.path).unwrap();
    assert_eq!((whole.written.len(), whole.head), (7, first.head));
}

#[test]
fn a_work_tree_is_never_touched() {
    let desk = lived_in();
    let repo = Repo::new(desk.path("repo"));
    repo.write("notes", "mine");
    repo.commit("Mine");
    export(&desk, &repo.path).unwrap();
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.git(&["rev-list", "--count", "darkmatter"]), "7");
    let on = |branch: &str| {
        let request = GitExportRequest { repository: repo.path.clone(), branch: branch.to_owned(), dry_run: false };
        desk.engine.git_export(&request, &mut |_, _| ())
    };
    assert!(matches!(on("main"), Err(EngineError::Git(GitError::CheckedOut(_)))));
    assert!(matches!(on("a..b"), Err(EngineError::Git(GitError::BadBranch(_)))));
    repo.git(&["branch", "other"]);
    assert!(matches!(on("other"), Err(EngineError::Git(GitError::ForeignBranch { .. }))));
    desk.write("folder/file", "something");
    assert!(matches!(export(&desk, &desk.path("folder")), Err(EngineError::Git(GitError::NotEmpty(_)))));
}

#[test]
fn what_goes_out_comes_back_the_same() {
    let desk = worked_in();
    export(&desk, &desk.path("out.git")).unwrap();
    let other = Desk::new();
    let request = GitImportRequest {
        path: String::new(),
        branch: Some("darkmatter".to_owned()),
        ..request(&desk.path("out.git"))
    };
    let report = other.engine.git_import(&request, &mut |_, _| ()).unwrap();
    assert_eq!((report.patches, report.lagging.len()), (6, 0));
    let definitions = |desk: &Desk, name: &str| {
        let listing = desk.engine.snapshot(&session(name)).unwrap().ls("", true).unwrap();
        listing.definitions.into_iter().map(|entry| (entry.location, entry.hash)).collect::<Vec<_>>()
    };
    let (here, there) = (definitions(&desk, "other"), definitions(&other, "work"));
    assert_eq!(here.len(), 4);
    assert_eq!(here, there, "names and definitions: what was renamed is found to have moved");
    assert_eq!(exported(&other, "work", "back"), exported(&desk, "other", "files"));
    // And out again: the files of every commit.
    let back = export(&other, &other.path("back.git")).unwrap();
    let (out, back_repo) = (reader(&desk.path("out.git")), reader(&other.path("back.git")));
    let ids = out.git(&["rev-list", "--reverse", "darkmatter"]);
    assert_eq!(back.written.len(), 6);
    for (id, written) in ids.lines().zip(&back.written) {
        assert_eq!(committed(&out, id), committed(&back_repo, &written.commit));
        let author = |repo: &Repo, id: &str| repo.git(&["log", "-1", "--format=%an <%ae> %at %ct", id]);
        assert_eq!(author(&out, id), author(&back_repo, &written.commit));
    }
}

/// Over random histories: a tree that is kept up to date step by step is the one that is rendered whole. Each export goes on
/// from a whole rendering, the last one goes all the way in steps; equal ids are equal trees in every commit.
#[test]
fn step_by_step_or_whole_the_trees_are_the_same() {
    let desk = Desk::with("module Acme.A\n\nlet f0 (n: Int64) : Int64 =\n  n\n");
    let mut dice: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut roll = |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let module = |n: u64| match n {
        0 => "Acme.A",
        1 => "Acme.A.Deep",
        _ => "Acme.B",
    };
    let (mut done, mut changes) = (0, 0);
    for _ in 0..60 {
        let (here, name, there, other) = (module(roll(3)), roll(4), module(roll(3)), roll(4));
        let spelled = match roll(3) {
            0 => format!("f{other}"),
            1 => format!("{}.f{other}", there.rsplit('.').next().unwrap_or(there)),
            _ => format!("{there}.f{other}"),
        };
        let changed = match roll(6) {
            0..=2 => {
                let text = format!("module {here}\n\nlet f{name} (n: Int64) : Int64 =\n  {spelled} {}L\n", roll(9));
                desk.save("work", &text).map(drop)
            }
            3 => desk.mv("work", &format!("{here}.f{name}"), &format!("{there}.f{other}")).map(drop),
            4 => desk.mv("work", there, "Acme.C").and_then(|_| desk.mv("work", "Acme.C", here)).map(drop),
            _ => desk.rm("work", &format!("{here}.f{name}")).map(drop),
        };
        changes += u64::from(changed.is_ok());
        let mut tx = desk.engine.begin(&session("work"), false).unwrap();
        if tx.apply(None, true).is_ok() {
            tx.commit().unwrap();
            done += 1;
            export(&desk, &desk.path("steps.git")).unwrap();
        }
    }
    assert!(done > 20 && changes > 20, "{done} applied, {changes} changes");
    let steps = export(&desk, &desk.path("steps.git")).unwrap();
    let whole = export(&desk, &desk.path("whole.git")).unwrap();
    assert_eq!(steps.head, whole.head);
    assert_eq!(committed(&reader(&desk.path("whole.git")), "darkmatter"), exported(&desk, "other", "files"));
}

#[test]
fn what_a_commit_makes_anew_is_what_files_it_left_alone_mean() {
    let desk = Desk::new();
    let repo = Repo::new(desk.path("repo"));
    repo.write("packages/shop.dark", SHOP);
    repo.write("packages/user.dark", "module Acme.User\n\nlet all (cents: Int64) : Int64 =\n  Acme.Shop.fee cents\n");
    repo.commit("Both");
    repo.write("packages/shop.dark", "module Acme.Shop\n\nval limit = 4000L\n");
    repo.commit("Without a fee");
    import(&desk, &repo).unwrap();
    assert_eq!(desk.kinds("work"), ["deleted-dependency"]);
    repo.write("packages/shop.dark", "module Acme.Shop\n\nval limit = 4000L\n\nlet fee (c: Int64) : Int64 =\n  c\n");
    repo.commit("With another fee");
    let report = import(&desk, &repo).unwrap();
    assert_eq!((changes(&report), report.conflicts), ("1 create, 1 edit".to_owned(), 0));
    repo.write("packages/user.dark", "module Acme.User\n\nlet all (cents: Int64) : Int64 =\n  Acme.Shop.fee 1L\n");
    repo.commit("The user again");
    assert_eq!((changes(&import(&desk, &repo).unwrap()), desk.kinds("work").len()), ("1 edit".to_owned(), 0));
}
