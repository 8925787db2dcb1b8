//! How well one signature fits another.

use std::collections::BTreeMap;

use super::{SigType, Signature};

/// Steps for one comparison: parameters may be tried in many orders. Where they are used up, the signatures do not fit.
const STEPS: u32 = 4096;

/// In which way a signature fits a wanted one, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fit {
    /// They are the same, but for the names of type variables.
    Same,
    /// The same, with the parameters in another order.
    Reordered,
    /// It is more general: with its type variables filled in it is the wanted one, the parameters in any order.
    General,
    /// It fits so and takes more parameters than are wanted.
    Partial,
}

impl Fit {
    /// In words for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same_type",
            Self::Reordered => "reordered",
            Self::General => "more_general",
            Self::Partial => "more_parameters",
        }
    }
}

/// How well a signature fits, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fitness {
    /// In which way.
    pub fit: Fit,
    /// How many parameters it takes more.
    pub more: usize,
    /// How many of its type variables are filled in.
    pub filled: usize,
}

impl Signature {
    /// How well another signature fits this one, which is wanted; `None` if it does not.
    #[must_use]
    pub fn fitness(&self, found: &Self) -> Option<Fitness> {
        let more = found.params.len().checked_sub(self.params.len())?;
        let mut trial = Trial { wanted: self, found, steps: STEPS, renaming: more == 0 };
        let fits = |fit: Fit, bindings: &Bindings<'_>| Some(Fitness { fit, more, filled: filled(bindings) });
        if more == 0 {
            let mut bindings = Bindings::new();
            let pairs = self.params.iter().zip(&found.params).chain([(&self.result, &found.result)]);
            if pairs.into_iter().all(|(wanted, found)| trial.matches(wanted, found, &mut bindings)) {
                return fits(Fit::Same, &bindings);
            }
            if let Some(bindings) = trial.any_order() {
                return fits(Fit::Reordered, &bindings);
            }
        }
        trial.renaming = false;
        let bindings = trial.any_order()?;
        fits(if more == 0 { Fit::General } else { Fit::Partial }, &bindings)
    }
}

/// What the type variables of what was found stand for.
type Bindings<'t> = BTreeMap<u32, &'t SigType>;

/// How many stand for something else than a variable.
fn filled(bindings: &Bindings<'_>) -> usize {
    bindings.values().filter(|to| !matches!(to, SigType::Variable(_))).count()
}

struct Trial<'t> {
    wanted: &'t Signature,
    found: &'t Signature,
    steps: u32,
    /// Whether type variables may stand for other variables only, each for one of its own.
    renaming: bool,
}

impl<'t> Trial<'t> {
    /// What the variables stand for if each wanted parameter is given to another one of those found, with as few of them filled in
    /// as can be.
    fn any_order(&mut self) -> Option<Bindings<'t>> {
        let mut bindings = Bindings::new();
        let (wanted, found) = (&self.wanted.result, &self.found.result);
        if !self.matches(wanted, found, &mut bindings) {
            return None;
        }
        let free = vec![true; self.found.params.len()];
        let mut best = None;
        self.place(0, &bindings, &free, &mut best);
        best
    }

    fn place(&mut self, at: usize, bindings: &Bindings<'t>, free: &[bool], best: &mut Option<Bindings<'t>>) {
        let (all_wanted, all_found) = (self.wanted, self.found);
        if best.as_ref().is_some_and(|best| filled(best) <= filled(bindings)) {
            return;
        }
        let Some(wanted) = all_wanted.params.get(at) else {
            *best = Some(bindings.clone());
            return;
        };
        for (place, found) in all_found.params.iter().enumerate() {
            let mut tried = bindings.clone();
            if free.get(place) == Some(&true) && self.matches(wanted, found, &mut tried) {
                let mut free = free.to_vec();
                if let Some(taken) = free.get_mut(place) {
                    *taken = false;
                }
                self.place(at + 1, &tried, &free, best);
            }
        }
    }

    /// Whether what was found becomes what is wanted with its variables filled in.
    fn matches(&mut self, wanted: &'t SigType, found: &'t SigType, bindings: &mut Bindings<'t>) -> bool {
        use SigType as T;
        let Some(left) = self.steps.checked_sub(1) else { return false };
        self.steps = left;
        match (wanted, found) {
            (T::Any, _) | (_, T::Any) => true,
            (_, T::Variable(variable)) => self.bind(wanted, *variable, bindings),
            (T::Primitive(one), T::Primitive(other)) => one == other,
            (T::List(one), T::List(other))
            | (T::Dict(one), T::Dict(other))
            | (T::Stream(one), T::Stream(other))
            | (T::Db(one), T::Db(other)) => self.matches(one, other, bindings),
            (T::Tuple(one), T::Tuple(other)) => self.all(one, other, bindings),
            (T::Fn(one, gives), T::Fn(other, given)) => {
                self.all(one, other, bindings) && self.matches(gives, given, bindings)
            }
            (T::Named(one, args), T::Named(other, others)) => {
                one == other && (args.is_empty() || self.all(args, others, bindings))
            }
            _ => false,
        }
    }

    fn bind(&self, wanted: &'t SigType, variable: u32, bindings: &mut Bindings<'t>) -> bool {
        if let Some(bound) = bindings.get(&variable) {
            return *bound == wanted;
        }
        let taken = || bindings.values().any(|bound| *bound == wanted);
        if self.renaming && (!matches!(wanted, SigType::Variable(_)) || taken()) {
            return false;
        }
        bindings.insert(variable, wanted);
        true
    }

    fn all(&mut self, wanted: &'t [SigType], found: &'t [SigType], bindings: &mut Bindings<'t>) -> bool {
        let mut pairs = wanted.iter().zip(found);
        wanted.len() == found.len() && pairs.all(|(wanted, found)| self.matches(wanted, found, bindings))
    }
}
