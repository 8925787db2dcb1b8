//! The base file of an exported folder: what each definition's text was made from (SEMANTICS R6).
//!
//! The store that exported remembers it too. The file is for where that memory is not: a folder that was moved, or copied to
//! another machine. `docs/formats/export-base.md` describes it.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use dm_store::ImportBase;

use crate::error::EngineError;

/// Name of the base file in the folder.
pub const BASE_FILE: &str = ".dm-base";
/// Version of its format.
const BASE_VERSION: u32 = 1;
/// Most bytes of it: some 200,000 definitions.
const BASE_BYTES_MAX: u64 = 64 << 20;

/// Its first line: what it is, and the version of its format.
fn first_line() -> String {
    format!("darkmatter export base {BASE_VERSION}")
}

/// The text of a base file.
pub(crate) fn print(bases: &[ImportBase]) -> String {
    let mut text = format!("{}\n", first_line());
    for base in bases {
        let heads: Vec<String> = base.heads.iter().map(ToString::to_string).collect();
        // Writing to a string never fails.
        let _ =
            writeln!(text, "{}\t{}\t{}\t{}\t{}", base.location, base.entity, base.content, heads.join(","), base.file);
    }
    text
}

/// What a folder's base file says; nothing if there is none.
pub(crate) fn read(folder: &Path) -> Result<Vec<ImportBase>, EngineError> {
    let path = folder.join(BASE_FILE);
    let fail = |source| EngineError::File { path: path.clone(), source };
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(fail(error)),
    };
    let mut text = String::new();
    file.take(BASE_BYTES_MAX + 1).read_to_string(&mut text).map_err(fail)?;
    if text.len() as u64 > BASE_BYTES_MAX {
        return Err(EngineError::BadBase { path, why: "it is too large" });
    }
    parse(&text).map_err(|why| EngineError::BadBase { path, why })
}

fn parse(text: &str) -> Result<Vec<ImportBase>, &'static str> {
    let mut lines = text.lines();
    if lines.next() != Some(first_line().as_str()) {
        return Err("its first line is not that of this version");
    }
    lines.map(|line| parse_line(line).ok_or("a line of it is damaged")).collect()
}

fn parse_line(line: &str) -> Option<ImportBase> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    let base = ImportBase {
        location: next()?.parse().ok()?,
        entity: next()?.parse().ok()?,
        content: next()?.parse().ok()?,
        heads: next()?.split(',').filter(|head| !head.is_empty()).map(str::parse).collect::<Result<_, _>>().ok()?,
        file: next()?.to_owned(),
    };
    fields.next().is_none().then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> ImportBase {
        ImportBase {
            location: "Acme.Shop.total".parse().unwrap(),
            entity: "11".repeat(32).parse().unwrap(),
            content: "22".repeat(32).parse().unwrap(),
            heads: vec!["33".repeat(32).parse().unwrap(), "44".repeat(32).parse().unwrap()],
            file: "acme/shop.dark".to_owned(),
        }
    }

    #[test]
    fn what_was_printed_is_read() {
        let bases = [sample(), ImportBase { heads: Vec::new(), ..sample() }];
        assert_eq!(parse(&print(&bases)).unwrap(), bases);
    }

    #[test]
    fn the_bytes_of_version_1_stay() {
        let expected = format!(
            "darkmatter export base 1\nAcme.Shop.total\t{}\t{}\t{},{}\tacme/shop.dark\n",
            "11".repeat(32),
            "22".repeat(32),
            "33".repeat(32),
            "44".repeat(32)
        );
        assert_eq!(print(&[sample()]), expected);
    }

    #[test]
    fn damage_is_said() {
        for text in ["", "darkmatter export base 2\n", "x"] {
            assert_eq!(parse(text), Err("its first line is not that of this version"), "{text:?}");
        }
        for line in ["", "A.b", "A.b\t00", "A.b\tx\ty\tz\tf"] {
            assert_eq!(parse(&format!("{}\n{line}\n", first_line())), Err("a line of it is damaged"), "{line:?}");
        }
        let more = print(&[sample()]).replace("shop.dark", "shop.dark\tmore");
        assert_eq!(parse(&more), Err("a line of it is damaged"));
    }
}
