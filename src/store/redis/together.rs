//! What many ask at a time goes together: while one call is on its way the next gathers. A
//! call of many costs Redis and us a fraction of as many calls.

use super::link::{Link, closed};
use super::reads::ask;
use super::value::items;
use crate::store::StoreError;
use ::redis::{Cmd, Value};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// The most keys of a call: it holds Redis up for a tenth of a millisecond.
const MAX_KEYS: usize = 128;
/// How many calls may be on their way.
const IN_FLIGHT: usize = 2;

/// What is asked in one call with others of its kind.
#[async_trait]
pub trait Kind: Send + Sync + 'static {
    /// What one asks.
    type Ask: Send + 'static;
    /// What he is told.
    type Answer: Send + 'static;

    /// How many of those that wait, from the first, go in the next call: at least one.
    fn fit(&self, waiting: &mut dyn Iterator<Item = &Self::Ask>) -> usize;

    /// Asks for all of them; an answer to each, in their order.
    async fn call(&self, asked: Vec<Self::Ask>) -> Result<Vec<Self::Answer>, StoreError>;
}

/// Who asks for what is of one kind.
pub struct Together<K: Kind> {
    kind: K,
    waiting: Mutex<Waiting<K>>,
}

type Told<K> = Result<<K as Kind>::Answer, StoreError>;
/// Who asks, and where he is told.
type Asked<K> = (<K as Kind>::Ask, oneshot::Sender<Told<K>>);

/// Each belongs to one who waits: there are no more than those.
struct Waiting<K: Kind> {
    asked: Vec<Asked<K>>,
    under_way: usize,
}

impl<K: Kind> Together<K> {
    /// Nobody has asked.
    pub fn new(kind: K) -> Arc<Together<K>> {
        let waiting = Mutex::new(Waiting { asked: Vec::new(), under_way: 0 });
        Arc::new(Together { kind, waiting })
    }

    /// The answer, once the call that it went in has one.
    pub async fn ask(self: &Arc<Self>, ask: K::Ask) -> Told<K> {
        let (answer, told) = oneshot::channel();
        if self.is_to_send(ask, answer) {
            tokio::spawn(Arc::clone(self).send());
        }
        told.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Puts it to what waits; whether nobody will come for it by himself.
    fn is_to_send(&self, ask: K::Ask, answer: oneshot::Sender<Told<K>>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.asked.push((ask, answer));
        let more = waiting.under_way < IN_FLIGHT;
        waiting.under_way += usize::from(more);
        more
    }

    async fn send(self: Arc<Self>) {
        while let Some(asked) = self.next() {
            let (asked, waiting): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            match self.kind.call(asked).await {
                Ok(answers) if answers.len() == waiting.len() => {
                    for (told, answer) in waiting.into_iter().zip(answers) {
                        // Whoever has gone needs none.
                        let _ = told.send(Ok(answer));
                    }
                }
                Ok(answers) => {
                    let odd = format!("{} answers to {} who asked", answers.len(), waiting.len());
                    tell_all(waiting, &StoreError::Damaged(odd));
                }
                Err(why) => tell_all(waiting, &why),
            }
        }
    }

    /// Those that go next; with nobody waiting, this one is no longer under way.
    fn next(&self) -> Option<Vec<Asked<K>>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.asked.retain(|(_, answer)| !answer.is_closed());
        if waiting.asked.is_empty() {
            waiting.under_way -= 1;
            return None;
        }
        let many = self.kind.fit(&mut waiting.asked.iter().map(|(ask, _)| ask));
        Some(waiting.asked.drain(..many).collect())
    }
}

fn tell_all<T>(waiting: Vec<oneshot::Sender<Result<T, StoreError>>>, why: &StoreError) {
    for told in waiting {
        let _ = told.send(Err(why.clone()));
    }
}

/// Single values, each under a key.
pub struct Values {
    /// Where from.
    pub link: Arc<Link>,
    /// The command, up to the keys.
    pub head: Vec<Vec<u8>>,
}

#[async_trait]
impl Kind for Values {
    type Ask = Vec<u8>;
    /// Nil if there is none.
    type Answer = Value;

    fn fit(&self, waiting: &mut dyn Iterator<Item = &Vec<u8>>) -> usize {
        waiting.take(MAX_KEYS).count()
    }

    async fn call(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Value>, StoreError> {
        let mut call = Cmd::new();
        call.arg(&self.head).arg(keys);
        items(ask(&self.link, &call).await?)
    }
}
