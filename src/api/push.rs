//! StreamOrders: orders are pushed as they come, never more than the puller can hold.

use super::status::Fault;
use super::stopped;
use super::{offers, to_proto as write};
use crate::dispatch::{Claimed, Dispatch, Lease, Pull, Refusal};
use crate::domain::Actor;
use crate::pb;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tonic::Status;

/// Orders handed over to the transport and not yet taken; the rest of the bound is with the
/// puller.
pub(super) const BUFFER: usize = 16;
/// How long one look waits for an order to come before the stream looks up.
const WAIT: Duration = Duration::from_secs(5);
/// How often a full stream looks whether what is out has been done.
const LOOK: Duration = Duration::from_millis(200);

/// Orders that are out: handed over, neither moved on nor given up.
struct Out {
    /// All leases are equally long, so the first is the first to end.
    held: VecDeque<(Lease, Pin<Box<Sleep>>)>,
}

/// Pushes until the puller leaves or the server stops; then the stream ends with OK.
pub(super) async fn push(
    dispatch: Arc<Dispatch>,
    actor: Actor,
    pull: Pull,
    orders: mpsc::Sender<Result<pb::StreamOrdersResponse, Status>>,
) {
    let mut stopping = dispatch.stopping();
    let work = serve(&dispatch, &actor, &pull, &orders);
    tokio::select! {
        served = work => if let Err(fault) = served {
            // Nobody left to tell is nobody harmed.
            let _ = orders.send(Err(fault.into())).await;
        },
        () = stopped(&mut stopping) => {}
        // What was claimed for a puller who left comes back when its lease is over.
        () = orders.closed() => {}
    }
}

async fn serve(
    dispatch: &Arc<Dispatch>,
    actor: &Actor,
    pull: &Pull,
    orders: &mpsc::Sender<Result<pb::StreamOrdersResponse, Status>>,
) -> Result<(), Fault> {
    let mut out = Out { held: VecDeque::with_capacity(pull.max) };
    loop {
        let room = pull.max - out.held.len();
        if room == 0 {
            out.wait(dispatch).await?;
            continue;
        }
        let next = Pull { max: room, wait: WAIT, ..pull.clone() };
        let claimed = match dispatch.pull(actor, next).await {
            // Others were quicker, again and again: the next look finds what is left.
            Err(Refusal::Busy) => Vec::new(),
            pulled => pulled?,
        };
        for claimed in claimed {
            out.held.push_back((claimed.lease, Box::pin(tokio::time::sleep(pull.lease))));
            let order = Some(claimed_order(dispatch, claimed, actor).await?);
            if orders.send(Ok(pb::StreamOrdersResponse { order })).await.is_err() {
                return Ok(());
            }
        }
        out.forget_ended();
    }
}

/// An order handed out, as the actor may see it.
pub(super) async fn claimed_order(
    dispatch: &Dispatch,
    Claimed { order, lease }: Claimed,
    actor: &Actor,
) -> Result<pb::ClaimedOrder, Fault> {
    let order = Some(offers::shown(dispatch, order, actor).await?);
    Ok(pb::ClaimedOrder { order, lease: write::lease(&lease) })
}

impl Out {
    /// Waits until there is room: a lease ended, or its order was done.
    async fn wait(&mut self, dispatch: &Dispatch) -> Result<(), Fault> {
        if let Some((_, ends)) = self.held.front_mut() {
            let ended = tokio::select! {
                () = ends.as_mut() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            if ended {
                self.held.pop_front();
            }
        }
        let mut still = VecDeque::with_capacity(self.held.len());
        for (lease, ends) in self.held.drain(..) {
            let order = dispatch.order(lease.order).await?;
            let running = order.is_open() && order.legs.len() == usize::from(lease.assignment) + 1;
            if running && (order.leg().signed_at.is_none() || order.is_unsigned()) {
                still.push_back((lease, ends));
            }
        }
        self.held = still;
        Ok(())
    }

    /// Lets go of what has ended meanwhile, without waiting.
    fn forget_ended(&mut self) {
        while self.held.front().is_some_and(|(_, ends)| ends.is_elapsed()) {
            self.held.pop_front();
        }
    }
}
