//! Carrying bytes between the two ends of a circuit.
//!
//! A direction reads only what the other side has taken: a slow reader slows its writer and nobody
//! else. When one end has said all it has, the other is told so and may go on for a while; one that stays
//! silent would keep the place for as long as a circuit may last. When that time or the budget is used up both
//! streams are dropped, which resets them: an orderly end would look complete.

use std::{
    io,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
    future::{Either, select},
};
use tokio::time::timeout;

use crate::limits::COPY_BUFFER_BYTES;

/// What may still be carried.
pub(crate) trait Budget: Sync {
    /// Takes so many bytes of it; false: not so many are left, and none were taken.
    fn take(&self, bytes: u64) -> bool;
}

/// Takes from a number that counts up to `max`.
pub(crate) fn take_up_to(used: &AtomicU64, bytes: u64, max: u64) -> bool {
    let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= max);
    used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

/// Carries both ways until both ends have said all, one fails, the budget is used up, or one goes on for longer
/// than `ending` after the other has said all.
pub(crate) async fn both_ways(
    one: impl AsyncRead + AsyncWrite + Unpin,
    other: impl AsyncRead + AsyncWrite + Unpin,
    budget: &impl Budget,
    ending: Duration,
) -> io::Result<()> {
    let ((mut from_one, mut to_one), (mut from_other, mut to_other)) = (one.split(), other.split());
    let there = pin!(one_way(&mut from_one, &mut to_other, budget));
    let back = pin!(one_way(&mut from_other, &mut to_one, budget));
    let (ended, left) = match select(there, back).await {
        Either::Left((ended, back)) => (ended, Either::Left(back)),
        Either::Right((ended, there)) => (ended, Either::Right(there)),
    };
    ended?;
    timeout(ending, left).await?
}

async fn one_way(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    budget: &impl Budget,
) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.close().await;
        }
        if !budget.take(count as u64) {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "used up"));
        }
        to.write_all(&buffer[..count]).await?;
        to.flush().await?;
        // The streams are no part of tokio's own sharing: without this, one that always has bytes
        // would keep its thread from all others.
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use futures::future::try_join;
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    struct Bytes(AtomicU64, u64);

    impl Budget for Bytes {
        fn take(&self, bytes: u64) -> bool {
            take_up_to(&self.0, bytes, self.1)
        }
    }

    fn compat(stream: DuplexStream) -> impl AsyncRead + AsyncWrite + Unpin {
        // tokio's streams have other traits than libp2p's.
        compat::Compat(stream)
    }

    #[tokio::test]
    async fn what_one_end_has_said_arrives_and_the_other_may_go_on() {
        let ((one, inner), (other, outer)) = (duplex(64), duplex(64));
        let carrying = tokio::spawn(async move {
            let budget = Bytes(AtomicU64::new(0), 1_000_000);
            both_ways(compat(inner), compat(outer), &budget, PATIENCE).await.map(|()| budget.0.into_inner())
        });
        let (mut one, mut other) = (compat(one), compat(other));
        one.write_all(b"all I have").await.unwrap();
        one.close().await.unwrap();
        let mut heard = Vec::new();
        other.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"all I have");
        let answer = async {
            other.write_all(&[7; 50_000]).await?;
            other.close().await
        };
        let mut heard = Vec::new();
        try_join(answer, one.read_to_end(&mut heard)).await.unwrap();
        assert_eq!(heard.len(), 50_000);
        assert_eq!(carrying.await.unwrap().unwrap(), 50_010);
    }

    #[tokio::test]
    async fn who_stays_silent_when_the_other_end_has_said_all_is_cut_off() {
        let ((one, inner), (_silent, outer)) = (duplex(64), duplex(64));
        let carrying = tokio::spawn(async move {
            let budget = Bytes(AtomicU64::new(0), 1_000_000);
            both_ways(compat(inner), compat(outer), &budget, Duration::from_millis(100)).await
        });
        compat(one).close().await.unwrap();
        let ended = timeout(PATIENCE, carrying).await.expect("it ends");
        assert_eq!(ended.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn no_byte_beyond_the_budget_is_carried() {
        let ((one, inner), (other, outer)) = (duplex(1 << 20), duplex(1 << 20));
        let budget = Bytes(AtomicU64::new(0), 100);
        let mut one = compat(one);
        one.write_all(&[7; 100]).await.unwrap();
        let carrying =
            tokio::spawn(async move { both_ways(compat(inner), compat(outer), &budget, PATIENCE).await });
        let mut other = compat(other);
        let mut heard = vec![0; 100];
        other.read_exact(&mut heard).await.unwrap();
        one.write_all(&[8]).await.unwrap();
        let ended = timeout(PATIENCE, carrying);
        let error = ended.await.expect("it ends").unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
        assert_eq!(other.read_to_end(&mut heard).await.unwrap(), 0);
    }

    /// The least that makes a tokio stream one of `futures`.
    mod compat {
        use std::{
            io,
            pin::Pin,
            task::{Context, Poll, ready},
        };

        use tokio::io::{AsyncRead as _, AsyncWrite as _, DuplexStream, ReadBuf};

        pub(super) struct Compat(pub(super) DuplexStream);

        impl futures::AsyncRead for Compat {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let mut buffer = ReadBuf::new(bytes);
                ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
        }

        impl futures::AsyncWrite for Compat {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.0).poll_write(cx, bytes)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.0).poll_flush(cx)
            }

            fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.0).poll_shutdown(cx)
            }
        }
    }
}
