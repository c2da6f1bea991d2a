//! What many read at a time goes together: while one call is on its way the next gathers. A
//! call of many keys costs Redis and us a fraction of as many calls.

use super::link::{Link, closed};
use super::reads::ask;
use super::value::items;
use crate::store::StoreError;
use ::redis::{Cmd, Value};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// The most keys of a call: it holds Redis up for a tenth of a millisecond.
const MAX_KEYS: usize = 128;
/// How many calls may be on their way.
const IN_FLIGHT: usize = 2;

type Answer = oneshot::Sender<Result<Value, StoreError>>;

/// Who asks for single values of one kind.
pub struct Together {
    link: Arc<Link>,
    /// The command, up to the keys.
    head: Vec<Vec<u8>>,
    waiting: Mutex<Waiting>,
}

/// Each belongs to a reader, who waits: there are no more than readers.
#[derive(Default)]
struct Waiting {
    asked: Vec<(Vec<u8>, Answer)>,
    under_way: usize,
}

impl Together {
    /// Over a link, by a command that takes as many keys as there are behind these words.
    pub fn new(link: &Arc<Link>, head: Vec<Vec<u8>>) -> Arc<Together> {
        Arc::new(Together { link: Arc::clone(link), head, waiting: Mutex::default() })
    }

    /// The value of a key; nil if there is none.
    pub async fn ask(self: &Arc<Self>, key: Vec<u8>) -> Result<Value, StoreError> {
        let (answer, told) = oneshot::channel();
        if self.is_to_send(key, answer) {
            tokio::spawn(Arc::clone(self).send());
        }
        told.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Puts a key to those that wait; whether nobody will come for it by himself.
    fn is_to_send(&self, key: Vec<u8>, answer: Answer) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.asked.push((key, answer));
        let more = waiting.under_way < IN_FLIGHT;
        waiting.under_way += usize::from(more);
        more
    }

    async fn send(self: Arc<Self>) {
        while let Some(asked) = self.next() {
            let (keys, answers): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            match self.look_up(&keys).await {
                Ok(values) => {
                    for (answer, value) in answers.into_iter().zip(values) {
                        // Whoever has gone needs none.
                        let _ = answer.send(Ok(value));
                    }
                }
                Err(why) => {
                    for answer in answers {
                        let _ = answer.send(Err(why.clone()));
                    }
                }
            }
        }
    }

    /// Those that go next; with nobody waiting, this one is no longer under way.
    fn next(&self) -> Option<Vec<(Vec<u8>, Answer)>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.asked.retain(|(_, answer)| !answer.is_closed());
        if waiting.asked.is_empty() {
            waiting.under_way -= 1;
            return None;
        }
        let many = waiting.asked.len().min(MAX_KEYS);
        Some(waiting.asked.drain(..many).collect())
    }

    async fn look_up(&self, keys: &[Vec<u8>]) -> Result<Vec<Value>, StoreError> {
        let mut call = Cmd::new();
        call.arg(&self.head).arg(keys);
        let values = items(ask(&self.link, &call).await?)?;
        if values.len() == keys.len() {
            Ok(values)
        } else {
            Err(StoreError::Damaged(format!("{} answers to {} keys", values.len(), keys.len())))
        }
    }
}
