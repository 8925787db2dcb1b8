//! Which bytes of a file belong to which declaration.
//!
//! Comments between declarations belong to the next one; at the end of a module, to its last. So every byte after a
//! module's header belongs to exactly one declaration of that module, and a file can be cut up and put together again.

use crate::text::{TextRange, offset};
use crate::written::{File, Item, Module};

/// A declaration and the bytes that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclarationSpan<'t> {
    /// The declaration.
    pub item: Item<'t>,
    /// Its bytes with the space and comments before it, and for the last of a list also those after it.
    pub range: TextRange,
    /// The modules around it, outermost first.
    pub modules: Vec<Module<'t>>,
    /// For a module: the bytes after its header, which the spans inside it cover.
    pub body: Option<TextRange>,
}

/// The spans of all declarations of a file, modules included, in the order of the text. The spans of one list (the file's
/// or one module's) follow each other without gaps and cover the file or the module's body; a list without declarations
/// has none.
pub fn declaration_ranges(file: File<'_>) -> Vec<DeclarationSpan<'_>> {
    let mut spans = Vec::new();
    let whole = TextRange::new(0, offset(file.syntax().tree().text().len()));
    let mut lists = vec![List { items: file.items().collect(), next: 0, at: whole.start, end: whole.end }];
    let mut modules: Vec<Module<'_>> = Vec::new();
    while let Some(list) = lists.last_mut() {
        let Some(&item) = list.items.get(list.next) else {
            lists.pop();
            modules.pop();
            continue;
        };
        list.next += 1;
        let last = list.next == list.items.len();
        let range = TextRange::new(list.at, if last { list.end } else { item.range().end });
        list.at = range.end;
        let body = match item {
            Item::Module(module) => Some(TextRange::new(module.header_range().end, range.end)),
            _ => None,
        };
        spans.push(DeclarationSpan { item, range, modules: modules.clone(), body });
        if let (Item::Module(module), Some(body)) = (item, body) {
            modules.push(module);
            lists.push(List { items: module.items().collect(), next: 0, at: body.start, end: body.end });
        }
    }
    spans
}

/// Declarations side by side, and how far they are dealt out.
struct List<'t> {
    items: Vec<Item<'t>>,
    next: usize,
    at: u32,
    end: u32,
}
