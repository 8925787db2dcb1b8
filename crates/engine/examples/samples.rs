//! Writes what the dictionary of `crates/store/src/dictionary` is trained on: the definitions and envelopes of our own `packages/`,
//! one file each, imported and then each definition edited once in a patch of its own.
//!
//! `cargo run -p dm-engine --example samples -- packages target/samples`, then the command of `docs/formats/sync.md`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tool that is run by hand: it stops with the reason"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dm_engine::{
    Engine, FixedSystem, ImportRequest, InitOptions, OpenOptions, SaveRequest, SessionChoice, SourceText, System,
};
use dm_model::Timestamp;

const INTENTS: [&str; 8] = [
    "Fix the rounding of prices",
    "Add a test for empty lists",
    "Rename the helper so that it says what it does",
    "Make the report show totals by day",
    "Handle the case of no result",
    "Remove what nothing uses any more",
    "Use Option instead of a magic value",
    "Say in the comment why this is needed",
];

fn main() {
    let mut args = std::env::args().skip(1).map(PathBuf::from);
    let (packages, target) = (args.next().unwrap(), args.next().unwrap());
    std::fs::create_dir_all(&target).unwrap();
    let folder = std::env::temp_dir().join(format!("dm-samples-{}", std::process::id()));
    let mut written = 0;
    for (person, author) in ["Ada", "Ben", "Cleo"].into_iter().enumerate() {
        let engine = filled(&folder.join(author), author, person, &packages);
        write_all(&engine, &target, &mut written);
    }
    std::fs::remove_dir_all(folder).unwrap();
    eprintln!("{written} samples");
}

/// A store with our packages, every third definition edited by its owner.
fn filled(folder: &Path, author: &str, person: usize, packages: &Path) -> Engine {
    let system: Arc<dyn System> = Arc::new(FixedSystem::new(Timestamp::from_ms(1_767_225_600_000), author));
    let options = InitOptions {
        folder: folder.to_path_buf(),
        author: author.to_owned(),
        name: author.to_lowercase(),
        dry_run: false,
    };
    dm_engine::init(&options, system.as_ref()).unwrap();
    let engine = Engine::open(OpenOptions { folder: folder.to_path_buf(), author: None, system }).unwrap();
    let sources = dm_engine::read_sources(packages, false).unwrap();
    let request = ImportRequest {
        sources: &sources,
        intent: Some("Import".to_owned()),
        single: false,
        draft: false,
        prune: false,
        overwrite: false,
    };
    let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
    tx.import(&request).unwrap();
    tx.commit().unwrap();
    let all = engine.snapshot(&SessionChoice::Current).unwrap().ls("", true).unwrap().definitions;
    for (at, entry) in all.into_iter().enumerate().filter(|(at, _)| at % 3 == person) {
        let snapshot = engine.snapshot(&SessionChoice::Current).unwrap();
        let opened = snapshot.open_for_edit(&entry.location).unwrap();
        drop(snapshot);
        let request = SaveRequest {
            text: SourceText { file: "-".to_owned(), text: format!("// {}\n{}", INTENTS[at % 8], opened.text) },
            module: None,
            intent: Some(INTENTS[(at + 3) % 8].to_owned()),
            binds: Vec::new(),
            base: Some(opened.base),
        };
        let mut tx = engine.begin(&SessionChoice::Current, false).unwrap();
        tx.save(&request).unwrap();
        tx.apply(None, false).unwrap();
        tx.commit().unwrap();
    }
    engine
}

fn write_all(engine: &Engine, target: &Path, written: &mut usize) {
    let mut cursor: Option<String> = None;
    loop {
        let page = engine.page(cursor.as_deref(), &[dm_model::Space::PUBLIC]).unwrap();
        let envelopes = page.envelopes.iter().map(|envelope| envelope.bytes().to_vec());
        for bytes in envelopes.chain(page.definitions.into_iter().map(|(_, bytes)| bytes)) {
            std::fs::write(target.join(format!("{written:05}")), bytes).unwrap();
            *written += 1;
        }
        if !page.more {
            return;
        }
        cursor = Some(page.cursor);
    }
}
