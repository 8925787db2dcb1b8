//! Texts made to hurt: a million characters of one thing. No overflow, no panic, linear work, and few diagnostics.

use dm_syntax::{CHAIN_MAX, Code, Mode, NESTING_MAX, Parse, parse};

const LENGTH: usize = 1_000_000;

/// What is repeated.
const BOMBS: &[&str] = &[
    "(",
    "[",
    "{",
    "$\"{",
    "$\"\"\"{",
    "(*",
    "let x = ",
    "let x = 1\n",
    "let f (x) = ",
    "fun x -> ",
    "fun (",
    "-",
    "- ",
    "|> ",
    "x |> ",
    "if ",
    "if a then ",
    "else ",
    "elif ",
    "match ",
    "match a with | ",
    "match a with | b -> ",
    "| (",
    "f ",
    "f (",
    "x.",
    ".x",
    "A.",
    "A<",
    "f<",
    "A(",
    "Some ",
    "A { b = ",
    "{ a with b = ",
    "Dict { a = ",
    "a + ",
    "a @ ",
    "a ^ ",
    "a == ",
    "a :: ",
    "a, ",
    "(a, ",
    "[a; ",
    ";",
    ",",
    "=",
    "a = ",
    ")",
    "]",
    "}",
    "\"",
    "\"\n\\",
    "'",
    "' ",
    "''",
    "`",
    "``",
    "``a``",
    "#",
    "\u{301}",
    "é",
    "1",
    "1 ",
    "12k ",
    "type A = ",
    "type A = | B of ",
    "type A = (",
    "type A = { a: ",
    "type A = B -> ",
    "type A = B * ",
    "val x = ",
    "val x = (",
    "module A =\n ",
    "module A ",
    "let f (x: ",
    "let f (x: A) : B = ",
    "let (",
    "[<DB>] type X = ",
    "//",
    "///\n",
    "/* ",
    "*)",
    "(+)",
    "\n",
    " ",
    "$\"",
    "$\"{\n",
    "$\"{a} \n",
    "$\"{{",
    "$\"}",
    "\"\"\"",
    "$\"\"\"",
    "match a with | A (",
    "match a with | [",
    "match a with | A B ",
    "match a with | a :: ",
    "match a with | a | ",
    "\\",
    "\"\\q",
    "\0",
    "\u{feff}",
    "'a",
    "('a",
    "<'a",
    "'\\",
    ">>",
    "a >> ",
];

/// Work allowed per byte; a quadratic step would need thousands of times as much.
const STEPS_PER_BYTE: u64 = 40;

fn bomb_in(mode: Mode, piece: &str, length: usize) -> Parse {
    let text = piece.repeat(length / piece.len());
    let parsed = parse(&text, mode);
    let covered: usize = parsed.tree.root().descendant_tokens().map(|token| token.range().len() as usize).sum();
    assert_eq!(covered, text.len());
    assert!(parsed.steps <= STEPS_PER_BYTE * text.len() as u64, "{piece:?}: {} steps", parsed.steps);
    assert!(parsed.diagnostics.iter().all(|diagnostic| diagnostic.code != Code::InternalLoop), "{piece:?}");
    parsed
}

/// A million characters where the parse gives up early; a tenth where every character is parsed, to spare the test's time.
fn bomb(piece: &str) -> Parse {
    for mode in [Mode::Package, Mode::Test] {
        bomb_in(mode, piece, LENGTH / 50);
    }
    let probe = bomb_in(Mode::Script, piece, LENGTH / 50);
    let gives_up = probe.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::TooDeep);
    bomb_in(Mode::Script, piece, if gives_up { LENGTH } else { LENGTH / 10 })
}

#[test]
fn a_million_characters_of_one_thing() {
    for piece in BOMBS {
        bomb(piece);
    }
}

#[test]
fn nesting_is_given_up_with_one_diagnostic() {
    for piece in ["(", "[", "- ", "fun x -> ", "let x = ", "if ", "match ", "f (", "A(", "a @ ", "{ a with b = "] {
        let codes: Vec<_> = bomb(piece).diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes, [Code::TooDeep], "{piece:?}");
    }
}

fn codes(text: &str) -> Vec<Code> {
    parse(text, Mode::Script).diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn the_limits_are_where_they_are_said_to_be() {
    let nested = |count: u32| format!("{}x{}", "(".repeat(count as usize), ")".repeat(count as usize));
    assert_eq!(codes(&nested(NESTING_MAX - 1)), []);
    assert_eq!(codes(&nested(NESTING_MAX)), [Code::TooDeep]);
    let sum = |count: u32| format!("x{}", " + x".repeat(count as usize));
    assert_eq!(codes(&sum(CHAIN_MAX)), []);
    assert_eq!(codes(&sum(CHAIN_MAX + 1)), [Code::TooDeep]);
    let lets = |count: u32| format!("{}x", "let x = 1\n".repeat(count as usize));
    assert_eq!(codes(&lets(CHAIN_MAX)), []);
    assert_eq!(codes(&lets(CHAIN_MAX + 1)), [Code::TooDeep]);
    let fields = |count: u32| format!("x{}", ".y".repeat(count as usize));
    assert_eq!(codes(&fields(CHAIN_MAX)), []);
    assert_eq!(codes(&fields(CHAIN_MAX + 1)), [Code::TooDeep]);
}

#[test]
fn interpolations_nest_sixty_four_deep() {
    let nested = |count: usize| format!("{}x{}", "$\"{".repeat(count), "}\"".repeat(count));
    assert_eq!(codes(&nested(64)), []);
    assert_eq!(codes(&nested(65)), [Code::TooDeep, Code::Interpolation]);
}

#[test]
fn statements_between_lets_do_not_nest_the_parser() {
    let text = format!("{}x", "let x = 1\nprint x\n".repeat(900));
    assert_eq!(codes(&text), []);
}

#[test]
fn long_lists_and_many_binders_are_linear() {
    for text in [
        format!("[{}]", "1; ".repeat(100_000)),
        format!("fun {}-> 1", (0..50_000).map(|n| format!("x{n} ")).collect::<String>()),
        format!("match a with\n| {} -> 1", (0..50_000).map(|n| format!("x{n}")).collect::<Vec<_>>().join(", ")),
        format!("if a then 1\n{}else 3", "elif b then 2\n".repeat(20_000)),
        format!("x {}", "|> f ".repeat(100_000)),
    ] {
        let parsed = parse(&text, Mode::Script);
        assert_eq!(parsed.diagnostics, []);
        assert!(parsed.steps <= STEPS_PER_BYTE * text.len() as u64);
    }
}
