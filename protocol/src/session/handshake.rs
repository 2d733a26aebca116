//! Steps 1 to 3 of a session: from two strangers to two devices with a space in common.

use serde::{Deserialize, Serialize};

use super::{SessionError, Spaces, Version, message::Message};
use crate::{
    codec::{Encoded, Tag, decode, encode},
    crypto::{
        aead::{self, NONCE_LEN},
        kdf::{context, derive},
        secret::Secret32,
        sign::{Signature, SigningKey, VerifyingKey},
    },
    id::{DeviceId, EpochId, SpaceId},
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
    AwaitProof { peer_nonce: [u8; 32], shared: Shared },
    Done,
}

/// An epoch that both sides know: of those the first by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shared {
    epoch: EpochId,
    space: SpaceId,
}

#[derive(Debug)]
pub(super) struct Handshake {
    role: Role,
    binding: [u8; 32],
    nonce: [u8; 32],
    /// Marks that either side shows at most.
    most_marks: usize,
    /// The epochs that were shown. One that is learnt while the other side's marks are on their way
    /// is not shared in this session: the other side cannot know that it is known here.
    shown: Vec<Shared>,
    /// Those of them that the other side showed too.
    shared: Vec<Shared>,
    stage: Stage,
}

#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) reply: Vec<Message>,
    pub(super) proved: Option<Proved>,
}

/// Who is there, the space that both were recognised by, and a secret that only the two of this
/// session share with the members of the epoch.
#[derive(Debug)]
pub(super) struct Proved {
    pub(super) device: DeviceId,
    pub(super) space: SpaceId,
    pub(super) secret: Secret32,
}

impl Handshake {
    pub(super) const fn new(version: Version, role: Role, binding: [u8; 32], nonce: [u8; 32]) -> Self {
        let most_marks = version.most_marks();
        let stage = Stage::AwaitHello;
        Self { role, binding, nonce, most_marks, shown: Vec::new(), shared: Vec::new(), stage }
    }

    /// An epoch of a space that both sides know, of those the newest.
    pub(super) fn shared_epoch(&self, space: &SpaceId) -> Option<EpochId> {
        self.shared.iter().find(|shared| shared.space == *space).map(|shared| shared.epoch)
    }

    pub(super) fn handle(
        &mut self,
        message: Message,
        spaces: &impl Spaces,
        device: &SigningKey,
    ) -> Result<Step, SessionError> {
        match (self.stage, message) {
            // A peer that echoes our nonce could echo our marks and proof as well.
            (Stage::AwaitHello, Message::Hello { nonce }) if nonce != self.nonce => {
                self.stage = Stage::AwaitMarks { peer_nonce: nonce };
                self.shown = recognised_by(spaces, self.most_marks);
                let marks = self.marks(spaces, self.role, &nonce).into_iter().map(|(_, mark)| mark).collect();
                Ok(Step { reply: vec![Message::Marks { marks }], proved: None })
            }
            (Stage::AwaitMarks { peer_nonce }, Message::Marks { marks }) => {
                if marks.len() > self.most_marks {
                    return Err(SessionError::Malformed);
                }
                let expected = self.marks(spaces, self.role.other(), &peer_nonce);
                let shared = expected.iter().filter(|(_, mark)| marks.contains(mark));
                self.shared = shared.map(|(shared, _)| *shared).collect();
                let shared = *self.shared.iter().min().ok_or(SessionError::Unrecognised)?;
                self.stage = Stage::AwaitProof { peer_nonce, shared };
                let sealed = self.prove(secret_of(spaces, &shared)?, &peer_nonce, &shared, device);
                Ok(Step { reply: vec![Message::Proof { sealed }], proved: None })
            }
            (Stage::AwaitProof { peer_nonce, shared }, Message::Proof { sealed }) => {
                let epoch_secret = secret_of(spaces, &shared)?;
                let device = self.check_proof(epoch_secret, &peer_nonce, &shared, &sealed)?;
                self.stage = Stage::Done;
                let secret = self.derive(b"session", Role::Dialer, &shared.space, epoch_secret, &peer_nonce);
                Ok(Step { reply: vec![], proved: Some(Proved { device, space: shared.space, secret }) })
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

    /// The marks of the epochs that were shown, as a side of this role shows them.
    fn marks(&self, spaces: &impl Spaces, sender: Role, peer_nonce: &[u8; 32]) -> Vec<(Shared, [u8; 16])> {
        let known = self.shown.iter().filter_map(|shared| Some((*shared, secret_of(spaces, shared).ok()?)));
        let marks = known.map(|(shared, secret)| {
            let full = self.derive(b"mark", sender, &shared.space, secret, peer_nonce);
            let mut mark = [0; 16];
            mark.copy_from_slice(&full.expose()[..16]);
            (shared, mark)
        });
        marks.collect()
    }

    fn transcript(&self, role: Role, peer_nonce: &[u8; 32], shared: &Shared, device: DeviceId) -> Vec<u8> {
        let (dialer_nonce, listener_nonce) = self.nonces(peer_nonce);
        encode(&Transcript {
            role,
            binding: self.binding,
            dialer_nonce: *dialer_nonce,
            listener_nonce: *listener_nonce,
            space: shared.space,
            epoch: shared.epoch,
            device,
        })
    }

    /// The key is used for one message: each session and each side has another, so its nonce is 0.
    fn prove(&self, secret: &Secret32, peer_nonce: &[u8; 32], shared: &Shared, key: &SigningKey) -> Vec<u8> {
        let device = DeviceId::from_bytes(*key.verifying_key().as_bytes());
        let signature = key.sign(&self.transcript(self.role, peer_nonce, shared, device));
        let seal_key = self.derive(b"proof", self.role, &shared.space, secret, peer_nonce);
        aead::seal(&seal_key, &[0; NONCE_LEN], &[], &encode(&Proof { device, signature }))
    }

    fn check_proof(
        &self,
        secret: &Secret32,
        peer_nonce: &[u8; 32],
        shared: &Shared,
        sealed: &[u8],
    ) -> Result<DeviceId, SessionError> {
        let peer = self.role.other();
        let seal_key = self.derive(b"proof", peer, &shared.space, secret, peer_nonce);
        let opened =
            aead::open(&seal_key, &[0; NONCE_LEN], &[], sealed).map_err(|_| SessionError::BadProof)?;
        let proof: Proof = decode(&opened).map_err(|_| SessionError::Malformed)?;
        let transcript = self.transcript(peer, peer_nonce, shared, proof.device);
        let key = VerifyingKey::from_bytes(*proof.device.as_bytes());
        key.verify(&transcript, &proof.signature).map_err(|_| SessionError::BadProof)?;
        Ok(proof.device)
    }
}

/// The secret of the epoch taken. A space that is given up while two devices greet each other is
/// shared no more.
fn secret_of<'a>(spaces: &'a impl Spaces, shared: &Shared) -> Result<&'a Secret32, SessionError> {
    let state = spaces.state(&shared.space);
    state.and_then(|state| state.keyring().secret(&shared.epoch)).ok_or(SessionError::Unrecognised)
}

/// The epochs of all spaces to be recognised by: the newest of each space first, which are the likeliest
/// to be shared, so that as many spaces as fit have one.
fn recognised_by(spaces: &impl Spaces, most: usize) -> Vec<Shared> {
    let mut ranked: Vec<(usize, Shared)> = Vec::new();
    for state in spaces.states() {
        let newest = state.keyring().newest_first().into_iter().take(most);
        let space = *state.space();
        ranked.extend(newest.map(|epoch| Shared { epoch, space }).enumerate());
    }
    ranked.sort_by_key(|(rank, shared)| (*rank, shared.space));
    ranked.truncate(most);
    ranked.into_iter().map(|(_, shared)| shared).collect()
}
