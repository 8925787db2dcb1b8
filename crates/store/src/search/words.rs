//! Words: what a text is cut into, what a word is to a definition, and how the index is asked for it.
//!
//! [`Word::class_in`] alone says whether and how well a word fits; what the index answers are candidates.

use dm_model::{Kind, Location};

use super::Memo;

/// A beginning of words stands for so many different ones at most, in module paths, signatures and docs: each is a list that is read.
pub const COMPLETIONS_MAX: usize = 64;
/// Of a longer word only so many letter triples are asked for: those that follow narrow nothing down.
const TRIPLES_MAX: usize = 24;
/// Stands before the beginning of a name.
const NAME_START: char = '‹';
/// Stands before the beginning of a part of a name.
const PART_START: char = '·';

/// Before a word of the index: what it is a word of. Each has lists of its own, so that what is rare in one place is not sought among
/// what is frequent in another. `t` stands before what the caller says of types.
pub(super) mod mark {
    pub(crate) const NAME: char = 'n';
    pub(crate) const WORD: char = 'w';
    pub(crate) const GRAM: char = 'g';
    pub(crate) const PATH: char = 'p';
    pub(crate) const SIGNATURE: char = 's';
    pub(crate) const DOC: char = 'd';
    pub(crate) const MODULE: char = 'm';
    pub(crate) const KIND: char = 'k';
    pub(crate) const DEPRECATED: char = 'x';
}

/// What a word is to a definition, the best that it is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Its whole name.
    Name,
    /// The beginning of its name.
    Prefix,
    /// In its name, from where a part begins: `key` in `groupByWithKey`.
    Part,
    /// Anywhere else in its name.
    Within,
    /// The beginning of a word of its module's path.
    Path,
    /// The beginning of a word of its signature.
    Signature,
    /// The beginning of a word of its doc.
    Doc,
    /// Not in it, but its name or a part of that is a small slip away.
    Corrected,
}

impl Class {
    /// All, best first.
    pub const ALL: [Self; 8] =
        [Self::Name, Self::Prefix, Self::Part, Self::Within, Self::Path, Self::Signature, Self::Doc, Self::Corrected];

    /// In words for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Prefix => "name_beginning",
            Self::Part => "name_part",
            Self::Within => "in_name",
            Self::Path => "module",
            Self::Signature => "signature",
            Self::Doc => "doc",
            Self::Corrected => "corrected",
        }
    }
}

/// A name as it is searched: its letters and digits in lower case, and where its parts begin.
pub(super) struct Folded {
    pub text: String,
    pub starts: Vec<usize>,
}

impl Folded {
    pub(super) fn of(name: &str) -> Self {
        let mut folded = Self { text: String::with_capacity(name.len()), starts: Vec::new() };
        for run in runs(name) {
            for part in parts(run) {
                folded.starts.push(folded.text.len());
                lower(part, &mut folded.text);
            }
        }
        folded
    }

    /// The parts, if there are several.
    fn split(&self) -> impl Iterator<Item = &str> {
        let ends = self.starts.iter().skip(1).copied().chain([self.text.len()]);
        let several = self.starts.len() > 1;
        self.starts.iter().zip(ends).filter(move |_| several).filter_map(|(start, end)| self.text.get(*start..end))
    }

    /// The name and its parts.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.text.as_str()).chain(self.split()).filter(|word| !word.is_empty())
    }

    /// Writes what is indexed of it: triples of letters, and one or two letters behind each mark.
    pub(super) fn grams(&self, to: &mut String) {
        for triple in triples(&self.text) {
            to.extend([mark::GRAM]);
            to.push_str(triple);
            to.push(' ');
        }
        for (at, start) in self.starts.iter().enumerate() {
            let rest = self.text.get(*start..).unwrap_or_default();
            for letters in 1..=2 {
                if at == 0 {
                    marked(NAME_START, rest, letters, to);
                    to.push(' ');
                }
                marked(PART_START, rest, letters, to);
                to.push(' ');
            }
        }
    }
}

fn marked(start: char, rest: &str, letters: usize, to: &mut String) {
    to.extend([mark::GRAM, start]);
    to.extend(rest.chars().take(letters));
}

fn lower(text: &str, to: &mut String) {
    if text.is_ascii() {
        to.extend(text.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
    } else {
        to.push_str(&text.to_lowercase());
    }
}

/// Stretches of letters and digits.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|run| !run.is_empty())
}

/// The parts of a run: `groupByKey2` has four, `HTTPServer` two.
fn parts(run: &str) -> Vec<&str> {
    let letters: Vec<(usize, char)> = run.char_indices().collect();
    let mut cuts = vec![0];
    for (at, pair) in letters.windows(2).enumerate() {
        let [(_, left), (place, right)] = pair else { continue };
        let ends_capitals = left.is_uppercase()
            && right.is_uppercase()
            && letters.get(at + 2).is_some_and(|(_, next)| next.is_lowercase());
        if (left.is_lowercase() && right.is_uppercase()) || left.is_numeric() != right.is_numeric() || ends_capitals {
            cuts.push(*place);
        }
    }
    let ends = cuts.iter().skip(1).copied().chain([run.len()]).collect::<Vec<_>>();
    cuts.iter().zip(ends).filter_map(|(start, end)| run.get(*start..end)).collect()
}

/// The words of a text in lower case, each with its parts where it has several.
pub(super) fn words_of(text: &str, mut each: impl FnMut(&str)) {
    let mut word = String::new();
    for run in runs(text) {
        word.clear();
        lower(run, &mut word);
        each(&word);
        let parts = parts(run);
        for part in parts.iter().filter(|_| parts.len() > 1) {
            word.clear();
            lower(part, &mut word);
            each(&word);
        }
    }
}

/// Stretches of three letters.
fn triples(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8()).skip(2);
    text.char_indices().zip(ends).filter_map(|((start, _), end)| text.get(start..end))
}

/// What follows the own name in a signature, which is the one that it was written with and maybe no longer the one in force. A test has
/// none.
pub(super) fn signature_rest(kind: Kind, signature: &str) -> &str {
    match kind {
        Kind::Test => signature,
        _ => signature.trim_start_matches(|letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '\'')),
    }
}

/// The index's word for a module and all below it.
pub(super) fn module_tag(path: &str) -> String {
    let letters = path.chars().map(|letter| if letter.is_alphanumeric() { letter } else { PART_START });
    std::iter::once(mark::MODULE).chain(letters).collect()
}

/// The index's word for a kind.
pub(super) fn kind_tag(kind: Kind) -> String {
    format!("{}{}", mark::KIND, kind.tag())
}

/// The index's word for what is deprecated, or is not.
pub(super) fn deprecated_tag(deprecated: bool) -> String {
    format!("{}{}", mark::DEPRECATED, u8::from(deprecated))
}

/// A word that is sought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    text: String,
    /// The words of module paths, of signatures and of docs that begin so.
    pub(super) completions: [Vec<String>; 3],
    /// Words of names that are sought instead.
    corrections: Vec<String>,
}

impl Word {
    /// The words of what a person asks for: stretches of letters and digits, in lower case.
    #[must_use]
    pub fn all_in(text: &str) -> Vec<Self> {
        let word = |run: &str| {
            let mut text = String::new();
            lower(run, &mut text);
            Self { text, completions: Default::default(), corrections: Vec::new() }
        };
        runs(text).map(word).collect()
    }

    /// The word in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What is sought instead of it.
    #[must_use]
    pub fn corrections(&self) -> &[String] {
        &self.corrections
    }

    /// Seeks these words of names in its place.
    #[must_use]
    pub fn corrected(self, corrections: Vec<String>) -> Self {
        Self { completions: Default::default(), corrections, ..self }
    }

    /// What the word is to a definition; `None` if it is nothing to it.
    #[must_use]
    pub fn class_in(&self, location: &Location, kind: Kind, memo: &Memo) -> Option<Class> {
        let name = Folded::of(location.name());
        if !self.corrections.is_empty() {
            let fits = name.words().any(|word| self.corrections.iter().any(|corrected| corrected == word));
            return fits.then_some(Class::Corrected);
        }
        let from = |start: &usize| name.text.get(*start..).is_some_and(|rest| rest.starts_with(&self.text));
        if name.text == self.text {
            return Some(Class::Name);
        }
        if name.text.starts_with(&self.text) {
            return Some(Class::Prefix);
        }
        if name.starts.iter().any(from) {
            return Some(Class::Part);
        }
        if self.long() && name.text.contains(&self.text) {
            return Some(Class::Within);
        }
        let begins = |text: &str| {
            let mut found = false;
            words_of(text, |word| found |= word.starts_with(&self.text));
            found
        };
        if begins(location.module_path()) {
            Some(Class::Path)
        } else if begins(signature_rest(kind, &memo.signature)) {
            Some(Class::Signature)
        } else {
            begins(&memo.doc).then_some(Class::Doc)
        }
    }

    /// Whether it is long enough to be found in the middle of a part.
    fn long(&self) -> bool {
        self.text.chars().nth(2).is_some()
    }

    /// The question to the index for what it may be in this way; `None` if it cannot be there.
    #[must_use]
    pub fn question(&self, class: Class) -> Option<String> {
        if !self.corrections.is_empty() {
            return (class == Class::Corrected).then(|| {
                let words = self.corrections.iter().map(|word| quoted(mark::WORD, word));
                words.collect::<Vec<_>>().join(" OR ")
            });
        }
        let [path, signature, doc] = &self.completions;
        match class {
            Class::Name => Some(quoted(mark::NAME, &self.text)),
            Class::Prefix => Some(grams(Some(NAME_START), &self.text)),
            Class::Part => Some(grams(Some(PART_START), &self.text)),
            Class::Within => self.long().then(|| grams(None, &self.text)),
            Class::Path => any_of(mark::PATH, path),
            Class::Signature => any_of(mark::SIGNATURE, signature),
            Class::Doc => any_of(mark::DOC, doc),
            Class::Corrected => None,
        }
    }

    /// The question to the index for what it may be in any way.
    #[must_use]
    pub fn any_question(&self) -> String {
        let in_name = if self.long() { Class::Within } else { Class::Part };
        let classes = [in_name, Class::Path, Class::Signature, Class::Doc, Class::Corrected];
        let questions = classes.iter().filter_map(|class| self.question(*class));
        questions.map(|question| format!("({question})")).collect::<Vec<_>>().join(" OR ")
    }
}

fn quoted(mark: char, word: &str) -> String {
    format!("\"{mark}{word}\"")
}

fn any_of(mark: char, words: &[String]) -> Option<String> {
    let words: Vec<String> = words.iter().map(|word| quoted(mark, word)).collect();
    (!words.is_empty()).then(|| words.join(" OR "))
}

/// Names with all triples of a word, and with its beginning behind a mark.
fn grams(start: Option<char>, word: &str) -> String {
    let first = start.map(|start| {
        let mut first = String::from("\"");
        marked(start, word, 2, &mut first);
        first.push('"');
        first
    });
    let triples = triples(word).take(TRIPLES_MAX).map(|triple| quoted(mark::GRAM, triple));
    first.into_iter().chain(triples).collect::<Vec<_>>().join(" AND ")
}

/// How many single slips lie between a word and others: a letter too many, too few, another one, or two in the wrong order.
///
/// What is asked one after the other in the order of the alphabet begins alike, and what that gave is kept.
pub(super) struct Slips<'w> {
    word: &'w [char],
    most: usize,
    /// Letters of the one asked last, and the row behind each; before them the row of none.
    letters: Vec<char>,
    rows: Vec<Vec<usize>>,
}

impl<'w> Slips<'w> {
    /// Counts up to `most`.
    pub(super) fn new(word: &'w [char], most: usize) -> Self {
        Self { word, most, letters: Vec::new(), rows: vec![(0..=word.len()).collect()] }
    }

    /// How many slips lie between; `None` if more than are counted, then with how many letters of `other` in front that is certain.
    pub(super) fn to(&mut self, other: &str) -> Result<usize, usize> {
        let mut kept = 0;
        for (at, letter) in other.chars().enumerate() {
            kept = at + 1;
            if self.letters.get(at) != Some(&letter) {
                self.letters.truncate(at);
                self.rows.truncate(at + 1);
                let next = self.row(at, letter);
                self.letters.push(letter);
                self.rows.push(next);
            }
            let least = self.rows.get(at + 1).and_then(|row| row.iter().min());
            if least.is_none_or(|least| *least > self.most) {
                return Err(at + 1);
            }
        }
        let last = self.rows.get(kept).and_then(|row| row.last());
        last.copied().filter(|slips| *slips <= self.most).ok_or(kept)
    }

    fn row(&self, at: usize, letter: char) -> Vec<usize> {
        const FAR: usize = usize::MAX - 1;
        let of = |row: usize, place: usize| self.rows.get(row).and_then(|row| row.get(place)).copied().unwrap_or(FAR);
        let mut next = Vec::with_capacity(self.word.len() + 1);
        let mut left = at + 1;
        next.push(left);
        for (place, own) in self.word.iter().enumerate() {
            let mut least = of(at, place) + usize::from(*own != letter);
            least = least.min(of(at, place + 1) + 1).min(left + 1);
            let before = (at.checked_sub(1), place.checked_sub(1));
            if let (Some(earlier), Some(beside)) = before
                && self.letters.get(earlier) == Some(own)
                && self.word.get(beside) == Some(&letter)
            {
                least = least.min(of(earlier, beside) + 1);
            }
            next.push(least);
            left = least;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_parts() {
        let of = |name: &str| Folded::of(name).words().map(str::to_owned).collect::<Vec<_>>().join(" ");
        assert_eq!(of("groupByWithKey"), "groupbywithkey group by with key");
        assert_eq!(of("HTTPServer2"), "httpserver2 http server 2");
        assert_eq!(of("map"), "map");
        assert_eq!(of("f_v2"), "fv2 f v 2");
        assert_eq!(of("ÉtatÄ"), "étatä état ä");
        let mut grams = String::new();
        Folded::of("toÄb").grams(&mut grams);
        assert_eq!(grams, "gtoä goäb g‹t g·t g‹to g·to g·ä g·äb ");
    }

    #[test]
    fn slips_are_counted() {
        let of = |one: &str, other: &str, most| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            let word = letters(one);
            let mut slips = Slips::new(&word, most);
            // What was asked before makes no difference.
            assert_eq!((slips.to("zebra"), slips.to(one)), (slips.to("zebra"), Ok(0)));
            slips.to(other)
        };
        assert_eq!(of("length", "lenght", 1), Ok(1));
        assert_eq!(of("map", "map", 0), Ok(0));
        assert_eq!(of("partition", "partitoin", 1), Ok(1));
        assert_eq!(of("filter", "filer", 1), Ok(1));
        assert_eq!(of("filter", "fillter", 1), Ok(1));
        assert_eq!(of("filter", "falter", 1), Ok(1));
        assert_eq!(of("filter", "flower", 2), Err(4));
        assert_eq!(of("filter", "zebra", 1), Err(2));
        assert_eq!(of("ab", "", 1), Err(0));
    }

    fn class(word: &str, location: &str, signature: &str, doc: &str) -> Option<Class> {
        let memo = Memo { signature: signature.to_owned(), doc: doc.to_owned(), ..Memo::default() };
        let words = Word::all_in(word);
        words.first()?.class_in(&location.parse().unwrap(), Kind::Fn, &memo)
    }

    #[test]
    fn a_word_is_the_best_that_it_can_be() {
        let of = |word| class(word, "Acme.ShopList.groupByKey", "groupByKey (xs: List<Order>) : Int", "Sorts them.");
        assert_eq!(of("GROUPBYKEY"), Some(Class::Name));
        assert_eq!(of("group"), Some(Class::Prefix));
        assert_eq!(of("bykey"), Some(Class::Part));
        assert_eq!(of("ke"), Some(Class::Part));
        assert_eq!(of("roup"), Some(Class::Within));
        assert_eq!(of("ro"), None, "two letters are sought at the beginning only");
        assert_eq!(of("list"), Some(Class::Path));
        assert_eq!(of("ord"), Some(Class::Signature));
        assert_eq!(of("sort"), Some(Class::Doc));
        assert_eq!(of("rts"), None);
    }
}
