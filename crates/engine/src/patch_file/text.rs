//! The text of a patch file: printed, taken apart, compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dm_model::{Action, Body, DefHash, Definition, Envelope, Op, Revision, Value};

use super::payload::{Payload, Place};
use super::{Checked, PatchFileError};
use crate::conflicts::words;
use crate::diff::unified;
use crate::error::EngineError;

/// The line that the part for people begins with.
const TITLE: &str = "Darkmatter patch file";
/// The line before the payload.
pub(super) const BEGIN: &str = "-----BEGIN DARKMATTER PATCH-----";
/// The line behind the payload.
pub(super) const END: &str = "-----END DARKMATTER PATCH-----";
/// Characters of base64 on a line: mail wraps longer ones.
const LINE_CHARACTERS: usize = 76;

/// A text, taken apart.
pub(super) struct PatchText {
    /// The lines for people, each with its number in the text.
    readable: Vec<(usize, String)>,
    /// The packed payload.
    pub payload: Vec<u8>,
}

/// The whole text.
pub(super) fn print(checked: &Checked, payload: &Payload) -> Result<String, EngineError> {
    let mut text = print_readable(checked)?;
    let encoded = STANDARD.encode(payload.pack());
    let _ = writeln!(text, "{BEGIN}");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE_CHARACTERS));
        let _ = writeln!(text, "{line}");
        rest = more;
    }
    let _ = writeln!(text, "{END}");
    Ok(text)
}

/// The part for people.
pub(super) fn print_readable(checked: &Checked) -> Result<String, EngineError> {
    let mut text = format!("{TITLE}\n");
    let contents: BTreeMap<DefHash, &Definition> =
        checked.received.definitions.iter().map(|(hash, definition)| (*hash, definition.as_ref())).collect();
    for envelope in &checked.received.envelopes {
        if let Body::Revision(revision) = envelope.body() {
            print_revision(envelope, revision, checked, &contents, &mut text)?;
        }
    }
    text.push('\n');
    Ok(text)
}

fn print_revision(
    envelope: &Envelope,
    revision: &Revision,
    checked: &Checked,
    contents: &BTreeMap<DefHash, &Definition>,
    text: &mut String,
) -> Result<(), EngineError> {
    let _ = writeln!(text, "\npatch {}", revision.patch);
    for line in revision.intent.lines() {
        let _ = writeln!(text, "  {line}");
    }
    let at = jiff::Timestamp::from_millisecond(envelope.header().authored_at.as_ms());
    let at = at.map_or_else(|_| "at no known time".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    let _ = writeln!(text, "  by {}, {at}", one_line(&revision.author));
    let _ = writeln!(text, "  revision {}", envelope.id());
    let space = envelope.header().space;
    if !space.is_public() {
        let _ = writeln!(text, "  for the readers of space {space}");
    }
    let _ = writeln!(text, "  signed with key {}", envelope.header().author_key);
    let needs: std::collections::BTreeSet<_> = revision.needs().into_iter().collect();
    let mut needed = BTreeMap::new();
    for note in checked.needs.iter().filter(|note| needs.contains(&note.op)) {
        needed.insert(note.patch, one_line(&note.intent));
    }
    for (patch, intent) in needed {
        let _ = writeln!(text, "  needs patch {patch}, which is not in this file: {intent}");
    }
    for op in &revision.ops {
        text.push('\n');
        print_op(op, checked, contents, text)?;
    }
    Ok(())
}

fn print_op(
    op: &Op,
    checked: &Checked,
    contents: &BTreeMap<DefHash, &Definition>,
    text: &mut String,
) -> Result<(), EngineError> {
    let place = checked.places.get(&op.entity);
    let name = place.map(spelled).unwrap_or_default();
    let new = op.written_content().and_then(|hash| contents.get(&hash));
    match &op.action {
        Action::CreateName { location, .. } => {
            let kind = new.map(|definition| definition.kind.as_str()).unwrap_or_default();
            let _ = writeln!(text, "create {kind} {location}");
        }
        Action::UpdateName { .. } => {
            let kind = new.map(|definition| definition.kind.as_str()).unwrap_or_default();
            let _ = writeln!(text, "edit {kind} {name}");
        }
        Action::MoveName { to } => {
            let from = place.map(|place| place.birth.to_string()).unwrap_or_default();
            let _ = writeln!(text, "move to {to} what was born as {from}");
        }
        Action::Deprecate(deprecation) => {
            let instead = deprecation.replacement.and_then(|entity| checked.places.get(&entity)).map(spelled);
            let instead = instead.map(|name| format!(" (use {name})")).unwrap_or_default();
            let _ = writeln!(text, "deprecate {name}: {}{instead}", one_line(&deprecation.reason));
        }
        Action::Undeprecate => {
            let _ = writeln!(text, "undeprecate {name}");
        }
        Action::DeleteName => {
            let _ = writeln!(text, "delete {name}");
        }
        Action::Unknown { kind, .. } => {
            let _ = writeln!(text, "change {name} in a way that only a newer dm knows (op kind {kind})");
        }
        action => {
            let registers = action.registers();
            let values: Vec<Value> = registers.iter().filter_map(|register| action.value(*register)).collect();
            let values: Vec<String> = values.iter().map(|value| one_line(&words(value))).collect();
            let _ = writeln!(text, "{} {name}: {}", action.name(), values.join(", "));
        }
    }
    let Some(new) = new else { return Ok(()) };
    let old = match &op.action {
        Action::UpdateName { old: Some(old), .. } => match checked.bases.get(old) {
            Some(definition) => Some(definition.text.as_str()),
            None => {
                let missing = "the text that an edit was made from is missing".to_owned();
                return Err(EngineError::PatchFile(PatchFileError::Altered(missing)));
            }
        },
        _ => None,
    };
    text.push_str(&unified(old, Some(&new.text)));
    Ok(())
}

/// A place as people read it: where it is, and where it was born if that is elsewhere.
fn spelled(place: &Place) -> String {
    match &place.now {
        Some(now) => format!("{now} (born {})", place.birth),
        None => place.birth.to_string(),
    }
}

/// Words on one line.
fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a mail may do to a line on its way, undone: line ends and trailing white space.
fn plain(line: &str) -> &str {
    line.trim_end()
}

/// Takes a text apart. Whatever stands before the title or behind the end is a mail's, and not looked at.
pub(super) fn parse(text: &str) -> Result<PatchText, EngineError> {
    let fail = EngineError::PatchFile;
    let lines: Vec<&str> = text.lines().map(plain).collect();
    let title = lines.iter().position(|line| *line == TITLE).ok_or(fail(PatchFileError::Foreign))?;
    // The last ones: a diff may show such a line too.
    let end = lines.iter().rposition(|line| *line == END).ok_or(fail(PatchFileError::Truncated))?;
    let begin = lines.iter().take(end).rposition(|line| *line == BEGIN).filter(|begin| *begin > title);
    let begin = begin.ok_or(fail(PatchFileError::Foreign))?;
    let encoded: String = lines.get(begin + 1..end).unwrap_or_default().concat();
    let payload = STANDARD
        .decode(encoded)
        .map_err(|error| fail(PatchFileError::Altered(format!("its payload is not base64: {error}"))))?;
    let readable = lines.get(title..begin).unwrap_or_default().iter().zip(title + 1..);
    Ok(PatchText { readable: readable.map(|(line, number)| (number, (*line).to_owned())).collect(), payload })
}

/// Whether the part for people is what the payload says.
pub(super) fn compare(file: &PatchText, wanted: &str) -> Result<(), EngineError> {
    let wanted: Vec<&str> = wanted.lines().map(plain).collect();
    let count = wanted.len().max(file.readable.len());
    let first = file.readable.first().map_or(1, |(number, _)| *number);
    for at in 0..count {
        let found = file.readable.get(at).map(|(_, line)| line.as_str());
        if found != wanted.get(at).copied() {
            let wanted = wanted.get(at).copied().unwrap_or(BEGIN).to_owned();
            return Err(EngineError::PatchFile(PatchFileError::Disagrees { line: first + at, wanted }));
        }
    }
    Ok(())
}
