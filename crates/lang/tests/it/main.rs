//! Integration tests of `dm-lang`: one binary.

mod real_tree;
mod support;
