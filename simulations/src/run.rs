//! Many seeds on all cores, told in the order of the seeds.
//!
//! A run shares nothing with another, and its outcome is told only after those of the seeds before
//! it. So the output is the same whatever the number of jobs. A job that is far ahead of what was
//! told waits: memory holds some outcomes, not all.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{
    options::Breakage,
    world::{Outcome, simulate},
};

/// Outcomes that wait to be told, for each job.
const AHEAD: u64 = 64;

/// Which seeds to run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// What is done wrong on purpose.
    pub breakage: Option<Breakage>,
    /// Whether runs tell what happens.
    pub tell: bool,
    /// How many run at a time.
    pub jobs: NonZeroUsize,
}

#[derive(Default)]
struct Shelf {
    outcomes: BTreeMap<u64, Outcome>,
    told: u64,
    stopped: bool,
}

/// Runs a batch and tells each seed's outcome, in order, until one is enough.
pub fn run(batch: &Batch, mut tell: impl FnMut(u64, Outcome) -> Enough) {
    let next = AtomicU64::new(0);
    let shelf = Mutex::new(Shelf::default());
    let changed = Condvar::new();
    let ahead = AHEAD * batch.jobs.get() as u64;
    thread::scope(|scope| {
        for _ in 0..batch.jobs.get() {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let shelved = changed
                        .wait_while(lock(&shelf), |shelf| !shelf.stopped && place >= shelf.told + ahead);
                    if place >= batch.seeds || shelved.map_or(true, |shelf| shelf.stopped) {
                        return;
                    }
                    let outcome = simulate(batch.first.wrapping_add(place), batch.breakage, batch.tell);
                    lock(&shelf).outcomes.insert(place, outcome);
                    changed.notify_all();
                }
            });
        }
        for place in 0..batch.seeds {
            let waited = changed.wait_while(lock(&shelf), |shelf| !shelf.outcomes.contains_key(&place));
            let Some(outcome) = waited.ok().and_then(|mut shelf| shelf.outcomes.remove(&place)) else {
                break;
            };
            let enough = tell(batch.first.wrapping_add(place), outcome) == Enough::Yes;
            let mut shelf = lock(&shelf);
            (shelf.told, shelf.stopped) = (place + 1, enough);
            changed.notify_all();
            if enough {
                break;
            }
        }
    });
}

/// Whether the seeds that follow are still of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enough {
    /// They are.
    No,
    /// They are not.
    Yes,
}

fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stories(jobs: usize) -> Vec<(u64, Vec<String>)> {
        let jobs = NonZeroUsize::new(jobs).unwrap();
        let batch = Batch { first: 7, seeds: 6, breakage: None, tell: true, jobs };
        let mut stories = Vec::new();
        run(&batch, |seed, outcome| {
            stories.push((seed, outcome.story));
            Enough::No
        });
        stories
    }

    #[test]
    fn the_number_of_jobs_changes_nothing() {
        let alone = stories(1);
        assert_eq!(alone.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), [7, 8, 9, 10, 11, 12]);
        assert_eq!(stories(4), alone);
    }

    #[test]
    fn it_stops_when_it_is_enough() {
        let jobs = NonZeroUsize::new(3).unwrap();
        let batch = Batch { first: 1, seeds: 1_000_000, breakage: None, tell: false, jobs };
        let mut told = Vec::new();
        run(&batch, |seed, _| {
            told.push(seed);
            if seed == 2 { Enough::Yes } else { Enough::No }
        });
        assert_eq!(told, [1, 2]);
    }
}
