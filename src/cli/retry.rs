//! Asking again with the same request id: the one safe answer to "perhaps".

use super::failure::is_transport;
use std::time::Duration;
use tonic::{Code, Status};

/// How often one change is sent before giving up; about 20 s in all, a restart of a server.
pub(super) const MAX_TRIES: u32 = 12;
/// The first wait; each next is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_millis(3_200);

/// Sends until there is an answer that is one.
pub(super) async fn until_answered<T, F>(send: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    spaced(MAX_TRIES, wait, send).await
}

/// The same for what is kept if there is none, and sent another time: at most so often.
pub(super) async fn answered_within<T, F>(tries: u32, send: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    spaced(tries, wait, send).await
}

async fn spaced<T, F>(
    most: u32,
    wait: impl Fn(u32) -> Duration,
    mut send: impl FnMut() -> F,
) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut tries = 1;
    loop {
        match send().await {
            Err(status) if is_worth_again(&status) && tries < most => {
                tokio::time::sleep(wait(tries)).await;
                tries += 1;
            }
            answer => return answer,
        }
    }
}

/// Whether the same again may be answered otherwise: the server could not, or its answer
/// never came. What it refused it refuses again.
pub(super) fn is_worth_again(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::ResourceExhausted => {
            true
        }
        Code::Unknown | Code::Internal => is_transport(status),
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => false,
    }
}

/// After the `tries`-th try.
fn wait(tries: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn waits_grow_and_end() {
        assert_eq!(wait(1), FIRST_WAIT);
        assert_eq!(wait(2), FIRST_WAIT * 2);
        assert_eq!(wait(40), LONGEST_WAIT);
        let all: Duration = (1..MAX_TRIES).map(wait).sum();
        assert!(all < Duration::from_secs(30), "{all:?}");
    }

    #[tokio::test]
    async fn perhaps_is_asked_again_and_no_is_not() {
        let asked = Cell::new(0);
        let answer = spaced(
            MAX_TRIES,
            |_| Duration::ZERO,
            async || {
                asked.set(asked.get() + 1);
                if asked.get() < 3 { Err(Status::unavailable("")) } else { Ok(asked.get()) }
            },
        );
        assert_eq!(answer.await.unwrap(), 3);
        asked.set(0);
        let answer = spaced(
            MAX_TRIES,
            |_| Duration::ZERO,
            async || {
                asked.set(asked.get() + 1);
                Err::<(), _>(Status::unavailable(""))
            },
        );
        assert!(answer.await.is_err());
        assert_eq!(asked.get(), MAX_TRIES);
        asked.set(0);
        let answer = spaced(
            MAX_TRIES,
            |_| Duration::ZERO,
            async || {
                asked.set(asked.get() + 1);
                Err::<(), _>(Status::not_found(""))
            },
        );
        assert!(answer.await.is_err());
        assert_eq!(asked.get(), 1);
    }
}
