//! What documents there are, and where their links lead.

use super::{File, Tree};

const PRESENT: [&str; 16] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "deny.toml",
    "rustfmt.toml",
    "clippy.toml",
    ".ci/run",
    "fuzz/README.md",
    "docs/glossary.md",
    "docs/concepts.md",
    "docs/tutorial.md",
    "docs/roadmap.md",
    "docs/risks.md",
    "docs/design/questions.md",
];

/// A format: the file that writes it, its name in the page's `Format versions` line, the text in the code that its version stands
/// after, and its page.
struct Format {
    source: &'static str,
    constant: &'static str,
    page: &'static str,
    word: &'static str,
}

/// Each format with a version. A new version needs a page that says so.
const FORMATS: [Format; 2] = [
    Format {
        source: "crates/store/src/schema.rs",
        constant: "SCHEMA_VERSION: u32 = ",
        page: "docs/formats/store.md",
        word: "schema",
    },
    Format {
        source: "crates/engine/src/base.rs",
        constant: "BASE_VERSION: u32 = ",
        page: "docs/formats/export-base.md",
        word: "base",
    },
];

/// The targets of a document's links, with their lines. Fenced blocks and code within lines are left out.
fn links_of(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (line, number) in file.text.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        for piece in prose.split("](").skip(1) {
            let target = piece.split([')', ' ']).next().unwrap_or_default();
            found.push((number, target.to_owned()));
        }
    }
    found
}

/// The path that a link leads to, from the root. None if it leaves the root.
fn resolved(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The anchors that the headings of a document make.
fn anchors_of(file: &File) -> Vec<String> {
    let headings = file.text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
            kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
        })
        .collect()
}

/// Links between files lead to files, and to headings within them.
pub fn links(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_markdown()) {
        for (number, link) in links_of(file) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let place = if path.is_empty() { Some(file.path.clone()) } else { resolved(&file.path, path) };
            let folder = place.as_ref().map(|place| format!("{place}/"));
            let target = place.as_deref().and_then(|place| tree.file(place));
            let is_folder = folder.is_some_and(|folder| tree.files.iter().any(|file| file.path.starts_with(&folder)));
            let found = target.is_some() || is_folder;
            let anchored = anchor.is_empty()
                || target.is_none_or(|target| {
                    !target.is_markdown() || anchors_of(target).iter().any(|known| known == anchor)
                });
            if !found || !anchored {
                complaints.push(format!("{}:{number}: {link} leads nowhere", file.path));
            }
        }
    }
    complaints
}

/// What everyone looks for is there.
pub fn presence(tree: &Tree) -> Vec<String> {
    PRESENT.iter().filter(|path| tree.file(path).is_none()).map(|path| format!("{path} is missing")).collect()
}

/// The version in the code is the version in the page of the format.
pub fn formats(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for Format { source, constant, page, word } in FORMATS {
        let Some(code) = tree.file(source) else {
            complaints.push(format!("{source} is missing"));
            continue;
        };
        let version = code.text.split_once(constant).map(|(_, rest)| rest.split(';').next().unwrap_or_default());
        let Some(version) = version else {
            complaints.push(format!("{source} does not say {constant}"));
            continue;
        };
        let wanted = format!("{word} {version}");
        let stated = tree.file(page).and_then(|page| {
            page.text.lines().find(|line| line.starts_with("Format version")).map(|line| line.contains(&wanted))
        });
        if stated != Some(true) {
            complaints.push(format!("{page} has no line `Format version: …` with `{wanted}`"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complains, files};
    use super::*;

    #[test]
    fn a_link_to_nowhere_is_found() {
        let tree = files(&[
            (
                "README.md",
                "[a](docs/a.md) [b](docs/a.md#two-words) [c](docs) `[x](y)` [u](https://x.y/z)\n```\n[q](r)\n```\n",
            ),
            ("docs/a.md", "# Two words\n[up](../README.md) [self](#two-words)\n"),
        ]);
        complains(links, &tree, &[]);
        let tree = files(&[
            ("docs/a.md", "# A\n[gone](b.md)\n[out](../../x.md)\n[no](#other)\n[up](../README.md#a)\n"),
            ("README.md", "# B\n"),
        ]);
        complains(links, &tree, &["docs/a.md:2: b.md", "x.md", "#other", "README.md#a"]);
    }

    #[test]
    fn a_missing_document_is_found() {
        let all: Vec<(&str, &str)> = PRESENT.iter().map(|path| (*path, "")).collect();
        complains(presence, &files(&all), &[]);
        complains(presence, &files(&all[1..]), &["README.md"]);
    }

    #[test]
    fn a_format_without_its_page_is_found() {
        let code = ("crates/store/src/schema.rs", "pub const SCHEMA_VERSION: u32 = 2;\n");
        let page = |text| ("docs/formats/store.md", text);
        let other = ("crates/engine/src/base.rs", "const BASE_VERSION: u32 = 1;\n");
        let its_page = ("docs/formats/export-base.md", "Format version: base 1.\n");
        let with = |more: &[(&'static str, &'static str)]| files(&[&[other, its_page], more].concat());
        complains(formats, &with(&[code, page("# Store\n\nFormat version: schema 2.\n")]), &[]);
        complains(formats, &with(&[code, page("Format version: schema 1.\n")]), &["schema 2"]);
        complains(formats, &with(&[code]), &["docs/formats/store.md"]);
        complains(formats, &with(&[]), &["schema.rs is missing"]);
    }
}
