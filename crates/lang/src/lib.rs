//! Names, references and rendering of Darklang definitions.
//!
//! The way of a text: [`source::normalize`], `dm_syntax::parse`, [`extract`](mod@extract) (which declarations, their exact
//! text), [`resolve_file`] (what their names mean in a [`Scope`]); and back: [`render`](mod@render) (a stored definition as it
//! reads in a view). [`resolve_edit`] takes in what someone made of a rendering, [`layout`](mod@layout) puts
//! renderings into module files, [`outline`](mod@outline) tells one on a line, [`signature`](mod@signature) of which types it is. What a definition means is its [`program`], and
//! [`link`](mod@link) has the hash of that in a view.
//!
//! Deliberately absent: checks of types, differences between texts, and any store. The crate
//! does no I/O and keeps nothing between calls.
//!
//! Start reading at [`extract`](mod@extract), then [`resolve`].

pub mod assertions;
mod builtins;
pub mod check;
pub mod extract;
pub mod layout;
pub mod link;
pub mod lookup;
pub mod outline;
pub mod program;
pub mod render;
pub mod resolve;
pub mod scope;
mod shape;
pub mod signature;
pub mod source;
pub mod spelling;

pub use assertions::{StoredTest, pair_tests, settle_tests};
pub use builtins::{Builtin, builtin, builtin_names};
pub use check::{CHECKER_VERSION, CheckSource, Checked, Checker, OtherPlace, TypeCode, TypeProblem};
pub use extract::{
    Declaration, Duplicate, Extracted, OffsetMap, duplicate_diagnostic, duplicates, extract, extract_within,
};
pub use layout::{ModuleFile, Shown, layout, module_stem, print_file};
pub use link::{LINK_FORMAT, Lead, LinkNode, LinkSource, Linked, Skeleton, SlotTarget, link};
pub use lookup::{Wanted, meaning_of, visible};
pub use outline::{Outline, outline};
pub use program::{LowerError, Program, lower, lower_declared};
pub use render::{Edit, Rendering, Respelled, render, render_all, resolve_edit};
pub use resolve::{Bindings, NameProblem, ProblemKind, ResolveError, Resolved, resolve_file, resolve_text};
pub use scope::{Entry, NameTable, RenderScope, Scope};
pub use signature::{AskedSignature, Fit, Fitness, Glance, SigType, Signature, glance};
