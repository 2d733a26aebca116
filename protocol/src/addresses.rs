//! Where a person's devices are: short-lived signed records, which the devices tell each other.
//!
//! 1. A device states under which transport key and at which addresses it can be reached
//!    ([`AddressRecord`]), anew when they change and before the record expires.
//! 2. In a session it tells its own record and those of the others that it holds, so that a phone that
//!    met the laptop finds the tablet too. No directory is asked, and the documents' history holds none.
//! 3. Of each device the newest record counts ([`AddressBook`]).
//!
//! What it does not promise: that somebody answers at these addresses, or that it is the device. A
//! session proves that. See `protocol/spec/addresses.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    codec::{DecodeError, Encoded, Tag, decode, encode},
    crypto::sign::{SigningKey, VerifyingKey},
    id::DeviceId,
    limits::MAX_SCHEDULED_DEVICES,
    pairing::ticket::{MAX_ADDRESS_LEN, MAX_ADDRESSES, MAX_PEER_LEN},
    signed::Signed,
    time::Timestamp,
};

/// How long a record holds: a phone that was off over the night is found in the morning.
pub const LIFETIME_MS: i64 = 24 * 60 * 60 * 1_000;
/// A record that is older than this is stated anew although nothing changed.
pub const RENEW_AFTER_MS: i64 = LIFETIME_MS / 4;
/// How far ahead of ours another device's clock may be.
pub const MAX_AHEAD_MS: i64 = 10 * 60 * 1_000;
/// Bytes of all records that are told at once: of as many devices as are dialled, each at its bound.
pub const MAX_FRAME_LEN: usize = MAX_SCHEDULED_DEVICES * (MAX_ADDRESSES * (MAX_ADDRESS_LEN + 2) + 256);

/// Where a device can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRecord {
    /// Which; it signs.
    pub device: DeviceId,
    /// Its transport's peer id, in binary form.
    pub peer: Vec<u8>,
    /// Multiaddresses in binary form, without the peer id at their end; the best first. At a relay they
    /// end in `/p2p-circuit`.
    pub addresses: Vec<Vec<u8>>,
    /// When it was stated, by the device's clock.
    pub issued: Timestamp,
    /// Until when it holds.
    pub expires: Timestamp,
}

impl Encoded for AddressRecord {
    const TAG: Tag = Tag::AddressRecord;
    const VERSION: u8 = 1;
}

/// What one device tells another at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    records: Vec<Signed<AddressRecord>>,
}

impl Encoded for Told {
    const TAG: Tag = Tag::Addresses;
    const VERSION: u8 = 1;
}

/// Why a record is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Too many addresses, or one that is too long.
    #[error("a record of addresses passes a bound")]
    Bounds,
    /// Of no device of this person.
    #[error("a record of addresses of a device that is none of this person's")]
    Stranger,
    /// The device did not sign it.
    #[error("the signature of a record of addresses does not hold")]
    Forged,
    /// Its time is over, has not come, or is longer than any device states.
    #[error("a record of addresses does not hold at this time")]
    Expired,
}

/// The newest record of each device.
#[derive(Debug, Default)]
pub struct AddressBook {
    records: BTreeMap<DeviceId, Signed<AddressRecord>>,
}

impl AddressBook {
    /// States where this device is, unless that is stated already and still fresh. True when there is a
    /// new record.
    pub fn state(
        &mut self,
        key: &SigningKey,
        peer: Vec<u8>,
        addresses: Vec<Vec<u8>>,
        now: Timestamp,
    ) -> bool {
        let device = DeviceId::from_bytes(*key.verifying_key().as_bytes());
        let before = self.records.get(&device).map(Signed::body);
        let is_fresh = |record: &AddressRecord| {
            let age = now.millis_since(record.issued);
            record.peer == peer && record.addresses == addresses && (0..RENEW_AFTER_MS).contains(&age)
        };
        if before.is_some_and(is_fresh) {
            return false;
        }
        // A clock that was put back must not make the new record the older one.
        let issued = before.map_or(now, |record| now.max(record.issued.plus_millis(1)));
        let expires = issued.plus_millis(LIFETIME_MS);
        let record = AddressRecord { device, peer, addresses, issued, expires };
        self.records.insert(device, Signed::new(record, key));
        true
    }

    /// Takes a record if it holds and is newer than the one before; false when it is not newer.
    ///
    /// # Errors
    /// [`AddressError`]; the record is then dropped, and whoever told it may only have been misled.
    pub fn take(
        &mut self,
        record: Signed<AddressRecord>,
        now: Timestamp,
        is_device: impl FnOnce(&DeviceId) -> bool,
    ) -> Result<bool, AddressError> {
        let body = record.body();
        if !body.is_bounded() {
            return Err(AddressError::Bounds);
        }
        if !is_device(&body.device) {
            return Err(AddressError::Stranger);
        }
        if !body.holds_at(now) {
            return Err(AddressError::Expired);
        }
        let device = body.device;
        let known = self.records.get(&device).map(|known| known.body().issued);
        if known.is_some_and(|known| known >= body.issued) {
            return Ok(false);
        }
        let key = VerifyingKey::from_bytes(*device.as_bytes());
        record.verify(&key).map_err(|_| AddressError::Forged)?;
        self.records.insert(device, record);
        Ok(true)
    }

    /// The record of a device.
    #[must_use]
    pub fn get(&self, device: &DeviceId) -> Option<&AddressRecord> {
        self.records.get(device).map(Signed::body)
    }

    /// Forgets the devices for which `is_device` does not hold any more.
    pub fn retain(&mut self, is_device: impl Fn(&DeviceId) -> bool) {
        self.records.retain(|device, _| is_device(device));
    }

    /// All records that hold, as one frame.
    #[must_use]
    pub fn frame(&self, now: Timestamp) -> Vec<u8> {
        let holding = self.records.values().filter(|record| record.body().holds_at(now));
        encode(&Told { records: holding.take(MAX_SCHEDULED_DEVICES).cloned().collect() })
    }
}

/// The records of a frame, none of them checked.
///
/// # Errors
/// When it is none.
pub fn parse_frame(frame: &[u8]) -> Result<Vec<Signed<AddressRecord>>, DecodeError> {
    let Told { records } = decode(frame)?;
    if records.len() > MAX_SCHEDULED_DEVICES { Err(DecodeError::Malformed) } else { Ok(records) }
}

impl AddressRecord {
    fn is_bounded(&self) -> bool {
        let bounded = |bytes: &Vec<u8>, max| (1..=max).contains(&bytes.len());
        self.addresses.len() <= MAX_ADDRESSES
            && self.addresses.iter().all(|address| bounded(address, MAX_ADDRESS_LEN))
            && bounded(&self.peer, MAX_PEER_LEN)
    }

    fn holds_at(&self, now: Timestamp) -> bool {
        let life = self.expires.millis_since(self.issued);
        now < self.expires
            && self.issued <= now.plus_millis(MAX_AHEAD_MS)
            && (0..=LIFETIME_MS).contains(&life)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::secret::Secret32,
        testkit::{decode_code, file, hex, hex_list},
    };

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
    const HOUR: i64 = 60 * 60 * 1_000;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_secret(&Secret32::from_bytes([seed; 32]))
    }

    fn id(seed: u8) -> DeviceId {
        DeviceId::from_bytes(*key(seed).verifying_key().as_bytes())
    }

    fn record(seed: u8, change: impl FnOnce(&mut AddressRecord)) -> Signed<AddressRecord> {
        let mut record = AddressRecord {
            device: id(seed),
            peer: vec![0x12; 38],
            addresses: vec![vec![4, 192, 0, 2, 7, 6, 0x0f, 0xa1]],
            issued: NOW,
            expires: NOW.plus_millis(LIFETIME_MS),
        };
        change(&mut record);
        Signed::new(record, &key(seed))
    }

    fn take(book: &mut AddressBook, record: Signed<AddressRecord>) -> Result<bool, AddressError> {
        book.take(record, NOW, |device| *device == id(1) || *device == id(2))
    }

    #[test]
    fn what_one_device_states_reaches_a_third_through_another() {
        let (mut phone, mut laptop, mut tablet) =
            (AddressBook::default(), AddressBook::default(), AddressBook::default());
        assert!(phone.state(&key(1), vec![1], vec![vec![9]], NOW));
        assert!(laptop.state(&key(2), vec![2], vec![vec![8]], NOW));
        for record in parse_frame(&phone.frame(NOW)).unwrap() {
            assert_eq!(take(&mut laptop, record), Ok(true));
        }
        for record in parse_frame(&laptop.frame(NOW)).unwrap() {
            assert_eq!(take(&mut tablet, record), Ok(true));
        }
        assert_eq!(tablet.get(&id(1)), phone.get(&id(1)));
        assert_eq!(tablet.get(&id(2)).unwrap().addresses, [[8]]);
        let later = NOW.plus_millis(LIFETIME_MS);
        assert_eq!(parse_frame(&tablet.frame(later)), Ok(Vec::new()), "what expired is told to nobody");
        tablet.retain(|device| *device == id(2));
        assert!(tablet.get(&id(1)).is_none());
    }

    #[test]
    fn a_record_is_stated_anew_when_it_changes_or_ages_and_is_always_newer() {
        let mut book = AddressBook::default();
        let mut state = |at, address: u8| book.state(&key(1), vec![1], vec![vec![address]], at);
        assert!(state(NOW, 1));
        assert!(!state(NOW.plus_millis(HOUR), 1));
        assert!(state(NOW.plus_millis(HOUR), 2));
        assert!(state(NOW.plus_millis(HOUR + RENEW_AFTER_MS), 2));
        assert!(state(NOW, 2), "the clock was put back");
        assert!(book.get(&id(1)).unwrap().issued > NOW.plus_millis(HOUR + RENEW_AFTER_MS));
    }

    #[test]
    fn an_old_a_forged_and_a_strangers_record_change_nothing() {
        let mut book = AddressBook::default();
        let newest = record(1, |record| record.issued = NOW.plus_millis(1));
        assert_eq!(take(&mut book, newest.clone()), Ok(true));
        assert_eq!(take(&mut book, newest.clone()), Ok(false));
        assert_eq!(take(&mut book, record(1, |_| {})), Ok(false));
        let forged =
            Signed::new(AddressRecord { issued: NOW.plus_millis(2), ..newest.body().clone() }, &key(2));
        assert_eq!(take(&mut book, forged), Err(AddressError::Forged));
        assert_eq!(take(&mut book, record(3, |_| {})), Err(AddressError::Stranger));
        assert_eq!(book.get(&id(1)), Some(newest.body()));
    }

    #[test]
    fn time_and_lengths_are_bounded() {
        let refused = |change: fn(&mut AddressRecord)| {
            take(&mut AddressBook::default(), record(1, change)).expect_err("refused")
        };
        assert_eq!(refused(|record| record.expires = NOW), AddressError::Expired);
        assert_eq!(
            refused(|record| record.expires = NOW.plus_millis(LIFETIME_MS + 1)),
            AddressError::Expired
        );
        assert_eq!(
            refused(|record| {
                record.issued = NOW.plus_millis(MAX_AHEAD_MS + 1);
                record.expires = record.issued.plus_millis(LIFETIME_MS);
            }),
            AddressError::Expired
        );
        assert_eq!(
            refused(|record| record.addresses = vec![vec![1]; MAX_ADDRESSES + 1]),
            AddressError::Bounds
        );
        assert_eq!(
            refused(|record| record.addresses = vec![vec![1; MAX_ADDRESS_LEN + 1]]),
            AddressError::Bounds
        );
        assert_eq!(refused(|record| record.peer = Vec::new()), AddressError::Bounds);
        assert_eq!(parse_frame(b"\x19\x01"), Err(DecodeError::Malformed));
    }

    #[test]
    fn vectors() {
        let (given, cases) = file(include_str!("../vectors/addresses/records.json"));
        let devices: Vec<DeviceId> =
            hex_list(&given, "devices").into_iter().map(|id| DeviceId::try_from(&id[..]).unwrap()).collect();
        let now = Timestamp::from_millis(given["now"].as_i64().unwrap());
        for case in cases {
            let mut book = AddressBook::default();
            let mut tell = |frame: &[u8]| -> Result<Vec<&str>, &str> {
                let records = parse_frame(frame).map_err(|error| decode_code(&error))?;
                let told = records.into_iter().map(|record| {
                    match book.take(record, now, |device| devices.contains(device)) {
                        Ok(true) => "new",
                        Ok(false) => "known",
                        Err(AddressError::Bounds) => "bounds",
                        Err(AddressError::Stranger) => "stranger",
                        Err(AddressError::Forged) => "forged",
                        Err(AddressError::Expired) => "expired",
                    }
                });
                Ok(told.collect())
            };
            tell(&hex(&case, "before")).unwrap();
            let told = match tell(&hex(&case, "frame")) {
                Ok(told) => serde_json::json!(told),
                Err(code) => code.into(),
            };
            assert_eq!(told, case["expect"], "{}", case["comment"]);
        }
    }

    #[test]
    fn a_frame_of_all_devices_is_within_its_bound() {
        let full = record(1, |record| {
            record.peer = vec![1; MAX_PEER_LEN];
            record.addresses = vec![vec![1; MAX_ADDRESS_LEN]; MAX_ADDRESSES];
        });
        let frame = encode(&Told { records: vec![full; MAX_SCHEDULED_DEVICES] });
        assert!(frame.len() <= MAX_FRAME_LEN, "{}", frame.len());
    }
}
