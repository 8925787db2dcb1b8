//! What the bench needs besides `dm`: long histories made fast, patches in another order, and a process that stays open.
//!
//! `bench_tool history STORE COUNT SEED` adds so many applied patches of one edit each; with a fourth word `ready` they are
//! not applied. `bench_tool reorder FROM TO SEED` copies the ready patches of a store into another one, in another order that
//! their needs allow. `bench_tool writer STORE SESSION COUNT SEED` waits for a line, then saves so many edits in a session,
//! and prints the milliseconds of each. `bench_tool search STORE COUNT words|types` searches so often, after one search that brings the
//! index up to date, and prints the milliseconds of each.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use dm_collab::{Channel, Head, ProjectionRead as _};
use dm_engine::{Engine, OpenOptions, RealSystem, SaveRequest, SearchQuery, SessionChoice, SourceText, System as _};
use dm_model::{
    Action, Apply, Body, DefHash, EntityId, Envelope, EnvelopeId, Keypair, Op, OpId, PatchId, Register, Revision,
    Space, Timestamp, Value,
};
use dm_store::{Arrival, HashedDefinition, Mode, ReadTx, Store};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Patches that are appended in one transaction.
const PATCHES_AT_ONCE: usize = 5000;
/// Before the digits that an edit changes; the code base of the bench has them in each definition.
const EDITION: &str = "edition ";
/// How many of them there are.
const EDITION_DIGITS: usize = 6;
/// How many definitions a writer goes round.
const WRITER_DEFINITIONS: usize = 50;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["history", store, count, seed] => history(Path::new(store), count.parse()?, seed.parse()?, true),
        ["history", store, count, seed, "ready"] => history(Path::new(store), count.parse()?, seed.parse()?, false),
        ["reorder", from, to, seed] => reorder(Path::new(from), Path::new(to), seed.parse()?),
        ["writer", store, session, count, seed] => writer(Path::new(store), session, count.parse()?, seed.parse()?),
        ["search", store, count, what] => search(Path::new(store), count.parse()?, what),
        _ => Err("usage: bench_tool history|reorder|writer|search …; see the top of its source".into()),
    }
}

/// Numbers that look drawn and are always the same for a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }
}

/// An open store, with what signs there.
struct Opened {
    store: Store,
    /// Signs facts of the store's main.
    instance: Keypair,
    /// Signs patches: the key of the one author that has written there.
    author: Keypair,
}

fn key_in(path: &Path) -> Outcome<Keypair> {
    let secret: EnvelopeId = std::fs::read_to_string(path)?.trim().parse()?;
    Ok(Keypair::from_secret(secret.as_bytes()))
}

fn open(folder: &Path) -> Outcome<Opened> {
    let folder = folder.join(dm_engine::STORE_FOLDER);
    let store = Store::open(&folder.join("store.db"), Mode::ReadWrite)?;
    let kept = std::fs::read_dir(folder.join("keys"))?.next().ok_or("no author has a key here")??;
    Ok(Opened { store, instance: key_in(&folder.join("key"))?, author: key_in(&kept.path())? })
}

/// The text with another edition in it; its references stand where they stood.
fn edited(text: &str, edition: u64) -> Outcome<String> {
    let at = text.find(EDITION).ok_or("a definition that the bench did not make")? + EDITION.len();
    let (before, after) = (text.get(..at), text.get(at + EDITION_DIGITS..));
    let (before, after) = before.zip(after).ok_or("a definition that the bench did not make")?;
    Ok(format!("{before}{:06}{after}", edition % 1_000_000))
}

/// The one head of an entity's content.
fn head_of(tx: &ReadTx<'_>, entity: &EntityId) -> Outcome<(OpId, DefHash)> {
    let state = tx.entity(entity)?.ok_or("an entity without a state")?;
    let heads = state.registers.get(&Register::Content).map(|register| register.heads.as_slice());
    match heads {
        Some([Head { op, value: Value::Content(hash) }]) => Ok((*op, *hash)),
        _ => Err("an entity whose content is contested".into()),
    }
}

fn patch_id(dice: &mut Dice, now: Timestamp) -> PatchId {
    let mut bytes = [0u8; 16];
    let (high, low) = (dice.next().to_be_bytes(), dice.next().to_be_bytes());
    for (to, from) in bytes.iter_mut().zip(high.into_iter().chain(low)) {
        *to = from;
    }
    // As ids are made: the time in front, then the version's bits.
    for (to, from) in bytes.iter_mut().zip(now.as_ms().to_be_bytes().into_iter().skip(2)) {
        *to = from;
    }
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = 0x70 | (*version & 0x0f);
    *variant = 0x80 | (*variant & 0x3f);
    PatchId::from_bytes(bytes)
}

fn history(folder: &Path, count: usize, seed: u64, apply: bool) -> Outcome<()> {
    let Opened { store, instance, author: signer } = open(folder)?;
    let mut dice = Dice(seed);
    let mut done = 0;
    let mut heads: BTreeMap<EntityId, (OpId, DefHash)> = BTreeMap::new();
    let mut texts: BTreeMap<DefHash, HashedDefinition> = BTreeMap::new();
    while done < count {
        let mut tx = store.write()?;
        let author = tx.setting("author")?.unwrap_or_default();
        let names = tx.live_names("")?;
        let channel = tx.own_channel();
        let mut onto = tx.leaves(&Channel { main: channel, space: Space::PUBLIC })?;
        let mut arrival = Arrival::default();
        for number in done..count.min(done + PATCHES_AT_ONCE) {
            let name = names.get(dice.below(names.len())).ok_or("an empty store")?;
            let (op, old) = match heads.get(&name.entity) {
                Some(head) => *head,
                None => head_of(&tx, &name.entity)?,
            };
            let before = match texts.get(&old) {
                Some(known) => (**known.definition()).clone(),
                None => tx.definition(&old)?.ok_or("a definition is missing")?,
            };
            let text = edited(&before.text, dice.next())?;
            let definition = HashedDefinition::new(dm_model::Definition { text, ..before });
            let new = definition.hash();
            let op = Op::new(name.entity, Action::UpdateName { old: Some(old), new }).superseding([op]);
            heads.insert(name.entity, (op.id(), new));
            let now = RealSystem.now();
            let patch = patch_id(&mut dice, now);
            let intent = format!("Change {} for the {number}. time", name.location);
            let (replaces, depends) = (Vec::new(), Vec::new());
            let revision =
                Revision { patch, replaces, author: author.clone(), intent, created_at: now, depends, ops: vec![op] };
            let revision = Envelope::seal(Space::PUBLIC, &signer, now, Body::Revision(revision));
            let patches = vec![(patch, revision.id())];
            arrival.envelopes.push(Arc::new(revision));
            if apply {
                let fact = Apply { channel, onto, patches, forced: String::new() };
                let fact = Envelope::seal(Space::PUBLIC, &instance, now, Body::Apply(fact));
                onto = vec![fact.id()];
                arrival.envelopes.push(Arc::new(fact));
            }
            texts.insert(new, definition.clone());
            arrival.definitions.push(definition);
        }
        done = count.min(done + PATCHES_AT_ONCE);
        tx.append(&arrival)?;
        tx.commit()?;
    }
    Ok(store.close()?)
}

fn reorder(from: &Path, to: &Path, seed: u64) -> Outcome<()> {
    let source = open(from)?.store;
    let target = open(to)?.store;
    let mut dice = Dice(seed);
    let read = source.read()?;
    let ids = read.envelope_ids(Space::PUBLIC)?;
    let mut tx = target.write()?;
    let mut left = Vec::new();
    for envelope in read.envelopes_in_order(&ids)? {
        if matches!(envelope.body(), Body::Revision(_)) && tx.envelope(&envelope.id())?.is_none() {
            left.push(envelope);
        }
    }
    let total = left.len();
    let unmet: BTreeSet<OpId> = left.iter().flat_map(|envelope| ops_of(envelope)).map(Op::id).collect();
    let mut met: BTreeSet<OpId> = BTreeSet::new();
    while !left.is_empty() {
        let at = dice.below(left.len());
        let ready = left.get(at).is_some_and(|envelope| match envelope.body() {
            Body::Revision(revision) => revision.needs().iter().all(|need| !unmet.contains(need) || met.contains(need)),
            _ => false,
        });
        if !ready {
            continue;
        }
        let envelope = left.swap_remove(at);
        met.extend(ops_of(&envelope).iter().map(Op::id));
        let mut definitions = Vec::new();
        for op in ops_of(&envelope) {
            let Some(hash) = op.content() else { continue };
            definitions.extend(read.definition(&hash)?.map(HashedDefinition::new));
        }
        tx.append(&Arrival { envelopes: vec![envelope], definitions })?;
    }
    tx.commit()?;
    println!("{total}");
    Ok(target.close()?)
}

fn ops_of(envelope: &Envelope) -> &[Op] {
    match envelope.body() {
        Body::Revision(revision) => &revision.ops,
        _ => &[],
    }
}

fn writer(folder: &Path, session: &str, count: usize, seed: u64) -> Outcome<()> {
    let options = OpenOptions { folder: folder.to_path_buf(), author: None, system: Arc::new(RealSystem) };
    let engine = Engine::open(options)?;
    let choice = SessionChoice::Named(session.to_owned());
    let mut texts = Vec::new();
    {
        let snapshot = engine.snapshot(&choice)?;
        let names = snapshot.ls("", true)?.definitions;
        // Writers of different seeds write different definitions.
        let first = usize::try_from(seed.saturating_sub(1))? * WRITER_DEFINITIONS;
        for name in names.iter().skip(first).take(WRITER_DEFINITIONS) {
            texts.push(snapshot.open_for_edit(&name.location)?.text);
        }
    }
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let mut took = Vec::with_capacity(count);
    for number in 0..count {
        let text = texts.get(number % texts.len()).ok_or("no definitions")?;
        let request = SaveRequest {
            text: SourceText { file: "-".to_owned(), text: edited(text, seed * 10_000 + number as u64 + 1)? },
            module: None,
            intent: Some(format!("Work of {session}")),
            binds: Vec::new(),
            base: None,
        };
        let begin = Instant::now();
        let mut transaction = engine.begin(&choice, false)?;
        transaction.save(&request)?;
        transaction.commit()?;
        took.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    let lines: Vec<String> = took.iter().map(|ms| format!("{ms:.3}")).collect();
    println!("{}", lines.join("\n"));
    Ok(())
}

/// What people type, on the code base of the bench: a whole name, the beginning of all names, of some, of one; the middle of a name; a slip, two
/// slips; a module and a name; words of docs; a word that is nowhere.
const WORDS: &[&str] = &[
    "calc012345",
    "calc",
    "calc01",
    "calc01234",
    "c0123",
    "clac012345",
    "cacl01245",
    "mod0042 calc004217",
    "mod0042",
    "combines amounts",
    "combin step",
    "int64 calc09",
    "nowhere",
];
/// Types: what all have, with other orders and names; what all have with one more; more general; one more than any has; what none has.
const TYPES: &[&str] = &[
    "Int64 -> Int64 -> Int64",
    "Int64 -> Int64",
    "Int64",
    "'a -> Int64",
    "Int64 -> 'a -> Int64",
    "'a -> 'b -> 'c",
    "Int64 -> Int64 -> Int64 -> Int64",
    "String -> Int64",
    "List<Int64> -> (Int64 -> Bool) -> List<Int64>",
];

fn search(folder: &Path, count: usize, what: &str) -> Outcome<()> {
    let options = OpenOptions { folder: folder.to_path_buf(), author: None, system: Arc::new(RealSystem) };
    let engine = Engine::open(options)?;
    let choice = SessionChoice::Current;
    let query = |number: usize| -> Outcome<SearchQuery> {
        let limit = 50;
        if what == "types" {
            let of_type = TYPES.get(number % TYPES.len()).map(|text| (*text).to_owned());
            return Ok(SearchQuery { of_type, limit, ..SearchQuery::default() });
        }
        let words = WORDS.get(number % WORDS.len()).ok_or("no words")?;
        Ok(SearchQuery { words: words.split(' ').map(str::to_owned).collect(), limit, ..SearchQuery::default() })
    };
    let begin = Instant::now();
    engine.search(&choice, &query(0)?)?;
    eprintln!("the first search took {:.0} ms", begin.elapsed().as_secs_f64() * 1000.0);
    for number in 0..count {
        let query = query(number)?;
        let begin = Instant::now();
        let report = engine.search(&choice, &query)?;
        let took = begin.elapsed().as_secs_f64() * 1000.0;
        println!("{took:.3}");
        eprintln!("{took:8.3} ms {:4} hits for {:?} {:?}", report.hits.len(), query.words, query.of_type);
    }
    Ok(())
}
