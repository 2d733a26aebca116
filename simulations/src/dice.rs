//! The only source of chance: a stream drawn from the seed.

use musette_protocol::crypto::secret::Secret32;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// Numbers that follow from a seed.
#[derive(Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of a seed. Spelled out rather than left to the library, so that an update of it
    /// does not change the stories that seeds tell.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// A number below `bound`, which is at least 1. The bias of the remainder is of no concern here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    /// A number of a range, its ends included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// An index of a list with `len` entries, which is at least 1.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("below a length")
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A few random bytes, between `from` and `to` of them.
    pub fn some_bytes(&mut self, from: u64, to: u64) -> Vec<u8> {
        let len = usize::try_from(self.between(from, to)).expect("a small number");
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A secret.
    pub fn secret(&mut self) -> Secret32 {
        Secret32::from_bytes(self.bytes())
    }
}
