//! The export of a LinkedIn account: one of its files, a ZIP of several, or what claims to be one.
#![no_main]

use std::io::{Cursor, Write as _};

use libfuzzer_sys::fuzz_target;
use musette_crdt::import::Format;
use musette_crdt_fuzz::{imports::check, input::Input};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

const NAMES: [&str; 14] = [
    "Positions.csv",
    "Education.csv",
    "Certifications.csv",
    "Skills.csv",
    "Languages.csv",
    "Projects.csv",
    "Profile.csv",
    "Connections.csv",
    "Endorsement_Received_Info.csv",
    "Recommendations_Received.csv",
    "Publications.csv",
    "unknown.csv",
    "messages.csv",
    "__MACOSX/Skills.csv",
];

fn name(input: &mut Input<'_>) -> &'static str {
    NAMES[input.below(NAMES.len())]
}

fn archive(input: &mut Input<'_>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for _ in 0..1 + input.below(4) {
        let method = if input.one_in(2) { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = SimpleFileOptions::default().compression_method(method);
        // A name twice is refused; the archive then has one file fewer.
        if writer.start_file(name(input), options).is_ok() {
            writer.write_all(input.bytes()).expect("memory");
        }
    }
    let bytes = writer.finish().expect("memory").into_inner();
    input.changed(bytes)
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    match input.below(4) {
        0 => check(Format::LinkedIn, "export.zip", &archive(&mut input), false),
        1 => check(Format::LinkedIn, "export.zip", input.rest(), false),
        _ => check(Format::LinkedIn, name(&mut input), input.rest(), true),
    }
});
