//! Who may depend on whom, and what pure crates may not touch.

use std::collections::BTreeMap;

use super::Tree;

/// Each crate and the crates of ours that it may depend on.
const DIRECTION: [(&str, &[&str]); 15] = [
    ("dm-model", &[]),
    ("dm-syntax", &[]),
    ("dm-lang", &["dm-model", "dm-syntax"]),
    ("dm-runtime", &["dm-model", "dm-lang"]),
    ("dm-collab", &["dm-model"]),
    ("dm-store", &["dm-model", "dm-collab"]),
    ("dm-engine", &["dm-model", "dm-syntax", "dm-lang", "dm-runtime", "dm-collab", "dm-store"]),
    ("dm-server", &["dm-engine", "dm-collab", "dm-model"]),
    ("dm-lsp", &["dm-engine", "dm-model"]),
    ("dm-mcp", &["dm-engine", "dm-model"]),
    ("dm", &["dm-server", "dm-lsp", "dm-mcp", "dm-engine", "dm-model"]),
    ("dm-testkit", &[]),
    ("dm-sim", &["dm-model", "dm-syntax", "dm-lang", "dm-runtime", "dm-collab", "dm-store", "dm-engine", "dm-server"]),
    ("xtask", &[]),
    ("dm-fuzz", &["dm-model", "dm-syntax", "dm-lang", "dm-collab"]),
];

/// What the tests of any crate may use besides what lies below it.
const FOR_TESTS: [&str; 2] = ["dm-testkit", "dm-sim"];

/// Crates of others that only some of ours may name.
const ONLY_IN: [(&str, &[&str]); 9] = [
    ("tokio", &["dm-server"]),
    ("axum", &["dm-server"]),
    ("anyhow", &["xtask"]),
    ("wait4", &["xtask"]),
    ("clap", &["dm"]),
    ("rusqlite", &["dm-store"]),
    ("ureq", &["dm-engine"]),
    ("ed25519-dalek", &["dm-model"]),
    ("getrandom", &["dm-engine", "dm-server"]),
];

/// The folders of the crates that touch nothing outside.
const PURE: [&str; 5] = ["model", "syntax", "lang", "runtime", "collab"];

/// What a pure crate may not name, so that its clippy.toml bans it.
const BANNED_BY_CLIPPY: [&str; 16] = [
    "too-many-lines-threshold = 70",
    "allow-unwrap-in-tests = true",
    "std::env::var",
    "std::fs::read_to_string",
    "std::fs::write",
    "std::fs::File",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::process::Command",
    "std::thread::spawn",
    "std::thread::sleep",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::hash::RandomState",
    "std::println",
    "std::eprintln",
];

/// Paths that reach the outside however they are imported.
const OUTSIDE: [&str; 8] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "time::Instant",
    "time::SystemTime",
    "std::io::std",
];

/// Our crates depend on those below them only.
pub fn direction(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in &tree.packages {
        let Some((_, below)) = DIRECTION.iter().find(|(name, _)| *name == package.name) else {
            complaints.push(format!("{} is not in the table of crates", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = DIRECTION.iter().any(|(name, _)| *name == dependency.name);
            let name = dependency.name.as_str();
            let for_tests =
                dependency.kind.as_deref() == Some("dev") && (FOR_TESTS.contains(&name) || lies_below(name, below));
            if ours && !for_tests && !below.contains(&dependency.name.as_str()) {
                complaints.push(format!("{} may not depend on {}", package.name, dependency.name));
            }
        }
    }
    complaints
}

/// Whether a crate is among these or below one of them: tests may reach under the floor, to break what lies there.
fn lies_below(name: &str, crates: &[&str]) -> bool {
    crates.iter().any(|above| {
        let below = DIRECTION.iter().find(|(known, _)| known == above).map_or(&[] as &[&str], |(_, below)| below);
        *above == name || lies_below(name, below)
    })
}

/// Crates of others that mark a layer stay in that layer. Tests may use more, but nothing async.
pub fn outside_crates(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in &tree.packages {
        for dependency in &package.dependencies {
            let Some((name, places)) = ONLY_IN.iter().find(|(name, _)| *name == dependency.name) else { continue };
            let in_tests = dependency.kind.as_deref() == Some("dev") && *name != "tokio";
            if !in_tests && !places.contains(&package.name.as_str()) {
                complaints.push(format!(
                    "{} may not depend on {name}: it belongs to {}",
                    package.name,
                    places.join(", ")
                ));
            }
        }
    }
    complaints
}

/// Each dependency of the workspace is used by a crate, and deny.toml says why it is there.
pub fn reasons(tree: &Tree) -> Vec<String> {
    let manifest = tree.file("Cargo.toml").and_then(|file| file.text.parse::<toml::Table>().ok());
    let Some(manifest) = manifest else { return vec!["Cargo.toml is not readable".to_owned()] };
    let dependencies =
        manifest.get("workspace").and_then(|table| table.get("dependencies")).and_then(toml::Value::as_table);
    let rules = tree.file("deny.toml").map(|file| file.text.as_str()).unwrap_or_default();
    let reasons: BTreeMap<&str, &str> = rules
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.split_once(": "))
        .filter(|(name, reason)| !name.contains(' ') && !reason.trim().is_empty())
        .collect();
    let mut complaints = Vec::new();
    for name in dependencies.into_iter().flatten().map(|(name, _)| name) {
        if !tree.packages.iter().any(|package| package.dependencies.iter().any(|used| used.name == *name)) {
            complaints.push(format!("{name} is used by no crate"));
        }
        if !DIRECTION.iter().any(|(ours, _)| ours == name) && !reasons.contains_key(name.as_str()) {
            complaints.push(format!("deny.toml does not say why we have {name}"));
        }
    }
    complaints
}

/// The folders of pure crates that exist.
fn pure_crates(tree: &Tree) -> impl Iterator<Item = &'static str> + '_ {
    PURE.into_iter().filter(|name| tree.file(&format!("crates/{name}/Cargo.toml")).is_some())
}

/// Clippy reads only the nearest clippy.toml, so each pure crate has one with everything in it.
pub fn purity_lints(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in pure_crates(tree) {
        let path = format!("crates/{name}/clippy.toml");
        let Some(file) = tree.file(&path) else {
            complaints.push(format!("{path} is missing"));
            continue;
        };
        let missing = BANNED_BY_CLIPPY.iter().filter(|word| {
            let quoted = format!("\"{word}\"");
            !(if word.contains(" = ") { file.text.contains(*word) } else { file.text.contains(&quoted) })
        });
        complaints.extend(missing.map(|word| format!("{path} lacks {word}")));
    }
    complaints
}

/// Pure crates do not even name what reaches the outside, besides in tests.
pub fn purity_words(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in pure_crates(tree) {
        let folder = format!("crates/{name}/src/");
        for file in tree.rust_files().filter(|file| file.path.starts_with(&folder) && !file.is_test()) {
            for (number, line) in file.lines_before_tests().filter(|(_, line)| !line.trim_start().starts_with("//")) {
                let found = OUTSIDE.iter().filter(|word| line.contains(*word));
                complaints.extend(found.map(|word| format!("{}:{number}: {word} in a pure crate", file.path)));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complains, files, package};
    use super::*;

    fn packages(packages: Vec<crate::workspace::Package>) -> Tree {
        Tree { packages, ..Tree::default() }
    }

    #[test]
    fn a_crate_that_looks_upwards_is_found() {
        let fine = packages(vec![
            package("dm-lang", &["dm-model", "dev:dm-testkit", "similar"]),
            package("dm", &["dm-engine"]),
        ]);
        complains(direction, &fine, &[]);
        let wrong =
            packages(vec![package("dm-model", &["dm-lang"]), package("dm-store", &["dm-sim"]), package("dm-new", &[])]);
        complains(direction, &wrong, &["dm-model may not depend on dm-lang", "dm-sim", "dm-new is not in the table"]);
        complains(direction, &packages(vec![package("dm-model", &["dev:dm-lang"])]), &["dm-lang"]);
    }

    #[test]
    fn a_crate_of_another_layer_is_found() {
        let fine = packages(vec![package("dm-server", &["tokio", "dev:ureq"])]);
        complains(outside_crates, &fine, &[]);
        let wrong = packages(vec![package("dm-engine", &["tokio"]), package("dm-store", &["dev:tokio", "anyhow"])]);
        complains(outside_crates, &wrong, &["dm-engine may not depend on tokio", "dm-store", "anyhow"]);
    }

    #[test]
    fn a_dependency_without_use_or_reason_is_found() {
        let manifest = "[workspace.dependencies]\nserde = \"1\"\nrowan = \"1\"\ndm-model = { path = \"x\" }\n";
        let mut tree = files(&[("Cargo.toml", manifest), ("deny.toml", "# Why:\n# serde: shapes\n")]);
        tree.packages = vec![package("dm-engine", &["serde", "dm-model"])];
        complains(reasons, &tree, &["rowan is used by no crate", "why we have rowan"]);
        complains(reasons, &files(&[]), &["Cargo.toml"]);
    }

    #[test]
    fn a_pure_crate_without_its_lints_is_found() {
        let all = BANNED_BY_CLIPPY
            .map(|word| if word.contains(" = ") { word.to_owned() } else { format!("\"{word}\"") })
            .join("\n");
        let tree = |text: &str| files(&[("crates/model/Cargo.toml", ""), ("crates/model/clippy.toml", text)]);
        complains(purity_lints, &tree(&all), &[]);
        complains(purity_lints, &tree(&all.replace("\"std::fs::write\"", "")), &["lacks std::fs::write"]);
        complains(purity_lints, &files(&[("crates/lang/Cargo.toml", "")]), &["crates/lang/clippy.toml is missing"]);
    }

    #[test]
    fn a_pure_crate_that_names_the_outside_is_found() {
        let tree = |text: &str| files(&[("crates/model/Cargo.toml", ""), ("crates/model/src/a.rs", text)]);
        complains(
            purity_words,
            &tree("//! no std::fs here\nuse std::fmt;\n#[cfg(test)]\nmod tests { use std::fs; }\n"),
            &[],
        );
        complains(purity_words, &tree("use std::time::Instant;\nlet x = std::env::var(1);\n"), &["a.rs:1", "a.rs:2"]);
        complains(
            purity_words,
            &files(&[("crates/store/Cargo.toml", ""), ("crates/store/src/a.rs", "use std::fs;")]),
            &[],
        );
    }
}
