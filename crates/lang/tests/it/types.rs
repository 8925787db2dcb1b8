//! Checks of types: what is said of what is wrong, that nothing is said of what is not, and how much of what is wrong is found.

use std::collections::BTreeMap;
use std::sync::Arc;

use dm_lang::program::{Arm, Expr, ExprKind, Item, Name, PipeStepKind, Segment, Statement, Type, TypeKind, TypeShape};
use dm_lang::{CheckSource, Checked, Checker, LinkNode, Program, SlotTarget, TypeCode, Wanted, lower, meaning_of};
use dm_model::{EntityId, Target};
use dm_syntax::IntKind;
use dm_syntax::written::Primitive;

use crate::support::{Imported, import, package_files, repository, source, sources};

/// A view of imported files.
struct Types<'i> {
    imported: &'i Imported,
    programs: BTreeMap<EntityId, Arc<Program>>,
    links: std::cell::OnceCell<BTreeMap<EntityId, dm_lang::Linked>>,
}

impl<'i> Types<'i> {
    fn new(imported: &'i Imported) -> Self {
        let programs = imported.definitions.iter().map(|(entity, (_, definition))| {
            let program = lower(definition).unwrap_or_else(|error| panic!("{error}\n{}", definition.text));
            (*entity, Arc::new(program))
        });
        Self { imported, programs: programs.collect(), links: std::cell::OnceCell::new() }
    }

    fn link(&self, node: LinkNode) -> dm_model::LinkHash {
        let LinkNode::Entity(entity) = node else { panic!("nothing is pinned here") };
        let links = self.links.get_or_init(|| {
            let all = self.programs.keys().map(|entity| LinkNode::Entity(*entity)).collect();
            crate::linking::View::of(self.imported, &self.programs).link(all)
        });
        links[&entity].link
    }
}

impl CheckSource for Types<'_> {
    fn follow(&self, from: LinkNode, target: &SlotTarget) -> Option<LinkNode> {
        let LinkNode::Entity(from) = from else { return None };
        let entity = match target {
            SlotTarget::Entity(entity) => Some(*entity),
            SlotTarget::Unresolved { spelling, wanted } => {
                let (location, _) = &self.imported.definitions[&from];
                meaning_of(&self.imported.names, location.module_path(), spelling, *wanted)
            }
        };
        entity.filter(|entity| self.programs.contains_key(entity)).map(LinkNode::Entity)
    }

    fn program(&self, node: LinkNode) -> Option<Arc<Program>> {
        let LinkNode::Entity(entity) = node else { return None };
        self.programs.get(&entity).cloned()
    }

    fn same_type(&self, one: LinkNode, other: LinkNode) -> bool {
        self.link(one) == self.link(other)
    }

    fn name(&self, node: LinkNode) -> String {
        let LinkNode::Entity(entity) = node else { return String::new() };
        self.imported.definitions[&entity].0.name().to_owned()
    }

    fn standard(&self, location: &str, wanted: Wanted) -> Option<LinkNode> {
        meaning_of(&self.imported.names, "", location, wanted).map(LinkNode::Entity)
    }
}

/// What every small code base below stands on.
const STANDARD: &str = "
module Darklang.Stdlib.Option
type Option<'a> = | Some of 'a | None
let withDefault (option: Option<'a>) (default: 'a) : 'a = match option with | Some v -> v | None -> default
module Darklang.Stdlib.Result
type Result<'a, 'b> = | Ok of 'a | Error of 'b
module Darklang.Stdlib.List
let map (list: List<'a>) (fn: 'a -> 'b) : List<'b> =
  match list with
  | [] -> []
  | head :: tail -> Builtin.listPush (Darklang.Stdlib.List.map tail fn) (fn head)
let fold (list: List<'a>) (init: 'b) (fn: 'b -> 'a -> 'b) : 'b =
  match list with
  | [] -> init
  | head :: tail -> Darklang.Stdlib.List.fold tail (fn init head) fn
module Darklang.Stdlib.Int
let toString (int: Int) : String = Builtin.intToString int
let toFloat (int: Int) : Float = Builtin.intToFloat int
module Acme
type Colour = | Red | Green | Mixed of part: Int * name: String
type Person = { name: String; age: Int }
type Someone = Person
type Box<'a> = { held: 'a }
let double (n: Int) : Int = n * 2
val answer = 42
val lots = [ 1; 2 ]
";

/// Checks one more declaration of `Acme`.
fn check(text: &str) -> Checked {
    let mut modules: Vec<(String, String)> = Vec::new();
    for line in STANDARD.trim_start().lines() {
        match line.strip_prefix("module ") {
            Some(module) => modules.push((module.to_owned(), String::new())),
            None => {
                let (_, text) = modules.last_mut().expect("a module first");
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    let (acme, standard) = modules.split_last().expect("modules");
    let mut files: Vec<_> =
        standard.iter().map(|(module, text)| source(module, &format!("module {module}\n{text}"))).collect();
    files.push(source("Acme", &format!("module Acme\n{}\n{text}\n", acme.1)));
    let imported = import(&files);
    let types = Types::new(&imported);
    let checker = Checker::new(&types);
    let mut whole = Checked::default();
    for (entity, program) in &types.programs {
        let checked = checker.check(LinkNode::Entity(*entity), program);
        whole.problems.extend(checked.problems);
        // The standard library's own are not what is looked for.
        if types.imported.definitions[entity].0.as_str() == "Acme.f" {
            whole.warnings.extend(checked.warnings);
        }
        whole.expressions += checked.expressions;
        whole.known += checked.known;
    }
    whole
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_certainly_fails_is_said() {
    let cases: &[(&str, TypeCode, &str, Option<&str>)] = &[
        (
            "let f (a: Int) : Int = Acme.double \"x\"",
            TypeCode::Argument,
            "`Acme.double` takes an `Int` as its 1st argument `n`, and this is a `String`",
            None,
        ),
        (
            "let f (a: Int) : String = Builtin.intToString (Builtin.intToFloat a)",
            TypeCode::Argument,
            "`Builtin.intToString` takes an `Int` as its 1st argument `int`, and this is a `Float`",
            None,
        ),
        (
            "let f (a: List<Int>) : List<Int> = Builtin.listPush a \"x\"",
            TypeCode::Argument,
            "`Builtin.listPush` takes an `Int` as its 2nd argument `value`, and this is a `String`",
            None,
        ),
        (
            "let f (a: Int) : Int = Acme.double 1 2",
            TypeCode::Count,
            "`Acme.double` takes 1 argument, but is given 2",
            Some("to call what it gives, put the first call in parentheses"),
        ),
        (
            "let f (a: Int) : Int = (fun x -> x) 1 2",
            TypeCode::Count,
            "`this function` takes 1 argument, but is given 2",
            None,
        ),
        (
            "let f (a: Int) : Int = Acme.answer 1",
            TypeCode::NotCallable,
            "`Acme.answer` is called like a function, but is an `Int`",
            None,
        ),
        (
            "let f (a: Int) : String = a",
            TypeCode::Result,
            "this is an `Int`, but the function is declared to give a `String`",
            Some("`Stdlib.Int.toString` makes one of it"),
        ),
        (
            "let f (a: Int) : Int = if a == 1 then 2 else \"x\"",
            TypeCode::Result,
            "this is a `String`, but the function is declared to give an `Int`",
            None,
        ),
        (
            "let f (a: Int) : List<Int> = Stdlib.List.map [ 1 ] (fun x -> Stdlib.Int.toString x)",
            TypeCode::Result,
            "this is a `List<String>`, but the function is declared to give a `List<Int>`",
            None,
        ),
        (
            "let f (a: Int) : Int = if a then 1 else 2",
            TypeCode::Condition,
            "a condition must be a `Bool`, and this is an `Int`",
            None,
        ),
        (
            "let f (a: Int) : Int = match a with | b when 1 -> 1 | _ -> 2",
            TypeCode::Condition,
            "a condition must be a `Bool`, and this is an `Int`",
            None,
        ),
        (
            "let f (a: Int) : Float = a + 1.0",
            TypeCode::Operand,
            "`+` needs two numbers of one type, and these are an `Int` and a `Float`",
            Some("`Stdlib.Int.toFloat` makes one of it"),
        ),
        (
            "let f (a: Int) : String = \"a\" + \"b\"",
            TypeCode::Operand,
            "`+` is for numbers, and this is a `String`",
            Some("`++` joins strings"),
        ),
        (
            "let f (a: Int) : Bool = a == \"b\"",
            TypeCode::Operand,
            "this compares an `Int` with a `String`: values of different types cannot be compared",
            None,
        ),
        ("let f (a: Int) : Bool = true && a", TypeCode::Operand, "`&&` is for Bools, and this is an `Int`", None),
        ("let f (a: Int128) : Int128 = a ^ 2Q", TypeCode::Operand, "there is no `^` for Int128s", None),
        (
            "let f (a: Int) : List<Int> = [ a; \"b\" ]",
            TypeCode::Element,
            "this is a `String`, but the list has an `Int` so far",
            None,
        ),
        (
            "let f (a: Int) : Dict<Int> = Dict { x = a; y = 1.0 }",
            TypeCode::Element,
            "this is a `Float`, but the dict has an `Int` so far",
            None,
        ),
        (
            "let f (a: Int) : Dict<Int> = Dict { x = a; x = 1 }",
            TypeCode::Field,
            "the key `x` is in this dict already",
            None,
        ),
        (
            "let f (a: Int) : String = $\"{a}\"",
            TypeCode::Interpolation,
            "only a `String` can stand in a string, and this is an `Int`",
            Some("`Stdlib.Int.toString` makes one of it"),
        ),
        (
            "let f (a: Int) : Int =\n  a\n  a",
            TypeCode::Statement,
            "this is an `Int` that nothing is done with; a statement must give `Unit`",
            Some("to drop what it gives, write `let _ = ..`"),
        ),
        (
            "let f (a: Int) : Int =\n  let (b, c) = a\n  b",
            TypeCode::Pattern,
            "this fits only a tuple of 2, and what it is to take apart is an `Int`",
            None,
        ),
        (
            "let f (a: Int) : Int =\n  let () = a\n  a",
            TypeCode::Pattern,
            "`()` fits only a `Unit`, and what it is to take apart is an `Int`",
            None,
        ),
        (
            "let f (a: Person) : String = a.nam",
            TypeCode::Field,
            "`Person` has no field `nam`",
            Some("did you mean `name`?"),
        ),
        (
            "let f (a: Int) : String = a.name",
            TypeCode::Field,
            "only a record has fields like `name`, and this is an `Int`",
            None,
        ),
        (
            "let f (a: List<Person>) : List<Int> = Stdlib.List.map a (fun p -> p.agee)",
            TypeCode::Field,
            "`Person` has no field `agee`",
            Some("did you mean `age`?"),
        ),
        ("let f (a: Int) : Person = Person { name = \"x\" }", TypeCode::Field, "`Person` lacks the field `age`", None),
        (
            "let f (a: Int) : Person = Someone { name = \"x\"; age = \"y\" }",
            TypeCode::Field,
            "the field `age` is an `Int`, and this is a `String`",
            None,
        ),
        (
            "let f (a: Person) : Person = { a with age = 1.0 }",
            TypeCode::Field,
            "the field `age` is an `Int`, and this is a `Float`",
            None,
        ),
        (
            "let f (a: Int) : Colour = Colour.Redd",
            TypeCode::Case,
            "`Colour` has no case `Redd`",
            Some("did you mean `Red`?"),
        ),
        (
            "let f (a: Int) : Colour = Colour.Mixed(1, 2)",
            TypeCode::Case,
            "`Mixed` takes a `String` as its 2nd field, and this is an `Int`",
            None,
        ),
        ("let f (a: Int) : Colour = Colour.Mixed(1)", TypeCode::Count, "`Mixed` takes 2 fields, but is given 1", None),
        ("let f (a: Int) : Colour = a |> Colour.Red", TypeCode::Count, "`Red` takes 0 fields, but is given 1", None),
        ("let f (a: Int) : Colour = Colour { red = 1 }", TypeCode::Type, "`Colour` is not a record", None),
        ("let f (a: Box<Int, Int>) : Int = 1", TypeCode::Count, "`Box` takes 1 type argument, but has 2 here", None),
        (
            "let f (a: Option.Option<Int>) : Int = 1 + a",
            TypeCode::Operand,
            "`+` is for numbers, and this is an `Option<Int>`",
            None,
        ),
        (
            "let f (a: Int) : Int = [ a ] |> Acme.double",
            TypeCode::Argument,
            "`Acme.double` takes an `Int` as its 1st argument `n`, and this is a `List<Int>`",
            None,
        ),
        (
            "let f (a: Int) : Int = Builtin.unwrap a",
            TypeCode::Argument,
            "`unwrap` takes an `Option` or a `Result`, and this is an `Int`",
            None,
        ),
        (
            "let f (a: Int) : Int = Acme.lots + a",
            TypeCode::Operand,
            "`+` is for numbers, and this is a `List<Int>`",
            None,
        ),
    ];
    for (text, code, message, hint) in cases {
        let found = check(text).problems;
        let [problem] = found.as_slice() else { panic!("{text}\n{found:#?}") };
        assert_eq!((problem.code, problem.message.as_str()), (*code, *message), "{text}");
        if hint.is_some() {
            assert_eq!(problem.hint.as_deref(), *hint, "{text}");
        }
    }
}

#[test]
fn what_may_be_right_passes() {
    let cases = [
        // A function value has no type while it runs.
        "let f (a: Int) : Int = Acme.double (fun x -> x)",
        "let f (a: Int) : Bool = a == (fun x -> x)",
        // An empty list goes with everything, again and again.
        "let f (a: Int) : Int =\n  let e = []\n  let x = Builtin.listPush e 1\n  let y = Builtin.listPush e \"s\"\n  a",
        "let f (a: Int) : List<List<Int>> = [ []; [ a ] ]",
        // What a type variable stands for is the caller's to say.
        "let f (a: 'a) : Int = a",
        "let f (a: 'a) : 'a = 1",
        "let f (a: 'a) : Int = a + 1",
        "let f (a: Int) : Option.Option<Int> = Stdlib.Option.Option.None",
        "let f (a: Int) : Result.Result<Int, String> = if a == 1 then Result.Result.Ok a else Result.Result.Error \"x\"",
        // Branches need not agree.
        "let f (a: Int) : Int =\n  let x = if a == 1 then 1 else \"s\"\n  a",
        // Patterns fit or do not.
        "let f (a: Int) : Int = match a with | \"x\" -> 1 | Some y -> 2 | (b, c) -> 3 | _ -> 4",
        // Given too little, a function waits for the rest.
        "let f (a: Int) : Int =\n  let add = fun x y -> x + y\n  (add 1) a",
        // A local function may call itself.
        "let f (a: Int) : Int =\n  let down = fun n -> if n == 0 then 0 else down (n - 1)\n  down a",
        // The first argument of `fold` says less than its function.
        "let f (a: Int) : List<Int> = Stdlib.List.fold [ 1 ] [] (fun acc x -> Builtin.listPush acc x)",
        "let f (a: Person) : Person = { a with name = \"x\"; name = \"y\" }",
        "let f (a: Person) : Someone = a",
        "let f (a: Int) : Box<String> = Box { held = \"x\" }",
        "let f (a: Box<Int>) : Int = a.held + 1",
        "let f (a: Int) : Int = nothing.such a",
        "let f (a: Int) : Int = Builtin.unwrap (Option.Option.Some a)",
        "let f (a: Int) : Int = if a == 1 then Builtin.testRaiseException \"x\" else a",
    ];
    for text in cases {
        let found = check(text).problems;
        assert!(found.is_empty(), "{text}\n{found:#?}");
    }
}

#[test]
fn what_may_be_wrong_is_a_warning() {
    let cases: &[(&str, TypeCode, &str)] = &[
        ("let f (a: Int) : Int =\n  let b = a\n  a", TypeCode::Unused, "`b` is not used"),
        ("let f (a: Int) : List<Int> = Stdlib.List.map [ a ] (fun x -> 1)", TypeCode::Unused, "`x` is not used"),
        (
            "let f (a: Int) : Int =\n  let b = a\n  let g = fun b -> b + 1\n  g b",
            TypeCode::Shadowed,
            "this hides another `b`",
        ),
        (
            "let f (a: Colour) : Int = match a with | Red -> 1 | Mixed(_, _) -> 2",
            TypeCode::Unmatched,
            "this match has no case for `Green`",
        ),
        (
            "let f (a: Option.Option<Bool>) : Int = match a with | None -> 1 | Some true -> 2",
            TypeCode::Unmatched,
            "this match has no case for `Some false`",
        ),
        (
            "let f (a: List<Int>) : Int = match a with | [] -> 1 | [ _ ] -> 2",
            TypeCode::Unmatched,
            "this match has no case for `_ :: (_ :: _)`",
        ),
        (
            "let f (a: Int) : Int = match a with | 1 -> 1 | 2 -> 2",
            TypeCode::Unmatched,
            "this match has no case for `_`",
        ),
        (
            "let f (a: Bool) : Int = match (a, a) with | (true, _) -> 1 | (_, true) -> 2",
            TypeCode::Unmatched,
            "this match has no case for `(false, false)`",
        ),
        (
            "let f (a: Colour) : Int = match a with | Red -> 1 | _ when true -> 2",
            TypeCode::Unmatched,
            "this match has no case for `Green`",
        ),
        (
            "let f (a: Int) : Int = match a with | 1 -> 1 | _ -> 2 | 3 -> 3",
            TypeCode::Unreachable,
            "nothing comes to this case: those before it take everything",
        ),
        (
            "let f (a: Colour) : Int = match a with | Redd -> 1 | _ -> 2",
            TypeCode::Unreachable,
            "this never fits: `Colour` has no case `Redd`",
        ),
        (
            "let f (a: Colour) : Int = match a with | Mixed(_) -> 1 | _ -> 2",
            TypeCode::Unreachable,
            "this never fits: `Mixed` has 2 fields, not 1",
        ),
    ];
    for (text, code, message) in cases {
        let found = check(text);
        assert!(found.problems.is_empty(), "{text}\n{:#?}", found.problems);
        let [warning] = found.warnings.as_slice() else { panic!("{text}\n{:#?}", found.warnings) };
        assert_eq!((warning.code, warning.message.as_str()), (*code, *message), "{text}");
    }
    for text in [
        "let f (a: Int) : Int =\n  let _b = a\n  let _ = a\n  a",
        "let f (a: Int) : Int =\n  let b = a\n  let b = b + 1\n  b",
        "let f (a: Int) : Int =\n  let g = fun b -> b + 1\n  let h = fun b -> b + 2\n  (g a) + (h a)",
        "let f (a: Colour) : Int = match a with | Red | Green -> 1 | Mixed(part, _) -> part",
        "let f (a: List<Bool>) : Int = match a with | [] -> 1 | true :: _ -> 2 | false :: _ -> 3",
        "let f (a: Bool) : Int = match (a, [ a ]) with | (true, _) -> 1 | (false, []) -> 2 | (_, _ :: _) -> 3",
        "let f (a: Int) : Int = match a with | 1 -> 1 | n -> n",
    ] {
        let found = check(text);
        assert!(found.warnings.is_empty(), "{text}\n{:#?}", found.warnings);
    }
}

#[test]
fn equal_types_under_two_names_are_one() {
    let two = "type A = { x: Int }\ntype B = { x: Int }\ntype C = { y: Int }";
    let same = check(&format!("{two}\nlet f (a: A) : B = a")).problems;
    assert!(same.is_empty(), "{same:#?}");
    let other = check(&format!("{two}\nlet f (a: A) : C = a")).problems;
    assert_eq!(other.len(), 1, "{other:#?}");
}

#[test]
fn a_type_too_large_to_write_down_is_unknown() {
    let matches: String =
        (0..200).map(|at| format!("\n  | (Some {at}, _, _) | (_, Some {at}, _) | (_, _, Some {at}) -> {at}")).collect();
    let lets: String = (1..200).map(|at| format!("  let x{at} = (x{}, x{})\n", at - 1, at - 1)).collect();
    let guessed: String = (1..200).map(|at| format!("  let x{at} = [ (x{}, x{}) ]\n", at - 1, at - 1)).collect();
    let aliases: String = (1..200).map(|at| format!("type A{at} = A{} * A{}\n", at - 1, at - 1)).collect();
    for text in [
        format!("let f (a: Int) : Int =\n  let x0 = a\n{lets}  \"x\""),
        format!("let f (a: Int) : Int =\n  let x0 = []\n{guessed}  \"x\""),
        format!("let f (a: Option.Option<Int>) : Int =\n  match (a, a, a) with{matches}"),
        format!("type A0 = Int\n{aliases}let f (a: A60) : Int = \"x\""),
    ] {
        assert!(check(&text).problems.len() <= 1, "{text}");
    }
}

#[test]
fn what_the_parser_lets_in_is_never_too_deep() {
    let nested = [
        ("[", "]"),
        ("(fun a -> ", ")"),
        ("(match 1L with | _ -> ", ")"),
        ("(if true then ", ")"),
        ("f (", ")"),
        ("(1L |> f ", ")"),
        ("(let x = ", " in x)"),
        ("Option.Option.Some(", ")"),
        ("Box { held = ", " }"),
    ];
    let deep = move || {
        for (open, close) in nested {
            let text = |times: usize| format!("let f (a: Int) : Int = {}1L{}", open.repeat(times), close.repeat(times));
            let fits = |times: &usize| {
                dm_syntax::parse(&format!("module A\n\n{}\n", text(*times)), dm_syntax::Mode::Package).is_clean()
            };
            let deepest = (1..200).rev().find(fits).unwrap();
            assert!(check(&text(deepest)).expressions > 0);
        }
    };
    // As `linking` has it.
    std::thread::Builder::new().stack_size(8 << 20).spawn(deep).unwrap().join().unwrap();
}

// Whole trees.

/// The trees there are, and whether each is the public one.
fn trees() -> Vec<(Imported, bool)> {
    let mut roots = vec![(repository().join("packages"), false)];
    match std::env::var_os("DARKLANG_SRC") {
        Some(root) => roots.push((std::path::PathBuf::from(root).join("packages"), true)),
        None => println!("skipped: DARKLANG_SRC is not set"),
    }
    roots.into_iter().map(|(root, real)| (import(&sources(&package_files(&root))), real)).collect()
}

/// What is wrong in the public tree, read by hand: three fields that their records have not, a list of declarations given for one
/// of names, and a `String` given for a `Char`.
const TRUE_ERRORS: [(&str, TypeCode, usize); 3] = [
    ("Darklang.LanguageTools.LspServer.FileSystemProvider.WriteFile.handleWriteFileRequest", TypeCode::Argument, 1),
    ("Darklang.LanguageTools.LspServer.FileSystemProvider.WriteFile.handleWriteFileRequest", TypeCode::Field, 3),
    ("Darklang.PrettyPrinter.RuntimeTypes.Dval.toDoc", TypeCode::Argument, 1),
];

#[test]
fn whole_trees_have_no_false_errors_and_known_types() {
    for (imported, real) in trees() {
        let types = Types::new(&imported);
        let checker = Checker::new(&types);
        let mut problems: BTreeMap<(String, TypeCode), usize> = BTreeMap::new();
        let (mut expressions, mut known) = (0, 0);
        for (entity, program) in &types.programs {
            let checked = checker.check(LinkNode::Entity(*entity), program);
            expressions += checked.expressions;
            known += checked.known;
            for problem in checked.problems {
                println!("{}: {}", imported.definitions[entity].0, problem.message);
                *problems.entry((imported.definitions[entity].0.to_string(), problem.code)).or_default() += 1;
            }
        }
        let expected = if real { TRUE_ERRORS.as_slice() } else { &[] };
        let expected: BTreeMap<_, _> =
            expected.iter().map(|(location, code, count)| (((*location).to_owned(), *code), *count)).collect();
        assert_eq!(problems, expected);
        println!("{known} of {expressions} expressions have a type of which nothing is unknown");
        assert!(known * 100 >= expressions * 95, "{known} of {expressions}");
    }
}

// Seeded errors.

/// What is put wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seed {
    Argument,
    Count,
    Field,
    Case,
    Result,
}

const SEEDS: [Seed; 5] = [Seed::Argument, Seed::Count, Seed::Field, Seed::Case, Seed::Result];

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % (end as u64)).expect("below a usize")
    }
}

/// Puts something wrong at the `at`-th place where that can be; tells whether there was one.
struct Seeder<'t, 'i> {
    types: &'t Types<'i>,
    node: LinkNode,
    seed: Seed,
    at: usize,
    seen: usize,
    wrong: usize,
}

impl Seeder<'_, '_> {
    /// Whether this is the place.
    fn here(&mut self) -> bool {
        self.seen += 1;
        self.seen == self.at + 1
    }

    fn program_of(&self, name: &Name, wanted: Wanted) -> Option<Arc<Program>> {
        let target = match &name.target {
            Target::Entity(entity) => SlotTarget::Entity(*entity),
            Target::Unresolved => SlotTarget::Unresolved { spelling: name.spelling.clone(), wanted },
            Target::Builtin { .. } => return None,
        };
        self.types.program(self.types.follow(self.node, &target)?)
    }

    /// An expression that certainly does not have a type; `None` where that is not certain.
    fn misfit(&self, of: &Type) -> Option<ExprKind> {
        let given = match &of.kind {
            TypeKind::Variable(_) => return None,
            TypeKind::Named(name, _) => {
                let program = self.program_of(name, Wanted::Type)?;
                // An alias may be one of anything.
                let Item::Type(declaration) = &program.item else { return None };
                if matches!(declaration.shape, TypeShape::Alias(_)) {
                    return None;
                }
                None
            }
            TypeKind::Primitive(primitive) => Some(*primitive),
            _ => None,
        };
        let literals = [
            (Primitive::Int64, ExprKind::Int("7".to_owned(), IntKind::Int64)),
            (Primitive::String, ExprKind::String(vec![Segment::Text("wrong".to_owned())])),
            (Primitive::Bool, ExprKind::Bool(true)),
            (Primitive::Char, ExprKind::Char("x".to_owned())),
        ];
        let fitting: Vec<_> = literals.into_iter().filter(|(of, _)| Some(*of) != given).collect();
        fitting.get(self.wrong % fitting.len()).map(|(_, literal)| literal.clone())
    }

    fn arguments(&mut self, name: &Name, wanted: Wanted, piped: usize, args: &mut Vec<Expr>) {
        let Some(program) = self.program_of(name, wanted) else { return };
        let Item::Fn(function) = &program.item else { return };
        if self.seed == Seed::Argument {
            for (at, arg) in args.iter_mut().enumerate() {
                let wrong = function.params.get(at + piped).and_then(|param| self.misfit(&param.of));
                if let Some(wrong) = wrong
                    && self.here()
                {
                    arg.kind = wrong;
                }
            }
        }
        if self.seed == Seed::Count
            && args.len() + piped == function.params.len()
            && let Some(last) = args.last().cloned()
            && self.here()
        {
            args.push(last);
        }
    }

    #[expect(clippy::too_many_lines, reason = "a flat table of every kind of expression")]
    fn expr(&mut self, expr: &mut Expr) {
        match &mut expr.kind {
            ExprKind::Unit
            | ExprKind::Bool(_)
            | ExprKind::Int(..)
            | ExprKind::Float(_)
            | ExprKind::Char(_)
            | ExprKind::Local(_)
            | ExprKind::Name(_) => {}
            ExprKind::String(segments) => {
                for segment in segments {
                    if let Segment::Hole(hole) = segment {
                        self.expr(hole);
                    }
                }
            }
            ExprKind::List(parts) | ExprKind::Tuple(parts) => parts.iter_mut().for_each(|part| self.expr(part)),
            ExprKind::Dict(entries) => entries.iter_mut().for_each(|entry| self.expr(&mut entry.value)),
            ExprKind::Record(_, _, fields) | ExprKind::Update(_, fields) => {
                for field in fields.iter_mut() {
                    if self.seed == Seed::Field && self.here() {
                        field.field.name.push_str("Wrong");
                    }
                    self.expr(&mut field.value);
                }
                if let ExprKind::Update(record, _) = &mut expr.kind {
                    self.expr(record);
                }
            }
            ExprKind::Field(record, fields) => {
                for field in fields {
                    if self.seed == Seed::Field && self.here() {
                        field.name.push_str("Wrong");
                    }
                }
                self.expr(record);
            }
            ExprKind::Enum(_, _, case, fields) => {
                if self.seed == Seed::Case && self.here() {
                    case.name.push_str("Wrong");
                }
                fields.iter_mut().for_each(|field| self.expr(field));
            }
            ExprKind::Apply(callee, _, args) => {
                if let ExprKind::Name(name) = &callee.kind {
                    let name = name.clone();
                    self.arguments(&name, Wanted::FnThenValue, 0, args);
                }
                self.expr(callee);
                args.iter_mut().for_each(|arg| self.expr(arg));
            }
            ExprKind::Infix(first, operands) => {
                self.expr(first);
                operands.iter_mut().for_each(|operand| self.expr(&mut operand.right));
            }
            ExprKind::Lambda(_, body) => self.expr(body),
            ExprKind::If(branches, otherwise) => {
                for (condition, branch) in branches {
                    self.expr(condition);
                    self.expr(branch);
                }
                if let Some(otherwise) = otherwise {
                    self.expr(otherwise);
                }
            }
            ExprKind::Match(scrutinee, arms) => {
                self.expr(scrutinee);
                for Arm { guard, body, .. } in arms {
                    if let Some(guard) = guard {
                        self.expr(guard);
                    }
                    self.expr(body);
                }
            }
            ExprKind::Pipe(head, steps) => {
                self.expr(head);
                for step in steps {
                    match &mut step.kind {
                        PipeStepKind::Call(name, _, args) => {
                            let name = name.clone();
                            self.arguments(&name, Wanted::Fn, 1, args);
                            args.iter_mut().for_each(|arg| self.expr(arg));
                        }
                        PipeStepKind::Local(_, args) => args.iter_mut().for_each(|arg| self.expr(arg)),
                        PipeStepKind::Lambda(_, body) => self.expr(body),
                        PipeStepKind::Infix(_, right) => self.expr(right),
                        PipeStepKind::Enum(_, case, args) => {
                            if self.seed == Seed::Case && self.here() {
                                case.name.push_str("Wrong");
                            }
                            args.iter_mut().for_each(|arg| self.expr(arg));
                        }
                    }
                }
            }
            ExprKind::Block(statements, last) => {
                for statement in statements {
                    match statement {
                        Statement::Let(_, value) | Statement::Do(value) => self.expr(value),
                    }
                }
                self.expr(last);
            }
        }
    }

    /// The ends of the ways through a body.
    fn ends(&mut self, body: &mut Expr, result: &Type) {
        match &mut body.kind {
            ExprKind::Block(_, last) => self.ends(last, result),
            ExprKind::If(branches, Some(otherwise)) => {
                branches.iter_mut().for_each(|(_, branch)| self.ends(branch, result));
                self.ends(otherwise, result);
            }
            ExprKind::Match(_, arms) => arms.iter_mut().for_each(|arm| self.ends(&mut arm.body, result)),
            kind => {
                if let Some(wrong) = self.misfit(result)
                    && self.here()
                {
                    *kind = wrong;
                }
            }
        }
    }

    fn program(&mut self, program: &mut Program) {
        match &mut program.item {
            Item::Fn(function) if self.seed == Seed::Result => {
                let result = function.result.clone();
                self.ends(&mut function.body, &result);
            }
            Item::Fn(function) => self.expr(&mut function.body),
            Item::Value(body) => self.expr(body),
            Item::Type(_) | Item::Test(_) => {}
        }
    }
}

#[test]
fn most_seeded_errors_are_found() {
    const WANTED: usize = 1000;
    for (imported, _) in trees() {
        let types = Types::new(&imported);
        let checker = Checker::new(&types);
        let entities: Vec<_> = types.programs.keys().copied().collect();
        let mut random = Random(7);
        let mut counts: BTreeMap<Seed, (usize, usize)> = BTreeMap::new();
        let mut seeded = 0;
        while seeded < WANTED {
            let seed = SEEDS[seeded % SEEDS.len()];
            let entity = entities[random.below(entities.len())];
            let node = LinkNode::Entity(entity);
            let original = &types.programs[&entity];
            let wrong = random.below(64);
            let mut seeder = Seeder { types: &types, node, seed, at: usize::MAX - 1, seen: 0, wrong };
            seeder.program(&mut Program::clone(original));
            if seeder.seen == 0 {
                continue;
            }
            let at = random.below(seeder.seen);
            let mut program = Program::clone(original);
            Seeder { types: &types, node, seed, at, seen: 0, wrong }.program(&mut program);
            assert_ne!(&program, &**original);
            let before = checker.check(node, original).problems.len();
            let found = checker.check(node, &program).problems.len() > before;
            let count = counts.entry(seed).or_default();
            count.0 += 1;
            count.1 += usize::from(found);
            if !found {
                println!("not found: {seed:?} in {}, place {at}", imported.definitions[&entity].0);
            }
            seeded += 1;
        }
        let found: usize = counts.values().map(|(_, found)| found).sum();
        println!("{found} of {WANTED} seeded errors are found: {counts:?}");
        assert!(found * 10 >= WANTED * 9, "{counts:?}");
    }
}
