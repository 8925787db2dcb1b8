//! `dm deps` and `dm dependents`: what refers to what, as a list, a tree or a DOT graph.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;

use dm_engine::{DependencyEdge, DependencyGraph, DependencyNode};

use super::pages;
use crate::args::{GraphArgs, GraphForm};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{DIM, Page, WARN, styled};

/// `dm deps`.
pub fn deps(context: &Context, args: &GraphArgs) -> Result<ExitCode, Failure> {
    let graph = context.read(|snapshot| snapshot.deps(&args.name, depth_max(args)))?;
    context.answer(&graph, |graph, page| graph_page(graph, args, page))
}

/// `dm dependents`.
pub fn dependents(context: &Context, args: &GraphArgs) -> Result<ExitCode, Failure> {
    let graph = context.read(|snapshot| snapshot.dependents(&args.name, depth_max(args)))?;
    context.answer(&graph, |graph, page| graph_page(graph, args, page))
}

/// Without a word on depth, only what is next to the definition.
fn depth_max(args: &GraphArgs) -> u64 {
    match (args.depth, args.transitive) {
        (Some(depth), _) => depth,
        (None, true) => u64::MAX,
        (None, false) => 1,
    }
}

fn graph_page(graph: &DependencyGraph, args: &GraphArgs, page: &mut Page) {
    match args.form {
        GraphForm::List => list_page(graph, page),
        GraphForm::Tree => Tree::of(graph).page(page),
        GraphForm::Dot => return page.block(&dot(graph)),
    }
    for builtin in &graph.builtins {
        page.line(format!("{:5} {builtin}", "built"));
    }
    for name in &graph.unresolved {
        page.line(format!("{} {name}", styled(WARN, &format!("{:5}", "?"))));
    }
}

fn list_page(graph: &DependencyGraph, page: &mut Page) {
    for node in &graph.definitions {
        let mut notes = Vec::new();
        // How it is led to, where that is next to the definition asked about.
        let near = |edge: &&DependencyEdge| edge.from == graph.root.id && edge.to == node.id;
        let from = |edge: &&DependencyEdge| edge.to == graph.root.id && edge.from == node.id;
        if let Some(edge) = graph.edges.iter().find(near).or_else(|| graph.edges.iter().find(from)) {
            notes.extend(edge_notes(edge));
        }
        if node.distance > 1 {
            notes.push(format!("{} away", node.distance));
        }
        page.line(node_line(node, &notes));
    }
}

fn edge_notes(edge: &DependencyEdge) -> Vec<String> {
    let mut notes = Vec::new();
    if edge.by_name {
        notes.push("by name; the next save takes it".to_owned());
    }
    if let Some(version) = &edge.pinned {
        notes.push(format!("pinned to {}", version.chars().take(8).collect::<String>()));
    }
    notes
}

fn node_line(node: &DependencyNode, notes: &[String]) -> String {
    let deleted = if node.deleted { styled(WARN, " (deleted)") } else { String::new() };
    let notes = if notes.is_empty() { String::new() } else { styled(DIM, &format!(" ({})", notes.join("; "))) };
    format!("{}{deleted}{notes}", pages::entry_line(&node.entry))
}

/// A graph by indentation: what was written out above is not written out again.
struct Tree<'g> {
    graph: &'g DependencyGraph,
    nodes: BTreeMap<&'g str, &'g DependencyNode>,
    /// Below each node, by location.
    below: BTreeMap<&'g str, Vec<(&'g DependencyNode, &'g DependencyEdge)>>,
}

impl<'g> Tree<'g> {
    fn of(graph: &'g DependencyGraph) -> Self {
        let all = std::iter::once(&graph.root).chain(&graph.definitions);
        let nodes: BTreeMap<&str, &DependencyNode> = all.map(|node| (node.id.as_str(), node)).collect();
        let mut below: BTreeMap<&str, Vec<(&DependencyNode, &DependencyEdge)>> = BTreeMap::new();
        for edge in &graph.edges {
            let (over, under) = if graph.direction == "deps" { (&edge.from, &edge.to) } else { (&edge.to, &edge.from) };
            if let Some(node) = nodes.get(under.as_str()) {
                below.entry(over).or_default().push((node, edge));
            }
        }
        for nodes in below.values_mut() {
            nodes.sort_by(|(left, _), (right, _)| left.entry.location.cmp(&right.entry.location));
        }
        Self { graph, nodes, below }
    }

    fn page(&self, page: &mut Page) {
        let mut written = BTreeSet::new();
        let mut waiting = vec![(self.graph.root.id.as_str(), None, 0)];
        // A list instead of recursion: chains may be long.
        while let Some((id, edge, depth)) = waiting.pop() {
            let Some(node) = self.nodes.get(id) else { continue };
            let below = self.below.get(id).map(Vec::as_slice).unwrap_or_default();
            let first = written.insert(id);
            let mut notes: Vec<String> = edge.map(edge_notes).unwrap_or_default();
            if !first && !below.is_empty() {
                notes.push("as above".to_owned());
            }
            page.line(format!("{}{}", "  ".repeat(depth), node_line(node, &notes)));
            if first {
                let next = below.iter().rev();
                waiting.extend(next.map(|(node, edge)| (node.id.as_str(), Some(*edge), depth + 1)));
            }
        }
    }
}

/// A graph in the language of Graphviz.
fn dot(graph: &DependencyGraph) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = format!("digraph {} {{\n", graph.direction);
    for node in std::iter::once(&graph.root).chain(&graph.definitions) {
        let version = node.id.split_once('@').map(|(_, hash)| hash.chars().take(8).collect::<String>());
        let label = match version {
            Some(version) => format!("{} at {version}", node.entry.location),
            None => node.entry.location.clone(),
        };
        let _ = writeln!(text, "  {} [label={}];", quoted(&node.id), quoted(&label));
    }
    for edge in &graph.edges {
        let style = if edge.by_name { " [style=dashed]" } else { "" };
        let _ = writeln!(text, "  {} -> {}{style};", quoted(&edge.from), quoted(&edge.to));
    }
    text.push_str("}\n");
    text
}
