//! The batcher: while batches are on their way, the next one gathers. A batch is one call of
//! the library, all of it in one write of the append-only file.
//!
//! No batch holds two steps of one order or with one request id: the second begins the next
//! batch. So no step of a batch depends on another, and the library need not look.

use super::greeting::Opening;
use super::keys::{Id, Keys};
use super::layout;
use super::link::{Link, closed};
use super::replicas::Replicas;
use super::step::Step;
use super::trouble::Fault;
use super::value::{bytes, items, must_integer, text};
use crate::store::vitals::Batches;
use crate::store::{CommitError, MAX_TOGETHER, StoreError, codec, fault};
use ::redis::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// How many steps wait to be gathered; who comes later waits with its caller.
pub const QUEUE: usize = 4_096;
/// The most steps of a batch. It holds Redis up for two or three milliseconds; larger ones are
/// not cheaper.
const MAX_STEPS: usize = 128;
// The library names a step by a byte.
const _: () = assert!(MAX_STEPS + MAX_TOGETHER <= u8::MAX as usize);
/// A batch heavier than this is full.
const MAX_WEIGHT: usize = 1 << 20;
/// A batch with more papers is full: Lua passes at most 8,000 arguments at once.
const MAX_PAPERS: usize = 1_024;
/// How many batches may be on their way.
const IN_FLIGHT: usize = 2;
/// How often a batch that Redis took nothing of is sent again.
const ATTEMPTS: usize = 3;

/// How a step ends.
pub type Outcome = Result<(), CommitError>;

/// Steps that are written together or not at all, and who waits for them.
pub struct Job {
    /// One step, or a few: of them the first alone may have a request or a lease.
    pub steps: Vec<Step>,
    /// Where the outcome goes.
    pub answer: oneshot::Sender<Outcome>,
}

/// What gathers and sends.
pub struct Batcher {
    /// The writing connection.
    pub link: Arc<Link>,
    /// What is known of the cell.
    pub opening: Arc<Opening>,
    /// The cell's keys.
    pub keys: Keys,
    /// Who must have a batch before it is answered.
    pub replicas: Arc<Replicas>,
    /// How long a batch whose answer was lost waits for another connection.
    pub settling: Duration,
    /// Counts what it wrote.
    pub(in crate::store) batches: Arc<Batches>,
}

impl Batcher {
    /// Gathers until nobody can hand over any more, and finishes what was handed over.
    pub async fn run(self: Arc<Self>, mut queue: mpsc::Receiver<Job>) {
        let flight = Arc::new(Semaphore::new(IN_FLIGHT));
        let mut held = None;
        loop {
            let first = match held.take() {
                Some(job) => job,
                None => match queue.recv().await {
                    Some(job) => job,
                    None => break,
                },
            };
            let Ok(permit) = flight.clone().acquire_owned().await else { break };
            let mut batch = Gathering::default();
            held = batch.take(first);
            while held.is_none() && !batch.is_full() {
                let Ok(job) = queue.try_recv() else { break };
                held = batch.take(job);
            }
            tokio::spawn(self.clone().deliver(batch.jobs, permit));
        }
        // All permits back means every batch has its answer.
        let _ = flight.acquire_many(IN_FLIGHT as u32).await;
    }

    async fn deliver(self: Arc<Self>, jobs: Vec<Job>, _permit: OwnedSemaphorePermit) {
        let (mut waiting, mut why, mut lost) = (jobs, closed(), 0);
        while !waiting.is_empty() && lost < ATTEMPTS {
            let mut steps = Vec::with_capacity(waiting.len());
            let mut answers = Vec::with_capacity(waiting.len());
            for Job { steps: together, answer } in waiting.drain(..) {
                answers.push((answer, together.len()));
                steps.extend(together);
            }
            let outcomes = match self.send(&steps).await {
                // Without those who were in the way the others go again.
                Ok(outcomes) => outcomes,
                Err(Fault::Lost(trouble, connection)) => {
                    lost += 1;
                    why = trouble;
                    self.settle(&steps, &why, connection).await
                }
                Err(fault) => steps.iter().map(|_| Some(Err(fault.clone().of_commit()))).collect(),
            };
            let (mut steps, mut outcomes) = (steps.into_iter(), outcomes.into_iter());
            for (answer, count) in answers {
                let steps = steps.by_ref().take(count);
                match together(outcomes.by_ref().take(count)) {
                    // Whoever no longer waits asks again with the same request id.
                    Some(outcome) => {
                        let _ = answer.send(outcome);
                        // Behind them the next job's begin.
                        steps.for_each(drop);
                    }
                    None => waiting.push(Job { steps: steps.collect(), answer }),
                }
            }
        }
        for job in waiting {
            let _ = job.answer.send(Err(CommitError::Unavailable(why.clone())));
        }
    }

    /// Sends a batch, and again only when Redis says it did nothing. `None` for a step that
    /// was not written because another is refused.
    async fn send(&self, steps: &[Step]) -> Result<Vec<Option<Outcome>>, Fault> {
        for _ in 0..ATTEMPTS {
            let bucket = self.opening.bucket.load(Relaxed);
            let epoch = self.opening.epoch.load(Relaxed);
            let floor = self.opening.seen.load(Relaxed);
            let call = layout::call(&self.keys, [epoch, floor, bucket], steps);
            let (answer, safe) = self.replicas.confirmed(&self.link, &call).await?;
            let unclear = Fault::Unknown;
            let parts = items(answer).map_err(unclear)?;
            match parts.first().map(text).as_deref() {
                Some("ok") => {
                    let sequence = parts.get(1).map_or(Ok(0), must_integer).map_err(unclear)?;
                    self.opening.saw(sequence.unsigned_abs());
                    self.batches.written(steps.len());
                    return Ok(steps.iter().map(|_| Some(as_safe_as(Ok(()), &safe))).collect());
                }
                Some("refused") => {
                    let outcomes = refused(&parts, steps.len()).map_err(unclear)?.into_iter();
                    return Ok(outcomes.map(|o| o.map(|o| as_safe_as(o, &safe))).collect());
                }
                Some("bucket") => {
                    let current = parts.get(1).map_or(Ok(0), must_integer).map_err(unclear)?;
                    self.opening.bucket.store(current.unsigned_abs(), Relaxed);
                }
                Some("epoch") => {
                    return Err(Fault::NotDone(replaced(&self.link)));
                }
                _ => return Err(Fault::Unknown(StoreError::Damaged("a batch's answer".into()))),
            }
        }
        Err(Fault::NoLibrary)
    }
}

/// The data behind a link is not the data that was opened: what is answered until it is opened
/// anew, which this asks for.
pub fn replaced(link: &Link) -> StoreError {
    let trouble = StoreError::Unreachable(
        "the cell's data in Redis was emptied or replaced; it is being opened anew: try again"
            .to_owned(),
    );
    link.distrust(trouble.clone());
    trouble
}

/// What is done, now or before, is answered only once it is safe.
fn as_safe_as(outcome: Outcome, safe: &Result<(), StoreError>) -> Outcome {
    match (outcome, safe) {
        (Ok(()) | Err(CommitError::Repeated(_)), Err(trouble)) => {
            Err(CommitError::Unknown(trouble.clone()))
        }
        (outcome, _) => outcome,
    }
}

/// How steps that are written together ended: one that is refused takes the others with it, and
/// while nothing is known of one they all go again.
fn together(outcomes: impl IntoIterator<Item = Option<Outcome>>) -> Option<Outcome> {
    let mut all = Some(Ok(()));
    for next in outcomes {
        all = match (all, next) {
            (Some(Err(why)), _) | (_, Some(Err(why))) => Some(Err(why)),
            (None, _) | (_, None) => None,
            (Some(Ok(())), Some(Ok(()))) => Some(Ok(())),
        };
    }
    all
}

/// Who was in the way of a batch, and why: one at least.
fn refused(parts: &[Value], count: usize) -> Result<Vec<Option<Outcome>>, StoreError> {
    let damaged = || StoreError::Damaged("a batch's answer".to_owned());
    let letters = parts.get(1).and_then(bytes).filter(|l| l.len() == count).ok_or_else(damaged)?;
    if letters.iter().all(|letter| *letter == b'o') {
        return Err(damaged());
    }
    let mut remembered = parts[2..].iter();
    let outcome = |letter: &u8| match letter {
        b'o' => Ok(None),
        b'c' => Ok(Some(Err(CommitError::Conflict))),
        b'l' => Ok(Some(Err(CommitError::LeaseStale))),
        b'r' => {
            let found = remembered.next().and_then(bytes).ok_or_else(damaged)?;
            Ok(Some(Err(match codec::decode_remembered(found) {
                Ok(found) => CommitError::Repeated(Box::new(found)),
                Err(trouble) => CommitError::Unavailable(trouble),
            })))
        }
        _ => Err(damaged()),
    };
    letters.iter().map(outcome).collect()
}

#[derive(Default)]
struct Gathering {
    jobs: Vec<Job>,
    steps: usize,
    orders: HashSet<Id>,
    requests: HashSet<[u8; 16]>,
    weight: usize,
    papers: usize,
}

impl Gathering {
    fn is_full(&self) -> bool {
        self.steps >= MAX_STEPS || self.weight >= MAX_WEIGHT || self.papers >= MAX_PAPERS
    }

    /// Takes a job in, or gives it back for the next batch.
    fn take(&mut self, job: Job) -> Option<Job> {
        let step = &job.steps[0];
        let request = step.request.as_ref().map(|(id, _)| *id);
        let known = job.steps.iter().any(|step| self.orders.contains(&step.id))
            || request.is_some_and(|r| self.requests.contains(&r));
        // A batch counts on one day.
        if known || self.jobs.first().is_some_and(|first| first.steps[0].day != step.day) {
            return Some(job);
        }
        if request.is_some() && fault::drops_this_commit() {
            let _ = job.answer.send(Ok(()));
            return None;
        }
        self.requests.extend(request);
        for step in &job.steps {
            self.orders.insert(step.id);
            self.weight += step.weight();
            self.papers += step.papers.len();
        }
        self.steps += job.steps.len();
        self.jobs.push(job);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_written_together_one_refusal_counts_for_all() {
        let refused = || Some(Err(CommitError::Conflict));
        for (outcomes, together_is) in [
            (vec![Some(Ok(()))], "done"),
            (vec![Some(Ok(())), Some(Ok(()))], "done"),
            (vec![None], "again"),
            (vec![Some(Ok(())), None], "again"),
            (vec![refused()], "refused"),
            (vec![None, refused()], "refused"),
            (vec![refused(), None], "refused"),
        ] {
            let found = match together(outcomes) {
                Some(Ok(())) => "done",
                Some(Err(_)) => "refused",
                None => "again",
            };
            assert_eq!(found, together_is);
        }
    }

    #[test]
    fn a_batch_that_is_not_written_names_who_was_in_its_way() {
        let answer = |letters: &str| {
            [Value::SimpleString("refused".into()), Value::BulkString(letters.into())]
        };
        let found = refused(&answer("oclo"), 4).unwrap();
        assert!(found[0].is_none() && found[3].is_none());
        assert!(matches!(found[1], Some(Err(CommitError::Conflict))));
        assert!(matches!(found[2], Some(Err(CommitError::LeaseStale))));
        // Or the same batch would go again and again.
        for letters in ["oooo", "c", "cxoo", "rooo"] {
            assert!(refused(&answer(letters), 4).is_err(), "{letters}");
        }
    }
}
