//! Patterns: what a `let`, a lambda and an arm of a match bind.

use dm_syntax::LiteralValue;
use dm_syntax::written;

use super::super::{FieldName, LetPattern, LetPatternKind, MatchPattern, MatchPatternKind};
use super::{Lower, LowerError, Lowered, need};

/// Names that a pattern binds and their variables, not yet in force.
pub(super) type Bound<'t> = Vec<(&'t str, u32)>;

impl<'t> Lower<'_, 't> {
    pub(super) fn let_pattern(
        &mut self,
        pattern: written::LetPattern<'t>,
        bound: &mut Bound<'t>,
    ) -> Lowered<LetPattern> {
        let range = pattern.range();
        let kind = match pattern {
            written::LetPattern::Var(variable) => {
                let name = need(variable.name(), range)?;
                if name.text().is_empty() {
                    LetPatternKind::Wildcard
                } else {
                    let variable = self.bind(name.text(), name.range());
                    bound.push((name.text(), variable));
                    LetPatternKind::Variable(variable)
                }
            }
            written::LetPattern::Wildcard(_) => LetPatternKind::Wildcard,
            written::LetPattern::Unit(_) => LetPatternKind::Unit,
            written::LetPattern::Tuple(tuple) => {
                LetPatternKind::Tuple(tuple.parts().map(|part| self.let_pattern(part, bound)).collect::<Lowered<_>>()?)
            }
            written::LetPattern::Paren(paren) => return self.let_pattern(need(paren.inner(), range)?, bound),
            written::LetPattern::Malformed(_) => return Err(LowerError::Incomplete(range)),
        };
        Ok(LetPattern { kind, range })
    }

    pub(super) fn match_pattern(
        &mut self,
        pattern: written::MatchPattern<'t>,
        bound: &mut Bound<'t>,
    ) -> Lowered<MatchPattern> {
        let range = pattern.range();
        let kind = match pattern {
            written::MatchPattern::Wildcard(_) => MatchPatternKind::Wildcard,
            written::MatchPattern::Var(variable) => {
                let name = need(variable.name(), range)?;
                // Another alternative may have bound it already.
                let known = bound.iter().find(|(known, _)| *known == name.text()).map(|(_, variable)| *variable);
                let variable = known.unwrap_or_else(|| {
                    let variable = self.bind(name.text(), name.range());
                    bound.push((name.text(), variable));
                    variable
                });
                MatchPatternKind::Variable(variable)
            }
            written::MatchPattern::Literal(literal) => match need(literal.value(), range)? {
                LiteralValue::Bool(value) => MatchPatternKind::Bool(value),
                LiteralValue::Int { decimal, kind } => MatchPatternKind::Int(decimal, kind),
                LiteralValue::Float(float) => MatchPatternKind::Float(float),
                LiteralValue::String(text) => MatchPatternKind::String(text),
                LiteralValue::Char(text) => MatchPatternKind::Char(text),
            },
            written::MatchPattern::Unit(_) => MatchPatternKind::Unit,
            written::MatchPattern::Paren(paren) => return self.match_pattern(need(paren.inner(), range)?, bound),
            written::MatchPattern::List(list) => MatchPatternKind::List(self.match_patterns(list.elements(), bound)?),
            written::MatchPattern::Tuple(tuple) => MatchPatternKind::Tuple(self.match_patterns(tuple.parts(), bound)?),
            written::MatchPattern::Or(or) => MatchPatternKind::Or(self.match_patterns(or.alternatives(), bound)?),
            written::MatchPattern::Cons(cons) => {
                let mut heads = vec![self.match_pattern(need(cons.head(), range)?, bound)?];
                let mut tail = need(cons.tail(), range)?;
                loop {
                    match tail {
                        written::MatchPattern::Paren(paren) => tail = need(paren.inner(), range)?,
                        written::MatchPattern::Cons(inner) => {
                            heads.push(self.match_pattern(need(inner.head(), range)?, bound)?);
                            tail = need(inner.tail(), range)?;
                        }
                        _ => break,
                    }
                }
                MatchPatternKind::Cons(heads, Box::new(self.match_pattern(tail, bound)?))
            }
            written::MatchPattern::Enum(case) => {
                let name = FieldName::of(need(case.case(), range)?);
                MatchPatternKind::Enum(name, self.match_patterns(case.fields().into_iter(), bound)?)
            }
            written::MatchPattern::Malformed(_) => return Err(LowerError::Incomplete(range)),
        };
        Ok(MatchPattern { kind, range })
    }

    fn match_patterns(
        &mut self,
        patterns: impl Iterator<Item = written::MatchPattern<'t>>,
        bound: &mut Bound<'t>,
    ) -> Lowered<Vec<MatchPattern>> {
        patterns.map(|pattern| self.match_pattern(pattern, bound)).collect()
    }
}
