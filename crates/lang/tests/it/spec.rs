//! Runs the cases of `spec/lang/*.md`.
//!
//! A case has a `dark` block, package files in one; the standard library's `Option`, `Result` and `List.append` stand beside it
//! if its info string says `stdlib`. What is checked:
//!
//! - `declarations`: kind, location and text of each declaration, and diagnostics.
//! - `names`: each reference and each problem, by declaration. A `visibility` block (`private Acme.A.f`) comes before.
//! - `view` changes the names: `Acme.A.f -> Acme.B.g` moves, `- Acme.A.f` deletes, `+ fn Acme.A.f` creates another.
//! - `rendering`: the definitions that read otherwise then, at their present locations.
//! - `edit Acme.A.f`: an edited rendering; `stored` after it is what is saved.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dm_lang::{Edit, Entry, NameTable, RenderScope as _, Resolved, Scope, extract, render, resolve_edit, resolve_file};
use dm_model::{Definition, EntityId, Kind, Location, ReferenceForm, Target, Visibility, entity_id};
use dm_syntax::{LineIndex, Mode, parse};
use dm_testkit::{Block, Case, check_document};

use crate::support::{Imported, public, repository};

const STDLIB: [(&str, Kind); 3] = [
    ("Darklang.Stdlib.Option.Option", Kind::Type),
    ("Darklang.Stdlib.Result.Result", Kind::Type),
    ("Darklang.Stdlib.List.append", Kind::Fn),
];

fn location(text: &str) -> Location {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn declarations(text: &str) -> String {
    let parsed = parse(text, Mode::Package);
    assert!(parsed.is_clean(), "{:?}", parsed.diagnostics);
    let extracted = extract(&parsed);
    let index = LineIndex::new(text);
    let mut out = String::new();
    for diagnostic in &extracted.diagnostics {
        let place = index.line_col(text, diagnostic.range.start);
        let (code, message) = (diagnostic.code.as_str(), &diagnostic.message);
        let _ = writeln!(out, "{code} {}:{} {message}", place.row + 1, place.col + 1);
    }
    for declaration in &extracted.declarations {
        let _ = writeln!(out, "{} {}", declaration.kind.as_str(), declaration.location);
        for row in declaration.text.split('\n') {
            let _ = writeln!(out, "|{row}");
        }
    }
    out
}

fn imported(case: &Case) -> (Imported, Vec<(Location, String, Resolved)>) {
    let block = case.block("dark").expect("a dark block");
    let parsed = parse(&block.body, Mode::Package);
    assert!(parsed.is_clean(), "{}: {:?}", case.title, parsed.diagnostics);
    let extracted = extract(&parsed);
    let mut names = NameTable::default();
    if block.has("stdlib") {
        for (path, kind) in STDLIB {
            names.insert(&location(path), public(&location(path), kind));
        }
    }
    for declaration in &extracted.declarations {
        names.insert(&declaration.location, public(&declaration.location, declaration.kind));
    }
    for row in case.block("visibility").into_iter().flat_map(|block| block.body.lines()) {
        let (word, path) = row.split_once(' ').expect("`private Acme.A.f`");
        let entry = entry_at(&names, path);
        let visibility = if word == "private" { Visibility::Private } else { Visibility::Internal };
        names.insert(&location(path), Entry { visibility, ..entry });
    }
    let resolved = resolve_file(&parsed, &extracted.declarations, &[], &names);
    let mut definitions = BTreeMap::new();
    let mut listed = Vec::new();
    for (declaration, resolved) in extracted.declarations.iter().zip(resolved) {
        let definition = resolved.clone().into_definition(declaration.kind, declaration.text.clone());
        definitions.insert(entity_id(&declaration.location, 0), (declaration.location.clone(), definition));
        listed.push((declaration.location.clone(), declaration.text.clone(), resolved));
    }
    (Imported { names, definitions }, listed)
}

fn entry_at(names: &NameTable, path: &str) -> Entry {
    let mut entries = Vec::new();
    names.entries_at(path, &mut entries);
    *entries.first().unwrap_or_else(|| panic!("nothing at {path}"))
}

fn name_of(names: &NameTable, entity: EntityId) -> String {
    names.location_of(entity).map_or_else(|| "something deleted".to_owned(), |location| location.to_string())
}

fn describe(definition: &Definition, names: &NameTable, out: &mut String) {
    for reference in &definition.references {
        let span = &definition.text[reference.start as usize..reference.end() as usize];
        let target = match &reference.target {
            Target::Entity(entity) => name_of(names, *entity),
            Target::Builtin { name, version } => format!("builtin {name} {version}"),
            Target::Unresolved => "?".to_owned(),
        };
        let form = if reference.form == ReferenceForm::Implicit { " (implied)" } else { "" };
        let _ = writeln!(out, "  {} = {target}{form}", span.split_whitespace().collect::<String>());
    }
}

fn resolved_names(case: &Case) -> String {
    let (imported, listed) = imported(case);
    let mut out = String::new();
    for (location, text, resolved) in listed {
        if resolved.references.is_empty() {
            continue;
        }
        let _ = writeln!(out, "{}", location.name());
        let definition = resolved.clone().into_definition(Kind::Fn, text);
        describe(&definition, &imported.names, &mut out);
        for problem in &resolved.problems {
            let suggestions =
                if problem.suggestions.is_empty() { "-".to_owned() } else { problem.suggestions.join(", ") };
            let _ = writeln!(out, "  ! {}: {} [{suggestions}]", problem.spelling, problem.kind);
        }
    }
    out
}

/// The names as the `view` block changes them.
fn view(case: &Case, names: &NameTable) -> NameTable {
    let mut names = names.clone();
    for row in case.block("view").into_iter().flat_map(|block| block.body.lines()) {
        if let Some(path) = row.strip_prefix("- ") {
            names.remove(entry_at(&names, path).entity);
        } else if let Some((word, path)) = row.strip_prefix("+ ").and_then(|rest| rest.split_once(' ')) {
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word).expect("a kind");
            let entity = entity_id(&location(path), 1);
            names.insert(&location(path), Entry { entity, kind, visibility: Visibility::Public });
        } else {
            let (from, to) = row.split_once(" -> ").expect("`A.f -> B.g`");
            let entry = entry_at(&names, from);
            names.insert(&location(to), entry);
        }
    }
    names
}

fn renderings(case: &Case) -> String {
    let (imported, _) = imported(case);
    let view = view(case, &imported.names);
    let mut out = String::new();
    for (entity, (_, definition)) in &imported.definitions {
        let Some(location) = view.location_of(*entity) else { continue };
        let rendering = render(definition, &location, &view);
        if rendering.is_verbatim() && rendering.unfaithful.is_empty() {
            continue;
        }
        let _ = writeln!(out, "{location}");
        for row in rendering.text.split('\n') {
            let _ = writeln!(out, "|{row}");
        }
        for &at in &rendering.unfaithful {
            let span = rendering.shown_span(definition.references[at].start..definition.references[at].end());
            let _ = writeln!(out, "  no spelling: {}", &rendering.text[span.start as usize..span.end as usize]);
        }
    }
    // By location, so that a case reads in order.
    let mut cases: Vec<&str> = out.split_inclusive('\n').collect();
    let mut groups: Vec<Vec<&str>> = Vec::new();
    for row in cases.drain(..) {
        match groups.last_mut() {
            Some(group) if row.starts_with(['|', ' ']) => group.push(row),
            _ => groups.push(vec![row]),
        }
    }
    groups.sort();
    groups.concat().concat()
}

fn stored(case: &Case, block: &Block) -> String {
    let (imported, _) = imported(case);
    let view = view(case, &imported.names);
    let edit = case.block_before("edit", block.line).expect("an edit block");
    let path = edit.attributes.first().expect("`edit Acme.A.f`");
    let entity = entry_at(&view, path).entity;
    let (_, definition) = &imported.definitions[&entity];
    let rendering = render(definition, &location(path), &view);
    let edited = edit.body.trim_end_matches('\n');
    let result = resolve_edit(definition, &rendering, edited, &location(path), &BTreeMap::new(), &view);
    match result {
        Ok(Edit::Unchanged) => "unchanged".to_owned(),
        Ok(Edit::Changed { definition, problems }) => {
            let mut out = String::new();
            for row in definition.text.split('\n') {
                let _ = writeln!(out, "|{row}");
            }
            describe(&definition, &view, &mut out);
            for problem in &problems {
                let _ = writeln!(out, "  ! {}: {} kept={}", problem.spelling, problem.kind, problem.kept.is_some());
            }
            out
        }
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(file: &str, least: usize) {
    let path = repository().join("spec/lang").join(file);
    let checked = check_document(path, |case, block| match block.kind.as_str() {
        "declarations" => case.block("dark").map(|dark| declarations(&dark.body)),
        "names" => Some(resolved_names(case)),
        "rendering" => Some(renderings(case)),
        "stored" => Some(stored(case, block)),
        _ => None,
    });
    assert!(checked >= least, "{file}: only {checked} blocks");
}

#[test]
fn declarations_are_cut_as_specified() {
    check("declarations.md", 12);
}

#[test]
fn names_resolve_as_specified() {
    check("names.md", 12);
}

#[test]
fn renderings_are_as_specified() {
    check("rendering.md", 8);
}
