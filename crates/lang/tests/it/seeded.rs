//! How much of what is wrong is found: errors of types, put into whole trees one at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use dm_lang::program::{Arm, Expr, ExprKind, Item, Name, PipeStepKind, Segment, Statement, Type, TypeKind, TypeShape};
use dm_lang::{CheckSource as _, Checker, LinkNode, Program, SlotTarget, Wanted};
use dm_model::Target;
use dm_syntax::IntKind;
use dm_syntax::written::Primitive;

use crate::types::{Types, trees};

/// What is put wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seed {
    Argument,
    Count,
    Field,
    Case,
    Result,
}

const SEEDS: [Seed; 5] = [Seed::Argument, Seed::Count, Seed::Field, Seed::Case, Seed::Result];

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % (end as u64)).expect("below a usize")
    }
}

/// Puts something wrong at the `at`-th place where that can be; tells whether there was one.
struct Seeder<'t, 'i> {
    types: &'t Types<'i>,
    node: LinkNode,
    seed: Seed,
    at: usize,
    seen: usize,
    wrong: usize,
}

impl Seeder<'_, '_> {
    /// Whether this is the place.
    fn here(&mut self) -> bool {
        self.seen += 1;
        self.seen == self.at + 1
    }

    fn program_of(&self, name: &Name, wanted: Wanted) -> Option<Arc<Program>> {
        let target = match &name.target {
            Target::Entity(entity) => SlotTarget::Entity(*entity),
            Target::Unresolved => SlotTarget::Unresolved { spelling: name.spelling.clone(), wanted },
            Target::Builtin { .. } => return None,
        };
        self.types.program(self.types.follow(self.node, &target)?)
    }

    /// An expression that certainly does not have a type; `None` where that is not certain.
    fn misfit(&self, of: &Type) -> Option<ExprKind> {
        let given = match &of.kind {
            TypeKind::Variable(_) => return None,
            TypeKind::Named(name, _) => {
                let program = self.program_of(name, Wanted::Type)?;
                // An alias may be one of anything.
                let Item::Type(declaration) = &program.item else { return None };
                if matches!(declaration.shape, TypeShape::Alias(_)) {
                    return None;
                }
                None
            }
            TypeKind::Primitive(primitive) => Some(*primitive),
            _ => None,
        };
        let literals = [
            (Primitive::Int64, ExprKind::Int("7".to_owned(), IntKind::Int64)),
            (Primitive::String, ExprKind::String(vec![Segment::Text("wrong".to_owned())])),
            (Primitive::Bool, ExprKind::Bool(true)),
            (Primitive::Char, ExprKind::Char("x".to_owned())),
        ];
        let fitting: Vec<_> = literals.into_iter().filter(|(of, _)| Some(*of) != given).collect();
        fitting.get(self.wrong % fitting.len()).map(|(_, literal)| literal.clone())
    }

    fn arguments(&mut self, name: &Name, wanted: Wanted, piped: usize, args: &mut Vec<Expr>) {
        let Some(program) = self.program_of(name, wanted) else { return };
        let Item::Fn(function) = &program.item else { return };
        if self.seed == Seed::Argument {
            for (at, arg) in args.iter_mut().enumerate() {
                let wrong = function.params.get(at + piped).and_then(|param| self.misfit(&param.of));
                if let Some(wrong) = wrong
                    && self.here()
                {
                    arg.kind = wrong;
                }
            }
        }
        if self.seed == Seed::Count
            && args.len() + piped == function.params.len()
            && let Some(last) = args.last().cloned()
            && self.here()
        {
            args.push(last);
        }
    }

    #[expect(clippy::too_many_lines, reason = "a flat table of every kind of expression")]
    fn expr(&mut self, expr: &mut Expr) {
        match &mut expr.kind {
            ExprKind::Unit
            | ExprKind::Bool(_)
            | ExprKind::Int(..)
            | ExprKind::Float(_)
            | ExprKind::Char(_)
            | ExprKind::Local(_)
            | ExprKind::Name(_) => {}
            ExprKind::String(segments) => {
                for segment in segments {
                    if let Segment::Hole(hole) = segment {
                        self.expr(hole);
                    }
                }
            }
            ExprKind::List(parts) | ExprKind::Tuple(parts) => parts.iter_mut().for_each(|part| self.expr(part)),
            ExprKind::Dict(entries) => entries.iter_mut().for_each(|entry| self.expr(&mut entry.value)),
            ExprKind::Record(_, _, fields) | ExprKind::Update(_, fields) => {
                for field in fields.iter_mut() {
                    if self.seed == Seed::Field && self.here() {
                        field.field.name.push_str("Wrong");
                    }
                    self.expr(&mut field.value);
                }
                if let ExprKind::Update(record, _) = &mut expr.kind {
                    self.expr(record);
                }
            }
            ExprKind::Field(record, fields) => {
                for field in fields {
                    if self.seed == Seed::Field && self.here() {
                        field.name.push_str("Wrong");
                    }
                }
                self.expr(record);
            }
            ExprKind::Enum(_, _, case, fields) => {
                if self.seed == Seed::Case && self.here() {
                    case.name.push_str("Wrong");
                }
                fields.iter_mut().for_each(|field| self.expr(field));
            }
            ExprKind::Apply(callee, _, args) => {
                if let ExprKind::Name(name) = &callee.kind {
                    let name = name.clone();
                    self.arguments(&name, Wanted::FnThenValue, 0, args);
                }
                self.expr(callee);
                args.iter_mut().for_each(|arg| self.expr(arg));
            }
            ExprKind::Infix(first, operands) => {
                self.expr(first);
                operands.iter_mut().for_each(|operand| self.expr(&mut operand.right));
            }
            ExprKind::Lambda(_, body) => self.expr(body),
            ExprKind::If(branches, otherwise) => {
                for (condition, branch) in branches {
                    self.expr(condition);
                    self.expr(branch);
                }
                if let Some(otherwise) = otherwise {
                    self.expr(otherwise);
                }
            }
            ExprKind::Match(scrutinee, arms) => {
                self.expr(scrutinee);
                for Arm { guard, body, .. } in arms {
                    if let Some(guard) = guard {
                        self.expr(guard);
                    }
                    self.expr(body);
                }
            }
            ExprKind::Pipe(head, steps) => {
                self.expr(head);
                for step in steps {
                    match &mut step.kind {
                        PipeStepKind::Call(name, _, args) => {
                            let name = name.clone();
                            self.arguments(&name, Wanted::Fn, 1, args);
                            args.iter_mut().for_each(|arg| self.expr(arg));
                        }
                        PipeStepKind::Local(_, args) => args.iter_mut().for_each(|arg| self.expr(arg)),
                        PipeStepKind::Lambda(_, body) => self.expr(body),
                        PipeStepKind::Infix(_, right) => self.expr(right),
                        PipeStepKind::Enum(_, case, args) => {
                            if self.seed == Seed::Case && self.here() {
                                case.name.push_str("Wrong");
                            }
                            args.iter_mut().for_each(|arg| self.expr(arg));
                        }
                    }
                }
            }
            ExprKind::Block(statements, last) => {
                for statement in statements {
                    match statement {
                        Statement::Let(_, value) | Statement::Do(value) => self.expr(value),
                    }
                }
                self.expr(last);
            }
        }
    }

    /// The ends of the ways through a body.
    fn ends(&mut self, body: &mut Expr, result: &Type) {
        match &mut body.kind {
            ExprKind::Block(_, last) => self.ends(last, result),
            ExprKind::If(branches, Some(otherwise)) => {
                branches.iter_mut().for_each(|(_, branch)| self.ends(branch, result));
                self.ends(otherwise, result);
            }
            ExprKind::Match(_, arms) => arms.iter_mut().for_each(|arm| self.ends(&mut arm.body, result)),
            kind => {
                if let Some(wrong) = self.misfit(result)
                    && self.here()
                {
                    *kind = wrong;
                }
            }
        }
    }

    fn program(&mut self, program: &mut Program) {
        match &mut program.item {
            Item::Fn(function) if self.seed == Seed::Result => {
                let result = function.result.clone();
                self.ends(&mut function.body, &result);
            }
            Item::Fn(function) => self.expr(&mut function.body),
            Item::Value(body) => self.expr(body),
            Item::Type(_) | Item::Test(_) => {}
        }
    }
}

#[test]
fn most_seeded_errors_are_found() {
    const WANTED: usize = 1000;
    for (imported, _) in trees() {
        let types = Types::new(&imported);
        let checker = Checker::new(&types);
        let entities: Vec<_> = types.programs.keys().copied().collect();
        let mut random = Random(7);
        let mut counts: BTreeMap<Seed, (usize, usize)> = BTreeMap::new();
        let mut seeded = 0;
        while seeded < WANTED {
            let seed = SEEDS[seeded % SEEDS.len()];
            let entity = entities[random.below(entities.len())];
            let node = LinkNode::Entity(entity);
            let original = &types.programs[&entity];
            let wrong = random.below(64);
            let mut seeder = Seeder { types: &types, node, seed, at: usize::MAX - 1, seen: 0, wrong };
            seeder.program(&mut Program::clone(original));
            if seeder.seen == 0 {
                continue;
            }
            let at = random.below(seeder.seen);
            let mut program = Program::clone(original);
            Seeder { types: &types, node, seed, at, seen: 0, wrong }.program(&mut program);
            assert_ne!(&program, &**original);
            let before = checker.check(node, original).problems.len();
            let found = checker.check(node, &program).problems.len() > before;
            let count = counts.entry(seed).or_default();
            count.0 += 1;
            count.1 += usize::from(found);
            if !found {
                println!("not found: {seed:?} in {}, place {at}", imported.definitions[&entity].0);
            }
            seeded += 1;
        }
        let found: usize = counts.values().map(|(_, found)| found).sum();
        println!("{found} of {WANTED} seeded errors are found: {counts:?}");
        assert!(found * 10 >= WANTED * 9, "{counts:?}");
    }
}
