//! The device log: the same whatever the order in which its operations arrive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    identity::{
        certificate::Certificate,
        log::{DeviceLog, LogError, Operation},
    },
    signed::Signed,
};
use musette_protocol_fuzz::{
    input::Input,
    member::{MAX_MOVES, Member},
    world::{first_operation, log},
};

/// Applies until nothing more holds, as a node does that keeps what waits.
fn applied(operations: &[Signed<Operation>]) -> DeviceLog {
    let mut log = log();
    let mut waiting: Vec<&Signed<Operation>> = operations.iter().collect();
    loop {
        let before = waiting.len();
        waiting.retain(|signed| log.apply((*signed).clone()) == Err(LogError::MissingPrevious));
        if waiting.len() == before {
            return log;
        }
    }
}

fn check(log: &DeviceLog) {
    let order = log.in_order();
    for (place, signed) in order.iter().enumerate() {
        let before: Vec<_> = order[..place].iter().map(|signed| signed.id()).collect();
        assert!(signed.body().previous.iter().all(|id| before.contains(id)), "causes before effects");
    }
    for device in log.devices().values() {
        assert!(Certificate::is_name_valid(&device.certificate.name));
        assert!(log.contains(&device.enrolment));
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut member = Member::default();
    let mut operations = vec![first_operation()];
    while !input.is_empty() && operations.len() < MAX_MOVES {
        if input.one_in(8) {
            operations.extend(Signed::from_bytes(input.bytes()).ok());
        } else {
            operations.push(member.operation(&mut input));
        }
    }
    let log = applied(&operations);
    check(&log);
    operations.reverse();
    let other = applied(&operations);
    assert_eq!(log.heads(), other.heads());
    assert_eq!(log.devices(), other.devices());
    assert_eq!(log.in_order(), other.in_order());
});
