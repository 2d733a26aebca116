//! Every encoded structure: what is decoded encodes to the very same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    addresses::{AddressBook, AddressRecord, parse_frame},
    backup::BackupHead,
    codec::{Encoded, decode, encode},
    epoch::{EpochStatement, Grant},
    identity::{certificate::Certificate, log::Operation, person::Inception},
    membership::MembershipOperation,
    pairing::Ticket,
    relaying::{Message as RelayMessage, ticket::Terms},
    record::{BlobChunk, Change, Commit, DropStatement, Receipt},
    session::message::{self, Message},
    signed::Signed,
};

fn plain<T: Encoded>(data: &[u8]) {
    if let Ok(value) = decode::<T>(data) {
        assert_eq!(encode(&value), data);
    }
}

fn signed<T: Encoded>(data: &[u8]) {
    plain::<T>(data);
    if let Ok(signed) = Signed::<T>::from_bytes(data) {
        assert_eq!(signed.to_bytes(), data);
    }
}

fuzz_target!(|data: &[u8]| {
    signed::<Inception>(data);
    signed::<Operation>(data);
    signed::<MembershipOperation>(data);
    signed::<EpochStatement>(data);
    signed::<Commit>(data);
    signed::<DropStatement>(data);
    signed::<Receipt>(data);
    signed::<BackupHead>(data);
    signed::<AddressRecord>(data);
    signed::<Terms>(data);
    plain::<RelayMessage>(data);
    plain::<Certificate>(data);
    plain::<Change>(data);
    plain::<BlobChunk>(data);
    plain::<Ticket>(data);
    plain::<Grant>(data);
    plain::<Message>(data);
    if let Ok(records) = parse_frame(data) {
        let mut book = AddressBook::default();
        for record in records {
            let now = record.body().issued;
            let _ = book.take(record, now, |_| true);
        }
    }
    if let Ok(Some((mark, records))) = message::parse_frame(data) {
        assert_eq!(message::frame_of_records(&mark, &records), data);
    }
});
