//! Being asked to stop: Ctrl-C, a termination signal, or a closed standard input.

use crate::error::Failure;
use std::io::Read;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// The signals by which the person or the system asks this process to end. From when this is made
/// on none is lost, whether somebody waits for it already or not.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interrupts {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::internal(&error));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Resolves when one came.
    pub(crate) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// Resolves when standard input ends: the parent closed it, or died, however abruptly.
pub(crate) async fn input_closed() {
    let (sender, receiver) = oneshot::channel();
    // A plain thread: a read that never returns must not keep the runtime from ending.
    std::thread::spawn(move || {
        let mut scratch = [0_u8; 256];
        let mut input = std::io::stdin().lock();
        while matches!(input.read(&mut scratch), Ok(1..)) {}
        let _ = sender.send(());
    });
    let _ = receiver.await;
}
