//! The lossless tree: every byte of the text is in exactly one token.
//!
//! The tree is one vector of elements in preorder, nodes and tokens alike, of 16 bytes each: where its text starts, where
//! the next element after its whole subtree is, and which node holds it. Because the tokens cover the text without gaps, an
//! element's text ends where the element after its subtree begins. Walking is index arithmetic and dropping is freeing one
//! vector, so depth costs no stack.
//!
//! Deliberately absent: editing. A changed text is parsed again; a whole file takes less than a millisecond.

use crate::kind::SyntaxKind;
use crate::text::{TextRange, offset};
use std::fmt::Write as _;
use std::sync::Arc;

/// Index of no element: the parent of the root.
const NONE: u32 = u32::MAX;

/// One node or token: the four numbers the whole tree is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) start: u32,
    pub(crate) next: u32,
    pub(crate) parent: u32,
    pub(crate) kind: SyntaxKind,
}

/// A parsed text with its structure. Cheap to clone; can be shared between threads.
#[derive(Clone, Debug)]
pub struct Tree {
    text: Arc<str>,
    elements: Arc<[Element]>,
}

impl Tree {
    pub(crate) fn new(text: &str, mut elements: Vec<Element>) -> Self {
        if elements.is_empty() {
            elements.push(Element { start: 0, next: 1, parent: NONE, kind: SyntaxKind::File });
        }
        Self { text: text.into(), elements: elements.into() }
    }

    /// A tree that holds the text as one token, without structure.
    pub(crate) fn unparsed(text: &str) -> Self {
        let mut builder = Builder::with_capacity(2);
        builder.start(SyntaxKind::File, 0);
        builder.token(SyntaxKind::Unknown, 0);
        builder.finish();
        builder.into_tree(text)
    }

    /// The whole text, byte for byte what was parsed.
    #[inline]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The root, always of kind [`SyntaxKind::File`].
    #[inline]
    pub fn root(&self) -> SyntaxNode<'_> {
        SyntaxNode { tree: self, index: 0 }
    }

    /// Number of nodes and tokens.
    pub fn element_count(&self) -> usize {
        self.elements.len()
    }

    /// The token at a byte offset; at a border between two, the one that begins there. `None` at the end of the text.
    pub fn token_at(&self, at: u32) -> Option<SyntaxToken<'_>> {
        if at as usize >= self.text.len() {
            return None;
        }
        // Starts never decrease in preorder, so the last element that starts at or before `at` is in the token or a
        // zero-width node after it.
        let mut index = self.elements.partition_point(|element| element.start <= at);
        while index > 0 {
            index -= 1;
            let element = self.elements.get(index)?;
            if element.kind.is_token() {
                return Some(SyntaxToken { tree: self, index: offset(index) });
            }
        }
        None
    }

    /// The structure as indented text: one element a line, with its range and for tokens their text; trivia left out.
    pub fn dump(&self) -> String {
        let mut out = String::new();
        let mut ends: Vec<u32> = Vec::new();
        for (index, element) in self.elements.iter().enumerate() {
            while ends.last().is_some_and(|&end| end as usize <= index) {
                ends.pop();
            }
            if element.kind.is_trivia() {
                continue;
            }
            for _ in &ends {
                out.push_str("  ");
            }
            let range = self.range(offset(index));
            let _ = write!(out, "{:?} {}..{}", element.kind, range.start, range.end);
            if element.kind.is_token() {
                let _ = write!(out, " {:?}", range.slice(&self.text));
            } else {
                ends.push(element.next);
            }
            out.push('\n');
        }
        out
    }

    #[inline]
    fn element(&self, index: u32) -> Element {
        // Handles are made only by this module with indices of this tree; the fallback keeps a wrong one harmless.
        self.elements.get(index as usize).copied().unwrap_or(Element {
            start: offset(self.text.len()),
            next: NONE,
            parent: NONE,
            kind: SyntaxKind::Error,
        })
    }

    #[inline]
    fn range(&self, index: u32) -> TextRange {
        let element = self.element(index);
        let end = self.elements.get(element.next as usize).map_or_else(|| offset(self.text.len()), |next| next.start);
        TextRange::new(element.start, end)
    }
}

/// A node of a tree: a small handle that borrows the tree.
#[derive(Clone, Copy, Debug)]
pub struct SyntaxNode<'t> {
    tree: &'t Tree,
    index: u32,
}

/// A token of a tree: a small handle that borrows the tree.
#[derive(Clone, Copy, Debug)]
pub struct SyntaxToken<'t> {
    tree: &'t Tree,
    index: u32,
}

/// A node or a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyntaxElement<'t> {
    /// A node.
    Node(SyntaxNode<'t>),
    /// A token.
    Token(SyntaxToken<'t>),
}

macro_rules! handle {
    ($name:ident) => {
        impl PartialEq for $name<'_> {
            fn eq(&self, other: &Self) -> bool {
                self.index == other.index && std::ptr::eq(self.tree, other.tree)
            }
        }

        impl Eq for $name<'_> {}

        impl std::hash::Hash for $name<'_> {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.index.hash(state);
            }
        }

        impl<'t> $name<'t> {
            /// What it is.
            #[inline]
            pub fn kind(self) -> SyntaxKind {
                self.tree.element(self.index).kind
            }

            /// Its bytes. A node begins and ends with a token that is not trivia, except the root, which covers all.
            #[inline]
            pub fn range(self) -> TextRange {
                self.tree.range(self.index)
            }

            /// Its text.
            #[inline]
            pub fn text(self) -> &'t str {
                self.range().slice(&self.tree.text)
            }

            /// The tree it belongs to.
            #[inline]
            pub fn tree(self) -> &'t Tree {
                self.tree
            }

            /// The node that holds it; `None` for the root.
            #[inline]
            pub fn parent(self) -> Option<SyntaxNode<'t>> {
                let parent = self.tree.element(self.index).parent;
                (parent != NONE).then_some(SyntaxNode { tree: self.tree, index: parent })
            }

            /// The nodes that hold it, innermost first.
            pub fn ancestors(self) -> impl Iterator<Item = SyntaxNode<'t>> + use<'t> {
                std::iter::successors(self.parent(), |node| node.parent())
            }

            /// Its place in the preorder of the tree; equal handles have equal places.
            #[inline]
            pub fn index(self) -> u32 {
                self.index
            }

            /// The token before its first byte, trivia or not.
            pub fn previous_token(self) -> Option<SyntaxToken<'t>> {
                let mut index = self.index;
                while index > 0 {
                    index -= 1;
                    if self.tree.element(index).kind.is_token() {
                        return Some(SyntaxToken { tree: self.tree, index });
                    }
                }
                None
            }

            /// The trivia tokens directly before it, in the order of the text.
            pub fn leading_trivia(self) -> Vec<SyntaxToken<'t>> {
                let mut trivia = Vec::new();
                let mut before = self.previous_token();
                while let Some(token) = before.filter(|token| token.kind().is_trivia()) {
                    trivia.push(token);
                    before = token.previous_token();
                }
                trivia.reverse();
                trivia
            }
        }
    };
}

handle!(SyntaxNode);
handle!(SyntaxToken);

impl<'t> SyntaxNode<'t> {
    /// Its direct parts, nodes and tokens (trivia included), in order.
    pub fn elements(self) -> Elements<'t> {
        Elements { tree: self.tree, at: self.index + 1, end: self.tree.element(self.index).next }
    }

    /// Its direct nodes, in order.
    pub fn children(self) -> impl Iterator<Item = SyntaxNode<'t>> + use<'t> {
        self.elements().filter_map(SyntaxElement::into_node)
    }

    /// Its direct tokens (trivia included), in order.
    pub fn tokens(self) -> impl Iterator<Item = SyntaxToken<'t>> + use<'t> {
        self.elements().filter_map(SyntaxElement::into_token)
    }

    /// The first direct node of a kind.
    pub fn child(self, kind: SyntaxKind) -> Option<SyntaxNode<'t>> {
        self.children().find(|node| node.kind() == kind)
    }

    /// The first direct token of a kind.
    pub fn token(self, kind: SyntaxKind) -> Option<SyntaxToken<'t>> {
        self.tokens().find(|token| token.kind() == kind)
    }

    /// Itself and every node and token below it, in the order of the text.
    pub fn descendant_elements(self) -> impl Iterator<Item = SyntaxElement<'t>> + use<'t> {
        let tree = self.tree;
        let end = tree.element(self.index).next.min(offset(tree.elements.len()));
        (self.index..end).map(move |index| SyntaxElement::at(tree, index))
    }

    /// Itself and every node below it, outer before inner, in the order of the text.
    pub fn descendants(self) -> impl Iterator<Item = SyntaxNode<'t>> + use<'t> {
        self.descendant_elements().filter_map(SyntaxElement::into_node)
    }

    /// Every token below it (trivia included), in the order of the text.
    pub fn descendant_tokens(self) -> impl Iterator<Item = SyntaxToken<'t>> + use<'t> {
        self.descendant_elements().filter_map(SyntaxElement::into_token)
    }

    /// The first token that is not trivia; `None` if it holds none.
    pub fn first_token(self) -> Option<SyntaxToken<'t>> {
        self.descendant_tokens().find(|token| !token.kind().is_trivia())
    }

    /// The last token that is not trivia; `None` if it holds none.
    pub fn last_token(self) -> Option<SyntaxToken<'t>> {
        let tree = self.tree;
        let end = tree.element(self.index).next.min(offset(tree.elements.len()));
        (self.index..end)
            .rev()
            .filter_map(|index| SyntaxElement::at(tree, index).into_token())
            .find(|token| !token.kind().is_trivia())
    }
}

impl<'t> SyntaxElement<'t> {
    #[inline]
    fn at(tree: &'t Tree, index: u32) -> Self {
        if tree.element(index).kind.is_token() {
            Self::Token(SyntaxToken { tree, index })
        } else {
            Self::Node(SyntaxNode { tree, index })
        }
    }

    /// What it is.
    pub fn kind(self) -> SyntaxKind {
        match self {
            Self::Node(node) => node.kind(),
            Self::Token(token) => token.kind(),
        }
    }

    /// Its bytes.
    pub fn range(self) -> TextRange {
        match self {
            Self::Node(node) => node.range(),
            Self::Token(token) => token.range(),
        }
    }

    /// The node, if it is one.
    #[inline]
    pub fn into_node(self) -> Option<SyntaxNode<'t>> {
        match self {
            Self::Node(node) => Some(node),
            Self::Token(_) => None,
        }
    }

    /// The token, if it is one.
    #[inline]
    pub fn into_token(self) -> Option<SyntaxToken<'t>> {
        match self {
            Self::Node(_) => None,
            Self::Token(token) => Some(token),
        }
    }
}

/// The direct parts of a node, in order.
#[derive(Clone, Debug)]
pub struct Elements<'t> {
    tree: &'t Tree,
    at: u32,
    end: u32,
}

impl<'t> Iterator for Elements<'t> {
    type Item = SyntaxElement<'t>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end || self.at as usize >= self.tree.elements.len() {
            return None;
        }
        let element = SyntaxElement::at(self.tree, self.at);
        self.at = self.tree.element(self.at).next;
        Some(element)
    }
}

/// Builds the element vector from the outside in; see [`crate::parser`] for who drives it.
#[derive(Debug)]
pub(crate) struct Builder {
    elements: Vec<Element>,
    open: Vec<u32>,
}

impl Builder {
    pub(crate) fn with_capacity(elements: usize) -> Self {
        Self { elements: Vec::with_capacity(elements), open: Vec::with_capacity(64) }
    }

    #[inline]
    pub(crate) fn token(&mut self, kind: SyntaxKind, start: u32) {
        let parent = self.open.last().copied().unwrap_or(NONE);
        let next = offset(self.elements.len() + 1);
        self.elements.push(Element { start, next, parent, kind });
    }

    #[inline]
    pub(crate) fn start(&mut self, kind: SyntaxKind, start: u32) {
        let index = offset(self.elements.len());
        self.token(kind, start);
        self.open.push(index);
    }

    #[inline]
    pub(crate) fn finish(&mut self) {
        let next = offset(self.elements.len());
        if let Some(element) = self.open.pop().and_then(|index| self.elements.get_mut(index as usize)) {
            element.next = next;
        }
    }

    pub(crate) fn into_tree(self, text: &str) -> Tree {
        Tree::new(text, self.elements)
    }
}
