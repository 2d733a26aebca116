//! Being asked to stop: Ctrl-C, a termination signal, or a closed standard input.

use crate::error::Failure;
use std::io::Read;
use tokio::sync::oneshot;

/// Resolves when the person or the system asks this process to end.
pub(crate) async fn asked_to_stop() -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| Failure::internal(&error))?;
        let mut hang_up = signal(SignalKind::hangup()).map_err(|error| Failure::internal(&error))?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result.map_err(|error| Failure::internal(&error)),
            _ = terminate.recv() => Ok(()),
            _ = hang_up.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    {
        tokio::signal::ctrl_c().await.map_err(|error| Failure::internal(&error))
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
