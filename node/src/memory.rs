//! Giving memory back to the system.
//!
//! What is freed the C library keeps for who asks next. It gives back what is free at the end of one
//! of its heaps, and nothing that lies before something that stays. A start reads the whole index by
//! way of sled, tens of megabytes for a moment, and so does writing it anew; of what comes after that
//! some little thing stays for as long as the node runs, and all that is free before it with it.

/// Gives back all whole pages in which nothing lies. It takes some milliseconds, in which others may
/// wait for memory: not for each request.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back() {
    #[expect(unsafe_code, reason = "there is no safe way to this one function")]
    // SAFETY: it may be called at any time by any thread, takes no pointer, and touches only what
    // nobody holds.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other systems' libraries do so by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) const fn give_back() {}
