//! What is wrong with a catalogue, told so that the person who keeps it can mend it.

use std::borrow::Cow;
use std::fmt;

/// The most problems one check lists: enough for a morning's mending.
pub const MAX_PROBLEMS: usize = 20;

/// One thing that is wrong, where, and what is allowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file's name within the catalogue's folder; of a table by itself, its path.
    pub file: Cow<'static, str>,
    /// The line, from 1; 0 when the file as a whole is meant.
    pub line: u64,
    /// What is wrong, and what is allowed.
    pub what: String,
}

/// `units.csv:17: …`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

/// Why a catalogue cannot be used: every problem found, one to a line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct CatalogueError {
    /// At least one and at most [`MAX_PROBLEMS`], in the order of reading.
    pub problems: Vec<Problem>,
    /// How many more there were.
    pub more: usize,
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more problems", self.more)?;
        }
        Ok(())
    }
}

/// Gathers problems while the files are read, so that one check finds them all.
#[derive(Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    more: usize,
}

impl Problems {
    pub(crate) fn add(
        &mut self,
        file: impl Into<Cow<'static, str>>,
        line: u64,
        what: impl Into<String>,
    ) {
        if self.found.len() < MAX_PROBLEMS {
            self.found.push(Problem { file: file.into(), line, what: what.into() });
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn finish(self) -> Result<(), CatalogueError> {
        match self.found.is_empty() {
            true => Ok(()),
            false => Err(self.fail()),
        }
    }

    /// For a reader that cannot go on.
    pub(crate) fn fail(self) -> CatalogueError {
        CatalogueError { problems: self.found, more: self.more }
    }
}
