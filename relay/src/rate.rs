//! Token buckets: how often somebody may do something.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// So many at once; afterwards one more each time the interval has passed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    burst: u32,
    interval: Duration,
}

impl Rate {
    /// `count` at once, and `count` in every `time`. A count of 0 is taken for 1.
    pub(crate) fn new(count: u32, time: Duration) -> Self {
        Self { burst: count.max(1), interval: time / count.max(1) }
    }
}

/// What one has left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    /// When it would be full again: before now for a full one. One number tells all.
    full_at: Instant,
}

impl Bucket {
    pub(crate) const fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one, if one is left.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + rate.interval;
        if full_at > now + rate.interval * rate.burst {
            return false;
        }
        self.full_at = full_at;
        true
    }
}

/// One bucket for each of many. Those who find no place share one more.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    rate: Rate,
    max: usize,
    buckets: HashMap<K, Bucket>,
    others: Option<Bucket>,
}

impl<K: Hash + Eq> Buckets<K> {
    pub(crate) fn new(rate: Rate, max: usize) -> Self {
        Self { rate, max, buckets: HashMap::new(), others: None }
    }

    /// Takes one of what `key` has left, if any is.
    pub(crate) fn take(&mut self, key: K, now: Instant) -> bool {
        let full = self.buckets.len() >= self.max;
        let bucket = if full && !self.buckets.contains_key(&key) {
            self.others.get_or_insert(Bucket::full(now))
        } else {
            self.buckets.entry(key).or_insert(Bucket::full(now))
        };
        bucket.take(self.rate, now)
    }

    /// Forgets those that are full again: they are as good as new.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.buckets.retain(|_, bucket| bucket.full_at > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn taken(buckets: &mut Buckets<u32>, key: u32, now: Instant) -> usize {
        (0..100).take_while(|_| buckets.take(key, now)).count()
    }

    #[test]
    fn a_burst_then_one_each_interval() {
        let start = Instant::now();
        let mut buckets = Buckets::new(Rate::new(10, 10 * SECOND), 8);
        assert_eq!(taken(&mut buckets, 1, start), 10);
        assert_eq!(taken(&mut buckets, 2, start), 10, "another has its own");
        assert_eq!(taken(&mut buckets, 1, start + SECOND), 1);
        assert_eq!(taken(&mut buckets, 1, start + 100 * SECOND), 10, "no more than at first");
    }

    #[test]
    fn many_strangers_share_one_bucket_and_do_not_fill_the_memory() {
        let start = Instant::now();
        let mut buckets = Buckets::new(Rate::new(10, 10 * SECOND), 2);
        let first: usize = (1..=2).map(|key| taken(&mut buckets, key, start)).sum();
        assert_eq!(first, 20);
        assert_eq!((3..1000).map(|key| taken(&mut buckets, key, start)).sum::<usize>(), 10);
        assert_eq!(buckets.buckets.len(), 2);
        buckets.sweep(start + 10 * SECOND);
        assert!(buckets.buckets.is_empty());
    }
}
