//! Tests that measure time have the machine for themselves.
//!
//! Any number of ordinary tests run side by side; a measuring one waits for them, and they wait for
//! it. A long test takes its turn anew for each of its rounds.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURNS: RwLock<()> = RwLock::new(());

/// Held while a test runs beside others.
pub fn shared() -> RwLockReadGuard<'static, ()> {
    TURNS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Held while a test measures time.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    TURNS.write().unwrap_or_else(PoisonError::into_inner)
}
