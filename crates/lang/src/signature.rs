//! Signatures: the types of a definition's parameters and of its result, for searches by type.
//!
//! [`glance`] reads one off a definition, [`AskedSignature`] reads one that a person wrote, and [`Signature::fitness`] says how well the
//! former fits the latter. Types are as they are written: an alias is another type than what it stands for, and a value has the type
//! that its literal shows, if it shows one.
//!
//! Deliberately absent: the view. What a name means is told by the caller.

mod fit;

use std::collections::BTreeMap;

use dm_model::codec::{DecodeError, Decoder, Encoder};
use dm_model::{Definition, EntityId, Kind, Target};
use dm_syntax::written::Primitive;
use dm_syntax::{Diagnostic, IntKind, Mode, TextRange};

pub use fit::{Fit, Fitness};

use crate::extract::declaration_nodes;
use crate::outline::{Outline, outline_of};
use crate::program::{self, Expr, ExprKind, Item, TypeKind};
use crate::spelling;

/// More parameters than so many are not told apart by the words of a signature.
const ARITY_MAX: usize = 16;
/// Types nest so deep at most: the syntax lets none be deeper.
const DEPTH_MAX: usize = dm_syntax::NESTING_MAX as usize;

/// Parts that a type has at most; a text of the largest size that is parsed has fewer.
const PARTS_MAX: usize = 1 << 20;
/// Bytes of a name that meant nothing.
const NAME_BYTES_MAX: usize = 1 << 20;

/// What a definition takes and gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The types of its parameters.
    pub params: Vec<SigType>,
    /// The type of its result, or of the value that it is.
    pub result: SigType,
}

/// A type in a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigType {
    /// Not known, or anything.
    Any,
    /// A type variable; variables are counted in the order of their first use.
    Variable(u32),
    /// A type that the language itself has.
    Primitive(Primitive),
    /// `List<T>`.
    List(Box<Self>),
    /// `Dict<T>`.
    Dict(Box<Self>),
    /// `Stream<T>`.
    Stream(Box<Self>),
    /// `DB<T>`.
    Db(Box<Self>),
    /// `A * B`.
    Tuple(Vec<Self>),
    /// `A -> B -> R`.
    Fn(Vec<Self>, Box<Self>),
    /// A declared type and its arguments; none may also mean any.
    Named(EntityId, Vec<Self>),
    /// A name that meant nothing when it was written: its last segment, and its arguments.
    Unresolved(String, Vec<Self>),
}

/// A definition at a glance and its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// What it is on a line, and its doc.
    pub outline: Outline,
    /// What it takes and gives, if it takes or gives something that can be told.
    pub signature: Option<Signature>,
}

/// A definition at a glance with its signature; `None` if its text is not one declaration.
#[must_use]
pub fn glance(definition: &Definition) -> Option<Glance> {
    let parse = dm_syntax::parse(&definition.text, Mode::Package);
    let node = declaration_nodes(&parse).into_iter().next()?;
    let outline = outline_of(&definition.text, node)?;
    let clean = parse.is_clean() && outline.kind == definition.kind;
    let signature = match definition.kind {
        Kind::Fn if clean => program::lower_head(definition, node).map(|(params, result)| {
            let mut reader = Reader::default();
            let params = params.iter().map(|param| reader.of(param)).collect();
            Signature { params, result: reader.of(&result) }
        }),
        Kind::Value if clean => match program::lower_parsed(definition, node) {
            Ok(program::Program { item: Item::Value(body), .. }) => {
                let result = of_literal(&body);
                (result != SigType::Any).then(|| Signature { params: Vec::new(), result })
            }
            _ => None,
        },
        _ => None,
    };
    Some(Glance { outline, signature })
}

/// Numbers type variables in the order of their first use.
#[derive(Default)]
struct Reader {
    variables: Vec<String>,
    /// What names mean that were written without a meaning.
    meanings: BTreeMap<String, EntityId>,
}

impl Reader {
    fn of(&mut self, of: &program::Type) -> SigType {
        match &of.kind {
            TypeKind::Primitive(primitive) => SigType::Primitive(*primitive),
            TypeKind::List(of) => SigType::List(Box::new(self.of(of))),
            TypeKind::Dict(of) => SigType::Dict(Box::new(self.of(of))),
            TypeKind::Stream(of) => SigType::Stream(Box::new(self.of(of))),
            TypeKind::Db(of) => SigType::Db(Box::new(self.of(of))),
            TypeKind::Tuple(parts) => SigType::Tuple(self.all(parts)),
            TypeKind::Fn(arguments, result) => SigType::Fn(self.all(arguments), Box::new(self.of(result))),
            TypeKind::Variable(name) => {
                let at = self.variables.iter().position(|known| known == name).unwrap_or_else(|| {
                    self.variables.push(name.clone());
                    self.variables.len() - 1
                });
                SigType::Variable(u32::try_from(at).unwrap_or(u32::MAX))
            }
            TypeKind::Named(name, args) => {
                let args = self.all(args);
                match (&name.target, self.meanings.get(&name.spelling)) {
                    (Target::Entity(entity), _) | (_, Some(entity)) => SigType::Named(*entity, args),
                    _ => of_language(&name.spelling)
                        .unwrap_or_else(|| SigType::Unresolved(spelling::last(&name.spelling).to_owned(), args)),
                }
            }
        }
    }

    fn all(&mut self, types: &[program::Type]) -> Vec<SigType> {
        types.iter().map(|of| self.of(of)).collect()
    }
}

/// The language's own types that are written without their argument.
fn of_language(spelling: &str) -> Option<SigType> {
    let any = || Box::new(SigType::Any);
    Some(match spelling {
        "List" => SigType::List(any()),
        "Dict" => SigType::Dict(any()),
        "Stream" => SigType::Stream(any()),
        "DB" => SigType::Db(any()),
        _ => return None,
    })
}

/// The type of a value as far as its literal shows it.
fn of_literal(expr: &Expr) -> SigType {
    let first = |parts: &[Expr]| Box::new(parts.first().map_or(SigType::Any, of_literal));
    match &expr.kind {
        ExprKind::Unit => SigType::Primitive(Primitive::Unit),
        ExprKind::Bool(_) => SigType::Primitive(Primitive::Bool),
        ExprKind::Int(_, kind) => SigType::Primitive(of_int(*kind)),
        ExprKind::Float(_) => SigType::Primitive(Primitive::Float),
        ExprKind::Char(_) => SigType::Primitive(Primitive::Char),
        ExprKind::String(_) => SigType::Primitive(Primitive::String),
        ExprKind::List(parts) => SigType::List(first(parts)),
        ExprKind::Tuple(parts) => SigType::Tuple(parts.iter().map(of_literal).collect()),
        ExprKind::Dict(parts) => {
            SigType::Dict(Box::new(parts.first().map_or(SigType::Any, |part| of_literal(&part.value))))
        }
        ExprKind::Record(name, args, _) | ExprKind::Enum(name, args, ..) => match name.target {
            Target::Entity(entity) => SigType::Named(entity, Reader::default().all(args)),
            _ => SigType::Unresolved(spelling::last(&name.spelling).to_owned(), Reader::default().all(args)),
        },
        _ => SigType::Any,
    }
}

const fn of_int(kind: IntKind) -> Primitive {
    match kind {
        IntKind::Int => Primitive::Int,
        IntKind::Int8 => Primitive::Int8,
        IntKind::UInt8 => Primitive::UInt8,
        IntKind::Int16 => Primitive::Int16,
        IntKind::UInt16 => Primitive::UInt16,
        IntKind::Int32 => Primitive::Int32,
        IntKind::UInt32 => Primitive::UInt32,
        IntKind::Int64 => Primitive::Int64,
        IntKind::UInt64 => Primitive::UInt64,
        IntKind::Int128 => Primitive::Int128,
        IntKind::UInt128 => Primitive::UInt128,
    }
}

/// A signature that a person wrote; its names have no meaning yet.
#[derive(Debug, Clone)]
pub struct AskedSignature {
    of: program::Type,
}

/// Before the type that a person wrote, to make it a declaration.
const BEFORE: &str = "type T = ";

impl AskedSignature {
    /// Reads one type: what stands before the last arrow are parameters.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn read(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let whole = format!("{BEFORE}{}", text.replace(['\n', '\r'], " "));
        let parse = dm_syntax::parse(&whole, Mode::Package);
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let shifted = |at: u32| at.saturating_sub(BEFORE_BYTES).min(end);
        let mut errors: Vec<Diagnostic> = parse.diagnostics.clone();
        for error in &mut errors {
            error.range = TextRange::new(shifted(error.range.start), shifted(error.range.end));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let no_type = || {
            let message = "a type is expected here, as in `'a -> List<'a> -> Bool`";
            vec![Diagnostic::error(dm_syntax::Code::Unexpected, TextRange::new(0, end), message)]
        };
        let nodes = declaration_nodes(&parse);
        let [node] = nodes.as_slice() else { return Err(no_type()) };
        let definition = Definition { kind: Kind::Type, text: whole, references: Vec::new() };
        match program::lower_parsed(&definition, *node) {
            Ok(program::Program {
                item: Item::Type(program::TypeDeclaration { shape: program::TypeShape::Alias(of), .. }),
                ..
            }) => Ok(Self { of }),
            _ => Err(no_type()),
        }
    }

    /// The names of declared types, as written, and where in the text.
    #[must_use]
    pub fn names(&self) -> Vec<(&str, TextRange)> {
        let mut names = Vec::new();
        self.of.names(&mut names);
        let shifted = |at: u32| at.saturating_sub(BEFORE_BYTES);
        let names = names.into_iter().filter(|name| of_language(&name.spelling).is_none());
        names
            .map(|name| (&*name.spelling, TextRange::new(shifted(name.range.start), shifted(name.range.end))))
            .collect()
    }

    /// The signature, with what each name means by its spelling. A declared type without arguments stands for one with any.
    #[must_use]
    pub fn meaning(&self, meanings: BTreeMap<String, EntityId>) -> Signature {
        let mut reader = Reader { variables: Vec::new(), meanings };
        match &self.of.kind {
            TypeKind::Fn(params, result) => Signature { params: reader.all(params), result: reader.of(result) },
            _ => Signature { params: Vec::new(), result: reader.of(&self.of) },
        }
    }
}

/// The bytes of [`BEFORE`].
const BEFORE_BYTES: u32 = BEFORE.len() as u32;

impl Signature {
    /// The types as bytes; `docs/formats/store.md` says how.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        to.count(self.params.len() + 1);
        self.params.iter().chain([&self.result]).for_each(|of| of.write(&mut to));
        to.finish()
    }

    /// The signature that these bytes are of.
    ///
    /// # Errors
    /// If they are of none.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        let mut params = Vec::new();
        for _ in 0..from.count(PARTS_MAX, "types of a signature")? {
            params.push(SigType::read(&mut from, DEPTH_MAX)?);
        }
        let result = params.pop().ok_or_else(|| from.not_canonical("signature without a result"))?;
        from.finish()?;
        Ok(Self { params, result })
    }

    /// The words by which it is found, each beginning with `t`: of all of it, of its heads, and of how many parameters it has.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![self.whole_word(), self.heads_word()];
        let mut heads: Vec<String> = self.params.iter().map(|param| format!("tp{}", param.head())).collect();
        heads.sort_unstable();
        heads.dedup();
        words.append(&mut heads);
        words.push(format!("tr{}", self.result.head()));
        words.push(format!("tn{}", self.params.len().min(ARITY_MAX)));
        words.extend((1..=self.params.len().min(ARITY_MAX)).map(|count| format!("ta{count}")));
        words
    }

    /// Equal for signatures that are equal but for the names of their variables.
    fn whole_word(&self) -> String {
        format!("tx{:016x}", hash(&self.encode()))
    }

    /// Equal for signatures with the same heads in any order.
    fn heads_word(&self) -> String {
        let mut heads: Vec<String> = self.params.iter().map(SigType::head).collect();
        heads.sort_unstable();
        heads.push(self.result.head());
        format!("ts{:016x}", hash(heads.join(" ").as_bytes()))
    }

    /// The questions by words to ask for what may fit it, the best fitting first; each takes in what the ones before it do.
    #[must_use]
    pub fn questions(&self) -> Vec<String> {
        let mut questions = Vec::new();
        let arity = self.params.len().min(ARITY_MAX);
        let either = |mark: char, of: &SigType| match of {
            SigType::Any => None,
            SigType::Variable(_) => Some(format!("\"t{mark}v\"")),
            _ => Some(format!("(\"t{mark}{}\" OR \"t{mark}v\")", of.head())),
        };
        let mut parts: Vec<String> = self.params.iter().filter_map(|of| either('p', of)).collect();
        parts.sort_unstable();
        parts.dedup();
        parts.extend(either('r', &self.result));
        questions.push(format!("\"{}\"", self.whole_word()));
        if self.params.len() > 1 {
            questions.push(format!("\"{}\"", self.heads_word()));
        }
        let count = [format!("\"tn{arity}\"")];
        questions.push(count.iter().chain(&parts).cloned().collect::<Vec<_>>().join(" AND "));
        if arity < ARITY_MAX {
            let more = [format!("\"ta{}\"", arity + 1)];
            questions.push(more.iter().chain(&parts).cloned().collect::<Vec<_>>().join(" AND "));
        }
        questions
    }
}

/// Of bytes, for words of an index (FNV-1a, 64 bits).
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

impl SigType {
    /// What it is at its outside, as a word.
    fn head(&self) -> String {
        match self {
            Self::Any => "any".to_owned(),
            Self::Variable(_) => "v".to_owned(),
            Self::Primitive(primitive) => format!("i{}", crate::link::primitive_tag(*primitive)),
            Self::List(_) => "l".to_owned(),
            Self::Dict(_) => "d".to_owned(),
            Self::Stream(_) => "t".to_owned(),
            Self::Db(_) => "b".to_owned(),
            Self::Tuple(parts) => format!("u{}", parts.len()),
            Self::Fn(arguments, _) => format!("f{}", arguments.len()),
            Self::Named(entity, _) => format!("e{:016x}", hash(entity.as_bytes())),
            Self::Unresolved(name, _) => format!("o{:016x}", hash(name.as_bytes())),
        }
    }

    fn write(&self, to: &mut Encoder) {
        let list = |to: &mut Encoder, parts: &[Self]| {
            to.count(parts.len());
            parts.iter().for_each(|part| part.write(to));
        };
        match self {
            Self::Any => to.byte(0),
            Self::Variable(at) => {
                to.byte(1);
                to.uint(u64::from(*at));
            }
            Self::Primitive(primitive) => {
                to.byte(2);
                to.byte(crate::link::primitive_tag(*primitive));
            }
            Self::List(of) | Self::Dict(of) | Self::Stream(of) | Self::Db(of) => {
                to.byte(match self {
                    Self::List(_) => 3,
                    Self::Dict(_) => 4,
                    Self::Stream(_) => 5,
                    _ => 6,
                });
                of.write(to);
            }
            Self::Tuple(parts) => {
                to.byte(7);
                list(to, parts);
            }
            Self::Fn(arguments, result) => {
                to.byte(8);
                list(to, arguments);
                result.write(to);
            }
            Self::Named(entity, args) => {
                to.byte(9);
                to.raw(entity.as_bytes());
                list(to, args);
            }
            Self::Unresolved(name, args) => {
                to.byte(10);
                to.text(name);
                list(to, args);
            }
        }
    }

    fn read(from: &mut Decoder<'_>, depth: usize) -> Result<Self, DecodeError> {
        let Some(depth) = depth.checked_sub(1) else { return Err(from.not_canonical("type nested too deep")) };
        let one = |from: &mut Decoder<'_>| Self::read(from, depth).map(Box::new);
        let list = |from: &mut Decoder<'_>| {
            let count = from.count(PARTS_MAX, "parts of a type")?;
            (0..count).map(|_| Self::read(from, depth)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match from.byte("type")? {
            0 => Self::Any,
            1 => {
                let at = from.uint("type variable")?;
                Self::Variable(u32::try_from(at).map_err(|_| from.unknown("type variable", at))?)
            }
            2 => {
                let tag = from.byte("primitive")?;
                let primitive = crate::link::primitive_of_tag(tag);
                Self::Primitive(primitive.ok_or_else(|| from.unknown("primitive", u64::from(tag)))?)
            }
            3 => Self::List(one(from)?),
            4 => Self::Dict(one(from)?),
            5 => Self::Stream(one(from)?),
            6 => Self::Db(one(from)?),
            7 => Self::Tuple(list(from)?),
            8 => Self::Fn(list(from)?, one(from)?),
            9 => Self::Named(EntityId::from_bytes(from.array("entity")?), list(from)?),
            10 => Self::Unresolved(from.text(NAME_BYTES_MAX, "name")?.to_owned(), list(from)?),
            tag => return Err(from.unknown("type", u64::from(tag))),
        })
    }
}

#[cfg(test)]
mod tests;
