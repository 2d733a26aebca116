//! All that a process has in its memory, as whoever runs the machine can read it.

use std::{fs, fs::File, io, os::unix::fs::FileExt as _, path::PathBuf};

use memchr::memmem;
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    secrets::Named,
    wait::{PATIENCE, until},
};

/// A relay of a debug build has some 60 MB; more than this is another process, or a fault.
const MAX_BYTES: usize = 300 << 20;
/// What the kernel maps into every process, and nobody can read from outside.
const KERNEL: [&str; 4] = ["[vvar]", "[vvar_vclock]", "[vsyscall]", "[uprobes]"];

/// One moment of a process's memory: every mapping that can be read.
#[derive(Debug)]
pub struct Memory(Vec<Vec<u8>>);

impl Memory {
    /// Reads it while the process is stopped, so that nothing moves meanwhile; then it goes on.
    ///
    /// # Errors
    /// Where reading the memory of another process is not allowed.
    pub fn of(process: u32) -> io::Result<Self> {
        let memory = File::open(format!("/proc/{process}/mem"))?;
        signal(process, Signal::STOP);
        until(PATIENCE, "the process stops", || is_stopped(process).then_some(()));
        let mappings = readable(process);
        let bytes: usize = mappings.iter().map(|(_, len)| len).sum();
        assert!(bytes <= MAX_BYTES, "{bytes} bytes of memory");
        let read = mappings.into_iter().map(|(at, len)| {
            let mut mapping = vec![0; len];
            memory.read_exact_at(&mut mapping, at)?;
            Ok(mapping)
        });
        let read: io::Result<Vec<_>> = read.collect();
        signal(process, Signal::CONT);
        read.map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which of these are in it.
    #[must_use]
    pub fn holds<'a>(&self, needles: &'a [Named]) -> Vec<&'a str> {
        let is_here = |needle: &[u8]| self.0.iter().any(|mapping| memmem::find(mapping, needle).is_some());
        needles.iter().filter(|(_, bytes)| is_here(bytes)).map(|(name, _)| name.as_str()).collect()
    }
}

fn signal(process: u32, signal: Signal) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).unwrap();
    kill_process(process, signal).unwrap();
}

/// Whether each of its threads is.
fn is_stopped(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    let mut states = threads.map(|thread| fs::read_to_string(thread.path().join("stat")).unwrap());
    states.all(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
}

/// Where the mappings begin that can be read, and how long they are.
fn readable(process: u32) -> Vec<(u64, usize)> {
    let maps = fs::read_to_string(PathBuf::from(format!("/proc/{process}/maps"))).unwrap();
    let mapping = |line: &str| {
        let mut words = line.split_whitespace();
        let (from, to) = words.next()?.split_once('-')?;
        let is_readable = words.next()?.starts_with('r');
        let is_kernels = words.nth(3).is_some_and(|name| KERNEL.contains(&name));
        let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        (is_readable && !is_kernels).then(|| (from, usize::try_from(to - from).unwrap()))
    };
    maps.lines().filter_map(mapping).collect()
}
