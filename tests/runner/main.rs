//! All stories, in one binary: linked once, and building `musette` once.

// Stories are test code.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod demo;
