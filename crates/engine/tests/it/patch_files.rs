//! Patch files: what one store writes another takes, whole or not at all.

use dm_engine::{EngineError, PatchFileError, PatchImportReport, SessionChoice};

use crate::support::{Desk, session};

const BEGIN: &str = "module Ada.M

/// One.
let one (n: Int64) : Int64 =
  1L

let two (n: Int64) : Int64 =
  one n
";

/// A store with two patches, the second of which needs the first, and their ids.
fn sender() -> (Desk, Vec<String>) {
    let desk = Desk::with(BEGIN);
    desk.save("work", &BEGIN.replace("/// One.", "/// The number one.\n///\n/// Always.")).unwrap();
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.mv("Ada.M.two", "Ada.M.second", None).unwrap();
    tx.deprecate("Ada.M.one", "use second", Some("Ada.M.second"), None).unwrap();
    tx.ready(None).unwrap();
    tx.commit().unwrap();
    let snapshot = desk.engine.snapshot(&session("work")).unwrap();
    let mut patches = snapshot.patches(true).unwrap();
    patches.sort_by_key(|patch| patch.created_at);
    let ids = patches.into_iter().map(|patch| patch.id).collect();
    drop(snapshot);
    (desk, ids)
}

fn export(desk: &Desk, ids: &[String], with_needs: bool) -> String {
    desk.engine.snapshot(&session("work")).unwrap().patch_file(ids, with_needs).unwrap().text
}

fn import(desk: &Desk, text: &str) -> Result<PatchImportReport, EngineError> {
    let mut tx = desk.engine.begin(&SessionChoice::Current, false)?;
    let report = tx.import_patch_file(text)?;
    tx.commit()?;
    Ok(report)
}

fn envelopes(desk: &Desk) -> u64 {
    desk.engine.instance(&[dm_model::Space::PUBLIC]).unwrap().envelopes
}

#[test]
fn what_one_writes_another_takes() {
    let (ada, ids) = sender();
    let text = export(&ada, &ids, false);
    let ben = Desk::new();
    let report = import(&ben, &text).unwrap();
    assert_eq!((report.fresh, report.pending, report.waits_for.len()), (2, 0, 0));
    assert!(report.patches.iter().all(|patch| patch.status == "ready" && patch.author == "Ada"));
    let again = import(&ben, &text).unwrap();
    assert_eq!(again.fresh, 0);
    let mut tx = ben.engine.begin(&SessionChoice::Current, false).unwrap();
    tx.apply(ids.get(1).map(String::as_str), false).unwrap();
    tx.commit().unwrap();
    let places = |desk: &Desk, name: &str| {
        let listing = desk.engine.snapshot(&session(name)).unwrap().ls("Ada", true).unwrap();
        listing.definitions.into_iter().map(|entry| (entry.location, entry.hash, entry.deprecated)).collect::<Vec<_>>()
    };
    assert_eq!(places(&ada, "work"), places(&ben, "work"));
    assert!(ben.engine.verify().unwrap().findings.is_empty());
}

#[test]
fn what_is_needed_and_not_there_is_named() {
    let (ada, ids) = sender();
    let upper = export(&ada, &ids[1..], false);
    assert!(upper.contains("needs patch"), "{upper}");
    let ben = Desk::new();
    let report = import(&ben, &upper).unwrap();
    assert_eq!((report.fresh, report.pending, report.waits_for.len()), (1, 1, 1));
    assert!(report.patches.iter().all(|patch| !patch.intent.is_empty() && patch.changes > 0), "{report:?}");
    import(&ben, &export(&ada, &ids[..1], false)).unwrap();
    let settled = import(&ben, &upper).unwrap();
    assert_eq!((settled.fresh, settled.pending, settled.waits_for.len()), (0, 0, 0));
    let whole = export(&ada, &ids[1..], true);
    assert_eq!(import(&Desk::new(), &whole).unwrap().pending, 0);
}

#[test]
fn the_same_patches_give_the_same_text() {
    let (ada, ids) = sender();
    assert_eq!(export(&ada, &ids, false), export(&ada, &ids, false));
}

#[test]
fn a_draft_is_not_sent() {
    let desk = Desk::with(BEGIN);
    desk.save("work", &BEGIN.replace("1L", "3L")).unwrap();
    let snapshot = desk.engine.snapshot(&session("work")).unwrap();
    let draft = snapshot.patches(false).unwrap().first().unwrap().id.clone();
    let refused = snapshot.patch_file(&[draft], false);
    assert!(matches!(refused, Err(EngineError::WrongStatus { .. })), "{refused:?}");
}

/// What mail does to line ends and around a text changes nothing.
#[test]
fn mail_may_touch_line_ends() {
    let (ada, ids) = sender();
    let text = export(&ada, &ids, false);
    let mailed = format!("From: Ada\r\nSubject: two patches\r\n\r\n{}\r\n-- \r\nAda\r\n", text.replace('\n', " \r\n"));
    assert_eq!(import(&Desk::new(), &mailed).unwrap().fresh, 2);
}

/// Every text cut off at any line, and every line changed, is refused and leaves the store as it was.
#[test]
fn what_was_cut_or_altered_is_refused() {
    let (ada, ids) = sender();
    let text = export(&ada, &ids, false);
    let lines: Vec<&str> = text.lines().collect();
    let ben = Desk::new();
    for end in 0..lines.len() {
        let cut = lines[..end].join("\n");
        let refused = import(&ben, &cut);
        assert!(matches!(refused, Err(EngineError::PatchFile(_))), "cut before line {}: {refused:?}", end + 1);
    }
    for at in 0..lines.len() {
        let mut altered: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let line = &mut altered[at];
        // Another letter in the place of the last one; an empty line gets one.
        let last = line.pop();
        line.push(if last == Some('x') { 'y' } else { 'x' });
        let refused = import(&ben, &altered.join("\n"));
        assert!(matches!(refused, Err(EngineError::PatchFile(_))), "line {} altered: {refused:?}", at + 1);
    }
    assert_eq!(envelopes(&ben), 0);
}

/// A patch under another key of an author is not put into main by hand either, nor along with another patch.
#[test]
fn another_key_must_be_trusted_first() {
    let (ada, ids) = sender();
    let text = export(&ada, &ids, false);
    let system = std::sync::Arc::new(dm_engine::FixedSystem::new(dm_model::Timestamp::from_ms(5_000), "other"));
    let folder = ada.path("other");
    let init = dm_engine::InitOptions {
        folder: folder.clone(),
        author: "Ada".to_owned(),
        name: "other".to_owned(),
        dry_run: false,
    };
    // This store's own key is the first that it sees of Ada.
    dm_engine::init(&init, system.as_ref()).unwrap();
    let options = dm_engine::OpenOptions { folder, author: None, system };
    let engine = dm_engine::Engine::open(options).unwrap();
    let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
    let report = tx.import_patch_file(&text).unwrap();
    tx.commit().unwrap();
    assert!(report.new_keys.iter().all(|key| !key.trusted) && report.new_keys.len() == 1, "{:?}", report.new_keys);
    let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
    let refused = tx.apply(ids.get(1).map(String::as_str), true);
    assert!(matches!(refused, Err(EngineError::Untrusted { .. })), "{refused:?}");
    drop(tx);
    let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
    tx.trust("Ada", &report.new_keys.first().unwrap().key).unwrap();
    tx.apply(ids.get(1).map(String::as_str), false).unwrap();
    tx.commit().unwrap();
}

#[test]
fn what_is_shown_must_be_what_is_signed() {
    let (ada, ids) = sender();
    let text = export(&ada, &ids, false).replace("The number one", "The number two");
    let refused = import(&Desk::new(), &text);
    let Err(EngineError::PatchFile(PatchFileError::Disagrees { line, wanted })) = refused else {
        panic!("{refused:?}");
    };
    assert!(wanted.contains("The number one"), "{wanted}");
    assert!(text.lines().nth(line - 1).unwrap().contains("The number two"));
}

#[test]
fn a_file_is_applied_whole_or_nothing_of_it_is_taken() {
    let (ada, ids) = sender();
    let ben = Desk::new();
    let take = |text: &str| -> Result<PatchImportReport, EngineError> {
        let mut tx = ben.engine.begin(&SessionChoice::Current, false)?;
        let report = tx.apply_patch_file(text)?;
        tx.commit()?;
        Ok(report)
    };
    let needing = export(&ada, &ids[1..], false);
    let refused = take(&needing).unwrap_err();
    assert!(matches!(refused, EngineError::MissingNeeds { .. }), "{refused}");
    assert_eq!(envelopes(&ben), 0, "nothing of it is here");
    let whole = export(&ada, &ids, false);
    let report = take(&whole).unwrap();
    let applied = report.applied.unwrap();
    assert_eq!((report.fresh, applied.applied.len()), (2, 2));
    assert_eq!(ben.names("work"), ["Ada.M.one", "Ada.M.second"]);
    assert!(take(&whole).unwrap().applied.is_none(), "all of it is in main already");
}
