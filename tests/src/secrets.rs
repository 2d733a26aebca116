//! What a device's vault holds, read as `protocol/spec/vault.md` says and not by Musette's code: a test
//! that looks for a secret must know it.

use std::fs;

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use data_encoding::BASE32_NOPAD;

use crate::world::Device;

/// Something to look for, and what it is.
pub type Named = (String, Vec<u8>);

const HEADER_LEN: usize = 87;
/// Mode 0 of the header: a key file.
const KEY_FILE: u8 = 0;

/// The secrets of a device that opens with a key file: the file's, and those in its vault.
pub fn of(device: &Device) -> Vec<Named> {
    let root = fs::read(device.home().join("key")).unwrap();
    let vault = fs::read(device.home().join("vault")).unwrap();
    let (header, sealed) = vault.split_at(HEADER_LEN);
    assert!(header.starts_with(b"MUSETTEV") && header[10] == KEY_FILE, "a vault under a key file");
    let key = derive("vault key", &[b"seal", &header[23..39], &root]);
    let cipher = XChaCha20Poly1305::new(&key.into());
    let nonce = <[u8; 24]>::try_from(&header[55..79]).unwrap();
    let body = cipher.decrypt(&nonce.into(), Payload { msg: sealed, aad: header }).expect("the vault opens");

    // Behind tag and version, the fields in their order: `node/src/store/keys.rs`.
    let mut body = Body(&body[2..]);
    let inception = body.count();
    body.take(inception);
    let mut found = vec![("root of the vault", root), ("key of the vault", key.to_vec())];
    found.push(("space", body.take(32)));
    let seed = body.take(32);
    found.push(("seed of the transport key", derive("transport key", &[&seed]).to_vec()));
    found.push(("seed of the signing key", seed));
    found.push(("seed of the HPKE key", body.take(32)));
    let epochs = body.count();
    assert!(epochs > 0, "a device holds an epoch");
    for _ in 0..epochs {
        found.push(("secret of an epoch", body.take(32)));
        for _ in 0..body.count() {
            body.take(32);
        }
    }
    found.extend(body.option().map(|seed| ("seed of the keeper", seed)));
    found.push(("key of the index", body.take(32)));
    body.take(16);
    found.extend(body.option().map(|entropy| ("entropy of the words", entropy)));
    found.into_iter().map(|(what, bytes)| (format!("{}: {what}", device.name), bytes)).collect()
}

/// The inviter's transport key and the secret in a pairing's ticket: `protocol/spec/pairing.md`.
pub fn of_ticket(ticket: &str) -> (Vec<u8>, Vec<u8>) {
    /// What a peer id of an Ed25519 key begins with.
    const PEER: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
    let text = ticket.strip_prefix("musette1").unwrap().to_uppercase();
    let bytes = BASE32_NOPAD.decode(text.as_bytes()).unwrap();
    // Addresses at relays, which name peers too, stand before.
    let at = bytes.windows(PEER.len()).rposition(|window| window == PEER).unwrap() + PEER.len();
    (bytes[at..at + 32].to_vec(), bytes[at + 32..at + 48].to_vec())
}

/// `derive` of `protocol/spec/encoding.md`.
fn derive(purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(&format!("musette 2026-11 {purpose} v1"));
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize().into()
}

/// What is left of an encoded structure.
struct Body<'a>(&'a [u8]);

impl Body<'_> {
    fn take(&mut self, len: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken.to_vec()
    }

    /// A varint.
    fn count(&mut self) -> usize {
        let mut count = 0;
        for place in 0.. {
            let byte = self.take(1)[0];
            count |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                break;
            }
        }
        count
    }

    fn option(&mut self) -> Option<Vec<u8>> {
        (self.take(1)[0] == 1).then(|| self.take(32))
    }
}
