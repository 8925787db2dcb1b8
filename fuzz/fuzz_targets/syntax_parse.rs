//! Any text in all three modes: nothing is lost, ranges lie in the text, declarations partition the file, nothing panics.

#![no_main]

use dm_syntax::written::Item;
use dm_syntax::{Code, Mode, Parse, TextRange, declaration_ranges, parse, render};
use libfuzzer_sys::fuzz_target;

fn check_tree(parsed: &Parse, text: &str) {
    let root = parsed.tree.root();
    let mut at = 0;
    for token in root.descendant_tokens() {
        assert_eq!(token.range().start, at, "tokens follow each other");
        at = token.range().end;
    }
    assert_eq!(at as usize, text.len(), "tokens cover the text");
    assert_eq!(parsed.tree.text(), text);
    for node in root.descendants() {
        let range = node.range();
        assert!(text.get(range.start as usize..range.end as usize).is_some());
        if let Some(parent) = node.parent() {
            assert!(parent.range().start <= range.start && range.end <= parent.range().end);
        }
    }
    for diagnostic in &parsed.diagnostics {
        let places = std::iter::once(diagnostic.range).chain(diagnostic.related.iter().map(|related| related.0));
        for range in places {
            assert!(text.get(range.start as usize..range.end as usize).is_some());
        }
        assert!(!matches!(diagnostic.code, Code::InternalLoop | Code::RecoveryHole), "{}", diagnostic.message);
    }
    if let Some(first) = parsed.diagnostics.first() {
        assert!(!render(first, "a.dark", text).is_empty());
    }
}

/// The spans of each list of declarations follow each other and cover the list.
fn check_partition(parsed: &Parse, text: &str) {
    let whole = TextRange::new(0, u32::try_from(text.len()).expect("a short text"));
    // For each open list: where the next span begins, and where the list ends.
    let mut open = vec![(whole.start, whole.end)];
    for span in declaration_ranges(parsed.file()) {
        while open.len() > span.modules.len() + 1 {
            let (at, end) = open.pop().expect("an open list");
            assert_eq!(at, end, "the spans cover their list");
        }
        let (at, end) = open.last_mut().expect("an open list");
        assert_eq!(span.range.start, *at, "spans follow each other");
        assert!(span.range.end <= *end);
        *at = span.range.end;
        // A list without declarations has no spans.
        if let (Item::Module(module), Some(body)) = (span.item, span.body)
            && module.items().next().is_some()
        {
            open.push((body.start, body.end));
        }
    }
    while let Some((at, end)) = open.pop() {
        let covered = at == end || open.is_empty() && at == 0;
        assert!(covered, "the spans cover their list");
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for mode in [Mode::Package, Mode::Script, Mode::Test] {
        let parsed = parse(text, mode);
        check_tree(&parsed, text);
        check_partition(&parsed, text);
    }
});
