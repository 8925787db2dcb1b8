//! Undo and redo (SEMANTICS I12, I13): what they leave is what was there.

use dm_engine::{Engine, EngineError, RemoteRequest, SaveRequest, SessionChoice, SourceText, Transaction};
use proptest::prelude::*;

use crate::support::Desk;

/// A store of Ada's, and commands given in it.
pub struct World {
    pub engine: Engine,
    pub desk: Desk,
}

impl World {
    pub fn new() -> Self {
        let desk = Desk::new();
        Self { engine: desk.engine.reopen().unwrap(), desk }
    }

    /// One command in a session, as a front end gives it; the current one if none is named.
    fn write_in<T>(
        &self,
        session: Option<&str>,
        write: impl FnOnce(&mut Transaction<'_>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let choice = session.map_or(SessionChoice::Current, |name| SessionChoice::Named(name.to_owned()));
        let mut transaction = self.engine.begin(&choice, false)?;
        let written = write(&mut transaction)?;
        transaction.commit()?;
        Ok(written)
    }

    /// One command in the current session.
    pub fn write<T>(
        &self,
        write: impl FnOnce(&mut Transaction<'_>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.write_in(None, write)
    }
}

/// A request to save this text.
fn text(text: String, intent: Option<&str>) -> SaveRequest {
    SaveRequest {
        text: SourceText { file: "-".to_owned(), text },
        module: None,
        intent: intent.map(str::to_owned),
        binds: Vec::new(),
        base: None,
    }
}

/// A command that may or may not be possible as things stand.
#[derive(Debug, Clone)]
pub enum Step {
    NewPatch,
    Save { name: u8, value: u8 },
    Move { from: u8, to: u8 },
    Remove { name: u8 },
    Deprecate { name: u8 },
    Undeprecate { name: u8 },
    Focus { patch: u8 },
    Ready,
    Draft,
    Apply,
    SessionNew { name: u8 },
    SessionSwitch { name: u8 },
    Remote { name: u8 },
    Setting { value: u8 },
}

pub fn step() -> impl Strategy<Value = Step> {
    let name = 0..4u8;
    prop_oneof![
        2 => Just(Step::NewPatch),
        8 => (name.clone(), 0..5u8).prop_map(|(name, value)| Step::Save { name, value }),
        2 => (name.clone(), name.clone()).prop_map(|(from, to)| Step::Move { from, to }),
        1 => name.clone().prop_map(|name| Step::Remove { name }),
        1 => name.clone().prop_map(|name| Step::Deprecate { name }),
        1 => name.clone().prop_map(|name| Step::Undeprecate { name }),
        1 => name.clone().prop_map(|patch| Step::Focus { patch }),
        2 => Just(Step::Ready),
        2 => Just(Step::Draft),
        4 => Just(Step::Apply),
        1 => name.clone().prop_map(|name| Step::SessionNew { name }),
        1 => name.clone().prop_map(|name| Step::SessionSwitch { name }),
        1 => name.prop_map(|name| Step::Remote { name }),
        1 => (0..3u8).prop_map(|value| Step::Setting { value }),
    ]
}

pub fn take(world: &World, step: &Step) -> Result<(), EngineError> {
    let place = |name: u8| format!("Ada.M.f{name}");
    world.write(|tx| {
        match step {
            Step::NewPatch => drop(tx.new_patch("A change")?),
            Step::Save { name, value } => {
                let source = format!("module Ada.M\n\nlet f{name} (n: Int64) : Int64 =\n  {value}L\n");
                drop(tx.save(&text(source, Some("Save")))?);
            }
            Step::Move { from, to } => drop(tx.mv(&place(*from), &place(*to), Some("Move"))?),
            Step::Remove { name } => drop(tx.rm(&place(*name), true, Some("Remove"))?),
            Step::Deprecate { name } => drop(tx.deprecate(&place(*name), "old", None, Some("Deprecate"))?),
            Step::Undeprecate { name } => drop(tx.undeprecate(&place(*name), Some("Take back"))?),
            Step::Focus { patch } => {
                let patches = world.engine.reopen()?.snapshot(&SessionChoice::Current)?.patches(false)?;
                if let Some(patch) = patches.get(usize::from(*patch)) {
                    drop(tx.focus(&patch.id)?);
                }
            }
            Step::Ready => drop(tx.ready(None)?),
            Step::Draft => drop(tx.draft(None)?),
            Step::Apply => drop(tx.apply(None, false)?),
            Step::SessionNew { name } => drop(tx.session_new(&format!("s{name}"), "")?),
            Step::SessionSwitch { name } => drop(tx.session_switch(&format!("s{name}"))?),
            Step::Remote { name } => {
                let url = format!("http://127.0.0.1:{name}");
                let request = RemoteRequest { name: format!("r{name}"), url, token: None, timeout_s: 1 };
                drop(tx.remote_add(&request)?);
            }
            Step::Setting { value } => drop(tx.set_setting("author", &format!("Ada {value}"))?),
        }
        Ok(())
    })
}

/// All that a person can see of how things stand, without times and revision ids: a revision made again has another id and
/// the same ops.
fn digest(world: &World) -> String {
    let snapshot = world.engine.snapshot(&SessionChoice::Current).unwrap();
    let mut seen = Vec::new();
    let status = snapshot.status().unwrap();
    seen.push(format!("main {}", status.view_fingerprint));
    seen.push(format!("focus {:?}", status.focused.map(|patch| patch.id)));
    for changes in status.changes {
        seen.push(format!("draft {} {:?}", changes.patch.id, changes.changes));
    }
    for entry in snapshot.ls("", true).unwrap().definitions {
        seen.push(format!("{} {} {:?}", entry.location, entry.hash, entry.deprecated));
    }
    for session in snapshot.sessions().unwrap() {
        let patches: Vec<_> = session.patches.iter().map(|patch| (&patch.id, &patch.status)).collect();
        seen.push(format!("session {} {} {:?}", session.name, session.current, patches));
    }
    for remote in snapshot.remotes().unwrap() {
        seen.push(format!("remote {} {}", remote.name, remote.url));
    }
    for setting in snapshot.settings().unwrap() {
        seen.push(format!("setting {} {}", setting.key, setting.value));
    }
    seen.join("\n")
}

/// How many commands are remembered, of all sessions.
fn commands(world: &World) -> usize {
    world.engine.snapshot(&SessionChoice::Current).unwrap().commands(true, usize::MAX).unwrap().len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// I13: undoing n commands one by one shows what was there before each; redoing them shows what was there after each.
    #[test]
    fn undo_then_redo_is_nothing(steps in prop::collection::vec(step(), 1..14)) {
        let world = World::new();
        let mut stations = vec![digest(&world)];
        for step in &steps {
            let before = commands(&world);
            if take(&world, step).is_ok() && commands(&world) > before {
                stations.push(digest(&world));
            }
        }
        let done = stations.len() - 1;
        for at in (0..done).rev() {
            let undone = world.write(|tx| tx.undo(None));
            // A session that was switched away from keeps its own commands.
            if matches!(undone, Err(EngineError::NothingToUndo(_))) {
                return Ok(());
            }
            undone.unwrap();
            prop_assert_eq!(&digest(&world), &stations[at], "after undoing command {}", at + 1);
        }
        for (at, station) in stations.iter().enumerate().skip(1) {
            world.write(|tx| tx.redo()).unwrap();
            prop_assert_eq!(&digest(&world), station, "after redoing command {}", at);
        }
        prop_assert!(matches!(world.write(|tx| tx.redo()), Err(EngineError::NothingToUndo("redo"))));
        prop_assert!(world.engine.verify().unwrap().findings.is_empty());
        prop_assert!(world.engine.rebuild(true).unwrap().differed.is_empty());
    }
}

fn save(name: &str, value: u8) -> dm_engine::SaveRequest {
    text(format!("module Ada.M\n\nlet {name} (n: Int64) : Int64 =\n  {value}L\n"), Some("Save"))
}

/// I12: a session undoes what was done in it and nothing else.
#[test]
fn sessions_do_not_undo_each_other() {
    let world = World::new();
    world.write(|tx| tx.session_new("other", "")).unwrap();
    world.write_in(Some("work"), |tx| tx.save(&save("a", 1))).unwrap();
    world.write_in(Some("other"), |tx| tx.save(&save("b", 2))).unwrap();
    world.write_in(Some("work"), |tx| tx.save(&save("a", 3))).unwrap();
    let undone = world.write_in(Some("other"), |tx| tx.undo(None)).unwrap();
    assert_eq!(undone.command.words, "create Ada.M.b");
    let number = world.engine.snapshot(&SessionChoice::Named("work".to_owned())).unwrap().commands(false, 1).unwrap();
    let number = number.first().unwrap().number.to_string();
    let refused = world.write_in(Some("other"), |tx| tx.undo(Some(&number)));
    assert!(matches!(refused, Err(EngineError::NoSuchCommand(_))), "{refused:?}");
}

/// A patch that others in main stand on does not leave it.
#[test]
fn what_others_need_stays() {
    let world = World::new();
    world.write(|tx| tx.save(&save("a", 1))).unwrap();
    world.write(|tx| tx.apply(None, false)).unwrap();
    world.write(|tx| tx.session_new("other", "")).unwrap();
    world.write_in(Some("other"), |tx| tx.save(&save("a", 2))).unwrap();
    world.write_in(Some("other"), |tx| tx.apply(None, false)).unwrap();
    let refused = world.write_in(Some("work"), |tx| tx.undo(None));
    assert!(matches!(refused, Err(EngineError::NeededByOthers(_))), "{refused:?}");
    world.write_in(Some("other"), |tx| tx.undo(None)).unwrap();
    world.write_in(Some("work"), |tx| tx.undo(None)).unwrap();
}

/// An earlier command can be undone by its number while nothing wrote over it since.
#[test]
fn an_earlier_command_is_undone_by_its_number() {
    let world = World::new();
    world.write(|tx| tx.save(&save("a", 1))).unwrap();
    world.write(|tx| tx.apply(None, false)).unwrap();
    world.write(|tx| tx.save(&save("b", 1))).unwrap();
    world.write(|tx| tx.save(&save("b", 2))).unwrap();
    let numbers: Vec<String> = {
        let snapshot = world.engine.snapshot(&SessionChoice::Current).unwrap();
        snapshot.commands(false, 10).unwrap().iter().map(|command| command.number.to_string()).collect()
    };
    let refused = world.write(|tx| tx.undo(numbers.get(1).map(String::as_str)));
    assert!(matches!(refused, Err(EngineError::ChangedSince { .. })), "{refused:?}");
    world.write(|tx| tx.undo(numbers.first().map(String::as_str))).unwrap();
    world.write(|tx| tx.undo(numbers.get(1).map(String::as_str))).unwrap();
}

/// A dry run of an undo says what it would do and does nothing.
#[test]
fn a_dry_run_undoes_nothing() {
    let world = World::new();
    world.write(|tx| tx.save(&save("a", 1))).unwrap();
    let before = digest(&world);
    let mut transaction = world.engine.begin(&SessionChoice::Current, true).unwrap();
    let report = transaction.undo(None).unwrap();
    transaction.commit().unwrap();
    assert!(report.dry_run);
    assert_eq!(digest(&world), before);
}

/// Trust and keys are told, and cannot be undone; what came before them can.
#[test]
fn a_key_cannot_be_undone() {
    let world = World::new();
    world.write(|tx| tx.save(&save("a", 1))).unwrap();
    world.write(|tx| tx.create_token("home", &[])).unwrap();
    let report = world.write(|tx| tx.undo(None)).unwrap();
    assert_eq!(report.command.verb, "add");
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    let number = {
        let snapshot = world.engine.snapshot(&SessionChoice::Current).unwrap();
        let commands = snapshot.commands(false, 10).unwrap();
        commands.iter().find(|command| command.verb == "token create").unwrap().number.to_string()
    };
    let refused = world.write(|tx| tx.undo(Some(&number)));
    assert!(matches!(refused, Err(EngineError::CannotUndo { .. })), "{refused:?}");
}
