//! What two devices may say to each other where there is little to say, with 100,000 records on both.
//!
//! `cargo test --locked -p musette-simulations --test budgets -- --nocapture` prints the figures.

#![expect(clippy::print_stdout, reason = "figures for whoever asks")]

use std::time::Instant;

use musette_simulations::{
    pair::{Pair, Traffic},
    sharing::crowd::Crowd,
};

const RECORDS: u32 = 100_000;

fn print(what: &str, traffic: &Traffic) {
    let Traffic { hello_bytes, message_bytes, reconcile_bytes, queries, records, record_bytes, .. } = traffic;
    println!(
        "{what}: {} round trips, {message_bytes} bytes after a hello of {hello_bytes}, of these \
         {reconcile_bytes} in {queries} round trips of reconciliation; {records} records, {record_bytes} bytes",
        traffic.round_trips()
    );
}

#[test]
fn where_there_is_little_to_say_little_is_said() {
    let mut pair = Pair::new(1);
    pair.listener.write(0..RECORDS);
    let first = pair.sync();
    print("first sync", &first);
    // Both have written: both chains are told from now on.
    pair.dialer.write(0..1);
    let edit = pair.sync();
    print("one edit", &edit);
    assert_eq!(edit.records, 2, "the change and its commit");

    let nothing = pair.sync();
    print("nothing changed", &nothing);
    assert_eq!(nothing.records, 0);
    assert!(nothing.message_bytes <= 1_000 && nothing.round_trips() <= 1);

    pair.dialer.hold_stray(RECORDS);
    one_difference(&mut pair, "one difference, held by who dials");
    pair.listener.hold_stray(RECORDS + 1);
    one_difference(&mut pair, "one difference, held by who is dialled");
}

fn one_difference(pair: &mut Pair, what: &str) {
    let found = pair.sync();
    print(what, &found);
    assert_eq!(found.records, 1, "what was missing and nothing else");
    assert!(found.reconcile_bytes <= 4_000 && found.queries <= 2);
    assert_eq!(pair.dialer.frontier(), pair.listener.frontier());
}

#[test]
fn taking_a_device_out_of_many_spaces_that_many_read_takes_seconds() {
    let mut crowd = Crowd::new(50, 100).unwrap();
    let began = Instant::now();
    let bytes = crowd.revoke().unwrap();
    println!("a device taken out of 50 spaces that 100 contacts read: {bytes} bytes, {:?}", began.elapsed());
    assert!(crowd.is_out());
    // Sealed to a hundred persons, an epoch has a hundred keys of some eighty bytes.
    assert!(bytes <= 50 * 16_000, "{bytes} bytes");
}
