//! Either end of a recovery, as `protocol/spec/recovering.md` describes it: whoever knows the person's
//! public keys makes a challenge, whoever has the phrase opens one. Messages are plain bytes.

use musette_protocol::{
    codec::{Encoded, Tag, encode},
    crypto::{
        aead,
        kdf::{context, derive, derive_id},
        kem::{KemPublic, KemSecret, SealedTo},
        secret::Secret32,
        sign::{Signature, SigningKey},
    },
    identity::log::Author,
    pairing::Channel,
};
use serde::{Deserialize, Serialize};

use crate::pairing::encoded;

const INFO: &[u8] = b"musette recovery challenge v1";

#[derive(Serialize, Deserialize)]
struct Proof {
    author: Author,
    transcript: [u8; 32],
}

impl Encoded for Proof {
    const TAG: Tag = Tag::RecoveryProof;
    const VERSION: u8 = 1;
}

/// One end of the channel.
#[derive(Debug)]
pub struct End {
    id: [u8; 32],
    key: Secret32,
    transcript: [u8; 32],
    sent: u64,
}

fn id_of(channel: &Channel, (asker, answerer): (&[u8; 32], &[u8; 32])) -> [u8; 32] {
    derive_id(context::RECOVERING, &[b"session", &channel.joiner, &channel.inviter, asker, answerer])
}

/// The answerer's end, and the encoded sealed secrets of its challenge, of which the first is for this key.
#[must_use]
pub fn challenge(
    channel: &Channel,
    to: &KemPublic,
    salts: (&[u8; 32], &[u8; 32]),
    secret: &Secret32,
) -> (End, Vec<u8>) {
    let id = id_of(channel, salts);
    let nobody = KemSecret::from_secret(&derive(context::RECOVERING, &[b"nobody", secret.expose()])).public();
    let sealed =
        [*to, nobody].map(|to| to.seal(INFO, &id, secret.expose(), secret).expect("the key is usable"));
    let sealed = encoded(&sealed);
    (End::new(id, b"inviter to joiner", &sealed, secret), sealed)
}

impl End {
    fn new(id: [u8; 32], label: &[u8], sealed: &[u8], secret: &Secret32) -> Self {
        let transcript = derive_id(context::RECOVERING, &[b"transcript", &id, sealed]);
        Self { id, key: derive(context::RECOVERING, &[label, secret.expose(), &id]), transcript, sent: 0 }
    }

    /// The asker's end, once it has a challenge.
    #[must_use]
    pub fn open(
        channel: &Channel,
        kem: &KemSecret,
        salts: (&[u8; 32], &[u8; 32]),
        sealed: &[u8],
    ) -> Option<Self> {
        let id = id_of(channel, salts);
        let secrets = postcard::from_bytes::<[SealedTo; 2]>(sealed).ok()?;
        let opened = secrets.iter().find_map(|secret| kem.open(INFO, &id, secret).ok())?;
        let secret = Secret32::from_bytes(opened.as_slice().try_into().ok()?);
        Some(Self::new(id, b"joiner to inviter", sealed, &secret))
    }

    /// A proof that somebody is here now.
    #[must_use]
    pub fn prove(&self, author: Author, key: &SigningKey) -> Signature {
        key.sign(&encode(&Proof { author, transcript: self.transcript }))
    }

    /// A frame with this message inside.
    pub fn seal(&mut self, message: &[u8]) -> Vec<u8> {
        let mut nonce = [0; aead::NONCE_LEN];
        nonce[..8].copy_from_slice(&self.sent.to_le_bytes());
        self.sent += 1;
        let sealed = aead::seal(&self.key, &nonce, &self.id, message);
        crate::pairing::message(2, &encoded(&sealed))
    }
}
