//! What every [`Disk`] must do, as a check that its tests call. Panics where the contract breaks.

use super::{Disk, SegmentNumber};

const ONE: SegmentNumber = SegmentNumber::FIRST;

/// Checks an empty disk against the contract, and leaves it empty.
///
/// # Panics
/// When the disk breaks the contract.
pub fn check<D: Disk>(disk: &mut D) {
    let two = numbered(2);
    assert_eq!(segments(disk), [], "the disk given is empty");
    disk.create(two).expect("creates");
    disk.create(ONE).expect("creates");
    assert_eq!(segments(disk), [ONE, two], "listed in ascending order");
    assert!(disk.create(ONE).is_err(), "a segment is created once");
    appends_at_the_end(disk);
    cuts_and_goes_on(disk);
    replaces_whole(disk);
    refuses_what_is_not_there(disk);
    disk.remove(two).expect("removes");
    disk.remove(two).expect("removing again changes nothing");
    assert_eq!(segments(disk), [ONE]);
    disk.create(two).expect("creates again");
    assert_eq!(disk.len(two).expect("has a length"), 0, "made anew, it is empty");
    disk.remove(two).expect("removes");
    disk.remove(ONE).expect("removes");
    assert_eq!(segments(disk), []);
}

fn appends_at_the_end<D: Disk>(disk: &mut D) {
    assert_eq!(disk.len(ONE).expect("has a length"), 0);
    disk.append(ONE, b"abc").expect("appends");
    disk.append(ONE, b"").expect("appends nothing");
    assert_eq!(read(disk, 0, 3), b"abc", "readable before it is synced");
    disk.append(ONE, b"defg").expect("appends");
    disk.sync(ONE).expect("syncs");
    disk.sync(ONE).expect("syncs again");
    assert_eq!(disk.len(ONE).expect("has a length"), 7);
    assert_eq!(read(disk, 0, 7), b"abcdefg");
    assert_eq!(read(disk, 2, 3), b"cde");
    disk.write_again(ONE, 2, b"cdefg").expect("writes again");
    disk.write_again(ONE, 7, b"").expect("writes nothing again");
    disk.sync(ONE).expect("syncs what was written again");
    assert_eq!(read(disk, 0, 7), b"abcdefg");
    assert_eq!(disk.len(numbered(2)).expect("has a length"), 0, "segments are apart");
}

fn cuts_and_goes_on<D: Disk>(disk: &mut D) {
    disk.truncate(ONE, 7).expect("a cut at the end changes nothing");
    disk.truncate(ONE, 2).expect("cuts");
    assert_eq!(disk.len(ONE).expect("has a length"), 2);
    disk.append(ONE, b"xy").expect("appends");
    disk.sync(ONE).expect("syncs");
    assert_eq!(read(disk, 0, 4), b"abxy", "goes on where it was cut");
}

fn replaces_whole<D: Disk>(disk: &mut D) {
    for (new, whole) in [(&b"longer than before"[..], &b"longer than before!"[..]), (b"abx", b"abx!")] {
        disk.replace(ONE, new).expect("replaces");
        assert_eq!(disk.len(ONE).expect("has a length"), new.len() as u64, "nothing of the old is left");
        assert_eq!(read(disk, 0, new.len()), new);
        disk.append(ONE, b"!").expect("appends to what is new");
        disk.sync(ONE).expect("syncs");
        assert_eq!(read(disk, 0, whole.len()), whole);
    }
    assert_eq!(segments(disk), [ONE, numbered(2)], "nothing is left beside it");
    assert_eq!(disk.len(numbered(2)).expect("has a length"), 0, "segments are apart");
}

fn refuses_what_is_not_there<D: Disk>(disk: &mut D) {
    let three = numbered(3);
    assert!(disk.read(ONE, 3, &mut [0; 2]).is_err(), "a read past the end is refused");
    assert!(disk.read(ONE, 5, &mut [0; 1]).is_err(), "a read after the end is refused");
    assert!(disk.read(ONE, u64::MAX, &mut [0; 1]).is_err(), "an absurd offset is refused");
    assert!(disk.len(three).is_err());
    assert!(disk.read(three, 0, &mut [0; 1]).is_err());
    assert!(disk.append(three, b"x").is_err());
    assert!(disk.write_again(ONE, 3, b"xy").is_err(), "nothing is written again past the end");
    assert_eq!(disk.len(ONE).expect("has a length"), 4);
    assert!(disk.write_again(three, 0, b"x").is_err());
    assert!(disk.sync(three).is_err());
    assert!(disk.truncate(three, 0).is_err());
    assert!(disk.replace(three, b"x").is_err());
    assert_eq!(segments(disk), [ONE, numbered(2)], "no refusal makes a segment");
}

const fn numbered(number: u32) -> SegmentNumber {
    SegmentNumber::new(number).expect("not zero")
}

fn segments<D: Disk>(disk: &mut D) -> Vec<SegmentNumber> {
    disk.segments().expect("lists")
}

fn read<D: Disk>(disk: &mut D, offset: u64, len: usize) -> Vec<u8> {
    let mut buffer = vec![0; len];
    disk.read(ONE, offset, &mut buffer).expect("reads");
    buffer
}
