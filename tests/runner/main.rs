//! All stories, in one binary: linked once, and building `musette` once.

// Stories are test code.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod attachments;
mod backups;
mod canary;
mod capturing;
mod copies;
mod crash;
mod damage;
mod demo;
mod discovery;
mod forgetting;
mod french;
mod full_disk;
mod homes;
mod idempotent;
mod index;
mod pairing;
mod reaching;
mod recovering;
mod recovery;
mod relay_memory;
mod replacing;
mod revoking;
mod strange_files;
mod sync;
mod trace;
mod two_devices;
mod upgrading;
