//! Putting placeholders where two runs may rightly differ: temporary paths, ports, ids, durations.

/// What is replaced in an output before it is compared. Filters apply in the order paths, ports, durations, ids.
///
/// ```
/// let filters = dm_testkit::Filters::new().ports().durations();
/// assert_eq!(filters.apply("at http://127.0.0.1:40123 in 0.31 s"), "at http://127.0.0.1:[PORT] in [TIME]");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Filters {
    /// Longest first, so that a folder within another is found.
    texts: Vec<(String, String)>,
    ports: bool,
    durations: bool,
    ids: bool,
}

impl Filters {
    /// Filters that change nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces a text, such as a temporary path, wherever it stands. An empty text is ignored.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>, placeholder: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.texts.push((text, placeholder.into()));
            self.texts.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        }
        self
    }

    /// Replaces the port of a loopback address by `[PORT]`.
    #[must_use]
    pub fn ports(mut self) -> Self {
        self.ports = true;
        self
    }

    /// Replaces durations (`12 ms`, `0.3 s`, `45 µs`) by `[TIME]`.
    #[must_use]
    pub fn durations(mut self) -> Self {
        self.durations = true;
        self
    }

    /// Replaces ids (four or more hex digits, with a digit and a letter among them, as a word of their own) by `[ID]`.
    #[must_use]
    pub fn ids(mut self) -> Self {
        self.ids = true;
        self
    }

    /// The text with its placeholders.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (from, to) in &self.texts {
            text = text.replace(from, to);
        }
        if self.ports {
            text = replace_ports(&text);
        }
        if self.durations {
            text = replace_durations(&text);
        }
        if self.ids {
            text = replace_words(&text, |word| if is_id(word) { Some("[ID]".to_owned()) } else { None });
        }
        text
    }
}

/// Whether a word looks like an id or a hash.
pub(crate) fn is_id(word: &str) -> bool {
    is_hex(word)
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Whether a word is hex digits, enough of them for an id.
pub(crate) fn is_hex(word: &str) -> bool {
    word.len() >= 4 && word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Runs of letters, digits and `_`, and what is between them, in order.
pub(crate) fn words_of(text: &str) -> Vec<&str> {
    let in_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter| in_word(letter) != in_word(first)).unwrap_or(rest.len());
        let (piece, left) = rest.split_at(end);
        pieces.push(piece);
        rest = left;
    }
    pieces
}

/// The text with words replaced where `replacement` has one.
pub(crate) fn replace_words(text: &str, replacement: impl Fn(&str) -> Option<String>) -> String {
    words_of(text).into_iter().map(|word| replacement(word).unwrap_or_else(|| word.to_owned())).collect()
}

fn replace_ports(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((at, host)) =
        ["127.0.0.1:", "localhost:", "[::1]:"].iter().filter_map(|host| Some((rest.find(host)?, *host))).min()
    {
        let (before, after) = rest.split_at(at + host.len());
        let digits = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
        out.push_str(before);
        if digits > 0 {
            out.push_str("[PORT]");
        }
        rest = after.split_at(digits).1;
    }
    out + rest
}

fn replace_durations(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let number = after.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(after.len());
        let (number, tail) = after.split_at(number);
        let inside_word = out.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.');
        match unit_length(tail).filter(|_| !inside_word && !number.ends_with('.')) {
            Some(length) => {
                out.push_str("[TIME]");
                rest = tail.split_at(length).1;
            }
            None => {
                out.push_str(number);
                rest = tail;
            }
        }
    }
    out + rest
}

/// How many bytes of a text are a unit of time, with the space before it.
fn unit_length(text: &str) -> Option<usize> {
    let (space, text) = match text.strip_prefix(' ') {
        Some(text) => (1, text),
        None => (0, text),
    };
    ["ms", "µs", "ns", "s"].iter().find_map(|unit| {
        let rest = text.strip_prefix(unit)?;
        let ended = !rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        ended.then_some(space + unit.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_a_unit() {
        let filters = Filters::new().durations();
        assert_eq!(filters.apply("449 files in 0.31 s, 12ms (45 µs)."), "449 files in [TIME], [TIME] ([TIME]).");
        assert_eq!(filters.apply("3 sets, a1 s, v1.2 3s4"), "3 sets, a1 s, v1.2 3s4");
        assert_eq!(filters.apply("ends with 7"), "ends with 7");
    }

    #[test]
    fn ids_are_words_of_hex_with_digit_and_letter() {
        let filters = Filters::new().ids();
        assert_eq!(
            filters.apply("patch 4f2a, of a19c88e0: 5817 facade x4f2a"),
            "patch [ID], of [ID]: 5817 facade x4f2a"
        );
    }

    #[test]
    fn ports_and_paths() {
        let filters = Filters::new().ports().text("/tmp/x", "[ROOT]").text("/tmp/x/laptop", "~").text("", "never");
        assert_eq!(filters.apply("/tmp/x/laptop/a /tmp/x/b"), "~/a [ROOT]/b");
        assert_eq!(filters.apply("http://localhost:80/ [::1]:9"), "http://localhost:[PORT]/ [::1]:[PORT]");
        assert_eq!(filters.apply("127.0.0.1: none"), "127.0.0.1: none");
    }
}
