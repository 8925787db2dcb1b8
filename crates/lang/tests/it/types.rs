//! Checks of types: what is said of what is wrong, that nothing is said of what is not, and how much of what is wrong is found.

use std::collections::BTreeMap;
use std::sync::Arc;

use dm_lang::{CheckSource, Checked, Checker, LinkNode, Program, SlotTarget, TypeCode, Wanted, lower, meaning_of};
use dm_model::EntityId;

use crate::support::{Imported, import, package_files, repository, source, sources};

/// A view of imported files.
pub struct Types<'i> {
    pub imported: &'i Imported,
    pub programs: BTreeMap<EntityId, Arc<Program>>,
    links: std::cell::OnceCell<BTreeMap<EntityId, dm_lang::Linked>>,
}

impl<'i> Types<'i> {
    pub fn new(imported: &'i Imported) -> Self {
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
#[expect(clippy::too_many_lines, reason = "a table")]
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

/// Goes through a text on the stack that a thread has.
fn check_on_a_small_stack(text: String) -> Checked {
    std::thread::Builder::new().stack_size(2 << 20).spawn(move || check(&text)).unwrap().join().unwrap()
}

#[test]
fn what_is_long_is_not_deep() {
    let values: String = (1..3000).map(|at| format!("val v{at} = v{}\n", at - 1)).collect();
    let text = format!("val v0 = 1\n{values}let f (a: Int) : String = v2999");
    assert_eq!(check_on_a_small_stack(text).problems.len(), 1, "the last is an `Int` as the first is");

    // Each match finds a list in what the one before found in a list.
    let lists: String = (1..400).map(|at| format!("    let x{at} = match x{} with | [ y ] -> y\n", at - 1)).collect();
    let lists = |of: &str| format!("  let {of} = fun x0 ->\n{lists}    x399\n");
    let text = format!("let f (a: Int) : Bool =\n{}{}  [ g; h ] == [ h; g ]", lists("g"), lists("h"));
    assert!(check_on_a_small_stack(text).expressions > 800);

    let long = "_; ".repeat(5000);
    let text = format!("let f (a: List<Int>) : Int = match a with | [ {long}_ ] -> 1 | _ :: _ -> 2");
    assert!(check_on_a_small_stack(text).problems.is_empty());

    let same: String = (1..900).map(|_| "  let x = 1\n").collect();
    assert_eq!(check_on_a_small_stack(format!("let f (a: Int) : Int =\n{same}  x")).problems, []);
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
pub fn trees() -> Vec<(Imported, bool)> {
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
