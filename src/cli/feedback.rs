//! What people decided about the orders, and these orders' words, from a server.

use super::client::{ClientArgs, Connection};
use super::failure::Failure;
use super::labelled::Messages;
use crate::catalogue::Catalogue;
use crate::domain::{Category, OrderNo, Role};
use crate::pb::feed_event::What;
use crate::pb::feed_service_client::FeedServiceClient;
use crate::pb::intake_service_client::IntakeServiceClient;
use crate::pb::{FeedEvent, GetOrderRequest, ListConsumersRequest, ReadFeedRequest, Stage};
use crate::train::MAX_EXAMPLES;
use crate::train::feedback::{Histories, Said};
use tokio::task::JoinSet;
use tonic::Code;

/// How many events are asked for at a time: the most there may be.
const PAGE: u32 = 1_000;
/// How many orders' words are asked for at a time.
const IN_FLIGHT: usize = 16;

/// Reads all that is in a server's feed.
pub(super) async fn histories(server: &Connection) -> Result<Histories, Failure> {
    let mut client = FeedServiceClient::new(server.channel.clone());
    let known = client.list_consumers(server.stamp(ListConsumersRequest {})).await;
    let mut cursor = server.answer(known)?.oldest_cursor;
    let mut all = Histories::default();
    loop {
        let request = ReadFeedRequest { cursor: cursor.clone(), max_events: PAGE };
        let page = server.answer(client.read_feed(server.stamp(request)).await)?;
        for event in &page.events {
            // What happened to the city is of no order.
            if let Ok(no) = event.order_no.parse() {
                all.happened(no, said(event), category(event));
            }
        }
        if page.next_cursor == cursor {
            return Ok(all);
        }
        cursor = page.next_cursor;
    }
}

fn category(event: &FeedEvent) -> Category {
    event.category.parse().map_or(Category::NONE, Category)
}

/// What an event says of what its order is about. A unit that has to keep what it gave back was
/// told that nothing is wrong; one whose order goes elsewhere, that a person has looked.
fn said(event: &FeedEvent) -> Said {
    let Some(what) = &event.what else { return Said::Nothing };
    if let What::Registered(_) = what {
        return Said::First { triage: event.stage() == Stage::Triage };
    }
    if let What::Accepted(accepted) = what
        && !accepted.by_clock
    {
        return Said::Person;
    }
    if let What::ReturnDecided(decided) = what
        && !decided.designated
    {
        return Said::Person;
    }
    if let What::Corrected(_) = what {
        return Said::Person;
    }
    if let What::Closed(_) = what { Said::Closed } else { Said::Nothing }
}

/// The orders that people decided about, with their words, as labelled messages: labelled as
/// those that are there already, or by the field of their category.
pub(super) async fn labelled(
    client: &ClientArgs,
    catalogue: &Catalogue,
    messages: Messages,
) -> Result<Messages, Failure> {
    let server = client.connect(Role::Dispatcher).await?;
    let all = histories(&server).await?;
    let room = MAX_EXAMPLES.saturating_sub(messages.rows.len());
    let named = |e: crate::catalogue::LabelError| Failure::said(e.to_string());
    let by_category = catalogue.classes(&messages.labels).map_err(named)?;
    let label = |category: Category| match by_category.get(&category) {
        Some(place) => Some(messages.labels[*place].clone()),
        None if messages.labels.is_empty() => Some(format!("{:02}", category.field())),
        None => None,
    };
    let mut wanted = Vec::new();
    let mut strange = 0_usize;
    for (no, category) in all.examples().filter(|(_, c)| catalogue.category(*c).is_some()) {
        match label(category) {
            Some(label) if wanted.len() < room => wanted.push((no, label)),
            Some(_) => break,
            None => strange += 1,
        }
    }
    if strange > 0 {
        eprintln!("left out: {strange} orders of the feed whose category no label takes in");
    }
    if wanted.is_empty() {
        let why = "there is no order in the feed that a person took out of triage, corrected, or \
                   sent elsewhere";
        if messages.rows.is_empty() {
            return Err(Failure::said(why.to_owned()));
        }
        eprintln!("{why}");
        return Ok(messages);
    }
    let mut found = words(&server, wanted).await?;
    // In the order of their numbers: the same feed gives the same model.
    found.sort_by_key(|(no, ..)| *no);
    eprintln!("{} orders of the feed", found.len());
    let found = found.into_iter().map(|(_, label, title, text)| (label, title, text));
    Ok(messages.with(found))
}

type Found = (OrderNo, String, String, String);

/// The words of orders, each with its label. One that is gone is passed over.
async fn words(server: &Connection, wanted: Vec<(OrderNo, String)>) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::with_capacity(wanted.len());
    let mut asked = JoinSet::new();
    let mut wanted = wanted.into_iter();
    loop {
        while asked.len() < IN_FLIGHT
            && let Some((no, label)) = wanted.next()
        {
            let mut client = IntakeServiceClient::new(server.channel.clone());
            let request = server.stamp(GetOrderRequest { order_no: no.to_string() });
            asked.spawn(async move { (no, label, client.get_order(request).await) });
        }
        let Some(joined) = asked.join_next().await else { return Ok(found) };
        let Ok((no, label, answer)) = joined else { continue };
        match answer {
            Ok(answer) => {
                let paper = answer.into_inner().papers.into_iter().next();
                found.extend(paper.map(|paper| (no, label, paper.title, paper.body)));
            }
            Err(status) if status.code() == Code::NotFound => {}
            Err(status) => return Err(server.failure(status)),
        }
    }
}
