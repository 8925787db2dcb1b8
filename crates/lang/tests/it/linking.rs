//! Laws of linking (SEMANTICS R18, R19): the hash of a meaning follows from the meaning, all of it and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use dm_lang::program::Item;
use dm_lang::{Lead, LinkNode, LinkSource, Linked, Skeleton, SlotTarget, link, lower, meaning_of};
use dm_model::{Definition, EntityId, Kind, Location};
use dm_syntax::{FormatOptions, Layout, Mode, parse};
use proptest::prelude::*;

use crate::support::{Imported, import, package_files, repository, source, sources};

/// A view of imported files.
pub struct View<'i> {
    imported: &'i Imported,
    skeletons: BTreeMap<EntityId, Arc<Skeleton>>,
    known: BTreeMap<EntityId, Linked>,
    /// How many skeletons were asked for.
    asked: usize,
}

impl<'i> View<'i> {
    fn new(imported: &'i Imported) -> Self {
        let skeleton = |definition: &Definition| {
            let program = lower(definition).unwrap_or_else(|error| panic!("{error}\n{}", definition.text));
            Arc::new(Skeleton::of(&program))
        };
        let skeletons = imported.definitions.iter().map(|(entity, (_, definition))| (*entity, skeleton(definition)));
        Self { imported, skeletons: skeletons.collect(), known: BTreeMap::new(), asked: 0 }
    }

    /// A view whose trees are there already.
    pub fn of(imported: &'i Imported, programs: &BTreeMap<EntityId, Arc<dm_lang::Program>>) -> Self {
        let skeletons = programs.iter().map(|(entity, program)| (*entity, Arc::new(Skeleton::of(program))));
        Self { imported, skeletons: skeletons.collect(), known: BTreeMap::new(), asked: 0 }
    }

    fn link_all(&mut self) -> BTreeMap<EntityId, Linked> {
        let all: Vec<_> = self.skeletons.keys().map(|entity| LinkNode::Entity(*entity)).collect();
        self.link(all)
    }

    pub fn link(&mut self, nodes: Vec<LinkNode>) -> BTreeMap<EntityId, Linked> {
        let Ok(linked) = link(self, nodes);
        let entity = |node| match node {
            LinkNode::Entity(entity) => entity,
            LinkNode::Pinned(_) => panic!("nothing is pinned here"),
        };
        linked.into_iter().map(|(node, linked)| (entity(node), linked)).collect()
    }
}

impl LinkSource for View<'_> {
    type Error = Infallible;

    fn skeleton(&mut self, node: LinkNode) -> Result<Option<Arc<Skeleton>>, Infallible> {
        self.asked += 1;
        let LinkNode::Entity(entity) = node else { return Ok(None) };
        Ok(self.skeletons.get(&entity).cloned())
    }

    fn follow(&mut self, from: LinkNode, target: &SlotTarget) -> Result<Lead, Infallible> {
        let LinkNode::Entity(from) = from else { return Ok(Lead::Nowhere) };
        let entity = match target {
            SlotTarget::Entity(entity) => Some(*entity),
            SlotTarget::Unresolved { spelling, wanted } => {
                let (location, _) = &self.imported.definitions[&from];
                meaning_of(&self.imported.names, location.module_path(), spelling, *wanted)
            }
        };
        let there = entity.filter(|entity| self.skeletons.contains_key(entity));
        Ok(there.map_or(Lead::Nowhere, |entity| Lead::To { node: LinkNode::Entity(entity), contested: false }))
    }

    fn known(&mut self, node: LinkNode) -> Result<Option<Linked>, Infallible> {
        let LinkNode::Entity(entity) = node else { return Ok(None) };
        Ok(self.known.get(&entity).copied())
    }
}

// A code base as numbers, and ways to write it.

/// What a function does, as numbers that are taken modulo what there is.
#[derive(Debug, Clone)]
enum Body {
    Int(u8),
    Param,
    /// A local name, if one is bound; else the parameter.
    Local(u8),
    Call(u8, Box<Body>),
    Pipe(Box<Body>, u8),
    Let(Box<Body>, Box<Body>),
    Lambda(Box<Body>, Box<Body>),
    Sum(Box<Body>, Box<Body>),
    If(Box<Body>, Box<Body>),
    Match(Box<Body>, u8, Box<Body>, Box<Body>),
    Text(Box<Body>, u8),
}

fn body() -> impl Strategy<Value = Body> {
    let leaf = prop_oneof![any::<u8>().prop_map(Body::Int), Just(Body::Param), any::<u8>().prop_map(Body::Local)];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let one = || inner.clone().prop_map(Box::new);
        prop_oneof![
            (any::<u8>(), one()).prop_map(|(callee, argument)| Body::Call(callee, argument)),
            (one(), any::<u8>()).prop_map(|(head, callee)| Body::Pipe(head, callee)),
            (one(), one()).prop_map(|(value, body)| Body::Let(value, body)),
            (one(), one()).prop_map(|(body, argument)| Body::Lambda(body, argument)),
            (one(), one()).prop_map(|(left, right)| Body::Sum(left, right)),
            (one(), one()).prop_map(|(then, otherwise)| Body::If(then, otherwise)),
            (one(), any::<u8>(), one(), one()).prop_map(|(of, n, one, other)| Body::Match(of, n, one, other)),
            (one(), any::<u8>()).prop_map(|(hole, n)| Body::Text(hole, n)),
        ]
    })
}

/// How the same code base is written.
#[derive(Debug, Clone, Copy)]
struct Style {
    /// Goes into every name.
    names: u8,
    /// Comments, space and parentheses.
    layout: u8,
    /// Definitions are written in another order, and spread over modules.
    order: u8,
}

fn style() -> impl Strategy<Value = Style> {
    (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(names, layout, order)| Style { names, layout, order })
}

struct Writer {
    style: Style,
    functions: usize,
    locals: Vec<String>,
    bound: usize,
    calls: BTreeSet<usize>,
}

impl Style {
    fn name(self, function: usize) -> String {
        format!("f{}x{function}", self.names)
    }

    fn module(self, function: usize) -> String {
        format!("Acme.M{}", (function * usize::from(self.order % 7 + 1)) % 3)
    }

    fn path(self, function: usize) -> String {
        format!("{}.{}", self.module(function), self.name(function))
    }

    fn gap(self, at: usize) -> &'static str {
        ["", " // why\n ", " (* so *) ", "\n "][(usize::from(self.layout) + at) % 4]
    }
}

impl Writer {
    /// Writes an expression in parentheses, so that it may stand anywhere.
    fn write(&mut self, body: &Body) -> String {
        let style = self.style;
        let written = match body {
            Body::Int(n) => format!("{n}L"),
            Body::Param => format!("p{}", style.names),
            Body::Local(at) => match self.locals.len() {
                0 => format!("p{}", style.names),
                bound => self.locals[usize::from(*at) % bound].clone(),
            },
            Body::Call(callee, argument) => {
                let callee = self.callee(*callee);
                format!("{callee} {}", self.write(argument))
            }
            Body::Pipe(head, callee) => {
                let head = self.write(head);
                format!("{head} |> {}", self.callee(*callee))
            }
            Body::Let(value, body) => {
                let value = self.write(value);
                let (name, body) = self.within(body);
                format!("let {name} = {value} in {body}")
            }
            Body::Lambda(body, argument) => {
                let (name, body) = self.within(body);
                format!("(fun {name} -> {body}) {}", self.write(argument))
            }
            Body::Sum(left, right) => format!("{} + {}", self.write(left), self.write(right)),
            Body::If(then, otherwise) => {
                format!("if true then {} else {}", self.write(then), self.write(otherwise))
            }
            Body::Match(of, n, one, other) => {
                let of = self.write(of);
                let one = self.write(one);
                let (name, other) = self.within(other);
                format!("match {of} with | {n}L -> {one} | {name} -> {other}")
            }
            Body::Text(hole, n) => format!("$\"{n}{{{}}}\"", self.write(hole)),
        };
        if style.layout.is_multiple_of(3) { format!("(({written}))") } else { format!("({written})") }
    }

    fn within(&mut self, body: &Body) -> (String, String) {
        // Names come again, so that they also hide one another.
        let name = format!("v{}x{}", self.style.names, self.bound % 3);
        self.bound += 1;
        self.locals.push(name.clone());
        let body = self.write(body);
        self.locals.pop();
        (name, body)
    }

    fn callee(&mut self, callee: u8) -> String {
        let callee = usize::from(callee) % self.functions;
        self.calls.insert(callee);
        self.style.path(callee)
    }
}

/// The files of a code base, and which function calls which. Function `at` adds `own[at]` in the end.
fn write(bodies: &[Body], own: &[u32], style: Style) -> (Vec<(String, String)>, Vec<BTreeSet<usize>>) {
    let mut modules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut calls = vec![BTreeSet::new(); bodies.len()];
    let mut order: Vec<usize> = (0..bodies.len()).collect();
    if style.order % 2 == 1 {
        order.reverse();
    }
    for at in order {
        let mut writer =
            Writer { style, functions: bodies.len(), locals: Vec::new(), bound: 0, calls: BTreeSet::new() };
        let written = writer.write(&bodies[at]);
        calls[at] = writer.calls;
        let comment = if style.layout % 2 == 1 { format!("/// Doc {}\n", style.layout) } else { String::new() };
        let gap = style.gap(at);
        let text = format!(
            "{comment}let {} (p{}: Int64) : Int64 =\n {gap}{written} + {}L\n",
            style.name(at),
            style.names,
            own[at]
        );
        modules.entry(style.module(at)).or_default().push(text);
    }
    let file = |(module, texts): (String, Vec<String>)| {
        (format!("{module}.dark"), format!("module {module}\n\n{}", texts.join("\n")))
    };
    (modules.into_iter().map(file).collect(), calls)
}

/// A code base that was read, with the entity of each function.
fn read(files: &[(String, String)], style: Style, functions: usize) -> (Imported, Vec<EntityId>) {
    let sources: Vec<_> = files.iter().map(|(path, text)| source(path, text)).collect();
    let imported = import(&sources);
    let by_location: BTreeMap<&Location, EntityId> =
        imported.definitions.iter().map(|(entity, (location, _))| (location, *entity)).collect();
    let entities = (0..functions).map(|at| by_location[&style.path(at).parse::<Location>().unwrap()]).collect();
    (imported, entities)
}

/// The links of all functions, in their order.
fn links(bodies: &[Body], own: &[u32], style: Style) -> (Vec<Linked>, Vec<BTreeSet<usize>>) {
    let (files, calls) = write(bodies, own, style);
    let (imported, entities) = read(&files, style, bodies.len());
    let linked = View::new(&imported).link_all();
    assert_eq!(linked.len(), bodies.len());
    (entities.iter().map(|entity| linked[entity]).collect(), calls)
}

/// What reaches a function, itself too: found without anything of what is tested.
fn reaching(calls: &[BTreeSet<usize>], target: usize) -> BTreeSet<usize> {
    let mut reaching = BTreeSet::from([target]);
    loop {
        let more: Vec<usize> =
            (0..calls.len()).filter(|at| !reaching.contains(at) && !calls[*at].is_disjoint(&reaching)).collect();
        if more.is_empty() {
            return reaching;
        }
        reaching.extend(more);
    }
}

/// Numbers that no body has.
fn own_numbers(functions: usize) -> Vec<u32> {
    (0..functions).map(|at| 1000 + at as u32).collect()
}

/// One function of a code base that means something else than before.
struct Change {
    /// The numbers of all functions after it.
    own: Vec<u32>,
    /// The links of all functions before it.
    before: Vec<Linked>,
    /// What reaches the function.
    reached: BTreeSet<usize>,
}

impl Change {
    fn of(bodies: &[Body], style: Style, target: usize) -> Self {
        let mut own = own_numbers(bodies.len());
        let (before, calls) = links(bodies, &own, style);
        own[target] = 5000;
        Self { own, before, reached: reaching(&calls, target) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn how_it_is_written_takes_no_part(
        bodies in prop::collection::vec(body(), 1..7),
        one in style(),
        other in style(),
    ) {
        let own = own_numbers(bodies.len());
        prop_assert_eq!(links(&bodies, &own, one).0, links(&bodies, &own, other).0);
    }

    #[test]
    fn a_change_changes_what_reaches_it_and_nothing_else(
        bodies in prop::collection::vec(body(), 1..7),
        style in style(),
        target in any::<prop::sample::Index>(),
    ) {
        let Change { own, before, reached } = Change::of(&bodies, style, target.index(bodies.len()));
        let (after, _) = links(&bodies, &own, style);
        let changed: BTreeSet<usize> = (0..bodies.len()).filter(|at| before[*at].link != after[*at].link).collect();
        prop_assert_eq!(changed, reached);
        // Signatures did not change, so nothing has to be checked again but the function itself.
        let interfaces = |links: &[Linked]| links.iter().map(|linked| linked.interface).collect::<Vec<_>>();
        prop_assert_eq!(interfaces(&before), interfaces(&after));
    }

    #[test]
    fn linking_what_a_change_reaches_is_linking_everything(
        bodies in prop::collection::vec(body(), 1..9),
        style in style(),
        target in any::<prop::sample::Index>(),
    ) {
        let Change { own, before, reached } = Change::of(&bodies, style, target.index(bodies.len()));
        let (files, _) = write(&bodies, &own, style);
        let (imported, entities) = read(&files, style, bodies.len());
        let whole = View::new(&imported).link_all();
        let mut view = View::new(&imported);
        view.known = (0..bodies.len()).filter(|at| !reached.contains(at)).map(|at| (entities[at], before[at])).collect();
        let linked = view.link(reached.iter().map(|at| LinkNode::Entity(entities[*at])).collect());
        prop_assert_eq!(view.asked, reached.len(), "no more is read than what is linked");
        prop_assert_eq!(linked.len(), reached.len());
        for at in reached {
            prop_assert_eq!(linked[&entities[at]], whole[&entities[at]]);
        }
    }
}

// Cases with a name.

#[test]
fn the_format_stays() {
    let linked = link_text(&[
        "module A\n\ntype T<'a> = | None | Some of 'a * T<'a>\n\nval n = -1y\n\nlet f (t: T<Int>) (g: Int -> Int) : Int =\n           let a = n |> Builtin.int8ToInt\n  match t with\n  | Some(x, _) when x > a -> g x\n  | None -> nothing a\n",
    ]);
    let prefixes: Vec<_> = linked.values().map(|linked| linked.link.short()).collect();
    assert_eq!(linked.keys().collect::<Vec<_>>(), ["A.T", "A.f", "A.n"]);
    assert_eq!(
        prefixes,
        ["7cabd0a0", "13ae54fe", "e53c764b"],
        "a change of these bytes is a new version of the format"
    );
}

fn link_text(files: &[&str]) -> BTreeMap<String, Linked> {
    let sources: Vec<_> = files.iter().map(|text| source("a.dark", text)).collect();
    let imported = import(&sources);
    let linked = View::new(&imported).link_all();
    let location = |entity: &EntityId| imported.definitions[entity].0.to_string();
    linked.iter().map(|(entity, linked)| (location(entity), *linked)).collect()
}

/// One definition of a module `A`.
fn of(text: &str) -> Linked {
    let linked = link_text(&[&format!("module A\n\n{text}\n")]);
    assert_eq!(linked.len(), 1, "{linked:?}");
    *linked.values().next().unwrap()
}

#[test]
fn different_meanings_have_different_hashes() {
    let texts = [
        "val x = 1L",
        "val x = 1",
        "val x = 1.0",
        "val x = -1L",
        "val x = \"1\"",
        "val x = '1'",
        "val x = [1L]",
        "val x = [1L; 1L]",
        "val x = (1L, 1L)",
        "val x = Dict { a = 1L }",
        "val x = true",
        "val x = ()",
        "val x = 1L + 2L * 3L",
        "val x = (1L + 2L) * 3L",
        "val x = 1L - 2L - 3L",
        "val x = 1L - (2L - 3L)",
        "val x = fun a b -> a",
        "val x = fun a b -> b",
        "val x = fun a -> fun b -> a",
        "val x = fun (a, b) -> a",
        "val x = fun _ -> 1L",
        "val x = if true then 1L",
        "val x = if true then 1L else 2L",
        "val x = match 1L with | 1L -> 1L",
        "val x = match 1L with | 1L when true -> 1L",
        "val x = match 1L with | 1L | 2L -> 1L",
        "val x = match [1L] with | [1L] -> 1L",
        "val x = match [1L] with | 1L :: _ -> 1L",
        "val x = Builtin.int64Add 1L 2L",
        "val x = Builtin.int64Subtract 1L 2L",
        "val x = 1L |> Builtin.int64Add 2L",
        "val x = nothing 1L",
        "val x = Nothing.here 1L",
        "val x = Nothing.here",
        "val x = $\"{1L}\"",
        "let x (a: Int64) : Int64 = a",
        "let x (a: Int64) (b: Int64) : Int64 = a",
        "let x (a: Int64) (b: Int64) : Int64 = b",
        "let x (a: Int64) : Int = a",
        "let x (a: Int64) : Int64 = x a",
        "let x (a: 'a) : 'a = a",
        "let x (a: 'b) : 'b = a",
        "let x<'b> (a: 'a) (b: 'b) : 'a = a",
        "let x (a: 'a) (b: 'b) : 'a = a",
        "type X = Int64",
        "type X = { a: Int64 }",
        "type X = { b: Int64 }",
        "type X = { a: Int64; b: Int64 }",
        "type X = | A | B",
        "type X = | B | A",
        "type X = | A of Int64",
        "type X = | A of n: Int64",
        "type X = | A of X",
        "type X<'a> = | A of 'a",
        "type X = List<Int64>",
        "type X = Int64 -> Int64",
        "type X = Int64 * Int64",
        "f 1L = 2L",
        "f 1L = error \"no\"",
    ];
    let mut seen = BTreeMap::new();
    for text in texts {
        if let Some(other) = seen.insert(of(text).link, text) {
            panic!("`{other}` and `{text}` are said to mean the same");
        }
    }
}

#[test]
fn other_spellings_of_a_meaning_have_its_hash() {
    for group in [
        &["val x = 1L + 2L + 3L", "val y = ((1L + 2L)) + 3L", "// why\nval x =\n  1L\n  + 2L + 3L"] as &[&str],
        &[
            "val x = if true then 1L elif false then 2L else 3L",
            "val x = if true then 1L else (if false then 2L else 3L)",
        ],
        &[
            "val x = let a = 1L in let b = 2L in a",
            "val x =\n  let b = 1L\n  let a = 2L\n  b",
            "val x = let a = 1L in (let b = 2L in a)",
        ],
        &["val x = let f (a: Int64) (b: Int64): Int64 = a in f", "val x = let g = fun b a -> b in g"],
        &["val x = \"a\"", "val x = \"\"\"a\"\"\""],
        &["let x (a: Int64) : Int64 = x a", "let other (b: Int64) : Int64 = other b"],
        &["val x = match 1L with | a -> a", "val x = match 1L with | (b) -> (b)"],
        &["/// Says little.\ntype X = { a: Int64 }", "type Y =\n  { a: Int64 }"],
        &[
            "val x = let f = fun n -> f n in f",
            "val x = let g = fun m -> g m in g",
            "val x = let g (m: Int) : Int = g m in g",
        ],
        &["val x = (+)", "val x = fun q r -> q + r"],
    ] {
        let hashes: BTreeSet<_> = group.iter().map(|text| of(text)).collect();
        assert_eq!(hashes.len(), 1, "{group:?}");
    }
}

#[test]
fn names_and_order_take_no_part_in_a_cycle() {
    let one = link_text(&[
        "module A\n\nlet even (n: Int) : Bool = if n == 0 then true else odd (n - 1)\n\nlet odd (n: Int) : Bool = if n == 0 then false else even (n - 1)\n",
    ]);
    let other = link_text(&[
        "module B\n\nlet a (m: Int) : Bool = if m == 0 then false else Z.Q.b (m - 1)\n",
        "module Z.Q\n\nlet b (m: Int) : Bool = if m == 0 then true else B.a (m - 1)\n",
    ]);
    assert_eq!((one["A.even"], one["A.odd"]), (other["Z.Q.b"], other["B.a"]));
    assert_ne!(one["A.even"].link, one["A.odd"].link);
    // Which member is meant counts, also where all of them have been met.
    let with = |last: &str| {
        let text = |name: &str| format!("let {name} (n: String) : String = a \"{name}\"\n\n");
        let others: String = ["b", "c", "d"].map(text).concat();
        link_text(&[&format!("module A\n\n{others}let a (n: String) : String = b (c (d ({last} n)))\n")])["A.a"].link
    };
    assert_eq!(BTreeSet::from(["b", "c", "d"].map(with)).len(), 3);
    // Members that say the same are the same.
    let twins = link_text(&["module A\n\ntype X = | Leaf | Node of Y\n\ntype Y = | Leaf | Node of X\n"]);
    assert_eq!(twins["A.X"], twins["A.Y"]);
    let single = link_text(&["module A\n\ntype X = | Leaf | Node of X\n"]);
    assert_ne!(twins["A.X"].link, single["A.X"].link);
}

#[test]
fn a_signature_is_seen_and_a_body_is_not() {
    let with = |text: &str| link_text(&[&format!("module A\n\ntype T = {{ a: Int64 }}\n\n{text}\n")])["A.f"];
    let before = with("let f (t: T) : Int64 = t.a");
    let body = with("let f (t: T) : Int64 = t.a + 1L");
    let signature = with("let f (t: T) : Int = t.a");
    assert_ne!(before.link, body.link);
    assert_eq!(before.interface, body.interface);
    assert_ne!(before.interface, signature.interface);
    let wider = link_text(&["module A\n\ntype T = { a: Int64; b: Int64 }\n\nlet f (t: T) : Int64 = t.a\n"])["A.f"];
    assert_ne!(before.interface, wider.interface);
}

#[test]
fn what_the_parser_lets_in_is_never_too_deep() {
    let many = |part: &str, times: usize| part.repeat(times);
    let lets: String = (0..900).map(|at| format!("let x{at} = {at}L\n  ")).collect();
    let texts = [
        format!("val x = 1L{}", many(" + 1L", 900)),
        format!("val x = [1L]{}", many(" @ [1L]", 190)),
        format!("val x =\n  {lets}x0"),
        format!("val x =\n  {}2L", many("()\n  ", 900)),
        format!("let x (a: Int) : Int = a{}", many(".b", 900)),
        format!("val x = 1L{}", many(" |> f 1L", 900)),
        format!("val x = if true then 1L {}else 2L", many("elif true then 1L ", 900)),
        format!("val x = match 1L with | {}_ -> 1L", many("_ :: ", 190)),
        format!("type X = {}Int{}", many("List<", 150), many(">", 150)),
    ];
    // What nests, as deep as the parser lets it.
    let nested = [
        ("(", ")"),
        ("[", "]"),
        ("(fun a -> ", ")"),
        ("(match 1L with | _ -> ", ")"),
        ("(if true then ", ")"),
        ("(let x = ", " in x)"),
        ("(let f (a: Int) = ", " in f)"),
        ("A.T { a = ", " }"),
        ("{ x with a = ", " }"),
        ("A.Case(", ")"),
        ("f (", ")"),
        ("-(", ")"),
        ("(1L + ", ")"),
        ("(1L |> f ", ")"),
        ("(1L |> fun x -> ", ")"),
    ];
    let nested = nested.map(|(open, close)| {
        let text = |times: usize| format!("val x = {}1L{}", many(open, times), many(close, times));
        let fits = |times: &usize| parse(&format!("module A\n\n{}\n", text(*times)), Mode::Package).is_clean();
        let deepest = (1..200).rev().find(fits);
        text(deepest.unwrap())
    });
    let texts: Vec<String> = texts.into_iter().chain(nested).collect();
    // The stack that the main thread has; without optimisation, frames are several times as large as in a release.
    let deep = move || texts.iter().all(|text| of(text).interface.is_some() != text.starts_with("val"));
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(deep).unwrap();
    assert!(thread.join().unwrap());
}

#[test]
fn whole_trees_are_linked() {
    let mut roots = vec![(crate::support::repository().join("packages"), false)];
    match std::env::var_os("DARKLANG_SRC") {
        Some(root) => roots.push((std::path::PathBuf::from(root).join("packages"), true)),
        None => println!("skipped: DARKLANG_SRC is not set"),
    }
    for (root, real) in roots {
        let sources = crate::support::sources(&crate::support::package_files(&root));
        let imported = import(&sources);
        let linked = View::new(&imported).link_all();
        assert_eq!(linked.len(), imported.definitions.len());
        let seen = |kind: Kind| {
            let of_kind = imported.definitions.iter().filter(move |(_, (_, definition))| definition.kind == kind);
            of_kind.filter(|(entity, _)| linked[entity].interface.is_some()).count()
        };
        assert_eq!((seen(Kind::Value), seen(Kind::Test)), (0, 0));
        if real {
            assert_eq!((seen(Kind::Fn), seen(Kind::Type)), (4392, 966));
        }
    }
}

/// What others see of a definition is the same, whether or not its body is read.
pub fn check_declared(definition: &Definition) {
    let (whole, declared) = (lower(definition).unwrap(), dm_lang::lower_declared(definition).unwrap());
    match (&whole.item, &declared.item) {
        (Item::Fn(whole), Item::Fn(declared)) => {
            assert_eq!(
                (&whole.type_params, &whole.params, &whole.result),
                (&declared.type_params, &declared.params, &declared.result),
                "{}",
                definition.text
            );
        }
        _ => assert_eq!(whole, declared, "{}", definition.text),
    }
}

#[test]
fn a_head_is_read_without_its_body() {
    let files = package_files(&repository().join("packages"));
    let imported = import(&sources(&files));
    imported.definitions.values().for_each(|(_, definition)| check_declared(definition));
    // Comments with a `=` before, in and behind the head.
    for text in [
        "/// a = b\nlet f (n: Int64) : Int64 = n",
        "let f // a = b\n  (n: Int64) : Int64 = n",
        "let f (n: Int64) : Int64 // = 1\n  // = 2\n  = n == n",
        "let f<'a> (g: 'a -> Int64) : Dict<Int64> =\n  Dict { a = 1L }",
    ] {
        let files = [("a.dark".to_owned(), format!("module A.B\n\n{text}\n"))];
        let imported = import(&sources(&files));
        assert_eq!(imported.definitions.len(), 1, "{text}");
        imported.definitions.values().for_each(|(_, definition)| check_declared(definition));
    }
}

#[test]
fn layout_changes_no_meaning() {
    let files = package_files(&repository().join("packages"));
    let before = View::new(&import(&sources(&files))).link_all();
    for (width, indent, layout) in [(100, 2, Layout::Keep), (60, 4, Layout::Fit), (30, 1, Layout::Keep)] {
        let options = FormatOptions { width, indent, layout };
        let laid = files
            .iter()
            .map(|(path, text)| (path.clone(), dm_syntax::format(text, Mode::Package, &options).unwrap().text));
        let laid: Vec<_> = laid.collect();
        assert!(laid != files);
        let imported = import(&sources(&laid));
        assert_eq!(View::new(&imported).link_all(), before, "{options:?}");
    }
}
