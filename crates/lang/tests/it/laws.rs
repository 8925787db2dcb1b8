//! Laws, over made-up packages and over no packages at all.

use std::collections::BTreeMap;

use dm_lang::{
    Bindings, Edit, Entry, NameTable, RenderScope as _, Resolved, Shown, extract, layout, outline, render,
    resolve_edit, resolve_file, resolve_text, source,
};
use dm_model::{Definition, EntityId, Kind, Location, Reference, ReferenceForm, Target, Visibility, entity_id};
use dm_syntax::{Mode, parse};
use proptest::prelude::*;

use crate::support::{Imported, check_print_and_extract, import, names, resolve_all, source as read};

/// What to write, as numbers: which form, and which names in it.
type Draft = (u8, [u8; 3]);

/// A declaration or a nested module with its indentation.
#[derive(Debug, Clone)]
enum Part {
    Declared { draft: Draft, before: u8, after: u8 },
    Nested { indent: u8, parts: Vec<Part> },
}

fn part() -> impl Strategy<Value = Part> {
    let declared = (any::<u8>(), any::<[u8; 3]>(), 0..8_u8, 0..8_u8)
        .prop_map(|(form, picks, before, after)| Part::Declared { draft: (form, picks), before, after });
    declared.prop_recursive(3, 24, 5, |inner| {
        (1..5_u8, prop::collection::vec(inner, 1..5)).prop_map(|(indent, parts)| Part::Nested { indent, parts })
    })
}

fn file() -> impl Strategy<Value = String> {
    prop::collection::vec(part(), 1..8).prop_map(|parts| {
        let mut out = String::from("module Acme\n");
        let mut count = 0;
        write_parts(&parts, 0, &mut count, &mut out);
        out
    })
}

fn write_parts(parts: &[Part], indent: usize, count: &mut usize, out: &mut String) {
    for part in parts {
        *count += 1;
        let pad = " ".repeat(indent);
        match part {
            Part::Declared { draft, before, after } => {
                let comment = match before {
                    0 => format!("{pad}// before\n\n"),
                    1 => format!("{pad}/// Doc {}.\n", draft.0),
                    2 => format!("{}(* two\n rows *)\n", " ".repeat(indent / 2)),
                    3 => "\n".to_owned(),
                    _ => String::new(),
                };
                out.push_str(&comment);
                for row in declaration(*draft, *count).split('\n') {
                    // Rows that a string begins on are marked, since they are no rows of the layout.
                    match row.strip_prefix('\u{1}') {
                        Some(bare) => out.push_str(bare),
                        None => {
                            out.push_str(&pad);
                            out.push_str(row);
                        }
                    }
                    out.push('\n');
                }
                let comment = match after {
                    0 => format!("{pad}// after\n"),
                    1 => {
                        out.pop();
                        " // beside\n".to_owned()
                    }
                    2 => "\n\n".to_owned(),
                    _ => String::new(),
                };
                out.push_str(&comment);
            }
            Part::Nested { indent: more, parts } => {
                out.push_str(&format!("{pad}module {} =\n", ["A", "B", "C"][*count % 3]));
                write_parts(parts, indent + usize::from(*more), count, out);
            }
        }
    }
}

/// A name that may or may not mean something.
fn name(pick: u8) -> String {
    let last = ["f", "v", "g"][usize::from(pick) % 3];
    let path = ["", "", "A.", "B.", "Acme.", "A.C.", "Acme.B."][usize::from(pick / 3) % 7];
    format!("{path}{last}{}", (pick / 21) % 12)
}

fn type_name(pick: u8) -> String {
    format!("{}T{}", ["", "A.", "Acme."][usize::from(pick) % 3], (pick / 3) % 24)
}

fn declaration((form, picks): Draft, number: usize) -> String {
    let [a, b, c] = picks.map(name);
    let [t, u, _] = picks.map(type_name);
    match form % 14 {
        0 => format!("val v{number} = {a} 1"),
        1 => format!("let f{number} (x: {t}) : {u} =\n  {a} (fun f1 -> f1 + {b} x)"),
        2 => format!("val v{number} =\n  \"\"\"text\n\u{1}  {a}\n\u{1} end\"\"\""),
        3 => format!("let f{number} (v2: Int) : Int =\n  let f3 = {a}\n  {b} f3 v2 {c}"),
        4 => format!("let f{number} (g4: Int) : Int =\n  match {a} with\n  | v5 -> v5 + {b}\n  | _ -> g4"),
        5 => format!("val v{number} = $\"{{ {a} }}\n\u{1}  text {{ {b} 1 }}\""),
        6 => format!("val v{number} =\n  {a} \"one\n\u{1}{pad}two\" {b}", pad = " ".repeat(40)),
        7 => {
            let inner = " ".repeat(a.chars().count() + 4);
            format!("let f{number} (x: Int) : Int =\n  {a} ({b}\n{inner}{c} 1)")
        }
        8 => format!("type T{number} =\n  {{ one: {t}\n    two: List<{u}> }}"),
        9 => format!("type T{number} = | One of {t} | Two of {u} * Int"),
        10 => format!("{a} 1 = {b}"),
        11 => format!("let f{number} (x: Int) : Int =\n  x\n  |> {a}\n  |> {b} x\n  |> fun g1 -> g1 {c}"),
        12 => format!("let g{number} (x: Int) : Int = if x then g{number} {a} else A.g{number} 1"),
        _ => format!("val v{number} = ({t}.One {a}, [{b}; {c}], {u} {{ one = 1 }})"),
    }
}

/// A change of names: which definition, and where it goes; nowhere if that is 0.
type Change = (prop::sample::Index, u8, u8);

fn changed(imported: &Imported, changes: &[Change]) -> NameTable {
    let mut view = imported.names.clone();
    let entities: Vec<_> = imported.definitions.keys().copied().collect();
    for (which, module, new_name) in changes {
        let entity = entities[which.index(entities.len())];
        let kind = imported.definitions[&entity].1.kind;
        if *module == 0 {
            view.remove(entity);
            continue;
        }
        let module = ["Acme", "Acme.A", "Acme.B.A", "Other", "Acme.A.C", "Darklang.Stdlib.A"][usize::from(*module) % 6];
        let stem = if kind == Kind::Type { "T" } else { ["f", "v", "g", "longer"][usize::from(*new_name) % 4] };
        let location: Location = format!("{module}.{stem}{}", new_name / 4 % 12).parse().unwrap();
        view.insert(&location, Entry { entity, kind, visibility: Visibility::Public });
    }
    view
}

/// A definition read again in a view means what the stored one means, unless said otherwise.
fn check_meaning(stored: &Definition, again: &[Reference], unfaithful: &[usize], context: &str) {
    assert_eq!(again.len(), stored.references.len(), "{context}");
    for (at, (stored, again)) in stored.references.iter().zip(again).enumerate() {
        if stored.target != Target::Unresolved && !unfaithful.contains(&at) {
            assert_eq!(again.target, stored.target, "reference {at} of {context}");
        }
    }
}

fn check_rendering(stored: &Definition, location: &Location, view: &NameTable) {
    let rendering = render(stored, location, view);
    let text = rendering.text.as_ref();
    let context = format!("{location}\n{}\n-- shown as\n{text}", stored.text);
    let (kind, resolved) = resolve_text(text, location, &Bindings::default(), view).unwrap();
    assert_eq!(kind, stored.kind);
    check_meaning(stored, &resolved.references, &rendering.unfaithful, &context);
    let asked = BTreeMap::new();
    assert_eq!(resolve_edit(stored, &rendering, text, location, &asked, view), Ok(Edit::Unchanged), "{context}");
    let edited = format!("// new\n{text}");
    let Ok(Edit::Changed { definition, .. }) = resolve_edit(stored, &rendering, &edited, location, &asked, view) else {
        panic!("{context}")
    };
    assert_eq!(definition.text, format!("// new\n{}", stored.text), "{context}");
    check_meaning(stored, &definition.references, &[], &context);
    for offset in 0..=u32::try_from(stored.text.len()).unwrap() {
        assert!(rendering.to_stored(rendering.to_shown(offset)) <= offset);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_back_exactly(text in file()) {
        check_print_and_extract(&read("made up", &text).declarations);
    }

    #[test]
    fn every_byte_of_a_text_comes_from_its_file(text in file()) {
        let source = read("made up", &text);
        for declaration in &source.declarations {
            for (at, byte) in declaration.text.bytes().enumerate() {
                let at = u32::try_from(at).unwrap();
                let file = declaration.map.to_file(at);
                if declaration.map.to_text(file) == Some(at) {
                    prop_assert_eq!(text.as_bytes()[file as usize], byte);
                } else {
                    // Only what joins two pieces, or pads the first row, is made up.
                    prop_assert!(byte == b'\n' || byte == b' ');
                }
            }
        }
    }

    #[test]
    fn a_declaration_alone_means_what_it_means_in_its_file(text in file()) {
        let sources = [read("made up", &text)];
        let names = names(&sources);
        let all = resolve_all(&sources, &names);
        prop_assert_eq!(&all, &resolve_all(&sources, &names));
        // Only so many names of a module get suggestions: what a module has in all decides which.
        let without_suggestions = |mut resolved: Resolved| {
            resolved.problems.iter_mut().for_each(|problem| problem.suggestions.clear());
            resolved
        };
        for (declaration, in_file) in sources[0].declarations.iter().zip(&all[0]) {
            let in_file = without_suggestions(in_file.clone());
            let alone = resolve_text(&declaration.text, &declaration.location, &Bindings::default(), &names)
                .map(|(kind, resolved)| (kind, without_suggestions(resolved)));
            prop_assert_eq!(alone, Ok((declaration.kind, in_file.clone())), "{}", declaration.text);
            let definition = in_file.clone().into_definition(declaration.kind, declaration.text.clone());
            prop_assert_eq!(Definition::decode(&definition.encode()), Ok(definition));
        }
    }

    #[test]
    fn renderings_keep_the_meaning_and_come_back(
        text in file(),
        changes in prop::collection::vec(any::<Change>(), 0..8),
    ) {
        let sources = [read("made up", &text)];
        let mut seen = std::collections::BTreeSet::new();
        // Two modules of one name may hold one name twice; such files are refused elsewhere.
        prop_assume!(sources[0].declarations.iter().all(|declaration| seen.insert(declaration.location.clone())));
        let imported = import(&sources);
        let view = changed(&imported, &changes);
        for (entity, (_, definition)) in &imported.definitions {
            if let Some(location) = view.location_of(*entity) {
                check_rendering(definition, &location, &view);
            }
        }
    }

    #[test]
    fn broken_texts_never_panic(text in file(), cut in any::<prop::sample::Index>(), noise in "[-(){}\"\\[\\]=|.`a-zA\n ]{0,6}") {
        let at = text.floor_char_boundary(cut.index(text.len()));
        let broken = format!("{}{noise}{}", &text[..at], &text[(at + 1).min(text.len())..]);
        all_of_it(&broken);
        all_of_it(&text[at..]);
    }

    #[test]
    fn noise_never_panics(text in "\\PC{0,80}", rows in "[ a-zA-Z0-9(){}\"'`=|.,;/*<>:@\r\n\t-]{0,200}") {
        all_of_it(&text);
        all_of_it(&rows);
    }

    #[test]
    fn any_definition_renders(text in "\\PC{0,60}", spans in prop::collection::vec((0..80_u32, 0..20_u32), 0..5)) {
        let location: Location = "Acme.A.f".parse().unwrap();
        let target = Target::Entity(entity_id(&location, 0));
        let references = spans
            .iter()
            .map(|&(start, length)| Reference { start, length, form: ReferenceForm::Path, target: target.clone() })
            .collect();
        let mut names = NameTable::default();
        names.insert(&location, Entry { entity: entity_id(&location, 0), kind: Kind::Fn, visibility: Visibility::Public });
        let definition = Definition { kind: Kind::Fn, text, references };
        let rendering = render(&definition, &location, &names);
        prop_assert_eq!(
            resolve_edit(&definition, &rendering, &rendering.text, &location, &BTreeMap::new(), &names),
            Ok(Edit::Unchanged)
        );
    }
}

/// Everything that takes a text, on one that need not be any good.
fn all_of_it(text: &str) {
    let text = source::normalize(text);
    let parsed = parse(&text, Mode::Package);
    let extracted = extract(&parsed);
    let names = NameTable::default();
    let resolved = resolve_file(&parsed, &extracted.declarations, &[], &names);
    for (declaration, resolved) in extracted.declarations.iter().zip(resolved) {
        let _ = outline(&declaration.text);
        let mut end = 0;
        for reference in &resolved.references {
            assert!(reference.start >= end && reference.length > 0);
            end = reference.end();
            assert!(declaration.text.get(reference.start as usize..end as usize).is_some());
        }
    }
    let shown: Vec<_> = extracted
        .declarations
        .iter()
        .map(|declaration| Shown { location: &declaration.location, kind: declaration.kind, text: &declaration.text })
        .collect();
    let written: usize = layout(&shown).iter().map(|file| file.definitions.len()).sum();
    assert_eq!(written, shown.len());
}

#[test]
fn what_a_base_meant_stands_in_for_names_that_are_gone() {
    let location: Location = "Acme.b".parse().unwrap();
    let entity = EntityId::from_bytes([7; 32]);
    let base = Definition {
        kind: Kind::Value,
        text: "val b = gone".into(),
        references: vec![Reference { start: 8, length: 4, form: ReferenceForm::Path, target: Target::Entity(entity) }],
    };
    let names = NameTable::default();
    let kept = resolve_text("val b = (gone, lost)", &location, &Bindings::of_base(&base), &names).unwrap().1;
    let targets: Vec<_> = kept.references.iter().map(|reference| reference.target.clone()).collect();
    assert_eq!(targets, [Target::Entity(entity), Target::Unresolved]);
    assert_eq!(kept.problems.iter().map(|problem| problem.kept).collect::<Vec<_>>(), [Some(entity), None]);
    let mut asked = Bindings::default();
    asked.bind("lost", entity);
    let bound = resolve_text("val b = lost", &location, &asked, &names).unwrap().1;
    assert_eq!((bound.references[0].entity(), bound.problems.len()), (Some(entity), 0));
}

#[test]
fn several_entities_at_one_name_are_ambiguous() {
    let (location, here): (Location, Location) = ("Acme.a".parse().unwrap(), "Acme.b".parse().unwrap());
    let mut names = NameTable::default();
    let entry = |generation| Entry {
        entity: entity_id(&location, generation),
        kind: Kind::Value,
        visibility: Visibility::Public,
    };
    names.insert(&location, entry(0));
    names.insert(&location, entry(1));
    let resolved = resolve_text("val b = a", &here, &Bindings::default(), &names).unwrap().1;
    let mut both = vec![entity_id(&location, 0), entity_id(&location, 1)];
    both.sort();
    assert_eq!(resolved.problems[0].kind, dm_lang::ProblemKind::Ambiguous(both));
    assert_eq!(resolved.references[0].target, Target::Unresolved);
}
