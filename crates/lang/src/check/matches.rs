//! What a `match` leaves out, and what in it can never fit. Both are warnings: a value that no arm fits is an error of the
//! runtime only when it comes.
//!
//! Source: Maranget, *Warnings for pattern matching*, Journal of Functional Programming 17(3), 2007.

use super::types::Ty;
use super::{TypeCode, Walk, with_article};
use crate::program::{Arm, MatchPattern, MatchPatternKind, TypeShape};

/// A pattern without names and alternatives.
#[derive(Debug, Clone)]
enum Shape {
    Any,
    Built(Constructor, Vec<Self>),
}

/// What a value is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Constructor {
    Case(String),
    Bool(bool),
    Empty,
    Cons,
    Tuple,
    Unit,
    /// One of endlessly many.
    Literal(String),
}

/// The alternatives of one arm that are looked at.
const ALTERNATIVES_MAX: usize = 256;
/// A pattern of more parts is not looked at: as values, long lists are as deep as they are long.
const PARTS_MAX: usize = 256;

impl Walk<'_, '_> {
    /// Warns of what a match leaves out and of arms that nothing reaches.
    pub(super) fn exhaustive(&mut self, arms: &[Arm], matched: &Ty, range: dm_syntax::TextRange) {
        let mut seen: Vec<Shape> = Vec::new();
        for arm in arms {
            if parts(&arm.pattern) > PARTS_MAX {
                return;
            }
            let shapes = shapes(&arm.pattern);
            if shapes.len() > ALTERNATIVES_MAX {
                return;
            }
            if seen.iter().any(|shape| matches!(shape, Shape::Any)) {
                let message = "nothing comes to this case: those before it take everything".to_owned();
                self.warning(TypeCode::Unreachable, arm.pattern.range, message);
                return;
            }
            if arm.guard.is_none() {
                seen.extend(shapes);
            }
        }
        let rows: Vec<Vec<&Shape>> = seen.iter().map(|shape| vec![shape]).collect();
        let missing = self.missing(&rows, std::slice::from_ref(matched));
        if let Some([missing]) = missing.as_deref()
            && self.metas.step()
            && !matches!(self.metas.certain(matched), Ty::Unknown | Ty::Meta(_))
        {
            let message = format!("this match has no case for `{}`", told(missing, false));
            self.warning(TypeCode::Unmatched, range, message).hint =
                Some("a value that no case fits is an error".to_owned());
        }
    }

    /// A row of values that no row of patterns fits.
    fn missing(&mut self, rows: &[Vec<&Shape>], types: &[Ty]) -> Option<Vec<Shape>> {
        let Some((of, rest)) = types.split_first() else {
            return if rows.is_empty() { Some(Vec::new()) } else { None };
        };
        // Out of steps, nothing is said to be missing.
        if !rows.iter().flatten().all(|_| self.metas.step()) || !self.metas.step() {
            return None;
        }
        let seen: Vec<&Constructor> = rows
            .iter()
            .filter_map(|row| match row.first() {
                Some(Shape::Built(constructor, _)) => Some(constructor),
                _ => None,
            })
            .collect();
        let all = if seen.is_empty() { None } else { self.constructors(of) };
        let Some(all) = all else {
            let default: Vec<Vec<&Shape>> = rows
                .iter()
                .filter(|row| matches!(row.first(), Some(Shape::Any)))
                .map(|row| row.iter().skip(1).copied().collect())
                .collect();
            let mut missing = self.missing(&default, rest)?;
            missing.insert(0, Shape::Any);
            return Some(missing);
        };
        for (constructor, parts) in all {
            let special: Vec<Vec<&Shape>> = rows
                .iter()
                .filter_map(|row| {
                    let (first, others) = row.split_first()?;
                    let inner: Vec<&Shape> = match first {
                        Shape::Any => vec![&Shape::Any; parts.len()],
                        Shape::Built(other, inner) if *other == constructor && inner.len() == parts.len() => {
                            inner.iter().collect()
                        }
                        Shape::Built(..) => return None,
                    };
                    Some(inner.into_iter().chain(others.iter().copied()).collect())
                })
                .collect();
            let count = parts.len();
            let types: Vec<Ty> = parts.into_iter().chain(rest.iter().cloned()).collect();
            if let Some(mut missing) = self.missing(&special, &types) {
                let others = missing.split_off(count.min(missing.len()));
                let built = Shape::Built(constructor, missing);
                return Some(std::iter::once(built).chain(others).collect());
            }
        }
        None
    }

    /// All that a value of a type can be made with, and the types of the parts; `None` if that is endless or not known.
    fn constructors(&mut self, of: &Ty) -> Option<Vec<(Constructor, Vec<Ty>)>> {
        match self.metas.certain(of) {
            Ty::Primitive(dm_syntax::written::Primitive::Bool) => {
                Some(vec![(Constructor::Bool(true), Vec::new()), (Constructor::Bool(false), Vec::new())])
            }
            Ty::Primitive(dm_syntax::written::Primitive::Unit) => Some(vec![(Constructor::Unit, Vec::new())]),
            Ty::List(inner) => {
                let cons = vec![(*inner).clone(), Ty::List(inner)];
                Some(vec![(Constructor::Empty, Vec::new()), (Constructor::Cons, cons)])
            }
            Ty::Tuple(parts) => Some(vec![(Constructor::Tuple, parts)]),
            Ty::Custom(node, args) => {
                let declared = self.declaration(node)?;
                let TypeShape::Enum(cases) = declared.shape() else { return None };
                let variables = declared.variables(args);
                let scope = super::TypeScope { from: Some(node), variables: &variables };
                Some(
                    cases
                        .iter()
                        .map(|case| {
                            let fields = case.fields.iter().map(|(_, of)| self.ty(scope, of)).collect();
                            (Constructor::Case(case.name.clone()), fields)
                        })
                        .collect(),
                )
            }
            _ => None,
        }
    }

    /// Warns of a case that the type of what is matched has not.
    pub(super) fn may_fit(&mut self, pattern: &MatchPattern, of: &Ty) {
        let MatchPatternKind::Enum(case, parts) = &pattern.kind else { return };
        let told = match self.metas.certain(of) {
            Ty::Custom(node, _) => {
                let Some(declared) = self.declaration(node) else { return };
                if let TypeShape::Enum(cases) = declared.shape() {
                    let Some(found) = cases.iter().find(|found| found.name == case.name) else {
                        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
                        let message =
                            format!("this never fits: `{}` has no case `{}`", self.source.name(node), case.name);
                        let hint = super::calls::among(&case.name, &names, "cases");
                        self.warning(TypeCode::Unreachable, case.range, message).hint = hint;
                        return;
                    };
                    if found.fields.len() != parts.len() {
                        let message = format!(
                            "this never fits: `{}` has {}, not {}",
                            case.name,
                            super::counted(found.fields.len(), "field"),
                            parts.len()
                        );
                        self.warning(TypeCode::Unreachable, case.range, message);
                    }
                    return;
                }
                self.told(of)
            }
            open if open.is_open() || matches!(open, Ty::Fn(..)) => return,
            _ => self.told(of),
        };
        let message = format!("this never fits: what is matched is {}", with_article(&told));
        self.warning(TypeCode::Unreachable, case.range, message);
    }
}

/// How many patterns a pattern is made of.
fn parts(pattern: &MatchPattern) -> usize {
    let all = |patterns: &[MatchPattern]| patterns.iter().map(parts).sum::<usize>();
    1 + match &pattern.kind {
        MatchPatternKind::List(inner)
        | MatchPatternKind::Tuple(inner)
        | MatchPatternKind::Or(inner)
        | MatchPatternKind::Enum(_, inner) => all(inner),
        MatchPatternKind::Cons(heads, rest) => all(heads) + parts(rest),
        _ => 0,
    }
}

/// A pattern's alternatives.
fn shapes(pattern: &MatchPattern) -> Vec<Shape> {
    let one = |constructor| vec![Shape::Built(constructor, Vec::new())];
    match &pattern.kind {
        MatchPatternKind::Wildcard | MatchPatternKind::Variable(_) => vec![Shape::Any],
        MatchPatternKind::Unit => one(Constructor::Unit),
        MatchPatternKind::Bool(value) => one(Constructor::Bool(*value)),
        MatchPatternKind::Int(decimal, kind) => one(Constructor::Literal(format!("{decimal}{}", kind.suffix()))),
        MatchPatternKind::Float(value) => one(Constructor::Literal(format!("{value:?}"))),
        MatchPatternKind::Char(text) => one(Constructor::Literal(format!("'{text}'"))),
        MatchPatternKind::String(text) => one(Constructor::Literal(format!("{text:?}"))),
        MatchPatternKind::List(parts) => {
            let end = vec![Shape::Built(Constructor::Empty, Vec::new())];
            parts.iter().rev().fold(end, |rest, part| pairs(&Constructor::Cons, &shapes(part), &rest))
        }
        MatchPatternKind::Cons(heads, rest) => {
            heads.iter().rev().fold(shapes(rest), |rest, part| pairs(&Constructor::Cons, &shapes(part), &rest))
        }
        MatchPatternKind::Tuple(parts) => all(&Constructor::Tuple, parts),
        MatchPatternKind::Enum(case, parts) => all(&Constructor::Case(case.name.clone()), parts),
        MatchPatternKind::Or(alternatives) => alternatives.iter().flat_map(shapes).take(ALTERNATIVES_MAX + 1).collect(),
    }
}

fn pairs(constructor: &Constructor, heads: &[Shape], rests: &[Shape]) -> Vec<Shape> {
    let both = heads.iter().flat_map(|head| rests.iter().map(move |rest| vec![head.clone(), rest.clone()]));
    both.take(ALTERNATIVES_MAX + 1).map(|parts| Shape::Built(constructor.clone(), parts)).collect()
}

fn all(constructor: &Constructor, parts: &[MatchPattern]) -> Vec<Shape> {
    let mut rows: Vec<Vec<Shape>> = vec![Vec::new()];
    for part in parts {
        let alternatives = shapes(part);
        let longer = rows.iter().flat_map(|row| {
            alternatives.iter().map(move |shape| row.iter().chain([shape]).cloned().collect::<Vec<_>>())
        });
        rows = longer.take(ALTERNATIVES_MAX + 1).collect();
    }
    rows.into_iter().map(|parts| Shape::Built(constructor.clone(), parts)).collect()
}

/// A value as the pattern that fits it.
fn told(shape: &Shape, inside: bool) -> String {
    let Shape::Built(constructor, parts) = shape else { return "_".to_owned() };
    let told_all = |parts: &[Shape]| parts.iter().map(|part| told(part, true)).collect::<Vec<_>>();
    match constructor {
        Constructor::Case(name) if parts.is_empty() => name.clone(),
        Constructor::Case(name) => match parts.as_slice() {
            [one] => {
                let told = format!("{name} {}", told(one, true));
                if inside { format!("({told})") } else { told }
            }
            _ => format!("{name}({})", told_all(parts).join(", ")),
        },
        Constructor::Bool(value) => value.to_string(),
        Constructor::Empty => "[]".to_owned(),
        Constructor::Cons => {
            let told = told_all(parts).join(" :: ");
            if inside { format!("({told})") } else { told }
        }
        Constructor::Tuple => format!("({})", told_all(parts).join(", ")),
        Constructor::Unit => "()".to_owned(),
        Constructor::Literal(text) => text.clone(),
    }
}
