//! What daily commands cost, in steps of SQLite's machine: as much in a large store with a long history as in a small one.
//! Steps are counted, not timed, so that the outcome does not depend on what else the computer does.

use std::path::Path;
use std::sync::Arc;

use dm_engine::{
    Direction, Engine, ExchangeReport, FixedSystem, InitOptions, OpenOptions, RemoteRequest, SaveRequest,
    SessionChoice, SourceText, System,
};
use dm_model::Timestamp;

use crate::support::Desk;

/// Definitions in a module.
const IN_MODULE: usize = 20;
/// By what a command on ten times as much may cost more: trees of ten times the size are a little deeper, and nothing else is.
const GROWTH_MAX: f64 = 1.15;
/// Steps that may come on top: old commands are dropped, say. A look at each of ten times as many rows costs several times that.
const GROWTH_STEPS_MAX: f64 = 150.0;

/// Two stores that hold the same.
struct Pair {
    ada: Desk,
    ben: Engine,
}

fn definition(number: usize, factor: usize) -> String {
    format!("let f{number} (n: Int64) : Int64 =\n  n * {factor}L\n")
}

fn edit(number: usize, factor: usize) -> SaveRequest {
    let text = format!("module Ada.M{}\n\n{}", number / IN_MODULE, definition(number, factor));
    SaveRequest {
        text: SourceText { file: "-".to_owned(), text },
        module: None,
        intent: Some("Change".to_owned()),
        binds: Vec::new(),
        base: None,
    }
}

fn save(engine: &Engine, number: usize, factor: usize, apply: bool) {
    let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
    tx.save(&edit(number, factor)).unwrap();
    if apply {
        tx.apply(None, false).unwrap();
    }
    tx.commit().unwrap();
}

fn sync(engine: &Engine) -> ExchangeReport {
    engine.exchange(Some("there"), Direction::Both, false, &mut |_| {}).unwrap()
}

fn status(engine: &Engine) {
    engine.snapshot(&SessionChoice::Current).unwrap().status().unwrap();
}

fn steps(engine: &Engine, command: impl FnOnce(&Engine)) -> f64 {
    let before = engine.steps();
    command(engine);
    (engine.steps() - before) as f64
}

impl Pair {
    /// Ada has so many definitions and so many patches in main; Ben has pulled them.
    fn new(definitions: usize, patches: usize) -> Self {
        let ada = Desk::new();
        for module in 0..definitions / IN_MODULE {
            let numbers = module * IN_MODULE..(module + 1) * IN_MODULE;
            let texts: Vec<String> = numbers.map(|number| definition(number, 1)).collect();
            ada.write(&format!("src/m{module}.dark"), &format!("module Ada.M{module}\n\n{}", texts.join("\n")));
        }
        ada.import("work", "src", |_| ()).unwrap();
        for patch in 0..patches {
            save(&ada.engine, patch % definitions, 100 + patch, true);
        }
        let system: Arc<dyn System> = Arc::new(FixedSystem::new(Timestamp::from_ms(1_767_225_600_000), "ben"));
        let folder = ada.path("ben");
        let init =
            InitOptions { folder: folder.clone(), author: "Ben".to_owned(), name: "ben".to_owned(), dry_run: false };
        dm_engine::init(&init, system.as_ref()).unwrap();
        let ben = Engine::open(OpenOptions { folder, author: None, system }).unwrap();
        remote(&ben, &ada.path("store"));
        let pair = Self { ada, ben };
        let first = sync(&pair.ben);
        assert_eq!(first.received_facts as usize, patches + 1, "all facts came");
        assert_eq!(sync(&pair.ben).round_trips, 1);
        pair
    }

    /// What daily commands cost: each by name, with its steps.
    fn costs(&self) -> Vec<(&'static str, f64)> {
        let mut costs = vec![
            ("status of the author", steps(&self.ada.engine, status)),
            ("status of the reader", steps(&self.ben, status)),
            ("sync, nothing new", steps(&self.ben, |ben| assert_eq!(sync(ben).round_trips, 1))),
            ("save", steps(&self.ada.engine, |ada| save(ada, 3, 1_000_001, false))),
            ("status with an edit", steps(&self.ada.engine, status)),
            ("save and apply", steps(&self.ada.engine, |ada| save(ada, 4, 1_000_002, true))),
        ];
        let one_new = |ben: &Engine| assert_eq!(sync(ben).received.applied.len(), 1);
        costs.push(("sync, one new", steps(&self.ben, one_new)));
        save(&self.ben, 5, 1_000_003, true);
        costs.push(("sync, one to send", steps(&self.ben, |ben| assert_eq!(sync(ben).sent.len(), 1))));
        costs
    }
}

fn remote(engine: &Engine, path: &Path) {
    let url = path.to_string_lossy().into_owned();
    let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
    tx.remote_add(&RemoteRequest { name: "there".to_owned(), url, token: None, timeout_s: 1 }).unwrap();
    tx.commit().unwrap();
}

fn check_growth(small: &Pair, large: &Pair) {
    let mut grown = Vec::new();
    for ((name, small), (_, large)) in small.costs().into_iter().zip(large.costs()) {
        assert!(small > 20.0, "{name} was not counted: {small}");
        if large > small * GROWTH_MAX + GROWTH_STEPS_MAX {
            grown.push(format!("{name}: {small} steps became {large}"));
        }
    }
    assert!(grown.is_empty(), "{}", grown.join("\n"));
}

#[test]
fn daily_commands_cost_the_same_with_ten_times_the_history() {
    check_growth(&Pair::new(100, 30), &Pair::new(100, 300));
}

#[test]
fn daily_commands_cost_the_same_with_ten_times_the_definitions() {
    check_growth(&Pair::new(200, 10), &Pair::new(2000, 10));
}
