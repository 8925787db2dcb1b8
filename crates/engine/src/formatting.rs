//! Layout: how definitions are shown pretty, and laid out where somebody asks for that.

use std::collections::BTreeSet;

use dm_model::{Definition, EntityId, Reference, Target};
use dm_syntax::{FormatOptions, Layout, Mode};

use crate::error::{EngineError, TextProblem};
use crate::look::{Found, Look};
use crate::report::{Setting, Written};
use crate::scope::ViewScope;
use crate::sources::SourceText;
use crate::transaction::Transaction;

/// The settings of the formatter.
pub const FORMAT_SETTINGS: [&str; 3] = ["fmt.width", "fmt.indent", "fmt.layout"];

/// What the formatter is to do by the settings in force; of several with one key the first counts.
///
/// # Errors
/// If one of them has no such value.
pub fn format_options(settings: &[Setting]) -> Result<FormatOptions, EngineError> {
    let mut options = FormatOptions::default();
    for setting in settings.iter().rev() {
        if FORMAT_SETTINGS.contains(&setting.key.as_str()) {
            set_option(&mut options, &setting.key, &setting.value)?;
        }
    }
    Ok(options)
}

/// Checks a setting of the formatter.
///
/// # Errors
/// If it has no such value.
pub fn check_format_setting(key: &str, value: &str) -> Result<(), EngineError> {
    set_option(&mut FormatOptions::default(), key, value)
}

fn set_option(options: &mut FormatOptions, key: &str, value: &str) -> Result<(), EngineError> {
    let (widths, indents) = (dm_syntax::WIDTH_MIN..=dm_syntax::WIDTH_MAX, 1..=dm_syntax::INDENT_MAX);
    let bad = |wanted: String| EngineError::BadSetting { key: key.to_owned(), value: value.to_owned(), wanted };
    let between = |low: u16, high: u16| format!("a number from {low} to {high}");
    match key {
        "fmt.width" => {
            let width = value.parse().ok().filter(|width| widths.contains(width));
            options.width = width.ok_or_else(|| bad(between(*widths.start(), *widths.end())))?;
        }
        "fmt.indent" => {
            let indent = value.parse().ok().filter(|indent| indents.contains(indent));
            options.indent = indent.ok_or_else(|| bad(between(1, u16::from(dm_syntax::INDENT_MAX))))?;
        }
        _ => {
            options.layout = match value {
                "keep" => Layout::Keep,
                "fit" => Layout::Fit,
                _ => return Err(bad("`keep` or `fit`".to_owned())),
            };
        }
    }
    Ok(())
}

/// Lays a file out: of packages, or of tests.
///
/// # Errors
/// If the text has errors.
pub fn format_file(source: &SourceText, options: &FormatOptions) -> Result<String, EngineError> {
    let text = dm_lang::source::normalize(&source.text);
    let errors = match dm_syntax::format(&text, Mode::Package, options) {
        Ok(formatted) => return Ok(formatted.text),
        Err(errors) => errors,
    };
    match dm_syntax::format(&text, Mode::Test, options) {
        Ok(formatted) => Ok(formatted.text),
        // What is wrong is told as of a package, which most files are.
        Err(_) => Err(EngineError::Text(vec![TextProblem {
            file: source.file.clone(),
            text: text.into_owned(),
            diagnostics: errors,
        }])),
    }
}

/// A definition's text laid out; as it is, if it has errors.
pub(crate) fn pretty(text: &str, options: &FormatOptions) -> String {
    dm_syntax::format(text, Mode::Package, options).map_or_else(|_| text.to_owned(), |formatted| formatted.text)
}

impl Transaction<'_> {
    /// Lays definitions out, and all in modules; those that the draft in focus writes, if none are named. Nothing else changes: they mean
    /// what they meant.
    ///
    /// # Errors
    /// If there is no such name, or none is named and no draft is in focus.
    pub fn fmt(
        &mut self,
        names: &[String],
        options: &FormatOptions,
        intent: Option<&str>,
    ) -> Result<Written, EngineError> {
        let mut named = BTreeSet::new();
        if names.is_empty() {
            let focused = self.workspace.session.focused;
            let at = focused.and_then(|patch| self.workspace.stack.place(&patch));
            let at = at.ok_or(EngineError::NothingToLayOut)?;
            for made in self.workspace.stack.ops(at) {
                if made.op.written_content().is_some() {
                    named.insert(made.op.entity);
                }
            }
        }
        let (at, new_patch) = self.draft_for(intent)?;
        let mut edits = Vec::new();
        let mut kept = Vec::new();
        let mut as_they_were = 0_u64;
        {
            let look = self.look(Some(at))?;
            named.extend(look.named_or_below(names)?);
            for entity in named {
                let Some(found) = look.found(&entity)? else { continue };
                match laid_out(&look, &found, options)? {
                    LaidOut::Changed(definition) => edits.push((found, definition)),
                    LaidOut::AsItWas => as_they_were += 1,
                    LaidOut::Kept => kept.push(format!("`{}` cannot be laid out safely, and stays", found.location)),
                }
            }
        }
        let (mut changes, mut entities) = (Vec::new(), Vec::new());
        for (found, definition) in edits {
            changes.push(self.change_of(at, "edit", &found)?);
            self.update(at, &found, &definition)?;
            entities.push(found.entity);
        }
        let mut written = self.written(at, new_patch, &entities, changes)?;
        if as_they_were > 0 {
            kept.insert(0, format!("laid out already: {as_they_were}"));
        }
        written.notes = kept;
        Ok(written)
    }
}

enum LaidOut {
    Changed(Definition),
    AsItWas,
    Kept,
}

fn laid_out(look: &Look<'_>, found: &Found, options: &FormatOptions) -> Result<LaidOut, EngineError> {
    let definition = look.definition(&found.content)?;
    let Ok(formatted) = dm_syntax::format(&definition.text, Mode::Package, options) else { return Ok(LaidOut::Kept) };
    if formatted.text == definition.text {
        return Ok(if formatted.kept > 0 { LaidOut::Kept } else { LaidOut::AsItWas });
    }
    // The names stand elsewhere now, and mean what they meant.
    let scope = ViewScope::new(look);
    let bindings = dm_lang::Bindings::of_base(&definition);
    let resolved = dm_lang::resolve_text(&formatted.text, &found.location, &bindings, &scope);
    scope.check()?;
    let Ok((_, resolved)) = resolved else { return Ok(LaidOut::Kept) };
    if resolved.references.len() != definition.references.len() {
        return Ok(LaidOut::Kept);
    }
    let again = |(now, before): (&Reference, &Reference)| Reference { target: before.target.clone(), ..now.clone() };
    let references: Vec<Reference> = resolved.references.iter().zip(&definition.references).map(again).collect();
    let moved = resolved.references.iter().zip(&definition.references).all(|(now, before)| {
        now.form == before.form && (now.target == before.target || before.target == Target::Unresolved)
    });
    if !moved {
        return Ok(LaidOut::Kept);
    }
    Ok(LaidOut::Changed(Definition { kind: definition.kind, text: formatted.text, references }))
}

impl Look<'_> {
    /// The entities of names and of all in modules.
    pub(crate) fn named_or_below(&self, names: &[String]) -> Result<BTreeSet<EntityId>, EngineError> {
        let mut entities = BTreeSet::new();
        for name in names {
            let below = self.names_below(name)?;
            entities.extend(below.iter().map(|(_, entity)| *entity));
            // A name may be a module and a definition.
            match self.find(name) {
                Ok(found) => {
                    entities.insert(found.entity);
                }
                Err(_) if !below.is_empty() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(entities)
    }
}
