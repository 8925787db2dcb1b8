//! Conflicts that take someone who knows the language: an interface and its use changed apart, between sessions and between mains.

use std::path::Path;
use std::sync::Arc;

use dm_engine::{
    ConflictSummary, Direction, Engine, EngineError, FixedSystem, InitOptions, OpenOptions, RemoteRequest, SaveRequest,
    SessionChoice, SourceText, System, Way,
};
use dm_model::Timestamp;

use crate::support::{Desk, session};

const CODE: &str = "module Acme.Shop

type Item = { name: String; cents: Int64 }

let fee (cents: Int64) : Int64 = cents

let other (cents: Int64) : Int64 = cents
";

const FEE_OF_TEXT: &str = "module Acme.Shop\n\nlet fee (cents: String) : String = cents\n";
const FEE_INSIDE: &str = "module Acme.Shop\n\nlet fee (cents: Int64) : Int64 = Builtin.int64Add cents 1L\n";
const TOTAL: &str = "module Acme.Shop\n\nlet total (cents: Int64) : Int64 = fee cents\n";
const ITEM_OF_TEXT: &str = "module Acme.Shop\n\ntype Item = { name: String; cents: String }\n";
const CHEAP: &str = "module Acme.Shop\n\nlet cheap (name: String) : Item = Item { name = name; cents = 1L }\n";

/// Two instances of one code base.
struct Pair {
    ada: Desk,
    ben: Engine,
}

impl Pair {
    fn new() -> Self {
        let ada = Desk::with(CODE);
        let folder = ada.path("ben");
        let system: Arc<dyn System> = Arc::new(FixedSystem::new(Timestamp::from_ms(1_767_225_700_000), "ben"));
        let init = InitOptions { folder: folder.clone(), author: "Ben".into(), name: "ben".into(), dry_run: false };
        dm_engine::init(&init, system.as_ref()).unwrap();
        let ben = Engine::open(OpenOptions { folder, author: None, system }).unwrap();
        let pair = Self { ada, ben };
        pair.remote(&pair.ada.path("store"));
        pair.sync();
        pair
    }

    fn remote(&self, path: &Path) {
        let url = path.to_string_lossy().into_owned();
        let mut tx = self.ben.begin(&SessionChoice::Current, false).unwrap();
        tx.remote_add(&RemoteRequest { name: "there".into(), url, token: None, timeout_s: 1 }).unwrap();
        tx.commit().unwrap();
    }

    fn sync(&self) {
        for _ in 0..2 {
            self.ben.exchange(Some("there"), Direction::Both, false, &mut |_| {}).unwrap();
        }
    }

    /// Saves a text and puts it into a main.
    fn put(engine: &Engine, text: &str) -> Result<(), EngineError> {
        let mut tx = engine.begin(&SessionChoice::Current, false)?;
        tx.save(&SaveRequest {
            text: SourceText { file: "-".into(), text: text.into() },
            module: None,
            intent: Some("Change".into()),
            binds: Vec::new(),
            base: None,
        })?;
        tx.apply(None, false)?;
        tx.commit()
    }

    fn conflicts(engine: &Engine) -> Vec<ConflictSummary> {
        engine.snapshot(&SessionChoice::Current).unwrap().conflicts().unwrap()
    }

    fn held(engine: &Engine) -> usize {
        engine.snapshot(&SessionChoice::Current).unwrap().status().unwrap().held.len()
    }

    fn fingerprint(engine: &Engine) -> String {
        engine.snapshot(&SessionChoice::Current).unwrap().status().unwrap().view_fingerprint
    }
}

fn about(conflict: &ConflictSummary) -> (&str, Vec<&str>) {
    (&conflict.kind, conflict.locations.iter().map(|location| location.rsplit('.').next().unwrap()).collect())
}

#[test]
fn a_function_changed_while_another_main_used_it() {
    let pair = Pair::new();
    Pair::put(&pair.ada.engine, FEE_OF_TEXT).unwrap();
    Pair::put(&pair.ben, TOTAL).unwrap();
    pair.sync();
    let (hers, his) = (Pair::conflicts(&pair.ada.engine), Pair::conflicts(&pair.ben));
    assert_eq!(hers.len(), 1, "{hers:?}");
    assert_eq!((&hers[0].id, &hers[0].clashes), (&his[0].id, &his[0].clashes));
    assert_eq!(about(&hers[0]), ("dependency-breaking", vec!["fee", "total"]));
    assert_eq!(hers[0].sentence, "`Acme.Shop.fee` was changed, and `Acme.Shop.total` was written for it as it was");
    let clash = hers[0].clashes.iter().find(|clash| clash.message.contains("argument")).unwrap();
    assert_eq!((clash.expected.as_deref(), clash.actual.as_deref()), (Some("String"), Some("Int64")));
    assert_eq!(hers[0].checker, Some(1));
    assert!(!hers[0].self_resolving);
    assert!(hers[0].ancestor.as_ref().is_some_and(|ancestor| ancestor.text.as_ref().unwrap().contains("Int64")));
    assert!(hers[0].ways.iter().any(|way| way.starts_with("dm pin Acme.Shop.total Acme.Shop.fee --version ")));
    assert_eq!((Pair::held(&pair.ada.engine), Pair::held(&pair.ben)), (1, 1), "each holds the other's");
    // Ben lets his function stay on what it was written for; both sides come together.
    let mut tx = pair.ben.begin(&SessionChoice::Current, false).unwrap();
    tx.pin("total", "fee", None, Some("Stay")).unwrap();
    tx.apply(None, false).unwrap();
    tx.commit().unwrap();
    pair.sync();
    for engine in [&pair.ada.engine, &pair.ben] {
        assert_eq!((Pair::conflicts(engine).len(), Pair::held(engine)), (0, 0));
    }
    assert_eq!(Pair::fingerprint(&pair.ada.engine), Pair::fingerprint(&pair.ben));
}

#[test]
fn a_type_changed_while_another_main_used_it() {
    let pair = Pair::new();
    Pair::put(&pair.ada.engine, ITEM_OF_TEXT).unwrap();
    Pair::put(&pair.ben, CHEAP).unwrap();
    pair.sync();
    let hers = Pair::conflicts(&pair.ada.engine);
    assert_eq!(about(&hers[0]), ("type-incompatibility", vec!["Item", "cheap"]));
    assert_eq!(
        (hers[0].clashes[0].expected.as_deref(), hers[0].clashes[0].actual.as_deref()),
        (Some("String"), Some("Int64"))
    );
}

#[test]
fn a_body_changed_while_another_main_used_it_is_nothing() {
    let pair = Pair::new();
    Pair::put(&pair.ada.engine, FEE_INSIDE).unwrap();
    Pair::put(&pair.ben, TOTAL).unwrap();
    pair.sync();
    assert_eq!((Pair::conflicts(&pair.ada.engine).len(), Pair::held(&pair.ben)), (0, 0));
    assert_eq!(Pair::fingerprint(&pair.ada.engine), Pair::fingerprint(&pair.ben));
}

#[test]
fn what_breaks_in_ones_own_main_is_refused_and_once_forced_travels_in_silence() {
    let pair = Pair::new();
    Pair::put(&pair.ada.engine, TOTAL).unwrap();
    pair.sync();
    assert!(matches!(Pair::put(&pair.ada.engine, FEE_OF_TEXT), Err(EngineError::Invalid { .. })));
    let mut tx = pair.ada.engine.begin(&session("work"), false).unwrap();
    tx.save(&SaveRequest {
        text: SourceText { file: "-".into(), text: FEE_OF_TEXT.into() },
        module: None,
        intent: Some("Break".into()),
        binds: Vec::new(),
        base: None,
    })
    .unwrap();
    tx.apply(None, true).unwrap();
    tx.commit().unwrap();
    pair.sync();
    assert_eq!((Pair::conflicts(&pair.ben).len(), Pair::held(&pair.ben)), (0, 0), "she knew what she did");
}

#[test]
fn a_session_sees_it_when_main_moves_under_it() {
    // The dependency moves under the use, or the use lands under a changed dependency.
    for (landed, own) in [(FEE_OF_TEXT, TOTAL), (TOTAL, FEE_OF_TEXT)] {
        let desk = Desk::with(CODE);
        desk.save("other", own).unwrap();
        assert!(desk.conflicts("other").is_empty(), "nothing has happened yet");
        desk.save("work", landed).unwrap();
        desk.apply("work").unwrap();
        let conflicts = desk.conflicts("other");
        assert_eq!(conflicts.len(), 1, "{conflicts:?}");
        assert_eq!(about(&conflicts[0]), ("dependency-breaking", vec!["fee", "total"]));
        assert!(desk.conflicts("work").is_empty(), "main has none");
        // Mended in the session.
        let mended = "module Acme.Shop\n\nlet total (cents: Int64) : String = fee (Builtin.int64ToString cents)\n";
        desk.save("other", mended).unwrap();
        assert!(desk.conflicts("other").is_empty());
        desk.apply("other").unwrap();
    }
}

#[test]
fn what_a_session_breaks_knowingly_is_an_error_and_no_conflict() {
    let desk = Desk::with(CODE);
    desk.save("work", TOTAL).unwrap();
    desk.apply("work").unwrap();
    desk.save("other", FEE_OF_TEXT).unwrap();
    assert!(desk.conflicts("other").is_empty());
    assert!(matches!(desk.apply("other"), Err(EngineError::Invalid { .. })));
}

/// Another conflict beside the one of meaning: what the two sides do to `other`.
#[test]
fn it_stands_beside_every_other_kind() {
    let edit = |body: &str| format!("module Acme.Shop\n\nlet other (cents: Int64) : Int64 = {body}\n");
    let kinds =
        ["content", "move", "deprecation", "delete-edit", "deprecation-edit", "collision", "deleted-dependency"];
    for kind in kinds {
        let desk = Desk::with(CODE);
        let act = |name: &str, act: &dyn Fn(&mut dm_engine::Transaction<'_>)| {
            let mut tx = desk.engine.begin(&session(name), false).unwrap();
            act(&mut tx);
            tx.commit().unwrap();
        };
        let deprecate = |reason: &'static str| {
            move |tx: &mut dm_engine::Transaction<'_>| drop(tx.deprecate("other", reason, None, None).unwrap())
        };
        let mv = |to: &'static str| move |tx: &mut dm_engine::Transaction<'_>| drop(tx.mv("other", to, None).unwrap());
        let rm = |tx: &mut dm_engine::Transaction<'_>| drop(tx.rm("other", false, None).unwrap());
        desk.save("other", TOTAL).unwrap();
        desk.save("work", FEE_OF_TEXT).unwrap();
        match kind {
            "content" => {
                desk.save("other", &edit("1L")).unwrap();
                desk.save("work", &edit("2L")).unwrap();
            }
            "move" => {
                act("other", &mv("mine"));
                act("work", &mv("theirs"));
            }
            "deprecation" => {
                act("other", &deprecate("mine"));
                act("work", &deprecate("theirs"));
            }
            "delete-edit" => {
                desk.save("other", &edit("1L")).unwrap();
                act("work", &rm);
            }
            "deprecation-edit" => {
                desk.save("other", &edit("1L")).unwrap();
                act("work", &deprecate("old"));
            }
            "collision" => {
                act("other", &mv("Acme.Shop.same"));
                act("work", &|tx| drop(tx.mv("fee", "Acme.Shop.same", None).unwrap()));
            }
            _ => {
                desk.save("other", "module Acme.Shop\n\nlet user (cents: Int64) : Int64 = other cents\n").unwrap();
                act("work", &rm);
            }
        }
        desk.apply("work").unwrap();
        let mut found = desk.kinds("other");
        found.sort();
        let mut wanted = vec![kind.to_owned(), "dependency-breaking".to_owned()];
        wanted.sort();
        assert_eq!(found, wanted);
    }
}

#[test]
fn two_edits_of_different_lines_merge_by_themselves_if_asked() {
    let code = "module Acme.Shop\n\nlet fee (cents: Int64) : Int64 =\n  let base = 1L\n  let more = 2L\n  let tax = 3L\n  Builtin.int64Add base (Builtin.int64Add more tax)\n";
    let desk = Desk::with(code);
    desk.save("work", &code.replace("base = 1L", "base = 10L")).unwrap();
    desk.save("other", &code.replace("tax = 3L", "tax = 30L")).unwrap();
    desk.apply("work").unwrap();
    let conflict = desk.conflicts("other").remove(0);
    assert!(conflict.self_resolving, "{conflict:?}");
    assert!(conflict.ways[0].ends_with("--merge"));
    let mut tx = desk.engine.begin(&session("other"), false).unwrap();
    tx.resolve(&conflict.id, &Way::Merge, None).unwrap();
    tx.commit().unwrap();
    assert!(desk.conflicts("other").is_empty());
    let text = desk.text("other", "fee");
    assert!(text.contains("base = 10L") && text.contains("tax = 30L"), "{text}");
}

#[test]
fn edits_of_one_line_and_merges_that_do_not_fit_do_not_merge() {
    let code = "module Acme.Shop\n\nlet fee (cents: Int64) : Int64 =\n  let base = 1L\n  let more = 2L\n  let tax = 3L\n  Builtin.int64Add base tax\n";
    let both = [
        (code.replace("base = 1L", "base = 2L"), code.replace("base = 1L", "base = 3L")),
        // One side takes away what the other one uses from now on.
        (code.replace("  let more = 2L\n", ""), code.replace("Add base tax", "Add more tax")),
        // One side makes a text of it, which the other one counts with.
        (code.replace("base = 1L", "base = \"1\"").replace("Add base", "Add 1L"), code.replace("base tax", "tax base")),
    ];
    for (hers, his) in both {
        let desk = Desk::with(code);
        desk.save("work", &hers).unwrap();
        desk.save("other", &his).unwrap();
        desk.apply("work").unwrap();
        let conflict = desk.conflicts("other").remove(0);
        assert!(!conflict.self_resolving, "{hers}\n{his}");
        let mut tx = desk.engine.begin(&session("other"), false).unwrap();
        assert!(matches!(tx.resolve(&conflict.id, &Way::Merge, None), Err(EngineError::WayDoesNotFit { .. })));
    }
}
