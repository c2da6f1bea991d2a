//! A way to a server that can go wrong: a TCP proxy on a port of its own.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of bytes on their way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// They arrive.
    Open,
    /// They arrive so much later.
    Slow(Duration),
    /// They lie where they are, in both directions, until the way is another one; the
    /// connections stay. New ones are taken and lie as well.
    Stuck,
    /// Requests arrive; of an answer so many bytes do, and the connection ends.
    CutsAnswers(usize),
    /// They arrive, and a server that is asked what time it is seems to be so many seconds ahead.
    Ahead(u64),
}

/// A proxy.
pub struct Proxy {
    port: u16,
    way: watch::Sender<Way>,
    target: watch::Sender<u16>,
    /// How many connections there have been, and how many of the first of them are held.
    taken: Arc<AtomicU64>,
    held: watch::Sender<u64>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// To a port of the loopback.
    pub async fn to(target: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (way, target) = (watch::Sender::new(Way::Open), watch::Sender::new(target));
        let (taken, held) = (Arc::default(), watch::Sender::new(0));
        let listening =
            listen(listener, way.clone(), target.clone(), Arc::clone(&taken), held.clone());
        let listening = tokio::spawn(listening);
        Proxy { port, way, target, taken, held, listening }
    }

    /// How a store is told of it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// From now on the way is this.
    pub fn is(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// What is on its way, or comes, on the connections there are now lies there until
    /// [`Proxy::let_go`]; those to come are open.
    pub fn hold(&self) {
        self.held.send_replace(self.taken.load(Ordering::Relaxed));
    }

    /// See [`Proxy::hold`].
    pub fn let_go(&self) {
        self.held.send_replace(0);
    }

    /// Ends all connections; new ones lead to another port.
    pub fn lead_to(&self, port: u16) {
        self.target.send_replace(port);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(
    listener: TcpListener,
    way: watch::Sender<Way>,
    target: watch::Sender<u16>,
    taken: Arc<AtomicU64>,
    held: watch::Sender<u64>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        let (held, mine) = (held.clone(), taken.fetch_add(1, Ordering::Relaxed) + 1);
        let free = move || {
            let mut held = held.subscribe();
            async move { _ = held.wait_for(|held| *held < mine).await }
        };
        let (way, mut target) = (way.subscribe(), target.subscribe());
        tokio::spawn(async move {
            let port = *target.borrow_and_update();
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            // Whatever ends first drops both connections.
            tokio::select! {
                () = carry(from_client, to_server, way.clone(), &free, false) => {}
                () = carry(from_server, to_client, way, &free, true) => {}
                _ = target.changed() => {}
            }
        });
    }
}

async fn carry<F: Future<Output = ()>>(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut way: watch::Receiver<Way>,
    free: &impl Fn() -> F,
    answers: bool,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        free().await;
        let now = *way.borrow_and_update();
        let arrive = match now {
            Way::Open => count,
            Way::Slow(by) => {
                tokio::time::sleep(by).await;
                count
            }
            Way::Stuck => {
                if way.wait_for(|way| *way != Way::Stuck).await.is_err() {
                    break;
                }
                count
            }
            Way::CutsAnswers(some) if answers => some.min(count),
            Way::CutsAnswers(_) => count,
            Way::Ahead(by) => {
                if answers {
                    set_ahead(&mut bytes[..count], by);
                }
                count
            }
        };
        if to.write_all(&bytes[..arrive]).await.is_err() || arrive < count {
            break;
        }
    }
}

/// Adds to every answer that reads like one to TIME: two words, the first of ten digits.
fn set_ahead(bytes: &mut [u8], by: u64) {
    const HEAD: &[u8] = b"*2\r\n$10\r\n";
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(HEAD.len()).position(|window| window == HEAD) {
        at += found + HEAD.len();
        let Some(digits) = bytes.get_mut(at..at + 10) else { return };
        let seconds = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u64>().ok());
        if let Some(seconds) = seconds {
            digits.copy_from_slice((seconds + by).to_string().as_bytes());
        }
    }
}
