//! A small crew of simulated units: they pull their orders over gRPC as real ones do, sign,
//! pass on, give back, report and review. Some sit on what they get. What they do in the hard
//! cases is in [`hard`].

mod hard;

use crate::domain::{Cell, Level, Span, Unit};
use crate::pb::{
    AcceptOrderRequest, ClaimedOrder, DecideReportRequest, Desk, Order, PullOrdersRequest,
    RelayItem, RelayOrdersRequest, ReturnOrderRequest, ReturnReason, SignItem, SignOrdersRequest,
    Verdict, command_service_client::CommandServiceClient,
    work_order_service_client::WorkOrderServiceClient,
};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::Uuid;

/// How many orders one puller has in hand at a time.
const IN_HAND: usize = 128;
/// How many orders a puller takes at once.
const AT_ONCE: u32 = 64;
/// Leases and waits, in real time.
const LEASE: Duration = Duration::from_secs(120);
const WAIT: Duration = Duration::from_secs(5);
/// How long a puller that was refused waits before it asks again.
const AGAIN: Duration = Duration::from_millis(500);

/// How the crew works.
#[derive(Clone, Debug)]
pub struct Crew {
    /// Whose hotline.
    pub cell: Cell,
    /// Who pulls: these units, and for a county everything below it.
    pub posts: Vec<Unit>,
    /// How much faster than real time the orders' clock runs.
    pub speed: u32,
    /// Whether they take the time people take; else they act at once.
    pub take_time: bool,
    /// How many of a hundred holders sit on an order until the clock passes them by.
    pub late: u8,
    /// How many of a hundred front lines give it back, or ask for something.
    pub returning: u8,
    /// How many of a hundred citizens are not satisfied.
    pub dissatisfied: u8,
}

/// What a simulated holder does with an order, always the same for the same holding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mood {
    Prompt,
    Late,
    Returning,
}

impl Crew {
    /// Works until `stop` turns true, then lets go of what is in hand.
    pub async fn work(self, channel: Channel, stop: watch::Receiver<bool>) {
        let crew = Arc::new(self);
        let mut posts = JoinSet::new();
        for post in crew.posts.clone() {
            let desks = match (post == crew.cell.centre(), post.level()) {
                (true, _) => {
                    &[Desk::Triage, Desk::Lead, Desk::Review, Desk::Approval, Desk::FollowUp][..]
                }
                (false, Level::City | Level::County | Level::Town | Level::Village) => {
                    &[Desk::Lead, Desk::Review, Desk::Approval, Desk::CoHandler][..]
                }
            };
            for desk in desks {
                let (crew, channel, stop) = (Arc::clone(&crew), channel.clone(), stop.clone());
                posts.spawn(async move { crew.man(post, *desk, channel, stop).await });
            }
        }
        posts.join_all().await;
    }

    /// One puller at one desk.
    async fn man(
        self: Arc<Self>,
        post: Unit,
        desk: Desk,
        channel: Channel,
        mut stop: watch::Receiver<bool>,
    ) {
        let hands = Arc::new(Semaphore::new(IN_HAND));
        let mut working = JoinSet::new();
        let pull = PullOrdersRequest {
            unit: post.to_string(),
            include_subtree: post.level() != Level::City,
            desk: desk.into(),
            max_orders: AT_ONCE,
            lease: prost_types::Duration::try_from(LEASE).ok(),
            wait: prost_types::Duration::try_from(WAIT).ok(),
        };
        while !*stop.borrow() {
            while working.try_join_next().is_some() {}
            // Take no more than there are hands for: what is not taken, another may take.
            let Ok(free) = Arc::clone(&hands).acquire_many_owned(AT_ONCE).await else { return };
            drop(free);
            let mut client = WorkOrderServiceClient::new(channel.clone());
            let pulled = tokio::select! {
                pulled = client.pull_orders(by(pull.clone(), post)) => pulled,
                _ = stop.changed() => break,
            };
            let orders = match pulled {
                Ok(pulled) => pulled.into_inner().orders,
                Err(_) => {
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            };
            for claimed in orders {
                let Ok(hand) = Arc::clone(&hands).acquire_owned().await else { return };
                let (crew, channel) = (Arc::clone(&self), channel.clone());
                working.spawn(async move {
                    // What is refused has moved on: the clock or a colleague was quicker.
                    let _ = crew.handle(desk, claimed, channel).await;
                    drop(hand);
                });
            }
        }
        working.shutdown().await;
    }

    async fn handle(
        &self,
        desk: Desk,
        claimed: ClaimedOrder,
        channel: Channel,
    ) -> Result<(), Status> {
        let ClaimedOrder { order: Some(order), lease } = claimed else { return Ok(()) };
        if desk == Desk::FollowUp {
            return self.follow_up(&order, channel).await;
        }
        if desk == Desk::CoHandler {
            return self.help(&order, lease, channel).await;
        }
        let Ok(holder) = order.holder.parse::<Unit>() else { return Ok(()) };
        match desk {
            Desk::Approval => self.approve(&order, holder, channel).await,
            Desk::Triage => self.accept(&order, holder, channel).await,
            Desk::Review => self.review(&order, lease, holder, channel).await,
            Desk::Lead => self.lead(&order, lease, holder, channel).await,
            Desk::Unspecified
            | Desk::FollowUp
            | Desk::Raised
            | Desk::CoHandler
            | Desk::Copy
            | Desk::Parked => Ok(()),
        }
    }

    /// What nobody could place goes to the hall's own people of the place it names.
    async fn accept(&self, order: &Order, holder: Unit, channel: Channel) -> Result<(), Status> {
        self.take(order, 40, 200).await;
        let read = order.reading.clone().unwrap_or_default();
        let mut client = CommandServiceClient::new(channel);
        let unknown = read.category == "0000";
        let request = AcceptOrderRequest {
            request_id: Uuid::new_v4().to_string(),
            order_no: order.order_no.clone(),
            category: if unknown { "0101".into() } else { read.category },
            division: read.division,
            ..AcceptOrderRequest::default()
        };
        client.accept_order(by(request, holder)).await.map(drop)
    }

    async fn lead(
        &self,
        order: &Order,
        lease: String,
        holder: Unit,
        channel: Channel,
    ) -> Result<(), Status> {
        let mut client = WorkOrderServiceClient::new(channel.clone());
        let mood = self.mood(order);
        let handling =
            [crate::pb::Stage::Handling, crate::pb::Stage::Escalated].contains(&order.stage());
        if mood == Mood::Late && !handling {
            // Nobody looks at the screen: the clock will pass them by, or a promise breaks.
            self.take(order, 4_500, 9_000).await;
        }
        let (request_id, order_no) = (Uuid::new_v4().to_string(), order.order_no.clone());
        if !handling && !order.next_down.is_empty() {
            self.take(order, 30, 200).await;
            let item = RelayItem { request_id, order_no, lease, to_unit: String::new() };
            let request = RelayOrdersRequest { items: vec![item] };
            return client.relay_orders(by(request, holder)).await.map(drop);
        }
        // The centre has nobody above to give an order back to.
        let may_return = order.returned == 0 && holder.superior().is_some();
        if !handling && mood == Mood::Returning && may_return {
            self.take(order, 120, 600).await;
            let request = ReturnOrderRequest {
                request_id,
                order_no,
                lease,
                reason: ReturnReason::NotOurDuty.into(),
                text: "不属于本单位职责范围，请上级另行派单。".into(),
            };
            return client.return_order(by(request, holder)).await.map(drop);
        }
        if !handling {
            self.take(order, 60, 900).await;
            let item =
                SignItem { request_id, order_no, lease: lease.clone(), ..SignItem::default() };
            let request = SignOrdersRequest { items: vec![item] };
            client.sign_orders(by(request, holder)).await?;
        }
        if self.asks_first(order, holder, &channel).await {
            return Ok(());
        }
        self.take(order, 600, 4_800).await;
        self.report(order, lease, holder, channel).await
    }

    async fn review(
        &self,
        order: &Order,
        lease: String,
        holder: Unit,
        channel: Channel,
    ) -> Result<(), Status> {
        self.take(order, 60, 600).await;
        let again = order.rejected == 0 && self.chance(order, "review") < u32::from(self.returning);
        let (verdict, text) = match again {
            true => (Verdict::Reject, "未见处理结果，请补充后再报。"),
            false => (Verdict::Accept, ""),
        };
        let request = DecideReportRequest {
            request_id: Uuid::new_v4().to_string(),
            order_no: order.order_no.clone(),
            lease,
            verdict: verdict.into(),
            text: text.into(),
        };
        CommandServiceClient::new(channel).decide_report(by(request, holder)).await.map(drop)
    }

    fn mood(&self, order: &Order) -> Mood {
        let (late, returning) = (u32::from(self.late), u32::from(self.returning));
        match self.chance(order, "mood") {
            n if n < late => Mood::Late,
            n if n < late + returning => Mood::Returning,
            _ => Mood::Prompt,
        }
    }

    /// 0 to 99, the same for the same holding: an order pulled twice meets the same people.
    fn chance(&self, order: &Order, what: &str) -> u32 {
        let key = format!("{} {} {what}", order.order_no, order.legs.len());
        u32::from(Sha256::digest(key)[0]) * 100 / 256
    }

    /// Takes between two numbers of seconds of order time, by the order's number.
    async fn take(&self, order: &Order, least: i64, most: i64) {
        if !self.take_time {
            return;
        }
        let share = i64::from(self.chance(order, &format!("{least} {most}")));
        let span = Span::seconds(least + (most - least) * share / 100);
        tokio::time::sleep(span.to_std() / self.speed.max(1)).await;
    }
}

/// Stamps a call with who makes it: somebody of the unit.
fn by<T>(message: T, unit: Unit) -> Request<T> {
    crate::cli::client::stamp(message, "crew", unit, crate::domain::Role::Handler)
}
