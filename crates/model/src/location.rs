//! Where a definition is: owner, modules, name.

use std::fmt;
use std::str::FromStr;

use crate::codec::{DecodeError, Decoder, Encoder};

/// Most segments of a location, owner and name included: far above what people write, small enough to bound work.
pub const LOCATION_SEGMENTS_MAX: usize = 64;
/// Most bytes of one segment.
pub const SEGMENT_BYTES_MAX: usize = 512;

/// A place for one definition, written `Owner.Module.Sub.name`.
///
/// Any segment is non-empty and holds no dot, space or control character. Case is not judged here: that is the language's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// `Owner.Module.Sub.name`, the one stored form.
    path: String,
}

/// A text that is no location, and which part is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Nothing was given.
    #[error("a location is empty; write Owner.Module.name")]
    Empty,
    /// Only one segment: no owner.
    #[error("`{0}` has no owner; write Owner.Module.name")]
    NoOwner(String),
    /// The text ends in a dot: no name.
    #[error("`{0}` has no name behind its last dot")]
    NoName(String),
    /// An empty segment, or one with a character that cannot stand in a name.
    #[error("`{path}` has a segment `{segment}` that cannot be a name")]
    BadSegment {
        /// The whole text.
        path: String,
        /// The segment.
        segment: String,
    },
    /// Too many segments or a segment too long.
    #[error("a location has at most {LOCATION_SEGMENTS_MAX} segments of {SEGMENT_BYTES_MAX} bytes")]
    TooLong,
}

fn valid_segment(segment: &str) -> bool {
    !segment.is_empty() && segment.chars().all(|c| c != '.' && !c.is_whitespace() && !c.is_control())
}

/// Whether a text is a location of visible ASCII characters, as nearly all are: told in one pass.
fn is_plain(text: &str) -> bool {
    let (mut segments, mut length) = (1, 0);
    for byte in text.bytes() {
        match byte {
            b'.' if length == 0 => return false,
            b'.' => (segments, length) = (segments + 1, 0),
            b'!'..=b'~' if length < SEGMENT_BYTES_MAX => length += 1,
            _ => return false,
        }
    }
    length > 0 && segments > 1 && segments <= LOCATION_SEGMENTS_MAX
}

impl Location {
    /// The location of `name` in `modules` of `owner`.
    ///
    /// # Errors
    /// As for parsing the dotted form.
    pub fn new(owner: &str, modules: &[&str], name: &str) -> Result<Self, LocationError> {
        let mut path = String::from(owner);
        for segment in modules.iter().chain(std::iter::once(&name)) {
            path.push('.');
            path.push_str(segment);
        }
        path.parse()
    }

    /// The location of `name` inside a module path (`Owner.Module`).
    ///
    /// # Errors
    /// As for parsing the dotted form.
    pub fn within(module_path: &str, name: &str) -> Result<Self, LocationError> {
        if module_path.is_empty() {
            return Err(LocationError::NoOwner(name.to_owned()));
        }
        format!("{module_path}.{name}").parse()
    }

    /// The dotted form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// The first segment.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.path.split('.').next().unwrap_or_default()
    }

    /// The last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// Owner and modules, dotted: everything before the name.
    #[must_use]
    pub fn module_path(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(module, _)| module)
    }

    /// The modules between owner and name.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.module_path().split('.').skip(1)
    }

    /// All segments, owner first, name last.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.path.split('.')
    }

    pub(crate) fn encode(&self, to: &mut Encoder) {
        to.text(&self.path);
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let text = from.text(LOCATION_SEGMENTS_MAX * (SEGMENT_BYTES_MAX + 1), "location")?;
        text.parse().map_err(|_| from.not_canonical("a text that is no location"))
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if is_plain(text) {
            return Ok(Self { path: text.to_owned() });
        }
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        let segments = text.split('.').count();
        if segments > LOCATION_SEGMENTS_MAX || text.split('.').any(|s| s.len() > SEGMENT_BYTES_MAX) {
            return Err(LocationError::TooLong);
        }
        if segments == 1 {
            return Err(LocationError::NoOwner(text.to_owned()));
        }
        if text.ends_with('.') {
            return Err(LocationError::NoName(text.to_owned()));
        }
        if let Some(bad) = text.split('.').find(|s| !valid_segment(s)) {
            return Err(LocationError::BadSegment { path: text.to_owned(), segment: bad.to_owned() });
        }
        Ok(Self { path: text.to_owned() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_part_is_named() {
        assert_eq!("".parse::<Location>(), Err(LocationError::Empty));
        assert_eq!("twice".parse::<Location>(), Err(LocationError::NoOwner("twice".into())));
        assert_eq!("Acme.".parse::<Location>(), Err(LocationError::NoName("Acme.".into())));
        assert!(matches!("Acme..f".parse::<Location>(), Err(LocationError::BadSegment { .. })));
        assert!(matches!("Acme.a b".parse::<Location>(), Err(LocationError::BadSegment { .. })));
        assert_eq!("A.".repeat(70).parse::<Location>(), Err(LocationError::TooLong));
    }

    #[test]
    fn limits_hold_for_plain_and_other_letters() {
        for letter in ["a", "ä"] {
            let longest = letter.repeat(SEGMENT_BYTES_MAX / letter.len());
            assert!(format!("A.{longest}").parse::<Location>().is_ok());
            assert_eq!(format!("A.{longest}{letter}").parse::<Location>(), Err(LocationError::TooLong));
            let most = vec![letter; LOCATION_SEGMENTS_MAX].join(".");
            assert!(most.parse::<Location>().is_ok());
            assert_eq!(format!("{most}.{letter}").parse::<Location>(), Err(LocationError::TooLong));
            assert_eq!(letter.parse::<Location>(), Err(LocationError::NoOwner(letter.into())));
            assert!(format!(".{letter}").parse::<Location>().is_err());
            assert!(format!("{letter}.b\u{7f}").parse::<Location>().is_err());
        }
    }

    #[test]
    fn parts_come_back() -> Result<(), LocationError> {
        let location = Location::new("Acme", &["Shop", "Cart"], "total")?;
        assert_eq!(location.to_string(), "Acme.Shop.Cart.total");
        assert_eq!((location.owner(), location.name()), ("Acme", "total"));
        assert_eq!(location.module_path(), "Acme.Shop.Cart");
        assert_eq!(location.modules().collect::<Vec<_>>(), ["Shop", "Cart"]);
        assert_eq!(Location::within("Acme.Shop.Cart", "total")?, location);
        Ok(())
    }
}
