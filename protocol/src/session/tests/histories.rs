//! Devices that were given different histories of one device, and how they come together again.

use std::{collections::BTreeMap, iter};

use super::{
    revoked::{PHONE, agree, bare, of, own, revoke},
    shared::{OWNER, SHARED, Spaces, all, enrol, news, nonces, read, space, talk, write},
    *,
};
use crate::{record::record_id, replica::GivenUp};

/// What a device gives up that does not sync with another one because of the phone's histories.
fn give_up(spaces: &mut Spaces, other: u8) -> GivenUp {
    let state = of(spaces).state();
    let known = state.known_to(|device| *device == id(other), iter::empty());
    state.given_up(&BTreeMap::from([(id(PHONE), known[&id(PHONE)])]))
}

/// The device that goes on in the place of one that gives this up.
fn without(mut spaces: Spaces, given_up: &GivenUp, byte: u8) -> Spaces {
    let mut other = bare();
    let mut stays = news(of(&mut spaces), &other);
    stays.retain(|record| !given_up.records.contains(&record_id(record)));
    assert!(other.ingest(&id(1), &stays).unwrap().effects.refused.is_empty());
    let enrolment = enrol(other.state().log(), OWNER, byte);
    other.write_statement(Payload::Operation(enrolment), &mut nonces(byte)).unwrap();
    other.adopt_orphans(&key(byte), &mut nonces(byte + 1)).unwrap();
    all([other])
}

fn sorted(spaces: &mut Spaces) -> Vec<String> {
    let mut read = read(of(spaces));
    read.sort_unstable();
    read
}

#[test]
fn who_gives_up_one_history_and_what_was_built_on_it_takes_the_other_and_loses_nothing() {
    let (mut laptop, mut tablet) = (own(1), own(3));
    // Written twice alike: before the phone was copied.
    let [mut phone, mut copy] = [(); 2].map(|()| {
        let mut phone = own(PHONE);
        write(of(&mut phone), PHONE, "shared");
        phone
    });
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    write(of(&mut laptop), 1, "greeting");
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();

    write(of(&mut phone), PHONE, "one");
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    write(of(&mut laptop), 1, "built on one");
    write(of(&mut copy), PHONE, "two");
    write(of(&mut copy), PHONE, "two more");
    talk([&mut tablet, &mut copy], [3, PHONE]).unwrap();
    write(of(&mut tablet), 3, "built on two");
    let fork = Some(SessionError::Fork { device: id(PHONE) });
    assert_eq!(talk([&mut laptop, &mut tablet], [1, 3]).err(), fork);
    // Before, some of it came all the same: the commit of the other history lost, and what was built on it waits.
    let theirs = news(of(&mut laptop), &tablet[&space(SHARED)]);
    assert_eq!(of(&mut tablet).ingest(&id(1), &theirs).unwrap().effects.refused.len(), 1);

    // Of whom nothing is known everything is given up, which comes back from others.
    let all_of_it = of(&mut tablet).state().given_up(&BTreeMap::from([(id(PHONE), 0)]));
    assert_eq!(all_of_it.devices, [1, PHONE, 3].map(id).into());
    let given_up = give_up(&mut tablet, 1);
    // Three commits, and the one that lost with its change.
    assert_eq!((given_up.devices.clone(), given_up.records.len()), ([PHONE, 3].map(id).into(), 5));
    let mut slate = without(tablet, &given_up, 5);
    let theirs = ["built on one", "built on two", "greeting", "shared", "two", "two more"];
    assert_eq!(sorted(&mut slate), theirs);
    talk([&mut laptop, &mut slate], [1, 5]).unwrap();
    agree(&mut laptop, &mut slate);
    let everything = [&["one"], theirs.as_slice()].concat();
    let mut expected = everything.clone();
    expected.sort_unstable();
    assert_eq!(sorted(&mut slate), expected);

    // So does the copy, which knows nothing of the others: it gives up all that the phone ever wrote, and takes
    // it back.
    assert_eq!(talk([&mut copy, &mut slate], [PHONE, 5]).err(), fork);
    let given_up = give_up(&mut copy, 5);
    assert_eq!((given_up.devices.clone(), given_up.records.len()), ([1, PHONE].map(id).into(), 4));
    let mut attic = without(copy, &given_up, 6);
    talk([&mut attic, &mut slate], [6, 5]).unwrap();
    agree(&mut attic, &mut slate);
    assert_eq!(sorted(&mut attic), expected);
}

#[test]
fn what_is_in_quarantine_is_given_up_with_its_commit_unless_it_was_accepted() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    write(of(&mut phone), PHONE, "before");
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    write(of(&mut laptop), 1, "greeting");
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    write(of(&mut phone), PHONE, "late");
    talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    let late = of(&mut tablet).state().quarantined()[0].record;
    let with_it = give_up(&mut tablet, 1);
    assert_eq!((with_it.devices, with_it.records.len()), ([id(PHONE)].into(), 2));
    assert!(with_it.records.contains(&late));
    of(&mut tablet).accept(&DOCUMENT, &[].into(), &key(3), &mut nonces(70)).unwrap();
    let without_it = give_up(&mut tablet, 1);
    assert_eq!((without_it.devices, without_it.records.len()), ([PHONE, 3].map(id).into(), 2));
    assert!(!without_it.records.contains(&late));
}
