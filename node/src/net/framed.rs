//! Frames over a stream: a length as `u32` in big-endian order, then that many bytes.
//!
//! The length is judged before anything is stored, and the buffer grows as bytes arrive: a peer
//! makes us hold what it sent, never what it announced.

use std::{fmt, future::Future, sync::Arc};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Duration, Instant, timeout_at};

use super::{
    limits::{FRAME_DEADLINE, READ_STEP_BYTES, SEND_DEADLINE},
    streams::StreamSlot,
};
use crate::error::{Error, Result};

const HEAD_LEN: usize = size_of::<u32>();

/// A stream that carries frames both ways.
pub(crate) struct Framed {
    reader: FrameReader,
    writer: FrameWriter,
}

/// The half that receives.
pub(crate) struct FrameReader {
    source: Box<dyn AsyncRead + Send + Sync + Unpin>,
    max_frame_len: usize,
    partial: Partial,
    deadline: Duration,
    _slot: Option<Arc<StreamSlot>>,
}

/// The half that sends.
pub(crate) struct FrameWriter {
    sink: Box<dyn AsyncWrite + Send + Sync + Unpin>,
    max_frame_len: usize,
    /// A send began and did not end: the other side is in the middle of a frame.
    broken: bool,
    deadline: Duration,
    _slot: Option<Arc<StreamSlot>>,
}

/// What has arrived of a frame. Kept between calls, so that a dropped `recv` loses nothing.
#[derive(Default)]
struct Partial {
    head: [u8; HEAD_LEN],
    head_filled: usize,
    body: Vec<u8>,
    body_filled: usize,
    deadline: Option<Instant>,
}

impl Framed {
    /// Frames over any duplex stream: of at most `max_in` bytes from the other side, and `max_out` to it.
    pub(super) fn over(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        max_in: usize,
        max_out: usize,
    ) -> Self {
        Self::with_slot(stream, max_in, max_out, None)
    }

    pub(super) fn with_slot(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        max_in: usize,
        max_out: usize,
        slot: Option<StreamSlot>,
    ) -> Self {
        let slot = slot.map(Arc::new);
        let (source, sink) = stream.split();
        Self {
            reader: FrameReader {
                source: Box::new(source),
                max_frame_len: max_in,
                partial: Partial::default(),
                deadline: FRAME_DEADLINE,
                _slot: slot.clone(),
            },
            writer: FrameWriter {
                sink: Box::new(sink),
                max_frame_len: max_out,
                broken: false,
                deadline: SEND_DEADLINE,
                _slot: slot,
            },
        }
    }

    /// See [`FrameWriter::send`].
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn send(&mut self, frame: &[u8]) -> Result<()> {
        self.writer.send(frame).await
    }

    /// See [`FrameReader::recv`].
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn recv(&mut self) -> Result<Option<Vec<u8>>> {
        self.reader.recv().await
    }

    /// See [`FrameWriter::close`].
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn close(&mut self) -> Result<()> {
        self.writer.close().await
    }

    /// Two halves, so that two tasks can use them.
    pub(crate) fn split(self) -> (FrameReader, FrameWriter) {
        (self.reader, self.writer)
    }
}

impl FrameReader {
    /// The next frame, or `None` once the peer closed its half between two frames. Waits without a
    /// deadline for a frame to begin, then [`FRAME_DEADLINE`] for each [`READ_STEP_BYTES`] of it. Dropping
    /// the future loses no byte.
    ///
    /// # Errors
    /// `frame-too-large` and `deadline` (the peer is at fault), `connection-lost`.
    pub(crate) async fn recv(&mut self) -> Result<Option<Vec<u8>>> {
        while self.partial.head_filled < HEAD_LEN {
            let Partial { head, head_filled, deadline, .. } = &mut self.partial;
            let read = before(*deadline, self.source.read(&mut head[*head_filled..])).await?;
            if read == 0 {
                return if *head_filled == 0 { Ok(None) } else { Err(lost()) };
            }
            *head_filled += read;
            deadline.get_or_insert_with(|| Instant::now() + self.deadline);
        }
        let len = u32::from_be_bytes(self.partial.head) as usize;
        if len > self.max_frame_len {
            return Err(too_large(self.max_frame_len));
        }
        while self.partial.body_filled < len {
            let Partial { body, body_filled, deadline, .. } = &mut self.partial;
            let room = len.min(*body_filled + READ_STEP_BYTES);
            if body.len() < room {
                body.resize(room, 0);
            }
            let read = before(*deadline, self.source.read(&mut body[*body_filled..])).await?;
            if read == 0 {
                return Err(lost());
            }
            *body_filled += read;
            if *body_filled == room {
                *deadline = Some(Instant::now() + self.deadline);
            }
        }
        Ok(Some(std::mem::take(&mut self.partial).body))
    }
}

impl FrameWriter {
    /// Sends a frame and flushes it, [`SEND_DEADLINE`] for each [`READ_STEP_BYTES`]. Once a call failed or its future was dropped, the other side
    /// is left in the middle of a frame and every later call fails.
    ///
    /// # Errors
    /// `frame-too-large` (our fault; the stream stays usable), `deadline` when the peer does not
    /// read, `connection-lost`.
    pub(crate) async fn send(&mut self, frame: &[u8]) -> Result<()> {
        if self.broken {
            return Err(lost());
        }
        let head = u32::try_from(frame.len()).map_err(|_| too_large(self.max_frame_len))?;
        if frame.len() > self.max_frame_len {
            return Err(too_large(self.max_frame_len));
        }
        self.broken = true;
        // One write, so that head and body share a packet.
        let bytes = [&head.to_be_bytes(), frame].concat();
        for step in bytes.chunks(READ_STEP_BYTES) {
            before(Some(Instant::now() + self.deadline), self.sink.write_all(step)).await?;
        }
        before(Some(Instant::now() + self.deadline), self.sink.flush()).await?;
        self.broken = false;
        Ok(())
    }

    /// Says that no frame follows; the other half stays open.
    ///
    /// # Errors
    /// `deadline` or `connection-lost`.
    pub(crate) async fn close(&mut self) -> Result<()> {
        before(Some(Instant::now() + self.deadline), self.sink.close()).await
    }
}

async fn before<T>(deadline: Option<Instant>, io: impl Future<Output = std::io::Result<T>>) -> Result<T> {
    let result = match deadline {
        Some(deadline) => timeout_at(deadline, io).await.map_err(|_| Error::new("deadline"))?,
        None => io.await,
    };
    result.map_err(|_| lost())
}

fn lost() -> Error {
    Error::new("connection-lost")
}

fn too_large(max_bytes: usize) -> Error {
    Error::new("frame-too-large").with("max", max_bytes)
}

impl fmt::Debug for Framed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::time::timeout;

    use super::*;

    /// Gives `bytes` in pieces of at most `step`, then the end, or nothing more for ever.
    struct Scripted {
        bytes: Vec<u8>,
        at: usize,
        step: usize,
        ends: bool,
    }

    impl AsyncRead for Scripted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<std::io::Result<usize>> {
            let len = buf.len().min(self.step).min(self.bytes.len() - self.at);
            if len == 0 && !self.ends {
                return Poll::Pending;
            }
            buf[..len].copy_from_slice(&self.bytes[self.at..self.at + len]);
            self.at += len;
            Poll::Ready(Ok(len))
        }
    }

    impl AsyncWrite for Scripted {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<std::io::Result<usize>> {
            Poll::Pending
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Pending
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Pending
        }
    }

    fn framed(bytes: Vec<u8>, step: usize, ends: bool) -> Framed {
        Framed::over(Scripted { bytes, at: 0, step, ends }, 100_000, 100_000)
    }

    fn frame(body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
    }

    #[tokio::test]
    async fn frames_arrive_whole_however_they_are_cut() {
        let bodies = [vec![], vec![7; 99_999], b"last".to_vec()];
        let wire: Vec<u8> = bodies.iter().flat_map(|body| frame(body)).collect();
        for step in [1, 3, 5, 70_000, 1_000_000] {
            let mut framed = framed(wire.clone(), step, true);
            for body in &bodies {
                assert_eq!(framed.recv().await.unwrap().as_ref(), Some(body), "step {step}");
            }
            assert_eq!(framed.recv().await, Ok(None));
        }
    }

    #[tokio::test]
    async fn an_end_inside_a_frame_is_a_loss_not_an_end() {
        let whole = frame(b"abc");
        for cut in 1..whole.len() {
            let error = framed(whole[..cut].to_vec(), 9, true).recv().await.unwrap_err();
            assert_eq!(error.code(), "connection-lost", "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn an_announced_length_allocates_nothing() {
        let mut over = framed(100_001u32.to_be_bytes().to_vec(), 9, false);
        assert_eq!(over.recv().await.unwrap_err().code(), "frame-too-large");
        assert_eq!(over.reader.partial.body.capacity(), 0);

        let mut within = framed(100_000u32.to_be_bytes().to_vec(), 9, false);
        assert!(timeout(SHORT, within.recv()).await.is_err());
        assert!(within.reader.partial.body.capacity() <= READ_STEP_BYTES);
    }

    const SHORT: Duration = Duration::from_millis(20);

    fn impatient(bytes: Vec<u8>) -> Framed {
        let mut framed = framed(bytes, 9, false);
        framed.reader.deadline = SHORT;
        framed.writer.deadline = SHORT;
        framed
    }

    #[tokio::test]
    async fn a_frame_that_began_must_end() {
        let mut slow = impatient(vec![0, 0, 0, 9, 1]);
        assert_eq!(slow.recv().await.unwrap_err().code(), "deadline");

        let mut silent = impatient(vec![]);
        assert!(timeout(SHORT * 3, silent.recv()).await.is_err(), "silence between frames is fine");
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_given_up() {
        let mut stuck = impatient(vec![]);
        assert_eq!(stuck.send(&[0; 100_001]).await.unwrap_err().code(), "frame-too-large");
        assert_eq!(stuck.send(b"x").await.unwrap_err().code(), "deadline");
        assert_eq!(stuck.send(b"x").await.unwrap_err().code(), "connection-lost");
    }
}
