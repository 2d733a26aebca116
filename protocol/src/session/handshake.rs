//! Steps 1 to 3 of a session: from two strangers to two devices of one person.

use serde::{Deserialize, Serialize};

use super::{SessionError, message::Message};
use crate::{
    codec::{Encoded, Tag, decode, encode},
    crypto::{
        aead::{self, NONCE_LEN},
        kdf::{context, derive},
        secret::Secret32,
        sign::{Signature, SigningKey, VerifyingKey},
    },
    epoch::Keyring,
    id::{DeviceId, EpochId, SpaceId},
    limits::MAX_RECOGNITION_MARKS,
    replica::State,
};

/// Which side of the connection this is: the marks and proofs of one never pass as the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Opened the connection.
    Dialer,
    /// Was called.
    Listener,
}

impl Role {
    const fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Listener,
            Self::Listener => Self::Dialer,
        }
    }

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Dialer => b"dialer",
            Self::Listener => b"listener",
        }
    }
}

/// What a device signs to prove that it is there now.
#[derive(Debug, Serialize, Deserialize)]
struct Transcript {
    role: Role,
    binding: [u8; 32],
    dialer_nonce: [u8; 32],
    listener_nonce: [u8; 32],
    space: SpaceId,
    epoch: EpochId,
    device: DeviceId,
}

impl Encoded for Transcript {
    const TAG: Tag = Tag::SessionProof;
    const VERSION: u8 = 1;
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Proof {
    device: DeviceId,
    signature: Signature,
}

impl Encoded for Proof {
    const TAG: Tag = Tag::SealedProof;
    const VERSION: u8 = 1;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    AwaitHello,
    AwaitMarks { peer_nonce: [u8; 32] },
    AwaitProof { peer_nonce: [u8; 32], epoch: EpochId },
    Done,
}

#[derive(Debug)]
pub(super) struct Handshake {
    role: Role,
    binding: [u8; 32],
    nonce: [u8; 32],
    stage: Stage,
}

#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) reply: Vec<Message>,
    pub(super) proved: Option<Proved>,
}

/// Who is there, and a secret that only the two of this session share with the members of the epoch.
#[derive(Debug)]
pub(super) struct Proved {
    pub(super) device: DeviceId,
    pub(super) secret: Secret32,
}

impl Handshake {
    pub(super) const fn new(role: Role, binding: [u8; 32], nonce: [u8; 32]) -> Self {
        Self { role, binding, nonce, stage: Stage::AwaitHello }
    }

    pub(super) fn handle(
        &mut self,
        message: Message,
        state: &State,
        device: &SigningKey,
    ) -> Result<Step, SessionError> {
        match (self.stage, message) {
            // A peer that echoes our nonce could echo our marks and proof as well.
            (Stage::AwaitHello, Message::Hello { nonce }) if nonce != self.nonce => {
                self.stage = Stage::AwaitMarks { peer_nonce: nonce };
                let marks = self.marks(state, self.role, &nonce).into_iter().map(|(_, mark)| mark).collect();
                Ok(Step { reply: vec![Message::Marks { marks }], proved: None })
            }
            (Stage::AwaitMarks { peer_nonce }, Message::Marks { marks }) => {
                if marks.len() > MAX_RECOGNITION_MARKS {
                    return Err(SessionError::Malformed);
                }
                let expected = self.marks(state, self.role.other(), &peer_nonce);
                let shared =
                    expected.iter().filter(|(_, mark)| marks.contains(mark)).map(|(epoch, _)| *epoch).min();
                let epoch = shared.ok_or(SessionError::Unrecognised)?;
                self.stage = Stage::AwaitProof { peer_nonce, epoch };
                let sealed = self.prove(state, &peer_nonce, epoch, device);
                Ok(Step { reply: vec![Message::Proof { sealed }], proved: None })
            }
            (Stage::AwaitProof { peer_nonce, epoch }, Message::Proof { sealed }) => {
                let device = self.check_proof(state, &peer_nonce, epoch, &sealed)?;
                self.stage = Stage::Done;
                let epoch_secret = state.keyring().secret(&epoch).expect("chosen among the keyring's epochs");
                let secret = self.derive(b"session", Role::Dialer, state.space(), epoch_secret, &peer_nonce);
                Ok(Step { reply: vec![], proved: Some(Proved { device, secret }) })
            }
            _ => Err(SessionError::Malformed),
        }
    }

    fn nonces<'a>(&'a self, peer_nonce: &'a [u8; 32]) -> (&'a [u8; 32], &'a [u8; 32]) {
        match self.role {
            Role::Dialer => (&self.nonce, peer_nonce),
            Role::Listener => (peer_nonce, &self.nonce),
        }
    }

    fn derive(
        &self,
        purpose: &[u8],
        sender: Role,
        space: &SpaceId,
        secret: &Secret32,
        peer_nonce: &[u8; 32],
    ) -> Secret32 {
        let (dialer, listener) = self.nonces(peer_nonce);
        derive(
            context::SESSION_RECOGNITION,
            &[secret.expose(), space.as_bytes(), &self.binding, dialer, listener, sender.label(), purpose],
        )
    }

    fn marks(&self, state: &State, sender: Role, peer_nonce: &[u8; 32]) -> Vec<(EpochId, [u8; 16])> {
        let epochs = recent(state.keyring());
        epochs
            .into_iter()
            .map(|(epoch, secret)| {
                let full = self.derive(b"mark", sender, state.space(), secret, peer_nonce);
                let mut mark = [0; 16];
                mark.copy_from_slice(&full.expose()[..16]);
                (epoch, mark)
            })
            .collect()
    }

    fn transcript(
        &self,
        role: Role,
        state: &State,
        peer_nonce: &[u8; 32],
        epoch: EpochId,
        device: DeviceId,
    ) -> Vec<u8> {
        let (dialer_nonce, listener_nonce) = self.nonces(peer_nonce);
        encode(&Transcript {
            role,
            binding: self.binding,
            dialer_nonce: *dialer_nonce,
            listener_nonce: *listener_nonce,
            space: *state.space(),
            epoch,
            device,
        })
    }

    /// The key is used for one message: each session and each side has another, so its nonce is 0.
    fn prove(&self, state: &State, peer_nonce: &[u8; 32], epoch: EpochId, key: &SigningKey) -> Vec<u8> {
        let secret = state.keyring().secret(&epoch).expect("chosen among the keyring's epochs");
        let device = DeviceId::from_bytes(*key.verifying_key().as_bytes());
        let signature = key.sign(&self.transcript(self.role, state, peer_nonce, epoch, device));
        let seal_key = self.derive(b"proof", self.role, state.space(), secret, peer_nonce);
        aead::seal(&seal_key, &[0; NONCE_LEN], &[], &encode(&Proof { device, signature }))
    }

    fn check_proof(
        &self,
        state: &State,
        peer_nonce: &[u8; 32],
        epoch: EpochId,
        sealed: &[u8],
    ) -> Result<DeviceId, SessionError> {
        let peer = self.role.other();
        let secret = state.keyring().secret(&epoch).expect("chosen among the keyring's epochs");
        let seal_key = self.derive(b"proof", peer, state.space(), secret, peer_nonce);
        let opened =
            aead::open(&seal_key, &[0; NONCE_LEN], &[], sealed).map_err(|_| SessionError::BadProof)?;
        let proof: Proof = decode(&opened).map_err(|_| SessionError::Malformed)?;
        let transcript = self.transcript(peer, state, peer_nonce, epoch, proof.device);
        let key = VerifyingKey::from_bytes(*proof.device.as_bytes());
        key.verify(&transcript, &proof.signature).map_err(|_| SessionError::BadProof)?;
        Ok(proof.device)
    }
}

/// The epochs to be recognised by. Heads first, since they are the likeliest to be shared.
fn recent(keyring: &Keyring) -> Vec<(EpochId, &Secret32)> {
    let heads = keyring.heads();
    let mut epochs: Vec<(EpochId, &Secret32)> = keyring.iter().map(|(id, secret)| (*id, secret)).collect();
    epochs.sort_by_key(|(id, _)| (!heads.contains(id), *id));
    epochs.truncate(MAX_RECOGNITION_MARKS);
    epochs
}
