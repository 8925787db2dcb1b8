//! Integration tests of the store: one binary, one file per subject.

mod generate;
mod laws;
mod support;
mod versions;
