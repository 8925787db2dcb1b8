//! Searching by words and by type, in main and in what a session made of it.

use dm_engine::{EngineError, SearchQuery, SearchReport};
use dm_model::Kind;

use crate::support::{Desk, session};

const CODE: &str = "module Acme.List

/// Whether an element is in a list.
let member (list: List<'a>) (wanted: 'a) : Bool =
  false

let has (wanted: 'a) (list: List<'a>) : Bool =
  member list wanted

/// Splits in two.
let partition (list: List<'a>) (keeps: 'a -> Bool) : (List<'a> * List<'a>) =
  (list, list)

let partitionInPlace (list: List<'a>) : List<'a> =
  list

let stablePartition (list: List<'a>) : List<'a> =
  list

let repartitions (list: List<'a>) : List<'a> =
  list

let groupByWithKey (list: List<'a>) (key: 'a -> 'b) : Dict<List<'a>> =
  Dict { }

let length (list: List<'a>) : Int64 =
  0L

let always (first: 'a) (second: 'b) : Bool =
  true

val empty = [1L]
";

const SHOP: &str = "module Beta.Partition

/// What a partition of an order costs.
type Order = { cents: Int64 }

let price (order: Order) : Int64 =
  order.cents

let raised (order: Order) (by: Int64) (reason: String) : Order =
  order

let totalÄrger (order: Order) : Int64 =
  0L

Beta.Partition.price (Order { cents = 1L }) = 1L
";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("src/list.dark", CODE);
    desk.write("src/shop.dark", SHOP);
    desk.import("work", "src", |_| ()).unwrap();
    desk
}

fn words(words: &str) -> SearchQuery {
    SearchQuery { words: words.split(' ').map(str::to_owned).collect(), limit: 50, ..SearchQuery::default() }
}

fn of_type(text: &str) -> SearchQuery {
    SearchQuery { of_type: Some(text.to_owned()), limit: 50, ..SearchQuery::default() }
}

fn search(desk: &Desk, query: &SearchQuery) -> SearchReport {
    desk.engine.search(&session("work"), query).unwrap()
}

fn names(report: &SearchReport) -> Vec<&str> {
    report.hits.iter().map(|hit| hit.entry.location.as_str()).collect()
}

/// Names with how they fit: the place of each word, or of the type.
fn fits(desk: &Desk, query: &SearchQuery) -> Vec<String> {
    let of = |hit: &dm_engine::SearchHit| {
        let places: Vec<&str> =
            hit.matched.iter().map(|word| word.place.as_str()).chain(hit.type_fit.as_deref()).collect();
        format!("{} {}", hit.entry.location.rsplit('.').next().unwrap(), places.join(" "))
    };
    search(desk, query).hits.iter().map(of).collect()
}

#[test]
fn names_come_before_modules_and_these_before_texts() {
    let desk = desk();
    assert_eq!(
        fits(&desk, &words("partition")),
        [
            "partition name",
            "partitionInPlace name_beginning",
            "stablePartition name_part",
            "repartitions in_name",
            "Order module",
            "price module",
            "raised module",
            "totalÄrger module",
            "test_2c6c03bc module",
        ]
    );
    assert_eq!(fits(&desk, &words("costs")), ["Order doc"]);
    assert_eq!(fits(&desk, &words("reason")), ["raised signature"]);
    assert_eq!(fits(&desk, &words("KEY")), ["groupByWithKey name_part"]);
    assert_eq!(fits(&desk, &words("withkey")), ["groupByWithKey name_part"]);
    assert_eq!(fits(&desk, &words("ärg")), ["totalÄrger name_part"], "whatever the case, in any script");
}

#[test]
fn all_words_must_be_there() {
    let desk = desk();
    assert_eq!(fits(&desk, &words("list partition"))[0], "partition module name");
    assert_eq!(fits(&desk, &words("partition list")).len(), 4, "what is below Beta has no list");
    assert_eq!(fits(&desk, &words("split two")), ["partition doc doc"]);
    assert_eq!(fits(&desk, &words("Acme.List.length")), ["length module module name"]);
    assert!(names(&search(&desk, &words("member costs"))).is_empty());
    assert!(names(&search(&desk, &words("-> ++"))).is_empty());
    let many = words("a ".repeat(17).trim_end());
    assert!(matches!(desk.engine.search(&session("work"), &many), Err(EngineError::LongSearch)));
}

#[test]
fn a_slip_is_corrected_where_a_word_is_nowhere() {
    let desk = desk();
    let report = search(&desk, &words("lenght"));
    assert_eq!(names(&report), ["Acme.List.length"]);
    assert_eq!(
        (report.corrected[0].word.as_str(), report.corrected[0].to.as_slice()),
        ("lenght", &["length".to_owned()][..])
    );
    assert_eq!(report.hits[0].matched[0].place, "corrected");
    assert_eq!(names(&search(&desk, &words("memebr"))), ["Acme.List.member"]);
    assert_eq!(names(&search(&desk, &words("partitoin list")))[0], "Acme.List.partition");
    assert_eq!(names(&search(&desk, &words("patritoin"))).len(), 3, "two slips in eight letters or more");
    assert!(names(&search(&desk, &words("hsa"))).is_empty(), "three letters are as they are");
    assert!(search(&desk, &words("zzzzzz")).corrected.is_empty());
    desk.save("work", "module Acme.List\n\nlet uniquely (a: Int64) : Int64 = a\n").unwrap();
    assert_eq!(names(&search(&desk, &words("uniqeuly"))), ["Acme.List.uniquely"], "what only the session has too");
}

#[test]
fn filters_narrow_what_is_found() {
    let desk = desk();
    let with = |change: fn(&mut SearchQuery)| {
        let mut query = words("partition");
        change(&mut query);
        names(&search(&desk, &query)).len()
    };
    assert_eq!(with(|_| ()), 9);
    assert_eq!(with(|query| query.kind = Some(Kind::Type)), 1);
    assert_eq!(with(|query| query.kind = Some(Kind::Test)), 1);
    assert_eq!(with(|query| query.below = vec!["Acme".to_owned()]), 4);
    assert_eq!(with(|query| query.below = vec!["Beta.Partition".to_owned()]), 5);
    assert_eq!(with(|query| query.below = vec!["Beta.Part".to_owned()]), 0);
    assert_eq!(with(|query| query.deprecated = Some(true)), 0);
    assert_eq!(with(|query| query.deprecated = Some(false)), 9);
    assert_eq!(with(|query| query.limit = 2), 2);
    assert!(search(&desk, &SearchQuery { limit: 2, ..words("partition") }).more);
    assert!(!search(&desk, &SearchQuery { limit: 9, ..words("partition") }).more);
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.deprecate("repartitions", "old", None, Some("Give it up")).unwrap();
    tx.commit().unwrap();
    let deprecated =
        |deprecated| names(&search(&desk, &SearchQuery { deprecated: Some(deprecated), ..words("partition") })).len();
    assert_eq!((deprecated(true), deprecated(false)), (1, 8), "in the session");
    desk.apply("work").unwrap();
    assert_eq!((deprecated(true), deprecated(false)), (1, 8), "in main");
}

#[test]
fn a_session_finds_what_it_has() {
    let desk = desk();
    let other = |query: &SearchQuery| {
        names(&desk.engine.search(&session("other"), query).unwrap())
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.session_new("other", "").unwrap();
    tx.commit().unwrap();
    desk.save("work", "module Acme.List\n\n/// Counts the zebras.\nlet length (list: List<'a>) : Int64 =\n  1L\n")
        .unwrap();
    desk.mv("work", "has", "Acme.List.holds").unwrap();
    desk.rm("work", "always").unwrap();
    assert_eq!(names(&search(&desk, &words("zebras"))), ["Acme.List.length"]);
    assert_eq!(names(&search(&desk, &words("holds"))), ["Acme.List.holds"]);
    assert_eq!(fits(&desk, &words("has")), Vec::<String>::new(), "it is called otherwise here");
    assert!(names(&search(&desk, &words("always"))).is_empty());
    assert_eq!((other(&words("zebras")).len(), other(&words("has")).len(), other(&words("always")).len()), (0, 1, 1));
    desk.apply("work").unwrap();
    assert_eq!(other(&words("zebras")), ["Acme.List.length"]);
    assert_eq!(other(&words("holds")), ["Acme.List.holds"]);
    assert_eq!((other(&words("has")).len(), other(&words("always")).len()), (0, 0));
    assert_eq!(other(&of_type("'a -> List<'a> -> Bool")), ["Acme.List.holds", "Acme.List.member"]);
}

#[test]
fn types_are_found_in_the_order_of_their_fit() {
    let desk = desk();
    assert_eq!(
        fits(&desk, &of_type("'x -> List<'x> -> Bool")),
        ["has same_type", "member reordered", "always more_general"]
    );
    assert_eq!(fits(&desk, &of_type("Order -> Int64")), ["price same_type", "totalÄrger same_type"]);
    assert_eq!(fits(&desk, &of_type("Partition.Order -> String -> Order")), ["raised more_parameters"]);
    assert_eq!(fits(&desk, &of_type("List -> Int64")), ["length same_type"]);
    assert_eq!(fits(&desk, &of_type("List<Int64>"))[0], "empty same_type", "a value has a type without parameters");
    assert_eq!(fits(&desk, &of_type("List<Int64> -> Int64")), ["length more_general"]);
    assert!(fits(&desk, &of_type("Char -> Blob")).is_empty());
    let both = SearchQuery { words: vec!["total".to_owned()], ..of_type("Order -> Int64") };
    assert_eq!(fits(&desk, &both), ["totalÄrger name_beginning same_type"]);
    let filtered = SearchQuery { below: vec!["Beta".to_owned()], ..of_type("'a -> 'b -> Bool") };
    assert!(fits(&desk, &filtered).is_empty());
}

#[test]
fn a_session_seeks_its_own_types() {
    let desk = desk();
    desk.save("work", "module Gamma\n\ntype Box<'a> = { inside: 'a }\n").unwrap();
    desk.save("work", "module Gamma\n\nlet opened (box: Box<'a>) : 'a =\n  box.inside\n").unwrap();
    assert_eq!(fits(&desk, &of_type("Box<'z> -> 'z")), ["opened same_type"]);
    assert_eq!(fits(&desk, &of_type("Gamma.Box -> 'z")), ["opened same_type"]);
    desk.apply("work").unwrap();
    assert_eq!(fits(&desk, &of_type("Box<Int64> -> Int64")), ["opened more_general"]);
}

fn refusal(desk: &Desk, text: &str) -> (u32, u32, String, String) {
    let first = match desk.engine.search(&session("work"), &of_type(text)) {
        Err(EngineError::BadType(problem)) => problem.diagnostics.into_iter().next(),
        _ => None,
    };
    let first = first.unwrap();
    (first.range.start, first.range.end, first.message, first.hint.unwrap_or_default())
}

#[test]
fn a_type_that_is_not_there_is_said_with_its_place() {
    let desk = desk();
    assert_eq!(
        refusal(&desk, "Ordre -> Int64"),
        (0, 5, "no type is called `Ordre`".to_owned(), "did you mean Beta.Partition.Order?".to_owned())
    );
    assert_eq!(refusal(&desk, "Int64 -> Beta.List.Order").2, "no type is called `Beta.List.Order`");
    desk.save("work", "module Gamma\n\ntype Order = Int64\n").unwrap();
    let (start, end, message, hint) = refusal(&desk, "Int64 -> Order");
    assert_eq!((start, end, message.as_str()), (9, 14, "2 types are called `Order`"));
    assert_eq!(hint, "write more of its location: Gamma.Order, Beta.Partition.Order");
    assert_eq!(refusal(&desk, "Int64 -> -> Int64").0, 9, "a type is missing there");
}
