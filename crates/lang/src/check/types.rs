//! Types as the checker holds them, and when a value of one is certainly wrong where another is asked for.
//!
//! Two kinds of unknown stand beside the types. *Bound by the call*: the type variables of what is called, while its arguments are
//! gone through; the runtime binds them too, so what contradicts them fails. *Guessed*: what no check of the runtime holds to (the
//! elements of an empty list, the result of a lambda). Guesses make more types known; nothing is ever wrong because of one.
//!
//! Source: LANGUAGE.md section 7 (merge and unify of the runtime).

use std::cell::Cell;

use dm_syntax::written::Primitive;

use crate::link::LinkNode;

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ty {
    /// Nothing is known of it.
    Unknown,
    Primitive(Primitive),
    List(Box<Self>),
    Dict(Box<Self>),
    Stream(Box<Self>),
    Db(Box<Self>),
    Tuple(Vec<Self>),
    Fn(Vec<Self>, Box<Self>),
    /// A type variable of what is checked: any type that its caller likes.
    Rigid(String),
    /// Not yet known; counts in [`Metas`].
    Meta(usize),
    /// A declared record or enum and its arguments. Aliases are written out.
    Custom(LinkNode, Vec<Self>),
}

impl Ty {
    pub(super) const UNIT: Self = Self::Primitive(Primitive::Unit);
    pub(super) const BOOL: Self = Self::Primitive(Primitive::Bool);
    pub(super) const STRING: Self = Self::Primitive(Primitive::String);

    /// Whether arithmetic takes it.
    pub(super) const fn is_numeric(&self) -> bool {
        use Primitive as P;
        matches!(
            self,
            Self::Primitive(
                P::Int
                    | P::Int8
                    | P::UInt8
                    | P::Int16
                    | P::UInt16
                    | P::Int32
                    | P::UInt32
                    | P::Int64
                    | P::UInt64
                    | P::Int128
                    | P::UInt128
                    | P::Float
            )
        )
    }

    /// Whether the runtime does not hold to it: anything may turn out to be here.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Unknown | Self::Rigid(_) | Self::Meta(_))
    }

    fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Unknown | Self::Primitive(_) | Self::Rigid(_) | Self::Meta(_) => Vec::new(),
            Self::List(of) | Self::Dict(of) | Self::Stream(of) | Self::Db(of) => vec![of],
            Self::Tuple(parts) | Self::Custom(_, parts) => parts.iter().collect(),
            Self::Fn(arguments, result) => arguments.iter().chain([&**result]).collect(),
        }
    }

    /// The type with each innermost part replaced.
    pub(super) fn map(&self, leaf: &mut impl FnMut(&Self) -> Self) -> Self {
        match self {
            Self::Unknown | Self::Primitive(_) | Self::Rigid(_) | Self::Meta(_) => leaf(self),
            Self::List(of) => Self::List(Box::new(of.map(leaf))),
            Self::Dict(of) => Self::Dict(Box::new(of.map(leaf))),
            Self::Stream(of) => Self::Stream(Box::new(of.map(leaf))),
            Self::Db(of) => Self::Db(Box::new(of.map(leaf))),
            Self::Tuple(parts) => Self::Tuple(parts.iter().map(|part| part.map(leaf)).collect()),
            Self::Custom(node, args) => Self::Custom(*node, args.iter().map(|arg| arg.map(leaf)).collect()),
            Self::Fn(arguments, result) => {
                Self::Fn(arguments.iter().map(|argument| argument.map(leaf)).collect(), Box::new(result.map(leaf)))
            }
        }
    }
}

/// What is asked of declared types while types are compared.
pub(super) trait Sameness {
    /// Whether two declared types are one.
    fn same(&self, one: LinkNode, other: LinkNode) -> bool;
}

#[derive(Debug, Default)]
struct Meta {
    is: Option<Ty>,
    /// Whether it was bound as the runtime binds it, and holds.
    holds: bool,
}

/// What was found out about what was not known.
#[derive(Debug)]
pub(super) struct Metas {
    all: Vec<Meta>,
    /// Steps left. Types share parts, so a few lines can spell one of more parts than there is memory for; when the steps are
    /// used up, everything counts as unknown.
    fuel: Cell<u32>,
    /// How deep in two types the comparison at hand is.
    depth: usize,
}

/// Steps for one definition; the largest of the public tree takes 4,000.
const FUEL: u32 = 1 << 20;
/// A type of more parts counts as unknown.
const PARTS_MAX: usize = 512;

/// A type is written out so deep; what lies deeper counts as unknown. Guesses can lead on to guesses as long as the text.
const DEPTH_MAX: usize = 48;
/// Two types are compared so deep; deeper they fit.
const COMPARED_MAX: usize = 256;

impl Metas {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), fuel: Cell::new(FUEL), depth: 0 }
    }

    /// Takes a step; false if none is left.
    pub(super) fn step(&self) -> bool {
        let left = self.fuel.get();
        self.fuel.set(left.saturating_sub(1));
        left > 0
    }

    /// The type, if it is not too large to be carried along.
    pub(super) fn bounded(of: Ty) -> Ty {
        fn fits(of: &Ty, left: &mut usize) -> bool {
            *left = left.saturating_sub(1);
            *left > 0 && of.parts().into_iter().all(|part| fits(part, left))
        }
        if fits(&of, &mut PARTS_MAX.clone()) { of } else { Ty::Unknown }
    }

    /// A guess of which nothing is known yet.
    pub(super) fn guess(&mut self) -> Ty {
        self.all.push(Meta::default());
        Ty::Meta(self.all.len() - 1)
    }

    /// A type variable of what is called.
    pub(super) fn of_call(&mut self) -> Ty {
        self.all.push(Meta { is: None, holds: true });
        Ty::Meta(self.all.len() - 1)
    }

    /// From here on the type variable is as the arguments left it, and a guess if they say nothing.
    pub(super) fn close(&mut self, of_call: &Ty) {
        if let Ty::Meta(at) = of_call
            && let Some(meta) = self.all.get_mut(*at)
        {
            meta.holds = meta.is.is_some();
        }
    }

    /// What a type is at its outside, and whether that is certain.
    fn outside(&self, of: &Ty) -> (Ty, bool) {
        let mut of = of;
        let mut certain = true;
        while let Ty::Meta(at) = of
            && let Some(meta) = self.all.get(*at)
        {
            certain &= meta.holds;
            let Some(is) = &meta.is else { break };
            of = is;
        }
        (of.clone(), certain)
    }

    /// What a type is at its outside, as far as is known.
    pub(super) fn head(&self, of: &Ty) -> Ty {
        self.outside(of).0
    }

    /// What a type certainly is at its outside, else unknown.
    pub(super) fn certain(&self, of: &Ty) -> Ty {
        match self.outside(of) {
            (head, true) => head,
            _ => Ty::Unknown,
        }
    }

    /// The type with all that was found out in it; with `only_certain`, without the guesses.
    pub(super) fn settle(&self, of: &Ty, only_certain: bool) -> Ty {
        self.settle_within(of, only_certain, DEPTH_MAX)
    }

    fn settle_within(&self, of: &Ty, only_certain: bool, depth: usize) -> Ty {
        let Some(depth) = depth.checked_sub(1).filter(|_| self.step()) else { return Ty::Unknown };
        of.map(&mut |leaf| match leaf {
            Ty::Meta(at) => match self.all.get(*at) {
                Some(Meta { is: Some(is), holds }) if *holds || !only_certain => {
                    self.settle_within(is, only_certain, depth)
                }
                _ => Ty::Unknown,
            },
            _ => leaf.clone(),
        })
    }

    /// The type with all bound variables of calls written out; guesses stay.
    pub(super) fn written_out(&self, of: &Ty) -> Ty {
        of.map(&mut |leaf| match leaf {
            Ty::Meta(at) => match self.all.get(*at) {
                Some(Meta { is: Some(is), holds: true }) if self.step() => self.written_out(is),
                _ => leaf.clone(),
            },
            _ => leaf.clone(),
        })
    }

    /// Whether nothing in a type is unknown.
    pub(super) fn is_known(&self, of: &Ty) -> bool {
        self.known_within(of, DEPTH_MAX)
    }

    fn known_within(&self, of: &Ty, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1).filter(|_| self.step()) else { return false };
        match of {
            Ty::Unknown => false,
            Ty::Meta(at) => {
                self.all.get(*at).and_then(|meta| meta.is.as_ref()).is_some_and(|is| self.known_within(is, depth))
            }
            _ => of.parts().into_iter().all(|part| self.known_within(part, depth)),
        }
    }

    fn occurs(&self, at: usize, of: &Ty, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1).filter(|_| self.step()) else { return true };
        match of {
            Ty::Meta(other) if *other == at => true,
            Ty::Meta(other) => {
                self.all.get(*other).and_then(|meta| meta.is.as_ref()).is_some_and(|is| self.occurs(at, is, depth))
            }
            _ => of.parts().into_iter().any(|part| self.occurs(at, part, depth)),
        }
    }

    fn bind(&mut self, at: usize, is: &Ty) {
        if matches!(is, Ty::Unknown) || self.occurs(at, is, DEPTH_MAX) {
            return;
        }
        if let Some(meta) = self.all.get_mut(at) {
            meta.is = Some(is.clone());
        }
    }

    /// Follows bound ones to the last, which is unbound, or to what is no longer one; and whether all on the way hold.
    fn last(&self, of: &Ty) -> (Ty, Option<usize>, bool) {
        let (mut of, mut last, mut certain) = (of.clone(), None, true);
        while let Ty::Meta(at) = of
            && let Some(meta) = self.all.get(at)
        {
            last = Some(at);
            certain &= meta.holds;
            match &meta.is {
                Some(is) => of = is.clone(),
                None => return (of, last, certain),
            }
        }
        (of, last, certain)
    }

    /// Gives a value of one type to where another is asked for, and learns from it. False if the runtime certainly refuses.
    pub(super) fn fits(&mut self, wanted: &Ty, given: &Ty, same: &dyn Sameness) -> bool {
        if self.depth == COMPARED_MAX || !self.step() {
            return true;
        }
        self.depth += 1;
        let fits = self.fits_within(wanted, given, same);
        self.depth -= 1;
        fits
    }

    fn fits_within(&mut self, wanted: &Ty, given: &Ty, same: &dyn Sameness) -> bool {
        let (want, wanted_meta, wanted_holds) = self.last(wanted);
        let (give, _, given_holds) = self.last(given);
        let certain = wanted_holds && given_holds;
        let fits = match (&want, &give) {
            (Ty::Meta(one), Ty::Meta(other)) if one == other => true,
            // What the callee's variable is bound to is as certain as what is given.
            (Ty::Meta(at), _) => {
                self.bind(*at, given);
                true
            }
            (_, Ty::Meta(at)) => {
                // A place that asks for something says what a guess is.
                self.bind(*at, wanted);
                true
            }
            (Ty::Unknown | Ty::Rigid(_), _) | (_, Ty::Unknown | Ty::Rigid(_)) => true,
            (Ty::Fn(wanted, wanted_result), Ty::Fn(given, given_result)) => {
                // Function values pass everywhere; this is to learn.
                for (wanted, given) in wanted.iter().zip(given) {
                    self.fits(given, wanted, same);
                }
                if wanted.len() == given.len() {
                    self.fits(wanted_result, given_result, same);
                }
                true
            }
            (_, Ty::Fn(..)) => true,
            _ if wanted_meta.is_some() && wanted_holds => match self.merge(&want, &give, same) {
                Some(merged) => {
                    self.rebind(wanted, &merged);
                    true
                }
                None => false,
            },
            (Ty::Primitive(one), Ty::Primitive(other)) => one == other,
            (Ty::List(wanted), Ty::List(given))
            | (Ty::Dict(wanted), Ty::Dict(given))
            | (Ty::Stream(wanted), Ty::Stream(given))
            | (Ty::Db(wanted), Ty::Db(given)) => self.fits(wanted, given, same),
            (Ty::Tuple(wanted), Ty::Tuple(given)) if wanted.len() == given.len() => self.all_fit(wanted, given, same),
            (Ty::Custom(one, wanted), Ty::Custom(other, given)) => {
                (one == other || same.same(*one, *other)) && self.all_fit(wanted, given, same)
            }
            _ => false,
        };
        fits || !certain
    }

    fn all_fit(&mut self, wanted: &[Ty], given: &[Ty], same: &dyn Sameness) -> bool {
        let mut fits = true;
        for (wanted, given) in wanted.iter().zip(given) {
            fits &= self.fits(wanted, given, same);
        }
        fits
    }

    /// Says anew what the last bound one on the way from a type is.
    fn rebind(&mut self, of: &Ty, is: &Ty) {
        if let (_, Some(last), _) = self.last(of)
            && !self.occurs(last, is, DEPTH_MAX)
            && let Some(meta) = self.all.get_mut(last)
        {
            meta.is = Some(is.clone());
        }
    }

    /// The one type of two values that stand in one list; `None` if the runtime certainly refuses.
    pub(super) fn merge(&mut self, one: &Ty, other: &Ty, same: &dyn Sameness) -> Option<Ty> {
        if self.depth == COMPARED_MAX || !self.step() {
            return Some(Ty::Unknown);
        }
        self.depth += 1;
        let found = self.merge_within(one, other, same);
        self.depth -= 1;
        found
    }

    fn merge_within(&mut self, one: &Ty, other: &Ty, same: &dyn Sameness) -> Option<Ty> {
        let (left, _, left_holds) = self.last(one);
        let (right, _, right_holds) = self.last(other);
        let merged = match (&left, &right) {
            (Ty::Meta(a), Ty::Meta(b)) if a == b => Some(left),
            (Ty::Meta(at), _) => {
                self.bind(*at, other);
                Some(one.clone())
            }
            (_, Ty::Meta(at)) => {
                self.bind(*at, one);
                Some(other.clone())
            }
            (Ty::Unknown | Ty::Rigid(_), _) => Some(right),
            (_, Ty::Unknown | Ty::Rigid(_)) => Some(left),
            (Ty::Fn(a, left_result), Ty::Fn(b, right_result)) => {
                if a.len() == b.len() {
                    for (a, b) in a.iter().zip(b) {
                        let _learn = self.merge(a, b, same);
                    }
                    let _learn = self.merge(left_result, right_result, same);
                }
                Some(left)
            }
            (Ty::Fn(..), _) => Some(right),
            (_, Ty::Fn(..)) => Some(left),
            (Ty::Primitive(a), Ty::Primitive(b)) => (a == b).then_some(left),
            (Ty::List(a), Ty::List(b)) => self.merge(a, b, same).map(|of| Ty::List(Box::new(of))),
            (Ty::Dict(a), Ty::Dict(b)) => self.merge(a, b, same).map(|of| Ty::Dict(Box::new(of))),
            (Ty::Stream(a), Ty::Stream(b)) => self.merge(a, b, same).map(|of| Ty::Stream(Box::new(of))),
            (Ty::Db(a), Ty::Db(b)) => self.merge(a, b, same).map(|of| Ty::Db(Box::new(of))),
            (Ty::Tuple(a), Ty::Tuple(b)) if a.len() == b.len() => self.merge_all(a, b, same).map(Ty::Tuple),
            (Ty::Custom(a, args), Ty::Custom(b, others)) if a == b || same.same(*a, *b) => {
                self.merge_all(args, others, same).map(|args| Ty::Custom(*a, args))
            }
            _ => None,
        };
        if merged.is_none() && !(left_holds && right_holds) { Some(one.clone()) } else { merged }
    }

    /// The type of what is either of two: what they have in common.
    pub(super) fn join(&mut self, one: &Ty, other: &Ty, same: &dyn Sameness) -> Ty {
        if self.depth == COMPARED_MAX || !self.step() {
            return Ty::Unknown;
        }
        self.depth += 1;
        let found = self.join_within(one, other, same);
        self.depth -= 1;
        found
    }

    fn join_within(&mut self, one: &Ty, other: &Ty, same: &dyn Sameness) -> Ty {
        let (left, _, _) = self.last(one);
        let (right, _, _) = self.last(other);
        match (&left, &right) {
            (Ty::Meta(at), _) => {
                self.bind(*at, other);
                one.clone()
            }
            (_, Ty::Meta(at)) => {
                self.bind(*at, one);
                other.clone()
            }
            (Ty::List(a), Ty::List(b)) => Ty::List(Box::new(self.join(a, b, same))),
            (Ty::Dict(a), Ty::Dict(b)) => Ty::Dict(Box::new(self.join(a, b, same))),
            (Ty::Stream(a), Ty::Stream(b)) => Ty::Stream(Box::new(self.join(a, b, same))),
            (Ty::Db(a), Ty::Db(b)) => Ty::Db(Box::new(self.join(a, b, same))),
            (Ty::Tuple(a), Ty::Tuple(b)) if a.len() == b.len() => Ty::Tuple(self.join_all(a, b, same)),
            (Ty::Custom(a, args), Ty::Custom(b, others)) if a == b || same.same(*a, *b) => {
                Ty::Custom(*a, self.join_all(args, others, same))
            }
            (Ty::Fn(a, result), Ty::Fn(b, other)) if a.len() == b.len() => {
                Ty::Fn(self.join_all(a, b, same), Box::new(self.join(result, other, same)))
            }
            _ if left == right => left,
            _ => Ty::Unknown,
        }
    }

    fn join_all(&mut self, one: &[Ty], other: &[Ty], same: &dyn Sameness) -> Vec<Ty> {
        one.iter().zip(other).map(|(one, other)| self.join(one, other, same)).collect()
    }

    fn merge_all(&mut self, one: &[Ty], other: &[Ty], same: &dyn Sameness) -> Option<Vec<Ty>> {
        one.iter().zip(other).map(|(one, other)| self.merge(one, other, same)).collect()
    }

    /// The type as people write it; `_` where it is not known. `name` spells declared types.
    pub(super) fn told(&self, of: &Ty, name: &dyn Fn(LinkNode) -> String) -> String {
        let of = self.settle(of, false);
        let mut out = String::new();
        tell(&of, name, false, &mut out);
        out
    }
}

/// A type in a message is cut behind so many bytes.
const TOLD_MAX: usize = 240;

fn tell(of: &Ty, name: &dyn Fn(LinkNode) -> String, inside: bool, out: &mut String) {
    if out.len() > TOLD_MAX {
        if !out.ends_with('…') {
            out.push('…');
        }
        return;
    }
    let angled = |head: &str, args: &[&Ty], out: &mut String| {
        out.push_str(head);
        for (at, arg) in args.iter().enumerate() {
            out.push_str(if at == 0 { "<" } else { ", " });
            tell(arg, name, false, out);
        }
        if !args.is_empty() {
            out.push('>');
        }
    };
    match of {
        Ty::Unknown | Ty::Meta(_) => out.push('_'),
        Ty::Primitive(primitive) => out.push_str(&format!("{primitive:?}")),
        Ty::List(of) => angled("List", &[of], out),
        Ty::Dict(of) => angled("Dict", &[of], out),
        Ty::Stream(of) => angled("Stream", &[of], out),
        Ty::Db(of) => angled("DB", &[of], out),
        Ty::Rigid(variable) => {
            out.push('\'');
            out.push_str(variable);
        }
        Ty::Custom(node, args) => angled(&name(*node), &args.iter().collect::<Vec<_>>(), out),
        Ty::Tuple(parts) => {
            out.push('(');
            for (at, part) in parts.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { " * " });
                tell(part, name, true, out);
            }
            out.push(')');
        }
        Ty::Fn(arguments, result) => {
            out.push_str(if inside { "(" } else { "" });
            for argument in arguments {
                tell(argument, name, true, out);
                out.push_str(" -> ");
            }
            tell(result, name, true, out);
            out.push_str(if inside { ")" } else { "" });
        }
    }
}
