//! One node of the other programs, as a process of its own that is told what to do on its standard
//! input, a line each, and answers on its standard output.

use std::ops::Range;

use anyhow::{Context as _, Result, bail};
use futures::{StreamExt as _, stream::BoxStream};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

use crate::{
    options::{Node, Program, Side},
    peers::{iroh_docs::IrohDocs, samod::Samod},
};

/// What a program has to be able to do to be measured.
pub(crate) trait Replica: Sized {
    /// Opens or makes the replica that all items are written to, and listens.
    async fn hold(node: &Node) -> Result<Self>;
    /// Opens or makes the other one, connects to the first, and comes back when it has all that the
    /// first has: `node.count` items.
    async fn follow(node: &Node) -> Result<Self>;
    /// Writes so many items.
    async fn fill(&mut self, count: usize) -> Result<()>;
    /// Gives these items another note; comes back when the API accepted it.
    async fn change(&mut self, which: Range<usize>, note: &str) -> Result<()>;
    /// How many items have this note, in what the program shows now.
    async fn count(&mut self, note: &str) -> Result<usize>;
    /// Something each time the program shows another note of the first item.
    async fn seen(&mut self) -> Result<BoxStream<'static, ()>>;
    /// Stops in good order.
    async fn close(self) -> Result<()>;
}

/// Runs one node until its standard input ends.
pub(crate) fn run(node: &Node) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match node.program {
            Program::Samod => obey::<Samod>(node).await,
            Program::IrohDocs => obey::<IrohDocs>(node).await,
            Program::Musette => bail!("Musette has a program of its own"),
        }
    })
}

async fn obey<R: Replica>(node: &Node) -> Result<()> {
    let (mut replica, mut seen) = match node.side {
        Side::Holder => (R::hold(node).await?, futures::stream::pending().boxed()),
        Side::Follower => {
            let mut replica = R::follow(node).await?;
            // Said at once: what follows is not measured.
            answer("up");
            let seen = match node.count {
                0 => futures::stream::pending().boxed(),
                _ => replica.seen().await?,
            };
            (replica, seen)
        }
    };
    answer("ready");
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => answer(&execute(&mut replica, &line).await?),
                None => break,
            },
            Some(()) = seen.next() => answer("seen"),
        }
    }
    replica.close().await
}

async fn execute<R: Replica>(replica: &mut R, line: &str) -> Result<String> {
    let (command, rest) = line.split_once(' ').context("a command and its argument")?;
    match command {
        "fill" => replica.fill(rest.parse()?).await?,
        "change" => {
            let (count, note) = rest.split_once(' ').context("how many, and the note")?;
            replica.change(0..count.parse()?, note).await?;
        }
        "count" => return Ok(format!("done {}", replica.count(rest).await?)),
        other => bail!("no command is called {other}"),
    }
    Ok("done".to_owned())
}

fn answer(line: &str) {
    println!("{line}");
}
