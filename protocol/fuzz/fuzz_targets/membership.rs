//! Who belongs to a space: the same whatever the order in which the operations of all logs arrive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    identity::log::Operation,
    membership::{MembershipOperation, Roster, Statement, Waiting},
    signed::Signed,
};
use musette_protocol_fuzz::{
    input::Input,
    member::{MAX_MOVES, Member},
    world::{first_operation, kem, log, space},
};

fn any(bytes: &[u8]) -> Option<Statement> {
    if let Ok(operation) = Signed::<Operation>::from_bytes(bytes) {
        return Some(Statement::Operation(operation));
    }
    Some(Statement::Membership(Signed::<MembershipOperation>::from_bytes(bytes).ok()?))
}

fn applied<'a>(statements: impl Iterator<Item = &'a Statement>) -> Roster {
    let (mut roster, mut waiting) = (Roster::new(space(), log()), Waiting::default());
    for statement in statements {
        waiting.insert(&mut roster, statement.clone(), ());
    }
    roster
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut member = Member::default();
    let mut statements = vec![Statement::Operation(first_operation())];
    while !input.is_empty() && statements.len() < MAX_MOVES {
        if input.one_in(8) {
            statements.extend(any(input.bytes()));
        } else {
            statements.push(member.statement(&mut input));
        }
    }
    let one = applied(statements.iter());
    let other = applied(statements.iter().rev());
    let (mut ids, mut others) = (one.in_order(), other.in_order());
    ids.sort_unstable();
    others.sort_unstable();
    assert_eq!(ids, others);
    assert_eq!(one.members(), other.members());
    assert_eq!(one.devices(), other.devices());
    assert_eq!(one.recipients(Some(&kem(9))), other.recipients(Some(&kem(9))));
    for device in one.devices().keys() {
        let heads = one.heads_for(device);
        assert_eq!(heads, other.heads_for(device));
        assert_eq!(one.is_entitled_at(&heads, device), other.is_entitled_at(&heads, device));
        assert!(one.knows(device) && one.person_of(device) == other.person_of(device));
    }
});
