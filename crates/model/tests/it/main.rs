//! Laws of the canonical bytes: what is written reads back, nothing else is accepted, and the bytes never change.

mod golden;
mod round_trip;
mod strategies;
