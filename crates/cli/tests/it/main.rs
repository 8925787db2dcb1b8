//! `dm` as a person and a script use it: the built program in sealed environments.

mod docs;

mod support;
