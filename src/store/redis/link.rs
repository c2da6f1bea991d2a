//! A connection that is looked after. Every call has its own deadline, and only so many are
//! on their way at once; a supervisor builds another connection after [`TIMEOUTS`] timeouts
//! in a row (a half-open link answers nothing, for ever), after an error of the wire, and
//! when the server is no longer the cell's master. Where the master is, is asked each time.
//!
//! - A call that Redis refused *because it belongs elsewhere* is sent again there, within its
//!   deadline: its caller never hears of it.
//! - While there is no connection a call waits for one, but no longer than [`GRACE`] after it
//!   was lost: then calls are refused at once and nothing is sent.
//! - A call that was sent when the connection was lost is [`Fault::Lost`], at once. Whether
//!   it can still be done is known of each connection: see [`Link::renewed`].

use super::master::Masters;
use super::supervisor::supervise;
use super::trouble::{Diagnosis, Fault, Remedy, broken};
use super::wire::{Ask, Fresh, Identity, Wire, silent};
use crate::clock::tick;
use crate::store::StoreError;
use ::redis::{Cmd, Pipeline, Value};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// So many calls in a row without an answer, and the connection counts as dead.
const TIMEOUTS: u32 = 2;
/// How long after the connection was lost calls wait for another.
const GRACE: Duration = Duration::from_secs(1);
/// The pause before a call that was refused unready is sent again.
const AGAIN: Duration = Duration::from_millis(20);
/// How many calls are on their way at once.
const IN_FLIGHT: usize = 1_024;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the answer to a call.
    pub call: Duration,
    /// How long Redis may rightly hold up what comes behind a call: a blocking read, a WAIT.
    pub held: Duration,
}

/// What must be true of a fresh connection before it is used.
#[async_trait::async_trait]
pub trait Greeting: Send + Sync + 'static {
    /// Looks at the server and prepares it.
    async fn greet(&self, fresh: &Fresh<'_>) -> Result<(), StoreError>;
}

/// What the links of a store tell each other: a server that is no master of the cell any
/// more, or is dead.
pub type Alarm = watch::Sender<String>;

/// One supervised connection.
pub struct Link {
    shared: Arc<Shared>,
    supervisor: JoinHandle<()>,
}

/// What the link and its supervisor share.
pub(super) struct Shared {
    pub(super) masters: Arc<Masters>,
    pub(super) patience: Patience,
    pub(super) greeting: Arc<dyn Greeting>,
    pub(super) alarm: Arc<Alarm>,
    pub(super) state: watch::Sender<State>,
    pub(super) timeouts: AtomicU32,
    /// Connections that were lost and may not have ended at the server's side.
    pub(super) unburied: Mutex<Vec<Identity>>,
    flight: Semaphore,
    pub(super) broken: Notify,
    pub(super) look: Notify,
}

/// Whether there is a connection.
#[derive(Clone)]
pub(super) enum State {
    Up(Arc<Live>),
    Down { trouble: StoreError, since: Instant, last: u64 },
    Closed,
}

/// A connection in use.
pub struct Live {
    pub(super) wire: Wire,
    /// Which connection it is, counted from 1.
    pub(super) generation: u64,
    pub(super) identity: Identity,
    /// Nothing that was sent on an earlier connection can be done any more.
    pub alone: bool,
    /// How many replicas the server had when last asked.
    pub(super) replicas: AtomicU32,
    /// Nothing will be answered on it any more.
    pub(super) dead: watch::Sender<bool>,
}

impl Live {
    /// Where it leads.
    pub fn address(&self) -> &str {
        self.wire.address()
    }

    /// Which process is there; empty if that is not known.
    pub fn run(&self) -> &str {
        &self.identity.run
    }

    /// Whether another server may have answered in this one's place.
    pub fn went_aside(&self) -> bool {
        self.wire.went_aside()
    }
}

/// How far a call has come.
enum Stage {
    Waiting(Option<StoreError>),
    Sent(Arc<Live>),
}

impl Link {
    /// Connects, greets, and looks after the connection from then on.
    pub async fn open(
        masters: Arc<Masters>,
        patience: Patience,
        greeting: Arc<dyn Greeting>,
        alarm: Arc<Alarm>,
    ) -> Result<Link, StoreError> {
        let trouble = StoreError::Unreachable("not connected yet".to_owned());
        let shared = Arc::new(Shared {
            masters,
            patience,
            greeting,
            alarm,
            state: watch::Sender::new(State::Down { trouble, since: tick(), last: 0 }),
            timeouts: AtomicU32::new(0),
            unburied: Mutex::new(Vec::new()),
            flight: Semaphore::new(IN_FLIGHT),
            broken: Notify::new(),
            look: Notify::new(),
        });
        let first = shared.connect(1).await?;
        shared.state.send_replace(State::Up(Arc::new(first)));
        let supervisor = tokio::spawn(supervise(shared.clone()));
        Ok(Link { shared, supervisor })
    }

    /// Sends a command and waits for its answer, as long as calls are given.
    pub async fn call(&self, command: &Cmd) -> Result<Value, Fault> {
        let (answers, _) = self.shared.call(&Ask::One(command), self.shared.patience.call).await?;
        Ok(answers.into_iter().next().unwrap_or_default())
    }

    /// Sends a command that Redis may hold up as long as this link's are.
    pub async fn call_blocking(&self, command: &Cmd) -> Result<Value, Fault> {
        let Patience { call, held, .. } = self.shared.patience;
        let (answers, _) = self.shared.call(&Ask::One(command), call + held).await?;
        Ok(answers.into_iter().next().unwrap_or_default())
    }

    /// Sends commands of which one is a WAIT: all answers, and who gave them.
    pub async fn call_confirmed(&self, all: &Pipeline) -> Result<(Vec<Value>, Arc<Live>), Fault> {
        let Patience { call, held, .. } = self.shared.patience;
        self.shared.call(&Ask::Confirmed(all), call + held).await
    }

    /// Sends commands together; each of them must be done.
    pub async fn call_each(&self, all: &Pipeline) -> Result<Vec<Value>, Fault> {
        let ask = Ask::Confirmed(all);
        let (answers, _) = self.shared.call(&ask, self.shared.patience.call).await?;
        let refused = |answer: &Value| match answer {
            Value::ServerError(error) => Some(error.code().to_owned()),
            _ => None,
        };
        match answers.iter().find_map(refused) {
            None => Ok(answers),
            Some(code) => Err(Fault::Unknown(StoreError::Unreachable(format!(
                "Redis refused a part of what was written ({code}): see its log"
            )))),
        }
    }

    /// How many replicas the server had when last asked; `None` without a connection.
    pub fn replicas(&self) -> Option<u32> {
        self.live().map(|live| live.replicas.load(Relaxed))
    }

    /// Whether it is connected with this process.
    pub fn leads_to(&self, run: &str) -> bool {
        self.live().is_some_and(|live| live.run() == run)
    }

    /// Which connection there is now, counted from 1.
    pub fn connection(&self) -> Option<u64> {
        self.live().map(|live| live.generation)
    }

    /// Has the number of replicas looked at again soon.
    pub fn look_again(&self) {
        self.shared.look.notify_one();
    }

    fn live(&self) -> Option<Arc<Live>> {
        match &*self.shared.state.borrow() {
            State::Up(live) => Some(live.clone()),
            State::Down { .. } | State::Closed => None,
        }
    }

    /// Why nothing can be sent now, if that has been so for some time.
    pub fn trouble(&self) -> Option<StoreError> {
        match &*self.shared.state.borrow() {
            State::Up(..) => None,
            State::Down { trouble, since, .. } => {
                (since.elapsed() >= GRACE).then(|| trouble.clone())
            }
            State::Closed => Some(closed()),
        }
    }

    /// Builds another connection: what was greeted is no longer there.
    pub fn distrust(&self, trouble: StoreError) {
        if let Some(live) = self.live() {
            self.shared.take_down(live.generation, trouble);
        }
    }

    /// Leaves a server that another has replaced, and the other links leave it, too.
    pub fn leave(&self, live: &Live, trouble: StoreError) {
        self.shared.abandon(live, trouble, true);
    }

    /// Gives the connection of that number up and waits for a later one.
    pub async fn renewed(
        &self,
        lost: u64,
        trouble: StoreError,
        at_most: Duration,
    ) -> Option<Arc<Live>> {
        self.shared.take_down(lost, trouble);
        let mut states = self.shared.state.subscribe();
        let later = states.wait_for(|state| match state {
            State::Up(live) => live.generation > lost,
            State::Closed => true,
            State::Down { .. } => false,
        });
        match timeout(at_most, later).await.ok()?.ok().as_deref()? {
            State::Up(live) => Some(live.clone()),
            State::Down { .. } | State::Closed => None,
        }
    }

    /// How often another connection was built because one was lost.
    pub fn rebuilt(&self) -> u64 {
        let connections = match &*self.shared.state.borrow() {
            State::Up(live) => live.generation,
            State::Down { last, .. } => *last,
            State::Closed => 1,
        };
        connections.saturating_sub(1)
    }

    /// Gives the connection up for good.
    pub fn close(&self) {
        self.supervisor.abort();
        if let State::Up(live) = self.shared.state.send_replace(State::Closed) {
            live.dead.send_replace(true);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

/// What a closed store answers.
pub fn closed() -> StoreError {
    StoreError::Unreachable("the store is closed".to_owned())
}

impl Shared {
    /// Only the connection that broke is taken down, not one that has replaced it.
    pub(super) fn take_down(&self, generation: u64, trouble: StoreError) {
        self.leave(generation, trouble, true);
    }

    /// Where the server is well and only no master, what is on its way there is answered.
    fn leave(&self, generation: u64, trouble: StoreError, dead: bool) {
        self.state.send_if_modified(|state| {
            let State::Up(live) = &*state else { return false };
            if live.generation != generation {
                return false;
            }
            live.dead.send_replace(dead);
            tracing::warn!(redis = live.wire.address(), %trouble, "connection given up, building another");
            let mut unburied = self.unburied.lock().unwrap_or_else(PoisonError::into_inner);
            unburied.push(live.identity.clone());
            drop(unburied);
            *state = State::Down { trouble, since: tick(), last: generation };
            self.broken.notify_one();
            true
        });
    }

    /// The same, and the other links leave that server, too.
    pub(super) fn abandon(&self, live: &Live, trouble: StoreError, dead: bool) {
        self.leave(live.generation, trouble, dead);
        self.alarm.send_replace(live.wire.address().to_owned());
    }

    async fn call(
        &self,
        ask: &Ask<'_>,
        patience: Duration,
    ) -> Result<(Vec<Value>, Arc<Live>), Fault> {
        let mut stage = Stage::Waiting(None);
        if let Ok(done) = timeout(patience, self.pursue(ask, &mut stage)).await {
            return done;
        }
        match stage {
            Stage::Sent(live) => {
                let trouble = silent(live.wire.address(), patience);
                self.unanswered(&live, &trouble);
                Err(Fault::Lost(trouble, live.generation))
            }
            Stage::Waiting(trouble) => Err(Fault::NotDone(trouble.unwrap_or_else(|| {
                StoreError::Unreachable(format!(
                    "{IN_FLIGHT} calls to Redis were on their way before this one: it is too slow"
                ))
            }))),
        }
    }

    /// Sends until an answer tells.
    async fn pursue(
        &self,
        ask: &Ask<'_>,
        stage: &mut Stage,
    ) -> Result<(Vec<Value>, Arc<Live>), Fault> {
        let Ok(_permit) = self.flight.acquire().await else {
            return Err(Fault::NotDone(closed()));
        };
        loop {
            let live = self.up(stage).await.map_err(Fault::NotDone)?;
            let mut dead = live.dead.subscribe();
            let lost = dead.wait_for(|dead| *dead);
            *stage = Stage::Sent(live.clone());
            let answer = tokio::select! {
                biased;
                answer = live.wire.send(ask) => answer,
                _ = lost => {
                    let trouble = broken(live.wire.address());
                    return Err(Fault::Lost(trouble, live.generation));
                }
            };
            let Diagnosis { fault, remedy } = match answer {
                Ok(answers) => {
                    self.timeouts.store(0, Relaxed);
                    return Ok((answers, live));
                }
                Err(diagnosis) => diagnosis,
            };
            let trouble = || StoreError::from(fault.clone());
            self.timeouts.store(0, Relaxed);
            match remedy {
                Remedy::Tell | Remedy::Aside(_) => return Err(fault),
                Remedy::Rebuild => {
                    self.take_down(live.generation, trouble());
                    return Err(fault);
                }
                Remedy::Elsewhere => self.abandon(&live, trouble(), false),
                Remedy::Later => {}
            }
            *stage = Stage::Waiting(Some(trouble()));
            sleep(AGAIN).await;
        }
    }

    /// The connection, waited for if it was lost just now.
    async fn up(&self, stage: &mut Stage) -> Result<Arc<Live>, StoreError> {
        let mut states = self.state.subscribe();
        loop {
            let left = match &*states.borrow_and_update() {
                State::Up(live) => return Ok(live.clone()),
                State::Closed => return Err(closed()),
                State::Down { trouble, since, .. } => {
                    *stage = Stage::Waiting(Some(trouble.clone()));
                    match GRACE.checked_sub(since.elapsed()) {
                        None => return Err(trouble.clone()),
                        Some(left) => left,
                    }
                }
            };
            let _ = timeout(left, states.changed()).await;
        }
    }

    pub(super) fn unanswered(&self, live: &Live, trouble: &StoreError) {
        if self.timeouts.fetch_add(1, Relaxed) + 1 >= TIMEOUTS {
            self.abandon(live, trouble.clone(), true);
        }
    }
}
