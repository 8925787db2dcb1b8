//! Layout: stable, complete, and the same tree.

use std::path::{Path, PathBuf};

use dm_syntax::{FormatOptions, Formatted, Layout, Mode, SyntaxKind, format, parse};
use proptest::prelude::*;

fn options(width: u16, layout: Layout) -> FormatOptions {
    FormatOptions { width, layout, ..FormatOptions::default() }
}

/// Lays a text out, and holds it to the laws.
fn checked(text: &str, mode: Mode, options: &FormatOptions) -> Formatted {
    let once = format(text, mode, options).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
    let parsed = parse(&once.text, mode);
    assert!(parsed.is_clean(), "{}", once.text);
    let comments = |text: &str| -> Vec<String> {
        let parsed = parse(text, mode);
        let tokens = parsed.tree.root().descendant_tokens().filter(|token| token.kind().is_comment());
        tokens.map(|token| token.text().trim_end().to_owned()).collect()
    };
    assert_eq!(comments(text), comments(&once.text), "all comments, in their order");
    let words = |text: &str| -> Vec<String> {
        let parsed = parse(text, mode);
        let says = |kind: SyntaxKind| !kind.is_trivia() && !matches!(kind, SyntaxKind::Semicolon | SyntaxKind::Bar);
        let tokens = parsed.tree.root().descendant_tokens().filter(|token| says(token.kind()));
        tokens.map(|token| token.text().to_owned()).collect()
    };
    assert_eq!(words(text), words(&once.text), "every word");
    assert_eq!(nesting(text, mode), nesting(&once.text, mode), "everything in what it was in");
    let twice = format(&once.text, mode, options).expect("what was laid out has no errors");
    assert_eq!(once.text, twice.text, "laid out twice");
    once
}

/// The nodes of a text in order, each with how many are around it.
fn nesting(text: &str, mode: Mode) -> Vec<(usize, SyntaxKind)> {
    let parsed = parse(text, mode);
    parsed.tree.root().descendants().map(|node| (node.ancestors().count(), node.kind())).collect()
}

/// The texts of all files below a folder but those that no loader reads.
fn dark_texts(root: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(path).expect("a readable folder").map(|entry| entry.expect("an entry").path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "dark")
            && !path.strip_prefix(root).unwrap_or(&path).to_string_lossy().contains('_')
        {
            texts.push(std::fs::read_to_string(&path).expect("readable text"));
        }
    }
    texts.sort();
    texts
}

fn check_tree(root: &Path) -> (usize, usize) {
    let (mut declarations, mut kept) = (0, 0);
    for text in dark_texts(root) {
        for layout in [Layout::Keep, Layout::Fit] {
            for width in [100, 60] {
                let formatted = checked(&text, Mode::Package, &options(width, layout));
                declarations += formatted.declarations;
                kept += formatted.kept;
            }
        }
    }
    (declarations, kept)
}

#[test]
fn our_packages_are_laid_out_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packages");
    let (declarations, kept) = check_tree(&root);
    assert!(declarations > 100 && kept == 0, "{kept} of {declarations} stay as they are");
}

#[test]
fn the_public_sources_are_laid_out() {
    let Some(root) = std::env::var_os("DARKLANG_SRC").map(PathBuf::from) else {
        println!("skipped: DARKLANG_SRC is not set");
        return;
    };
    let (declarations, kept) = check_tree(&root.join("packages"));
    println!("{kept} of {declarations} declarations stay as they were written, at widths 100 and 60, kept and fit");
    assert!(kept * 1000 <= declarations, "{kept} of {declarations}");
}

fn laid(text: &str, width: u16, layout: Layout) -> String {
    let formatted = checked(text, Mode::Package, &options(width, layout));
    assert_eq!(formatted.kept, 0, "{text}");
    formatted.text
}

/// A declaration, and what it is laid out as with 40 columns, breaks kept.
#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(laid(text, 40, Layout::Keep), expected);
}

#[test]
fn declarations() {
    check("let   f (n:Int64):Int64=n", "let f (n: Int64) : Int64 = n");
    check(
        "let label (first: String) (second: String) : String = first",
        "let label\n  (first: String)\n  (second: String)\n  : String = first",
    );
    check("let f () : Unit =\n      ()", "let f () : Unit =\n  ()");
    check("val  five =5L", "val five = 5L");
    check("type A = { a :Int64;b:List< Int64 > }", "type A = { a: Int64; b: List<Int64> }");
    check(
        "type A = { amount: Int64; currency: String; at: DateTime }",
        "type A =\n  { amount: Int64\n    currency: String\n    at: DateTime }",
    );
    check("type A = B|C of Int64", "type A = B | C of Int64");
    check("type A<'a> =\n   | B of 'a\n   | C", "type A<'a> =\n  | B of 'a\n  | C");
    check(
        "type A = Small | Medium of Int64 | Large of String",
        "type A =\n  | Small\n  | Medium of Int64\n  | Large of String",
    );
    check("type A = (Int64*String) -> Bool", "type A = (Int64*String) -> Bool");
}

#[test]
fn bodies() {
    check("let f (n: Int64) : Int64 =\n  let a = 1L\n\n\n  a", "let f (n: Int64) : Int64 =\n  let a = 1L\n\n  a");
    check("let f (n: Bool) : Int64 = if n then 1L else 2L", "let f (n: Bool) : Int64 =\n  if n then 1L else 2L");
    check(
        "let f (n: Bool) : String = if n then \"something long\" else \"something longer\"",
        "let f (n: Bool) : String =\n  if n then\n    \"something long\"\n  else\n    \"something longer\"",
    );
    check(
        "let f (n: Int64) : Int64 =\n  match n with | 1L -> 2L\n               | _ when n > 3L -> n",
        "let f (n: Int64) : Int64 =\n  match n with\n  | 1L -> 2L\n  | _ when n > 3L -> n",
    );
    check(
        "let f (n: Int64) : Int64 =\n  n |> g\n    |> Stdlib.List.map (fun x ->\n         x)",
        "let f (n: Int64) : Int64 =\n  n\n  |> g\n  |> Stdlib.List.map (fun x ->\n    x)",
    );
    check(
        "let f (n: Int64) : Int64 = aFunctionOfThree firstArgument secondArgument third",
        "let f (n: Int64) : Int64 =\n  aFunctionOfThree\n    firstArgument\n    secondArgument\n    third",
    );
    check(
        "let f (n: Int64) : Int64 = first + second + third + fourth + fifth",
        "let f (n: Int64) : Int64 =\n  first\n    + second\n    + third\n    + fourth\n    + fifth",
    );
    check(
        "let f (n: Int64) : List<Int64> = [ n;n\n                                   n ]",
        "let f (n: Int64) : List<Int64> =\n  [ n\n    n\n    n ]",
    );
    check(
        "let f (n: Int64) : A = { A { a = n; b = [n] } with a = n }",
        "let f (n: Int64) : A =\n  { A { a = n; b = [ n ] } with a = n }",
    );
    check("let f (n: Int64) : A = A.B(n,n)", "let f (n: Int64) : A = A.B(n, n)");
    check("let f (n: Int64) : A =\n  (a\n   b)", "let f (n: Int64) : A =\n  (a\n   b)");
}

#[test]
fn comments_stay_with_what_they_are_about() {
    check(
        "let f (n: Int64) : Int64 =\n    // first\n    let a = 1L   // one\n    // then\n    a",
        "let f (n: Int64) : Int64 =\n  // first\n  let a = 1L // one\n  // then\n  a",
    );
    check(
        "let f (n: Int64) : Int64 =\n  match n with\n  // one\n  | 1L -> 2L // two\n  | _ ->\n    // else\n    n",
        "let f (n: Int64) : Int64 =\n  match n with\n  // one\n  | 1L -> 2L // two\n  | _ ->\n    // else\n    n",
    );
    // In the middle of a line: the statement stays as it is written.
    let odd = "let f (n: Int64) : Int64 =\n  let a =   1L\n  (g (* why *)  n)";
    check(odd, "let f (n: Int64) : Int64 =\n  let a = 1L\n  (g (* why *)  n)");
}

#[test]
fn what_fits_is_joined_if_wanted() {
    let text = "let f (n: Int64) : List<Int64> =\n  [ n\n    n ]";
    assert_eq!(laid(text, 60, Layout::Fit), "let f (n: Int64) : List<Int64> = [ n; n ]");
    assert_eq!(laid(text, 60, Layout::Keep), text);
}

#[test]
fn nothing_gets_into_what_stood_before_it() {
    let bodies = [
        "  if p then\n    if q then\n      a\n  else\n    b",
        "  if p then\n    a\n  b",
        "  [ fun v -> v\n    9 ]",
        "  [ if p then 1\n    2 ]",
        "  f \"\"\"a\n   b\"\"\" (fun x ->\n    x\n    y)",
    ];
    for body in bodies {
        let text = format!("let f (p: Bool) : Int =\n{body}\n");
        for (width, indent) in [(20, 1), (20, 8), (40, 1), (100, 2), (400, 4)] {
            for layout in [Layout::Keep, Layout::Fit] {
                checked(&text, Mode::Package, &FormatOptions { width, indent, layout });
            }
        }
    }
}

#[test]
fn strings_over_several_lines_are_not_moved() {
    let text = "module A =\n  val a =\n        \"one\n two\"\n";
    let formatted = checked(text, Mode::Package, &FormatOptions::default());
    assert_eq!(formatted.text, "module A =\n  val a =\n    \"one\n two\"\n");
}

#[test]
fn a_text_with_errors_is_left_alone() {
    let errors = format("let f (n: Int64) : Int64 = (", Mode::Package, &FormatOptions::default()).unwrap_err();
    assert!(!errors.is_empty());
}

/// Texts of our packages, some of their lines with a comment behind or above them.
fn commented() -> impl Strategy<Value = String> {
    let files = dark_texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packages"));
    let places = prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..8);
    (prop::sample::select(files), places).prop_map(|(text, places)| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (place, above) in places {
            let at = place.index(lines.len());
            let line = &mut lines[at];
            let margin = line.len() - line.trim_start().len();
            if above {
                *line = format!("{}// why\n{line}", " ".repeat(margin));
            } else if !line.contains("//") && !line.is_empty() {
                line.push_str(" // so");
            }
        }
        lines.join("\n") + "\n"
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn any_layout_is_stable_and_loses_nothing(
        text in commented(),
        width in 20u16..140,
        indent in 1u8..=8,
        keep in any::<bool>(),
    ) {
        let layout = if keep { Layout::Keep } else { Layout::Fit };
        if parse(&text, Mode::Package).is_clean() {
            checked(&text, Mode::Package, &FormatOptions { width, indent, layout });
        }
    }
}
