//! Dates of any precision: what is read is written the same way, and the order is one.
#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::fuzz_target;
use musette_crdt::date::{PartialDate, rfc3339};
use musette_crdt_fuzz::input::Input;
use musette_protocol::time::Timestamp;

fn date(bytes: &[u8]) -> Option<PartialDate> {
    let date: PartialDate = str::from_utf8(bytes).ok()?.parse().ok()?;
    let text = date.to_string();
    assert_eq!(text.parse().as_ref(), Ok(&date));
    let json = serde_json::to_string(&date).expect("a date is a text");
    assert_eq!(serde_json::from_str::<PartialDate>(&json).expect("just written"), date);
    assert!(date.first_day() <= date.last_day());
    assert_eq!(date.first_day().year(), date.year_number());
    assert!(date.overlaps(&date));
    Some(date)
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let _ = rfc3339(Timestamp::from_millis(i64::from_le_bytes(std::array::from_fn(|_| input.byte()))));
    let (Some(one), Some(other)) = (date(input.bytes()), date(input.rest())) else { return };
    assert_eq!(one.cmp(&other), other.cmp(&one).reverse());
    assert_eq!(one.cmp(&other) == Ordering::Equal, one == other);
    assert_eq!(one.overlaps(&other), other.overlaps(&one));
});
