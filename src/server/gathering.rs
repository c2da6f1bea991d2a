//! Answers that are ready at about the same time leave in one write. Orders are committed in
//! batches, so that many callers of a connection are answered at once; one by one, their writes
//! were an eighth of the server's time.
//!
//! A write waits until [`tokio::task::yield_now`] would go on: as a rule when whatever else is
//! ready on this thread has run, at the latest after so many tasks as the runtime looks for
//! events behind. Meanwhile h2 lays small frames behind the first, in its own buffer. Then writes
//! pass for as long again, for what did not fit there.

use std::io::{self, IoSlice};
use std::mem::replace;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// A connection whose writes go together.
pub struct Gathering<Io> {
    io: Io,
    gate: Arc<Gate>,
    /// Wakes the gate.
    round: Waker,
}

/// What writes pass through; woken when all that was ready has run.
struct Gate(Mutex<State>);

/// What a write finds.
enum State {
    /// No write was tried lately: the next waits for others.
    Closed,
    /// One waits, and whose task it is.
    Waiting(Waker),
    /// All have run since: writes pass.
    Open,
    /// Writes pass until all have run again.
    Closing,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        let mut state = self.state();
        match replace(&mut *state, State::Closed) {
            State::Waiting(connection) => {
                *state = State::Open;
                drop(state);
                connection.wake();
            }
            State::Open | State::Closing | State::Closed => {}
        }
    }
}

impl<Io> Gathering<Io> {
    /// The same connection, whose writes go together.
    pub fn over(io: Io) -> Gathering<Io> {
        let gate = Arc::new(Gate(Mutex::new(State::Closed)));
        let round = Waker::from(Arc::clone(&gate));
        Gathering { io, gate, round }
    }

    /// Ready once a write may pass.
    fn turn(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.gate.state();
        let (next, turn) = match &*state {
            State::Closing => return Poll::Ready(()),
            State::Waiting(_) => {
                *state = State::Waiting(cx.waker().clone());
                return Poll::Pending;
            }
            State::Closed => (State::Waiting(cx.waker().clone()), Poll::Pending),
            State::Open => (State::Closing, Poll::Ready(())),
        };
        *state = next;
        drop(state);
        // Only asked for, not awaited: the gate is woken, not this task. Outside of a runtime
        // it is woken at once.
        let _ = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&self.round));
        turn
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Gathering<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Gathering<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.turn(cx));
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.turn(cx));
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<Io: Connected> Connected for Gathering<Io> {
    type ConnectInfo = Io::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.io.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// How many of the tasks that were ready had run when the first byte was written, and all
    /// that is written is read.
    #[tokio::test]
    async fn a_write_waits_for_what_is_ready_and_nothing_is_lost() {
        const READY: u32 = 20;
        for pieces in [&[&b"one"[..]][..], &[b"one", b"two"], &[&[7; 100_000], b"end"]] {
            let (near, mut far) = duplex(1_000);
            let mut near = Gathering::over(near);
            let ran = Arc::new(AtomicU32::new(0));
            let others = ran.clone();
            let writing = async {
                for _ in 0..READY {
                    let ran = others.clone();
                    tokio::spawn(async move { ran.fetch_add(1, Relaxed) });
                }
                for piece in pieces {
                    near.write_all(piece).await.unwrap();
                }
                near.shutdown().await.unwrap();
            };
            let reading = async {
                let mut read = vec![far.read_u8().await.unwrap()];
                let had_run = ran.load(Relaxed);
                far.read_to_end(&mut read).await.unwrap();
                (had_run, read)
            };
            let ((), (had_run, read)) = tokio::join!(writing, reading);
            assert_eq!(had_run, READY);
            assert_eq!(read, pieces.concat());
        }
    }

    /// What is tried while the first waits goes in the same round, and the round after it ends.
    #[tokio::test]
    async fn a_round_lets_all_pass_and_ends() {
        let gathering = Gathering::over(());
        let mut turns = Vec::new();
        for _ in 0..2 {
            // Whoever tried last is woken; nobody else needs to be.
            let nobody = gathering.turn(&mut Context::from_waker(Waker::noop()));
            turns.push(nobody.is_ready());
            std::future::poll_fn(|cx| {
                let turn = gathering.turn(cx);
                turns.push(turn.is_ready());
                turn
            })
            .await;
            std::future::poll_fn(|cx| {
                turns.push(gathering.turn(cx).is_ready());
                Poll::Ready(())
            })
            .await;
            // Once round for the gate, once more so that it is behind us.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        }
        assert_eq!(turns, [[false, false, true, true]; 2].concat());
    }
}
