//! The batcher: while batches are on their way, the next one gathers. A batch is one call of
//! the library, all of it in one write of the append-only file.
//!
//! No batch holds two steps of one order or with one request id: the second begins the next
//! batch. So no step of a batch depends on another, and the library need not look.

use super::greeting::Opening;
use super::keys::{Id, Keys};
use super::link::{Link, closed};
use super::replicas::Replicas;
use super::step::{Deadline, Step};
use super::trouble::Fault;
use super::value::{bytes, items, must_integer, text};
use crate::domain::{Dimension, Tally};
use crate::store::vitals::Batches;
use crate::store::{CommitError, StoreError, codec, fault};
use ::redis::{Cmd, Value};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// How many steps wait to be gathered; who comes later waits with its caller.
pub const QUEUE: usize = 4_096;
/// The most steps of a batch. It holds Redis up for one or two milliseconds; larger ones are
/// not cheaper.
const MAX_STEPS: usize = 64;
/// A batch heavier than this is full.
const MAX_WEIGHT: usize = 1 << 20;
/// A batch with more papers is full: Lua passes at most 8,000 arguments at once.
const MAX_PAPERS: usize = 1_024;
/// How many batches may be on their way.
const IN_FLIGHT: usize = 2;
/// How often a batch that Redis took nothing of is sent again.
const ATTEMPTS: usize = 3;

/// The function that takes a batch.
const COMMIT: &str = "hotline_v5_commit";

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
        let (mut waiting, mut why) = (jobs, closed());
        for _ in 0..ATTEMPTS {
            if waiting.is_empty() {
                return;
            }
            let mut steps = Vec::with_capacity(waiting.len());
            let mut answers = Vec::with_capacity(waiting.len());
            for Job { steps: together, answer } in waiting.drain(..) {
                answers.push((answer, together.len()));
                steps.extend(together);
            }
            let outcomes = match self.send(&steps).await {
                Ok(outcomes) => outcomes.into_iter().map(Some).collect(),
                Err(Fault::Lost(trouble, lost)) => {
                    why = trouble;
                    self.settle(&steps, &why, lost).await
                }
                Err(fault) => steps.iter().map(|_| Some(Err(fault.clone().of_commit()))).collect(),
            };
            let mut ended = steps.into_iter().zip(outcomes);
            for (answer, count) in answers {
                let (steps, outcomes): (Vec<_>, Vec<_>) = ended.by_ref().take(count).unzip();
                match together(outcomes) {
                    // Whoever no longer waits asks again with the same request id.
                    Some(outcome) => _ = answer.send(outcome),
                    None => waiting.push(Job { steps, answer }),
                }
            }
        }
        for job in waiting {
            let _ = job.answer.send(Err(CommitError::Unavailable(why.clone())));
        }
    }

    /// Sends a batch, and again only when Redis says it did nothing.
    async fn send(&self, steps: &[Step]) -> Result<Vec<Outcome>, Fault> {
        for _ in 0..ATTEMPTS {
            let bucket = self.opening.bucket.load(Relaxed);
            let epoch = self.opening.epoch.load(Relaxed);
            let floor = self.opening.seen.load(Relaxed);
            let call = command(&self.keys, [epoch, floor, bucket], steps);
            let (answer, safe) = self.replicas.confirmed(&self.link, &call).await?;
            let unclear = Fault::Unknown;
            let parts = items(answer).map_err(unclear)?;
            match parts.first().map(text).as_deref() {
                Some("ok") => {
                    let (sequence, outcomes) = outcomes(&parts, steps.len()).map_err(unclear)?;
                    self.opening.saw(sequence);
                    self.batches.written(steps.len());
                    return Ok(outcomes.into_iter().map(|o| as_safe_as(o, &safe)).collect());
                }
                Some("bucket") => {
                    let current = parts.get(1).map_or(Ok(0), must_integer).map_err(unclear)?;
                    self.opening.bucket.store(current.unsigned_abs(), Relaxed);
                }
                Some("epoch") => {
                    let trouble = replaced();
                    self.link.distrust(trouble.clone());
                    return Err(Fault::NotDone(trouble));
                }
                _ => return Err(Fault::Unknown(StoreError::Damaged("a batch's answer".into()))),
            }
        }
        Err(Fault::NoLibrary)
    }
}

/// What is answered when the data is not the data that was opened.
pub fn replaced() -> StoreError {
    StoreError::Unreachable(
        "the cell's data in Redis was emptied or replaced; it is being opened anew: try again"
            .to_owned(),
    )
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

/// How steps that are written together ended: what is wrong with the first outweighs what is
/// with the others.
fn together(outcomes: Vec<Option<Outcome>>) -> Option<Outcome> {
    let is_done = |outcome: &Option<Outcome>| matches!(outcome, Some(Ok(())));
    outcomes.into_iter().find(|outcome| !is_done(outcome)).unwrap_or(Some(Ok(())))
}

/// How far the feed is, and how each step ended.
fn outcomes(parts: &[Value], count: usize) -> Result<(u64, Vec<Outcome>), StoreError> {
    let damaged = || StoreError::Damaged("a batch's answer".to_owned());
    let sequence = must_integer(parts.get(1).ok_or_else(damaged)?)?.unsigned_abs();
    let letters = parts.get(2).and_then(bytes).filter(|l| l.len() == count).ok_or_else(damaged)?;
    let mut remembered = parts[3..].iter();
    let outcomes: Result<_, _> = letters
        .iter()
        .map(|letter| match letter {
            b'o' => Ok(Ok(())),
            b'c' => Ok(Err(CommitError::Conflict)),
            b'l' => Ok(Err(CommitError::LeaseStale)),
            b'r' => {
                let found = remembered.next().and_then(bytes).ok_or_else(damaged)?;
                Ok(Err(match codec::decode_remembered(found) {
                    Ok(found) => CommitError::Repeated(Box::new(found)),
                    Err(trouble) => CommitError::Unavailable(trouble),
                }))
            }
            _ => Err(damaged()),
        })
        .collect();
    Ok((sequence, outcomes?))
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

/// The call of a batch; what stands where is in `lua/commit.lua`.
fn command(keys: &Keys, [epoch, floor, bucket]: [u64; 3], steps: &[Step]) -> Cmd {
    let weight: usize = steps.iter().map(|step| step.weight() + 256).sum();
    let mut call = Cmd::with_capacity(16 + steps.len() * 16, 256 + weight);
    call.arg("FCALL").arg(COMMIT);
    let named: usize = steps.iter().map(keys_of).sum();
    call.arg(13 + named);
    call.arg(keys.meta()).arg(keys.due()).arg(keys.tallies()).arg(keys.feed());
    call.arg(keys.trays()).arg(keys.leases()).arg(keys.blocks());
    call.arg(keys.requests(bucket)).arg(keys.requests(bucket.saturating_sub(1)));
    let day = steps.first().map_or(0, |step| step.day);
    for of in Dimension::ALL {
        call.arg(keys.indicators(day, *of));
    }
    call.arg(keys.callers());
    for step in steps {
        call.arg(keys.order(step.id));
        for (index, _) in &step.papers {
            call.arg(match index {
                None => keys.intake(step.id),
                Some(index) => keys.paper(step.id, *index),
            });
        }
        for place in step.leaves.iter().chain(&step.comes).chain(&step.stays) {
            call.arg(keys.tray(place.tray));
        }
    }
    call.arg(epoch).arg(floor).arg(bucket).arg(steps.len());
    let mut blocks: Vec<_> = steps.iter().filter_map(|step| step.block).collect();
    blocks.sort_unstable();
    blocks.dedup();
    call.arg(blocks.len());
    for block in &blocks {
        call.arg(&block[..]);
    }
    let mut profiles: Vec<&[(Tally, i64)]> = Vec::new();
    let profile_of: Vec<u8> = steps.iter().map(|step| profile(&mut profiles, step)).collect();
    call.arg(profiles.len());
    for counters in profiles {
        call.arg(counters.len());
        for (tally, difference) in counters {
            call.arg(*tally).arg(*difference);
        }
    }
    for (step, profile) in steps.iter().zip(profile_of) {
        arguments(&mut call, step, profile);
    }
    call
}

fn keys_of(step: &Step) -> usize {
    1 + step.papers.len() + step.leaves.len() + step.comes.len() + step.stays.len()
}

/// Most steps of a batch move the same counters: each such set is sent once.
fn profile<'a>(profiles: &mut Vec<&'a [(Tally, i64)]>, step: &'a Step) -> u8 {
    let known = profiles.iter().position(|p| *p == step.tallies);
    let at = known.unwrap_or_else(|| {
        profiles.push(&step.tallies);
        profiles.len() - 1
    });
    // At most MAX_STEPS of them, and what the last is tied to.
    at as u8
}

fn arguments(call: &mut Cmd, step: &Step, profile: u8) {
    let Step { deadline, papers, leaves, comes, stays, lease, request, before, tied, .. } = step;
    let deadline_kind = match deadline {
        Deadline::Stays => 0,
        Deadline::Set(_) => 1,
        Deadline::None => 2,
    };
    // A lease that stands nowhere is looked for in one place where nothing can be.
    let nowhere = [[0_u8; 17]];
    let fields = lease.as_ref().map_or(&[][..], |lease| match &lease.fields[..] {
        [] => &nowhere[..],
        fields => fields,
    });
    let head = [
        u8::from(before.is_none()),
        u8::from(request.is_some()),
        deadline_kind,
        papers.len() as u8,
        leaves.len() as u8,
        comes.len() as u8,
        stays.len() as u8,
        fields.len() as u8,
        profile,
        u8::from(*tied),
    ];
    call.arg(&head[..]);
    if let Some(version) = before {
        call.arg(&version[..]);
    }
    call.arg(&step.value[..]).arg(&step.frame[..]).arg(&step.indicators[..]);
    call.arg(step.mode.map_or_else(String::new, |version| version.to_string()));
    call.arg(step.caller.as_ref().map_or(&[][..], |caller| &caller[..]));
    if let Some((id, answer)) = request {
        call.arg(&id[..]).arg(&answer[..]);
    }
    if let Deadline::Set(at) = deadline {
        call.arg(*at);
    }
    for (_, paper) in papers {
        call.arg(&paper[..]);
    }
    for place in leaves {
        call.arg(&place.member[..]);
    }
    for place in comes.iter().chain(stays) {
        call.arg(&place.member[..]).arg(place.score);
    }
    if let Some(lease) = lease {
        call.arg(lease.claim);
        for field in fields {
            call.arg(&field[..]);
        }
    }
}
