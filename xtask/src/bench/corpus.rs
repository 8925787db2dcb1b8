//! The generated code base that all programs are measured with: the same definitions and the same edits for each, from a seed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Definitions in a module, and files in a folder.
pub const IN_MODULE: usize = 100;
/// What all that is drawn is drawn from.
const SEED: u64 = 0x0dab_0dab_0dab_0dab;
/// The owner of all generated names.
const OWNER: &str = "Bench";

/// A row of numbers that look drawn and are always the same (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(SEED ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // The remainder is below a `usize`.
        (self.next() % bound as u64) as usize
    }
}

/// A code base of so many definitions. Definition `number` calls two of those before it, early ones more often.
#[derive(Debug, Clone, Copy)]
pub struct Corpus {
    pub size: usize,
}

/// A change of the body of one definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    pub number: usize,
    /// Above 0; 0 is the definition as it was imported.
    pub edition: usize,
}

fn module(number: usize) -> String {
    format!("Mod{:04}", number / IN_MODULE)
}

/// The full name of a definition.
pub fn name(number: usize) -> String {
    format!("{OWNER}.{}.{}", module(number), short_name(number))
}

fn short_name(number: usize) -> String {
    format!("calc{number:06}")
}

/// The text of a definition in an edition. The edition is written with a fixed number of digits.
pub fn definition(edit: Edit) -> String {
    let Edit { number, edition } = edit;
    let mut dice = Dice::new(number as u64);
    let mut call = || match number {
        0 => "left".to_owned(),
        _ => {
            // The smaller of two draws: what came early is called more.
            let called = dice.below(number).min(dice.below(number));
            format!("{} left right", name(called))
        }
    };
    let (first, second) = (call(), call());
    let (factor, limit) = (dice.below(900) + 100, dice.below(9000) + 1000);
    format!(
        "/// Combines two amounts the way of step {number:06}, edition {edition:06}.\n\
         let {} (left: Int64) (right: Int64) : Int64 =\n  let first = {first}\n  let second = {second}\n  \
         if first > {limit}L then\n    first - second * {factor}L\n  else\n    second + {edition:06}L\n",
        short_name(number)
    )
}

/// The text of an edit as a file of its own, for `dm add`.
pub fn edit_file(edit: Edit) -> String {
    format!("module {OWNER}.{}\n\n{}", module(edit.number), definition(edit))
}

impl Corpus {
    pub const fn new(size: usize) -> Self {
        Self { size }
    }

    /// So many edits of different definitions, the same for the same seed.
    pub fn edits(self, seed: u64, count: usize, edition: usize) -> Vec<Edit> {
        let mut dice = Dice::new(seed.wrapping_add(1_000_000_007));
        let mut chosen = std::collections::BTreeSet::new();
        let mut edits = Vec::with_capacity(count);
        while edits.len() < count.min(self.size) {
            let number = dice.below(self.size);
            if chosen.insert(number) {
                edits.push(Edit { number, edition });
            }
        }
        edits
    }

    /// One file per module, as we import it.
    pub fn write_modules(self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        for first in (0..self.size).step_by(IN_MODULE) {
            let mut text = format!("module {OWNER}.{}\n", module(first));
            for number in first..(first + IN_MODULE).min(self.size) {
                write!(text, "\n{}", definition(Edit { number, edition: 0 }))?;
            }
            let path = folder.join(format!("{}.dark", module(first).to_lowercase()));
            fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    /// One file per definition, as programs get it that know files.
    pub fn write_files(self, folder: &Path) -> Result<()> {
        for number in 0..self.size {
            if number % IN_MODULE == 0 {
                fs::create_dir_all(folder.join(module(number).to_lowercase()))?;
            }
            write_file(folder, Edit { number, edition: 0 })?;
        }
        Ok(())
    }
}

/// The file of a definition, below the folder.
pub fn file_of(number: usize) -> String {
    format!("{}/{}.dark", module(number).to_lowercase(), short_name(number))
}

/// Writes the file of one definition in an edition.
pub fn write_file(folder: &Path, edit: Edit) -> Result<()> {
    let path = folder.join(file_of(edit.number));
    fs::write(&path, definition(edit)).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_is_the_same_every_time() {
        let of = |number, edition| definition(Edit { number, edition });
        assert_eq!(of(7, 0), of(7, 0));
        assert_eq!(of(7, 0).len(), of(7, 12).len(), "an edition changes digits only");
        assert_ne!(of(7, 0), of(7, 12));
        let mean = (0..1000).map(|number| of(number, 0).len()).sum::<usize>() / 1000;
        assert!((200..=325).contains(&mean), "{mean} bytes a definition");
        let edits = Corpus::new(1000).edits(3, 100, 1);
        assert_eq!(edits, Corpus::new(1000).edits(3, 100, 1));
        assert_ne!(edits, Corpus::new(1000).edits(4, 100, 1));
    }

    #[test]
    fn a_definition_calls_those_before_it() {
        for number in 1..300 {
            let text = definition(Edit { number, edition: 0 });
            let called: Vec<usize> =
                text.split("calc").skip(1).filter_map(|rest| rest.get(..6)?.parse().ok()).collect();
            assert_eq!(called.len(), 3, "{text}");
            assert!(called[1..].iter().all(|called| *called < number), "{text}");
        }
    }

    #[test]
    fn files_and_modules_hold_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::new(250);
        corpus.write_modules(&folder.path().join("modules")).unwrap();
        corpus.write_files(&folder.path().join("files")).unwrap();
        let modules: String = (0..3)
            .map(|at| fs::read_to_string(folder.path().join(format!("modules/mod{at:04}.dark"))).unwrap())
            .collect();
        for number in 0..250 {
            let file = fs::read_to_string(folder.path().join("files").join(file_of(number))).unwrap();
            assert!(modules.contains(&file), "{file}");
        }
    }
}
