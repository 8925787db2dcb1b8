//! Darklang text to tokens, a lossless tree and typed views.
//!
//! [`parse`] takes any text and gives a [`Tree`] whose tokens are the text byte for byte, and what is wrong with it. The
//! views in [`written`] read the tree as files, declarations, types, expressions and patterns. Parsing never fails, never
//! panics and takes time linear in the text, whatever the text is; nesting and chains have limits ([`NESTING_MAX`],
//! [`CHAIN_MAX`]).
//!
//! Deliberately absent: names and types (crate `dm-lang` resolves and checks), printing, editing of trees, files.
//!
//! The tree is one flat vector of our own; `docs/design/syntax-tree.md` has the measurements behind that.

mod declarations;
mod diagnostic;
mod format;
mod kind;
mod lexer;
mod literal;
mod parser;
mod text;
mod tree;
mod validate;
pub mod written;

pub use declarations::{DeclarationSpan, declaration_ranges};
pub use diagnostic::{Code, Diagnostic, Severity, excerpt_at, render};
pub use format::{FormatOptions, Formatted, INDENT_MAX, Layout, WIDTH_MAX, WIDTH_MIN, format};
pub use kind::SyntaxKind;
pub use literal::{FloatValue, IntKind, LiteralValue};
pub use parser::{CHAIN_MAX, NESTING_MAX};
pub use text::{LineCol, LineIndex, TextRange, line_col};
pub use tree::{Elements, SyntaxElement, SyntaxNode, SyntaxToken, Tree};

/// Longer texts are not parsed: the tree is one error token. Keeps every offset in 32 bits with room to spare.
pub const TEXT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Which of the three kinds of source a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Declarations in modules.
    Package,
    /// Declarations and expressions to run.
    Script,
    /// Declarations, datastores and assertions.
    Test,
}

/// A parsed text.
#[derive(Clone, Debug)]
pub struct Parse {
    /// The tree; its text is the whole input.
    pub tree: Tree,
    /// What is wrong, in the order of the text. A tree with any error is not to be executed.
    pub diagnostics: Vec<Diagnostic>,
    /// Work done: parse function entries and bytes of strings read again. Linear in the length of the text.
    pub steps: u64,
}

impl Parse {
    /// The typed view of the whole file.
    pub fn file(&self) -> written::File<'_> {
        written::File::of(&self.tree)
    }

    /// Whether the text is without errors.
    pub fn is_clean(&self) -> bool {
        self.diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error)
    }
}

/// Parses a text. Checks that go beyond the grammar run only if the grammar found nothing wrong.
pub fn parse(text: &str, mode: Mode) -> Parse {
    if text.len() > TEXT_BYTES_MAX {
        let range = TextRange::new(0, 0);
        let message = format!("a text of more than {} MiB is not parsed", TEXT_BYTES_MAX >> 20);
        let diagnostics = vec![Diagnostic::error(Code::TooDeep, range, message)];
        return Parse { tree: Tree::unparsed(text), diagnostics, steps: 0 };
    }
    let lexed = lexer::lex(text);
    let rescanned = lexed.rescanned as u64;
    let parser::Parsed { tree, mut diagnostics, steps } = parser::parse(text, lexed, mode);
    if diagnostics.is_empty() {
        diagnostics = validate::validate(&tree, mode);
    }
    Parse { tree, diagnostics, steps: steps + rescanned }
}
