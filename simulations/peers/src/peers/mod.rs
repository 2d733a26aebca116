//! The programs, behind one contract.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;

use crate::options::{Program, Run};

mod children;
pub(crate) mod iroh_docs;
mod musette;
pub(crate) mod samod;

/// Two nodes of one program. The *holder* runs throughout and is where items are written; the
/// *follower* starts, catches up and stops. They know each other from the start.
///
/// Where a duration is optional, none means that the deadline passed.
pub(crate) trait Pair {
    /// Writes so many items on the holder.
    fn fill(&mut self, count: usize) -> Result<Option<()>>;
    /// Starts the follower; from the start of its process until it has all that the holder has.
    fn catch_up(&mut self) -> Result<Option<Duration>>;
    /// Stops the follower in good order.
    fn part(&mut self) -> Result<()>;
    /// Gives the first so many items another note on the holder.
    fn change(&mut self, count: usize, note: &str) -> Result<()>;
    /// One edit of the first item: from the request on the holder to the event on the follower.
    fn edit(&mut self, note: &str) -> Result<Duration>;
    /// How many items of the follower have this note.
    fn count(&mut self, note: &str) -> Result<usize>;
    /// The follower's process and the folder with all that it keeps.
    fn follower(&self) -> Result<(u32, PathBuf)>;
}

/// A new pair, with nothing in it.
pub(crate) fn pair(program: Program, run: &Run) -> Result<Box<dyn Pair>> {
    Ok(match program {
        Program::Musette => Box::new(musette::Musette::new(run)),
        Program::Samod | Program::IrohDocs => Box::new(children::Children::new(program, run)?),
    })
}
