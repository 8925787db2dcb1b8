//! Runs the cases of `spec/syntax/*.md`.
//!
//! A case is a heading, prose, a `dark` block (its info string may name the mode: `package`, `test` or, by default,
//! `script`) and a `text` block with what comes out: the diagnostics, then the structure of each declaration on one line.
//! With `UPDATE_SPEC=1` the `text` blocks are written anew.

use dm_syntax::{Code, LineIndex, Mode, Parse, SyntaxElement, SyntaxKind, SyntaxNode, parse};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The structure on one line: nodes as `(Kind parts)`, tokens that carry meaning as their text. What only groups tokens of
/// one kind (paths, names, literals, blocks of one statement) is left out.
fn structure(node: SyntaxNode<'_>) -> String {
    use SyntaxKind as K;
    let parts: Vec<String> = node
        .elements()
        .filter_map(|element| match element {
            SyntaxElement::Node(child) => Some(structure(child)),
            SyntaxElement::Token(token) => match token.kind() {
                kind if kind.is_trivia() && kind != K::Unknown
                    || kind.is_keyword() && !matches!(kind, K::TrueKw | K::FalseKw) =>
                {
                    None
                }
                K::LParen | K::RParen | K::LBrace | K::RBrace | K::LBracket | K::RBracket => None,
                K::Comma | K::Semicolon | K::Colon | K::Dot | K::Eq | K::Bar | K::Arrow | K::PipeGt | K::ColonColon => {
                    None
                }
                K::InterpStart | K::InterpOpen | K::InterpClose | K::InterpEnd => None,
                K::Star | K::Lt | K::Gt if !matches!(node.kind(), K::InfixExpr | K::OpSection | K::Error) => None,
                K::Ident if node.kind() == K::Module => None,
                K::InterpText => Some(format!("{:?}", token.text())),
                _ => Some(token.text().to_owned()),
            },
        })
        .collect();
    let bare = match node.kind() {
        K::Path => return parts.join("."),
        K::LiteralExpr | K::LiteralPat => return parts.concat(),
        K::NameExpr | K::EnumExpr | K::LetVar | K::VarPat | K::PathType | K::VarType | K::AliasDef | K::Block => {
            parts.len() == 1
        }
        K::PipeSegment | K::ExprDef | K::WildcardPat | K::LetWildcard | K::ElseBranch => parts.len() == 1,
        _ => false,
    };
    if bare {
        return parts.concat();
    }
    let name = format!("{:?}", node.kind());
    let name = ["Expr", "Pat", "Def", "Type"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    format!("({})", [&[name.to_owned()], parts.as_slice()].concat().join(" "))
}

fn outcome(text: &str, parsed: &Parse) -> String {
    let index = LineIndex::new(text);
    let mut out = String::new();
    let place = |at| {
        let place = index.line_col(text, at);
        format!("{}:{}", place.row + 1, place.col + 1)
    };
    for diagnostic in &parsed.diagnostics {
        let (from, to) = (place(diagnostic.range.start), place(diagnostic.range.end));
        let _ = writeln!(out, "{} {from}-{to} {}", diagnostic.code.as_str(), diagnostic.message);
        for (range, message) in &diagnostic.related {
            let _ = writeln!(out, "  note {} {message}", place(range.start));
        }
        if let Some(hint) = &diagnostic.hint {
            let _ = writeln!(out, "  hint {hint}");
        }
    }
    for child in parsed.tree.root().children() {
        let _ = writeln!(out, "{}", structure(child));
    }
    out
}

/// The contents of the fenced block that begins in `lines` at `at`, and the row after it.
fn block(lines: &[&str], at: usize) -> (String, usize) {
    let length = lines[at + 1..].iter().position(|line| *line == "```").expect("a fence that closes the block");
    let content = lines[at + 1..at + 1 + length].iter().map(|line| format!("{line}\n")).collect();
    (content, at + length + 2)
}

/// The file with every outcome as it is now; and the cases whose outcome differs from the written one.
fn run(path: &Path) -> (String, Vec<String>) {
    let source = std::fs::read_to_string(path).expect("readable cases");
    let lines: Vec<&str> = source.lines().collect();
    let (mut written, mut wrong) = (String::new(), Vec::new());
    let (mut at, mut title, mut pending) = (0, "", None);
    while let Some(&line) = lines.get(at) {
        if let Some(heading) = line.strip_prefix("## ") {
            assert!(pending.is_none(), "{}: case `{title}` has no `text` block", path.display());
            title = heading;
        }
        if let Some(info) = line.strip_prefix("```") {
            let (content, next) = block(&lines, at);
            at = next;
            let body = if info == "text" {
                let (text, mode): (String, Mode) =
                    pending.take().unwrap_or_else(|| panic!("`text` before `dark` in `{title}`"));
                let parsed = parse(&text, mode);
                assert_eq!(parsed.tree.text(), text, "{title}: the tree keeps the text");
                let now = outcome(&text, &parsed);
                if now != content {
                    wrong.push(format!("{}: {title}\n--- written\n{content}--- now\n{now}", path.display()));
                }
                now
            } else {
                let mode = match info {
                    "dark" | "dark script" => Mode::Script,
                    "dark package" => Mode::Package,
                    "dark test" => Mode::Test,
                    other => panic!("{title}: unknown kind of block `{other}`"),
                };
                pending = Some((content.strip_suffix('\n').unwrap_or(&content).to_owned(), mode));
                content
            };
            let _ = write!(written, "```{info}\n{body}```\n");
            continue;
        }
        written.push_str(line);
        written.push('\n');
        at += 1;
    }
    (written, wrong)
}

#[test]
fn every_case_comes_out_as_written() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/syntax");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the folder of cases").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let mut all_wrong = Vec::new();
    for path in &paths {
        let (written, wrong) = run(path);
        if std::env::var_os("UPDATE_SPEC").is_some() {
            std::fs::write(path, written).expect("cases that can be written");
        } else {
            all_wrong.extend(wrong);
        }
    }
    assert!(paths.len() >= 7, "the files of cases are there");
    assert!(all_wrong.is_empty(), "{}", all_wrong.join("\n"));
}

#[test]
fn every_code_has_a_case() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/syntax");
    let mut outcomes = String::new();
    for entry in std::fs::read_dir(folder).expect("the folder of cases") {
        outcomes += &std::fs::read_to_string(entry.expect("an entry").path()).expect("readable cases");
    }
    // Two are bugs of the parser and have unit tests; the limits have tests of their own.
    let elsewhere = [Code::InternalLoop, Code::RecoveryHole, Code::TooDeep];
    let ours = |code: &&Code| ["LEX", "PARSE-", "VALIDATION-"].iter().any(|start| code.as_str().starts_with(start));
    for code in Code::ALL.iter().filter(ours).filter(|code| !elsewhere.contains(code)) {
        assert!(outcomes.contains(&format!("\n{} ", code.as_str())), "{} has no case", code.as_str());
    }
    assert_eq!(Code::ALL.iter().filter(ours).count(), 11 + 13, "the codes of the language");
}
