//! Laws that hold for any text: nothing is lost, ranges fit, declarations partition the file, work is linear.

use dm_syntax::{Code, Mode, Parse, SyntaxElement, TextRange, Tree, declaration_ranges, parse, render};
use proptest::prelude::*;

const MODES: [Mode; 3] = [Mode::Package, Mode::Script, Mode::Test];

/// Work per byte that no text may exceed: parse function entries per token and rescanned bytes, with room.
const STEPS_PER_BYTE: u64 = 40;

fn check_tree(tree: &Tree, text: &str) {
    assert_eq!(tree.text(), text);
    let root = tree.root();
    let joined: String = root.descendant_tokens().map(|token| token.text()).collect();
    assert_eq!(joined, text, "the tokens are the text");
    let whole = root.range();
    for node in root.descendants() {
        let range = node.range();
        assert!(range.start >= whole.start && range.end <= whole.end, "{range:?} lies in {whole:?}");
        let mut at = range.start;
        for element in node.elements() {
            assert_eq!(element.range().start, at, "the parts of {:?} have no gaps", node.kind());
            at = element.range().end;
            let parent = match element {
                SyntaxElement::Node(node) => node.parent(),
                SyntaxElement::Token(token) => token.parent(),
            };
            assert_eq!(parent, Some(node));
        }
        assert_eq!(at, range.end, "the parts of {:?} cover it", node.kind());
    }
    for token in root.descendant_tokens() {
        assert!(!token.range().is_empty(), "no token is empty");
        assert_eq!(tree.token_at(token.range().start), Some(token));
    }
}

fn check_partition(parsed: &Parse, text: &str) {
    let spans = declaration_ranges(parsed.file());
    let whole = TextRange::new(0, u32::try_from(text.len()).expect("a short text"));
    let lists =
        std::iter::once((0, whole)).chain(spans.iter().filter_map(|span| Some((span.modules.len() + 1, span.body?))));
    for (depth, body) in lists {
        let inside = |range: TextRange| body.start <= range.start && range.end <= body.end;
        let mut at = None;
        for span in spans.iter().filter(|span| span.modules.len() == depth && inside(span.range)) {
            assert_eq!(span.range.start, at.unwrap_or(body.start), "spans follow each other");
            assert!(span.range.start <= span.item.range().start && span.item.range().end <= span.range.end);
            at = Some(span.range.end);
        }
        assert!(at.is_none_or(|end| end == body.end), "spans cover the list");
    }
}

pub(crate) fn check_laws(text: &str) {
    for mode in MODES {
        let parsed = parse(text, mode);
        check_tree(&parsed.tree, text);
        check_partition(&parsed, text);
        assert!(
            parsed.steps <= STEPS_PER_BYTE * (text.len() as u64 + 100),
            "{} steps for {} bytes",
            parsed.steps,
            text.len()
        );
        for diagnostic in &parsed.diagnostics {
            assert_ne!(diagnostic.code, Code::InternalLoop);
            assert_ne!(diagnostic.code, Code::RecoveryHole, "a gap without a reason in {text:?}");
            let range = diagnostic.range;
            assert!(text.get(range.start as usize..range.end as usize).is_some(), "{range:?} is a piece of the text");
            assert!(!diagnostic.message.contains('\n'));
        }
        for diagnostic in parsed.diagnostics.iter().take(3) {
            assert!(render(diagnostic, "a.dark", text).lines().count() >= 3);
        }
        assert_eq!(parse(text, mode).tree.dump(), parsed.tree.dump(), "parsing is a function");
    }
}

/// Every piece the grammar has a use for.
const PIECES: &[&str] = &[
    "let ",
    "val ",
    "in ",
    "if ",
    "elif ",
    "then ",
    "else ",
    "type ",
    "of ",
    "match ",
    "with ",
    "fun ",
    "when ",
    "true",
    "false",
    "_",
    "x",
    "f ",
    "M.",
    "Case",
    "Dict ",
    "List<",
    "'a",
    "'c'",
    "1",
    "2L",
    "128y",
    "1.5",
    "1e9",
    "12k",
    "\"s\"",
    "\"",
    "\"\"\"",
    "$\"",
    "$\"\"\"",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "[<DB>]",
    "<",
    ">",
    ">>",
    ">>=",
    "<<",
    "=",
    "==",
    "=>",
    "->",
    "|",
    "||",
    "|||",
    "|>",
    "&&",
    "&",
    "+",
    "-",
    " -1",
    "*",
    "/",
    "%",
    "^",
    "@",
    "++",
    "::",
    ":",
    ",",
    ";",
    ".",
    "...",
    "!",
    "!=",
    "~~~",
    "\n",
    "\n  ",
    "\n    ",
    " ",
    "\t",
    "\r\n",
    "// c\n",
    "/// d\n",
    "(*",
    "*)",
    "(* c *)",
    "``a b``",
    "``",
    "\\",
    "\\n",
    "é",
    "😀",
    "\u{301}",
    "module ",
    "module A =\n  ",
    "error=\"e\"",
    "()",
    "(+)",
    "___",
    "#",
    "\0",
    "\u{feff}",
];

/// Sources of our own to mutate: every case of the specification.
fn samples() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/syntax");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the folder of cases").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let sources = paths.iter().map(|path| std::fs::read_to_string(path).expect("readable cases"));
    sources.flat_map(|source| source.split("```").skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn the_laws_hold_for_every_case_of_the_specification() {
    for sample in samples() {
        check_laws(&sample);
    }
}

#[test]
fn the_laws_hold_for_every_beginning_of_a_sample() {
    let text = "module A =\n  /// d\n  let f<'a> (x: List<'a>) : Int =\n    match $\"a{x |> g 1}\" with\n    | Some(a, _) when b -> { r with c = [1; 'd'] }\n    | _ -> (fun y -> -y)\n";
    for end in 0..text.len() {
        check_laws(&text[..end]);
        check_laws(&text[end..]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_for_any_text(text in any::<String>()) {
        check_laws(&text);
    }

    #[test]
    fn the_laws_hold_for_any_pieces(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        check_laws(&pieces.concat());
    }

    #[test]
    fn the_laws_hold_for_mutated_samples(
        sample in prop::sample::select(samples()),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, prop::sample::select(PIECES)), 1..4),
    ) {
        let mut text: Vec<char> = sample.chars().collect();
        for (at, length, piece) in cuts {
            let at = at.index(text.len() + 1);
            let end = (at + length).min(text.len());
            text.splice(at..end, piece.chars());
        }
        check_laws(&text.into_iter().collect::<String>());
    }
}
