//! The Unix socket: only this user's processes, whatever the file's mode.

use std::{io, path::PathBuf};

use axum::serve::Listener;
use tokio::net::{UnixListener, UnixStream, unix::SocketAddr};

use crate::{
    error::Result,
    home::Home,
    store::replace::{io_error, replace, told},
};

/// A bound socket; its file goes with it.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    note: PathBuf,
    user: u32,
}

impl Socket {
    /// Binds the home's socket. The caller holds the home's lock, so a file left there is stale.
    ///
    /// # Errors
    /// When the directory or the socket cannot be made.
    pub(crate) fn bind(home: &Home) -> Result<Self> {
        home.create_socket_dir()?;
        let path = home.socket_path()?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(&error)),
            _ => {}
        }
        let listener = told(UnixListener::bind(&path))?;
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        told(std::fs::set_permissions(&path, permissions))?;
        let note = home.socket_note_path();
        if let Err(error) = replace(&note, &home.socket_note(&path)) {
            tracing::warn!(reason = %error.kind(), "programs with another runtime directory will not find the node");
        }
        Ok(Self { listener, path, note, user: rustix::process::geteuid().as_raw() })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
        drop(std::fs::remove_file(&self.note));
    }
}

impl Listener for Socket {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if stream.peer_cred().is_ok_and(|peer| peer.uid() == self.user) {
                return (stream, address);
            }
            tracing::warn!("another user's process was refused at the socket");
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
