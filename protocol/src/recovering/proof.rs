//! What both sides derive and sign.

use serde::{Deserialize, Serialize};

use super::words::MAX_PHRASES;
use crate::{
    codec::{Encoded, Tag, encode},
    crypto::{
        kdf::{context, derive, derive_id},
        kem::{KemPublic, KemSecret, SealedTo},
        secret::Secret32,
        sign::{BadSignature, Signature, SigningKey, VerifyingKey},
    },
    identity::log::Author,
    pairing::{
        Channel,
        transcript::{Session, Side, session_id},
    },
};

const CHALLENGE_INFO: &[u8] = b"musette recovery challenge v1";

/// What proves who is at an end of this very exchange. Signed, never sent.
#[derive(Debug, Serialize, Deserialize)]
struct Proof {
    /// Who signs.
    author: Author,
    transcript: [u8; 32],
}

impl Encoded for Proof {
    const TAG: Tag = Tag::RecoveryProof;
    const VERSION: u8 = 1;
}

/// The salt that is drawn on either side.
pub(super) fn salt(entropy: &Secret32) -> [u8; 32] {
    derive_id(context::RECOVERING, &[b"salt", entropy.expose()])
}

/// One exchange, from the challenge on.
pub(super) struct Exchange {
    pub(super) session: Session,
    /// Names the connection, both salts and the very challenge.
    transcript: [u8; 32],
}

impl Exchange {
    fn new(side: Side, id: [u8; 32], sealed: &[SealedTo; MAX_PHRASES], secret: &[u8]) -> Self {
        let sealed = postcard::to_allocvec(sealed).expect("postcard writes sealed bytes");
        Self {
            session: Session::keyed(side, context::RECOVERING, secret, id),
            transcript: derive_id(context::RECOVERING, &[b"transcript", &id, &sealed]),
        }
    }

    /// The answerer's: a challenge to whoever holds the secret half of one of `to`, and the exchange
    /// that it then is. What is left of the places is sealed to a key that nobody has. Nothing when
    /// nothing can be sealed to one of them.
    pub(super) fn challenge(
        channel: &Channel,
        to: &[KemPublic],
        asker_salt: &[u8; 32],
        entropy: &Secret32,
    ) -> Option<(Vec<Self>, [SealedTo; MAX_PHRASES])> {
        let draw =
            |label: &[u8], place: u8| derive(context::RECOVERING, &[label, &[place], entropy.expose()]);
        let id = session_id(context::RECOVERING, channel, asker_salt, &salt(entropy));
        let seal = |place: u8| {
            let nobody = || KemSecret::from_secret(&draw(b"nobody", place)).public();
            let key = to.get(usize::from(place)).copied().unwrap_or_else(nobody);
            key.seal(CHALLENGE_INFO, &id, draw(b"secret", place).expose(), &draw(b"challenge", place)).ok()
        };
        let sealed = [seal(0)?, seal(1)?];
        let exchange = |place| Self::new(Side::Inviter, id, &sealed, draw(b"secret", place).expose());
        let exchanges = (0..).take(to.len().min(MAX_PHRASES)).map(exchange).collect();
        Some((exchanges, sealed))
    }

    /// The asker's: nothing when the challenge is for somebody else, or was made for another
    /// connection.
    pub(super) fn open(
        channel: &Channel,
        kem: &KemSecret,
        (asker_salt, salt): (&[u8; 32], &[u8; 32]),
        sealed: &[SealedTo; MAX_PHRASES],
    ) -> Option<Self> {
        let id = session_id(context::RECOVERING, channel, asker_salt, salt);
        let opened = sealed.iter().find_map(|sealed| kem.open(CHALLENGE_INFO, &id, sealed).ok())?;
        let secret = Secret32::from_bytes(<[u8; 32]>::try_from(opened.as_slice()).ok()?);
        Some(Self::new(Side::Joiner, id, sealed, secret.expose()))
    }

    pub(super) fn prove(&self, author: Author, key: &SigningKey) -> Signature {
        key.sign(&self.statement(author))
    }

    pub(super) fn check(
        &self,
        author: Author,
        key: &VerifyingKey,
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        key.verify(&self.statement(author), signature)
    }

    fn statement(&self, author: Author) -> Vec<u8> {
        encode(&Proof { author, transcript: self.transcript })
    }

    /// Names this exchange and the enrolment that came of it.
    pub(super) fn context(&self, enrolment: &[u8]) -> [u8; 32] {
        derive_id(context::RECOVERING, &[b"context", &self.transcript, enrolment])
    }
}
