//! FeedService: everything that happens, in one order.

use super::actor::split;
use super::status::Fault;
use super::stopped;
use super::{Api, feed_proto, from_proto as read, to_proto as write};
use crate::dispatch::{Cursor, Dispatch, MAX_FEED, Refusal};
use crate::domain::{Actor, Event};
use crate::pb;
use crate::pb::feed_service_server::FeedService;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// A read whose size is not said.
const DEFAULT_EVENTS: usize = 200;
/// Batches handed over to the transport and not yet taken: a slow reader stops the reading.
const BUFFER: usize = 2;
/// How long one wait for events lasts.
const WAIT: Duration = Duration::from_secs(10);

#[tonic::async_trait]
impl FeedService for Api {
    async fn read_feed(
        &self,
        request: Request<pb::ReadFeedRequest>,
    ) -> Result<Response<pb::ReadFeedResponse>, Status> {
        let (actor, pb::ReadFeedRequest { cursor, max_events }) = split(request)?;
        let after = read::cursor(&cursor)?;
        let max = if max_events == 0 { DEFAULT_EVENTS } else { max_events as usize };
        let read = self.dispatch.feed(&actor, after, max.min(MAX_FEED)).await;
        let (events, last) = read.map_err(Fault::from)?;
        let events = written(&events);
        let next_cursor = last.map_or(cursor, |last| last.to_string());
        Ok(Response::new(pb::ReadFeedResponse { events, next_cursor }))
    }

    type WatchFeedStream = ReceiverStream<Result<pb::WatchFeedResponse, Status>>;

    async fn watch_feed(
        &self,
        request: Request<pb::WatchFeedRequest>,
    ) -> Result<Response<Self::WatchFeedStream>, Status> {
        let (actor, pb::WatchFeedRequest { cursor, from_end }) = split(request)?;
        let after = read::cursor(&cursor)?;
        if from_end && after.is_some() {
            let allowed = "nothing together with from_end";
            return Err(Fault::field("BAD_CURSOR", "cursor", allowed).into());
        }
        let (events, outgoing) = mpsc::channel(BUFFER);
        let reader = Reader { events, patience: self.limits.slow_reader };
        tokio::spawn(watch(Arc::clone(&self.dispatch), actor, (after, from_end), reader));
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn acknowledge_feed(
        &self,
        request: Request<pb::AcknowledgeFeedRequest>,
    ) -> Result<Response<pb::AcknowledgeFeedResponse>, Status> {
        let (_, pb::AcknowledgeFeedRequest { consumer: name, cursor }) = split(request)?;
        let (name, cursor) = (consumer(&name)?, read::cursor(&cursor)?);
        let read = self.dispatch.acknowledge_feed(name, cursor).await.map_err(Fault::from)?;
        Ok(Response::new(pb::AcknowledgeFeedResponse { cursor: read.to_string() }))
    }

    async fn list_consumers(
        &self,
        request: Request<pb::ListConsumersRequest>,
    ) -> Result<Response<pb::ListConsumersResponse>, Status> {
        let (_, pb::ListConsumersRequest {}) = split(request)?;
        let known = self.dispatch.consumers().await.map_err(Fault::from)?;
        let oldest = self.dispatch.feed_start().await.map_err(Fault::from)?;
        let consumers = known.into_iter().map(|consumer| pb::Consumer {
            consumer: consumer.name,
            cursor: consumer.cursor.to_string(),
            acknowledged_at: Some(write::time(consumer.at)),
        });
        let consumers = consumers.collect();
        let oldest_cursor = oldest.to_string();
        Ok(Response::new(pb::ListConsumersResponse { consumers, oldest_cursor }))
    }

    async fn forget_consumer(
        &self,
        request: Request<pb::ForgetConsumerRequest>,
    ) -> Result<Response<pb::ForgetConsumerResponse>, Status> {
        let (actor, pb::ForgetConsumerRequest { consumer: name }) = split(request)?;
        let name = consumer(&name)?;
        match self.dispatch.forget_consumer(&actor, name).await.map_err(Fault::from)? {
            true => Ok(Response::new(pb::ForgetConsumerResponse {})),
            false => Err(Fault::unknown_consumer(name).into()),
        }
    }
}

/// The longest name of a consumer.
const MAX_NAME: usize = 64;

/// A consumer's name.
fn consumer(name: &str) -> Result<&str, Fault> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(name);
    }
    let allowed = "1 to 64 of a-z, 0-9, `.`, `_` and `-`";
    Err(Fault::field("INVALID_FIELD", "consumer", allowed))
}

/// Who watches. No more than [`BUFFER`] batches wait for anybody, and nobody for ever.
struct Reader {
    events: mpsc::Sender<Result<pb::WatchFeedResponse, Status>>,
    patience: Duration,
}

impl Reader {
    /// Hands a batch over; `false` when the reader is gone, or is cut for taking nothing: it
    /// goes on from its last cursor when it can.
    async fn send(&self, batch: Vec<pb::FeedEvent>, cursor: Cursor) -> bool {
        let next_cursor = cursor.to_string();
        let batch = pb::WatchFeedResponse { events: batch, next_cursor };
        match self.events.send_timeout(Ok(batch), self.patience).await {
            Ok(()) => true,
            Err(SendTimeoutError::Closed(_)) => false,
            Err(SendTimeoutError::Timeout(_)) => {
                let cut = Fault::slow_reader(self.patience);
                // It is told behind what it has not taken yet, if it ever takes that.
                let _ = self.events.send(Err(cut.into())).await;
                false
            }
        }
    }
}

/// Sends until the reader leaves or the server stops; then the stream ends with OK.
async fn watch(
    dispatch: Arc<Dispatch>,
    actor: Actor,
    from: (Option<Cursor>, bool),
    reader: Reader,
) {
    let mut stopping = dispatch.stopping();
    tokio::select! {
        followed = follow(&dispatch, &actor, from, &reader) => match followed {
            Ok(()) | Err(Refusal::Stopping) => {}
            Err(refusal) => {
                // Nobody left to tell is nobody harmed.
                let _ = reader.events.send(Err(Fault::from(refusal).into())).await;
            }
        },
        () = stopped(&mut stopping) => {}
        () = reader.events.closed() => {}
    }
}

async fn follow(
    dispatch: &Dispatch,
    actor: &Actor,
    (mut after, from_end): (Option<Cursor>, bool),
    reader: &Reader,
) -> Result<(), Refusal> {
    if from_end {
        let end = dispatch.feed_end().await?;
        after = Some(end);
        if !reader.send(Vec::new(), end).await {
            return Ok(());
        }
    }
    loop {
        // Where the feed ends is asked before it is read: what comes between is not missed.
        let end = if after.is_none() { Some(dispatch.feed_end().await?) } else { None };
        let (batch, last) = dispatch.feed(actor, after, MAX_FEED).await?;
        let wire = written(&batch);
        match last {
            Some(last) => {
                after = Some(last);
                if !reader.send(wire, last).await {
                    return Ok(());
                }
            }
            None => {
                let here = after.or(end).unwrap_or_default();
                after = Some(here);
                dispatch.feed_grown(here, WAIT).await?;
            }
        }
    }
}

fn written(events: &[(Cursor, Event)]) -> Vec<pb::FeedEvent> {
    events.iter().map(|(cursor, event)| feed_proto::event(*cursor, event)).collect()
}
