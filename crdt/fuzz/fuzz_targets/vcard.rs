//! Address books.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_crdt::import::Format;
use musette_crdt_fuzz::imports::check;

fuzz_target!(|data: &[u8]| check(Format::VCard, "contacts.vcf", data, true));
