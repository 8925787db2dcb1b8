//! The index for searches: brought up to date now and then it says what one made at once says, and its answers are those of looking at
//! everything.

use std::collections::BTreeSet;

use dm_model::{Action, DefHash, Deprecation, EntityId, Kind, Op, OpId};
use dm_store::{Arrival, Class, Memo, ReadTx, SearchFilter, Store, Word, WriteTx};
use proptest::prelude::*;
use rusqlite::Connection;

use crate::generate::{Dice, History, history};
use crate::support::{TempStore, apply, arrival, create, definition, location, patch_id, revision, temp_store};

/// What is kept of a definition here: words that follow from its hash.
fn memo(content: &DefHash) -> Memo {
    let byte = |at: usize| content.as_bytes()[at];
    let word = |at: usize| ["alpha", "betaGamma", "delta", "Äther", "gammaRay", "omega2"][usize::from(byte(at) % 6)];
    Memo {
        signature: format!("f (a: {}) : {}", word(0), word(1)),
        doc: format!("Does {} with {}.", word(2), word(3)),
        types: vec![byte(4)],
        type_words: vec![format!("t{}", byte(5) % 4)],
    }
}

/// Brings so many entities up to date, as a reader does.
fn index(tx: &mut WriteTx<'_>, limit: usize) -> usize {
    let memos: Vec<(DefHash, Memo)> =
        tx.memos_due(limit).unwrap().into_iter().map(|hash| (hash, memo(&hash))).collect();
    tx.put_memos(memos).unwrap();
    tx.index_due(limit).unwrap()
}

fn index_all(store: &Store) {
    let mut tx = store.write().unwrap();
    index(&mut tx, usize::MAX);
    assert!(!tx.is_search_due().unwrap());
    tx.commit().unwrap();
}

/// The rows of the index with all their words, without local ids.
fn dump(temp: &TempStore) -> Vec<String> {
    let raw = Connection::open(temp.path()).unwrap();
    raw.execute_batch("CREATE VIRTUAL TABLE temp.term USING fts5vocab (main, search, instance)").unwrap();
    let mut statement = raw
        .prepare(
            "SELECT r.path || ' ' || hex(e.hash) || ' ' || hex(c.hash) || ' ' || r.kind || ' ' || r.deprecated || ' '
                || (r.id >> 40) || ' ' || (SELECT group_concat(term, ' ') FROM (SELECT term FROM temp.term WHERE doc = r.id ORDER BY term))
             FROM search_row r JOIN entity e ON e.id = r.entity JOIN content c ON c.id = r.content ORDER BY 1",
        )
        .unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// What all words fit of what is live, by looking at everything.
fn looked_at(tx: &ReadTx<'_>, word: &Word, class: Class, filter: &SearchFilter) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in tx.live_names("").unwrap() {
        let state = dm_collab::ProjectionRead::entity(tx, &name.entity).unwrap().unwrap();
        let deprecation =
            state.registers.get(&dm_model::Register::Deprecation).and_then(|register| register.provisional());
        let deprecated = matches!(deprecation, Some(dm_model::Value::Deprecation(Some(_))));
        let fits = word.class_in(&name.location, name.kind, &memo(&name.content)) == Some(class);
        if fits && filter.takes(&name.location, name.kind, deprecated) {
            found.insert(name.location.to_string());
        }
    }
    found
}

fn check_answers(tx: &ReadTx<'_>, dice: &mut Dice) {
    let words = ["alpha", "ga", "gamma", "ä", "d", "su", "sum", "rt", "art", "2", "acme", "with", "total", "dro"];
    let filters = [
        SearchFilter::default(),
        SearchFilter { deprecated: Some(dice.one_in(2)), ..SearchFilter::default() },
        SearchFilter { kind: Some(Kind::Fn), below: vec!["Acme".to_owned()], deprecated: None },
        SearchFilter { below: vec!["Acme.Cart".to_owned()], ..SearchFilter::default() },
    ];
    for word in words {
        let word = tx.completed(Word::all_in(word).remove(0)).unwrap();
        for filter in &filters {
            let mut anywhere = BTreeSet::new();
            for class in Class::ALL {
                let expected = looked_at(tx, &word, class, filter);
                let question = word.question(class);
                let candidates = question.map(|question| tx.candidates(&question, filter, usize::MAX).unwrap());
                let found: BTreeSet<String> = candidates
                    .into_iter()
                    .flatten()
                    .filter(|found| word.class_in(&found.location, found.kind, &found.memo) == Some(class))
                    .map(|found| found.location.to_string())
                    .collect();
                assert_eq!(found, expected, "{word:?} as {class:?} among {filter:?}");
                anywhere.extend(expected);
            }
            let found = tx.candidates(&word.any_question(), filter, usize::MAX).unwrap();
            let found: BTreeSet<String> = found.into_iter().map(|found| found.location.to_string()).collect();
            assert!(anywhere.is_subset(&found), "{word:?} anywhere among {filter:?}");
        }
    }
}

/// Names that live long: so many steps, each a patch of one op and the fact that applies it.
fn lives(seed: u64, steps: usize) -> Vec<Arrival> {
    let mut dice = Dice::new(seed);
    let mut arrivals = Vec::new();
    let mut onto = Vec::new();
    // Of each entity the ops that wrote its location, its content, its deprecation last.
    let mut last: Vec<(EntityId, [Option<OpId>; 3])> = Vec::new();
    for step in 0..steps {
        let text = format!("let f (a: Int64) : Int64 = {}", dice.below(40));
        let content = definition(&text, &[]);
        let names = ["sum", "groupByKey", "drop", "article", "with2Totals", "Order", "länge"];
        let modules = ["Acme.Cart", "Acme", "Acme.CartWith", "Beta.Total"];
        let to = location(&format!("{}.{}{step}", modules[dice.below(4)], names[dice.below(7)]));
        let chosen = dice.below(last.len() + 3);
        let op = match last.get_mut(chosen) {
            None => {
                let op = create(to.as_str(), content.hash());
                last.push((op.entity, [Some(op.id()), Some(op.id()), None]));
                op
            }
            Some((entity, ops)) => {
                let (at, action) = match dice.below(6) {
                    0 => (0, Action::DeleteName),
                    1 | 2 => (0, Action::MoveName { to }),
                    3 => (2, Action::Deprecate(Deprecation { reason: "old".to_owned(), replacement: None })),
                    4 => (2, Action::Undeprecate),
                    _ => (1, Action::UpdateName { old: None, new: content.hash() }),
                };
                let op = Op::new(*entity, action);
                // Nothing was deprecated before.
                let op = if ops[at].is_none() { op.after(ops[1]) } else { op.superseding(ops[at]) };
                ops[at] = Some(op.id());
                op
            }
        };
        let (number, ms) = (u8::try_from(step).unwrap(), i64::try_from(step).unwrap());
        let revision = revision(0, number, 1000 + 2 * ms, vec![op]);
        let applied = apply(0, 1001 + 2 * ms, onto, vec![(patch_id(number), revision.id())]);
        onto = vec![applied.id()];
        arrivals.push(arrival(&[&revision, &applied], &[&content]));
    }
    arrivals
}

fn random_pieces(seed: u64, steps: usize) -> Vec<Arrival> {
    let mut dice = Dice::new(seed ^ 7);
    let History { mut envelopes, mut definitions, .. } = history(seed, steps);
    dice.shuffle(&mut envelopes);
    dice.shuffle(&mut definitions);
    let mut pieces = Vec::new();
    while !envelopes.is_empty() || !definitions.is_empty() {
        pieces.push(Arrival {
            envelopes: envelopes.split_off(envelopes.len().saturating_sub(dice.below(6))),
            definitions: definitions.split_off(definitions.len().saturating_sub(dice.below(4))),
        });
    }
    pieces
}

/// How many live names there are at the end.
fn check_index(arrivals: &[Arrival], dice: &mut Dice) -> usize {
    let pieces = temp_store(0);
    let mut all = Arrival::default();
    for arrival in arrivals {
        pieces.append(arrival);
        all.envelopes.extend(arrival.envelopes.iter().cloned());
        all.definitions.extend(arrival.definitions.iter().cloned());
        if dice.one_in(3) {
            let mut tx = pieces.store.write().unwrap();
            index(&mut tx, dice.below(4));
            tx.commit().unwrap();
            assert_eq!(pieces.store.read().unwrap().verify(), []);
        }
    }
    index_all(&pieces.store);
    let whole = temp_store(0);
    whole.append(&all);
    index_all(&whole.store);
    let expected = dump(&whole);
    assert_eq!(dump(&pieces), expected);
    assert_eq!(pieces.store.read().unwrap().verify(), []);
    check_answers(&pieces.store.read().unwrap(), dice);

    let mut tx = pieces.store.write().unwrap();
    tx.rebuild().unwrap();
    tx.commit().unwrap();
    assert_eq!(dump(&pieces), Vec::<String>::new());
    index_all(&pieces.store);
    assert_eq!(dump(&pieces), expected, "after a rebuild");
    assert_eq!(pieces.store.read().unwrap().verify(), []);
    expected.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn an_index_brought_up_to_date_is_one_made_at_once(seed: u64, steps in 5usize..45) {
        check_index(&random_pieces(seed, steps), &mut Dice::new(seed));
        check_index(&lives(seed, steps), &mut Dice::new(seed));
    }
}

#[test]
fn histories_with_long_lives_have_them() {
    assert!(check_index(&lives(3, 60), &mut Dice::new(3)) > 10);
}

#[test]
fn words_of_names_are_found_with_slips() {
    let temp = temp_store(0);
    lives(3, 60).iter().for_each(|arrival| temp.append(arrival));
    index_all(&temp.store);
    let tx = temp.store.read().unwrap();
    let names: BTreeSet<String> =
        tx.live_names("").unwrap().iter().map(|name| name.location.name().to_lowercase()).collect();
    assert!(names.iter().any(|name| name.len() >= 4), "{names:?}");
    for name in names.iter().filter(|name| name.len() >= 4) {
        let mut letters: Vec<char> = name.chars().collect();
        letters.swap(1, 2);
        let swapped: String = letters.iter().collect();
        let longer = format!("{name}q");
        for word in [swapped, longer] {
            assert!(tx.words_near(&word).unwrap().contains(name), "{word} for {name}");
        }
    }
    assert_eq!(tx.words_near("zzz").unwrap(), Vec::<String>::new());
}
