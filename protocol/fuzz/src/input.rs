//! A fuzzer's bytes, read from the front. Past the end everything is 0, so that each prefix of an
//! input is an input, and what a corpus holds can be written by hand (`seed.py`).

/// The bytes that are left.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of them.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether none is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// Yes once in `n` times, for bytes that fuzzers like: 0 says no.
    pub fn one_in(&mut self, n: u8) -> bool {
        self.byte() % n == n - 1
    }

    /// Bytes preceded by their number (u16, little-endian), or as many as there are.
    pub fn bytes(&mut self) -> &'a [u8] {
        let len = u16::from_le_bytes([self.byte(), self.byte()]);
        self.take(usize::from(len))
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.take(self.0.len())
    }

    /// An array of one byte, repeated.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        [self.byte(); N]
    }

    /// Some of a list, each at most once, in its order; the choice is a mask over its last eight.
    pub fn some_of<T: Clone>(&mut self, list: &[T]) -> Vec<T> {
        let mask = self.byte();
        let last = list.iter().rev().take(8).enumerate();
        let mut chosen: Vec<T> =
            last.filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, one)| one.clone()).collect();
        chosen.reverse();
        chosen
    }

    /// One of a list, or nothing when it is empty.
    pub fn one_of<T: Copy>(&mut self, list: &[T]) -> Option<T> {
        let place = usize::from(self.byte());
        list.get(place % list.len().max(1)).copied()
    }

    /// Bytes with a few of them changed.
    pub fn changed(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.below(4) {
            let place = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
            let mask = self.byte();
            let len = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(place % len) {
                *byte ^= mask;
            }
        }
        bytes
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, left) = self.0.split_at(len.min(self.0.len()));
        self.0 = left;
        taken
    }
}
