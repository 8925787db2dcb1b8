//! Commits as they lie in a repository, and what a patch's intent is made of.

use dm_model::Timestamp;
use dm_model::revision::{AUTHOR_BYTES_MAX, INTENT_BYTES_MAX};

use super::GitError;
use super::repository::ObjectId;

/// The last moment that a date of four digits can say, in seconds: later ones are mistakes.
const SECONDS_MAX: i64 = 253_402_300_799;
/// Most files that an intent names.
const NAMED_MAX: usize = 20;
/// The trailer that names the commit that a patch was made of.
pub(crate) const COMMIT_TRAILER: &str = "Git-Commit";
/// The trailer that names a file whose text was not taken.
const LAG_TRAILER: &str = "Not-Taken";

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub id: ObjectId,
    /// The one whose line it goes on.
    pub first_parent: Option<ObjectId>,
    /// `Name <address>`.
    pub author: String,
    pub authored_at: Timestamp,
    pub committed_at: Timestamp,
    pub message: String,
}

impl Commit {
    /// Reads a commit's bytes.
    pub(crate) fn parse(id: &ObjectId, bytes: &[u8]) -> Result<Self, GitError> {
        let bad = |why| GitError::BadCommit { commit: id.to_string(), why };
        let mut rest = bytes;
        let (mut first_parent, mut author, mut committer, mut encoding) = (None, None, None, None);
        loop {
            let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| bad("it has no message"))?;
            let (line, behind) = rest.split_at(end);
            rest = behind.get(1..).unwrap_or_default();
            if line.is_empty() {
                break;
            }
            let (key, value) = match line.iter().position(|byte| *byte == b' ') {
                // Goes on with the line before, which is a signature's.
                Some(0) | None => continue,
                Some(space) => (line.get(..space).unwrap_or_default(), line.get(space + 1..).unwrap_or_default()),
            };
            match key {
                b"parent" if first_parent.is_none() => first_parent = ObjectId::parse(value),
                b"author" => author = Some(value),
                b"committer" => committer = Some(value),
                b"encoding" => encoding = Some(value),
                _ => {}
            }
        }
        let latin = encoding.is_some_and(is_latin);
        let (author, authored_at) = person(author.ok_or_else(|| bad("it has no author"))?, latin);
        let (_, committed_at) = person(committer.ok_or_else(|| bad("it has no committer"))?, latin);
        let message = text(rest, latin);
        Ok(Self { id: id.clone(), first_parent, author, authored_at, committed_at, message })
    }

    /// The intent of the patch that is made of it: its message, and behind that where it comes from and what was not taken.
    pub(crate) fn intent(&self, lagging: &[(String, String)]) -> String {
        let mut trailers = format!("{COMMIT_TRAILER}: {}\n", self.id);
        for (file, reason) in lagging.iter().take(NAMED_MAX) {
            let reason: String = reason.chars().take(120).collect();
            trailers.push_str(&format!("{LAG_TRAILER}: {}: {reason}\n", shortened(file, 200)));
        }
        if lagging.len() > NAMED_MAX {
            trailers.push_str(&format!("{LAG_TRAILER}: {} more files\n", lagging.len() - NAMED_MAX));
        }
        let message = self.message.trim();
        let message = if message.is_empty() { "A commit without a message" } else { message };
        let room = INTENT_BYTES_MAX.saturating_sub(trailers.len() + 8);
        format!("{}\n\n{}", shortened(message, room), trailers.trim_end())
    }
}

/// At most so many bytes of a text, cut between two letters.
fn shortened(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default())
}

fn is_latin(encoding: &[u8]) -> bool {
    let name = String::from_utf8_lossy(encoding).to_ascii_lowercase();
    matches!(name.as_str(), "iso-8859-1" | "iso8859-1" | "latin1" | "latin-1" | "windows-1252" | "cp1252")
}

/// A text of a commit: what is no text is replaced, and nothing in it steers a terminal.
fn text(bytes: &[u8], latin: bool) -> String {
    let text = if latin && std::str::from_utf8(bytes).is_err() {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    };
    let text = text.replace("\r\n", "\n");
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

/// `Name <address> SECONDS ZONE`: who, and when.
fn person(line: &[u8], latin: bool) -> (String, Timestamp) {
    let line = text(line, latin).replace('\n', " ");
    let (who, when) = match line.rfind('>') {
        Some(end) => line.split_at(end + 1),
        None => (line.as_str(), ""),
    };
    let seconds = when.split_whitespace().next().and_then(|word| word.parse::<i64>().ok()).unwrap_or(0);
    let who = who.trim().trim_end_matches("<>").trim();
    let who = if who.is_empty() { "nobody" } else { who };
    let mut name = shortened(who, AUTHOR_BYTES_MAX - 8);
    if name.len() < who.len() && who.ends_with('>') {
        name.push('>');
    }
    (name, Timestamp::from_ms(seconds.clamp(0, SECONDS_MAX) * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ObjectId {
        ObjectId::parse(b"00112233445566778899aabbccddeeff00112233").unwrap()
    }

    fn parse(text: &str) -> Result<Commit, GitError> {
        Commit::parse(&id(), text.as_bytes())
    }

    #[test]
    fn a_signed_merge_is_read() {
        let parent = "1".repeat(40);
        let other = "2".repeat(40);
        let text = format!(
            "tree {parent}\nparent {parent}\nparent {other}\nauthor Ada Lovelace <ada@example.org> 1700000000 +0200\n\
             committer GitHub <noreply@example.org> 1700000005 -0500\ngpgsig -----BEGIN\n author Eve <e> 1 +0\n -----END\n\n\
             Merge it\n\nWith a body.\n"
        );
        let commit = parse(&text).unwrap();
        assert_eq!(commit.first_parent.as_ref().map(ObjectId::as_str), Some(parent.as_str()));
        assert_eq!(commit.author, "Ada Lovelace <ada@example.org>");
        assert_eq!(commit.authored_at, Timestamp::from_ms(1_700_000_000_000));
        assert_eq!(commit.committed_at, Timestamp::from_ms(1_700_000_005_000));
        let lagging = [("a.dark".to_owned(), "row 3: a bracket is missing".to_owned())];
        assert_eq!(
            commit.intent(&lagging),
            format!("Merge it\n\nWith a body.\n\nGit-Commit: {}\nNot-Taken: a.dark: row 3: a bracket is missing", id())
        );
    }

    #[test]
    fn odd_commits_are_read_or_refused() {
        let commit = parse("tree x\nauthor <> huh\ncommitter  <c@d> -5 +0\n\n").unwrap();
        assert_eq!((commit.author.as_str(), commit.authored_at.as_ms()), ("nobody", 0));
        assert!(commit.intent(&[]).starts_with("A commit without a message\n\nGit-Commit: "));
        let escapes = parse("author A <a> 1 +0\ncommitter A <a> 1 +0\n\n\u{1b}[31mred\u{7}\n").unwrap();
        assert_eq!(escapes.message, "[31mred\n");
        for bad in ["", "tree x\n", "author A <a> 1 +0\n\nx", "committer A <a> 1 +0\n\nx"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        let latin = b"author Zo\xeb <z> 1 +0\ncommitter A <a> 1 +0\nencoding ISO-8859-1\n\nCaf\xe9";
        let latin = Commit::parse(&id(), latin).unwrap();
        assert_eq!((latin.author.as_str(), latin.message.as_str()), ("Zo\u{eb} <z>", "Caf\u{e9}"));
        let long = format!("author {} <a> 1 +0\ncommitter A <a> 1 +0\n\n{}", "n".repeat(9000), "é".repeat(20_000));
        let long = parse(&long).unwrap();
        assert!(long.author.len() <= AUTHOR_BYTES_MAX, "{}", long.author.len());
        let many: Vec<(String, String)> = (0..100).map(|n| ("f".repeat(9000), format!("reason {n}"))).collect();
        assert!(long.intent(&many).len() <= INTENT_BYTES_MAX);
    }
}
