//! Checks of the whole crate from outside: text in, text out.

mod real;
