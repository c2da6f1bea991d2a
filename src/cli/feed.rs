//! `hotline feed …`: what happened, and who reads the feed under a name.

use super::client::ClientArgs;
use super::failure::Failure;
use super::order::event_line;
use super::output::{OutputArgs, say, table};
use super::{happening, show};
use crate::domain::Role;
use crate::pb::feed_service_client::FeedServiceClient;
use crate::pb::{
    Consumer, FeedEvent, ForgetConsumerRequest, ListConsumersRequest, ReadFeedRequest,
};
use clap::{Args, Subcommand};
use serde_json::json;

/// How many events are asked for at a time: the most there may be.
const PAGE: u32 = 1_000;

/// Reads the feed of events and looks after it.
#[derive(Subcommand, Debug)]
pub(super) enum FeedVerb {
    Read(ReadArgs),
    /// Who reads the feed under a name: what they have not read stays in it.
    #[command(subcommand)]
    Consumers(ConsumersVerb),
}

/// Looks after the consumers of the feed.
#[derive(Subcommand, Debug)]
pub(super) enum ConsumersVerb {
    Ls(LsArgs),
    Forget(ForgetArgs),
}

pub(super) async fn run(verb: FeedVerb) -> Result<(), Failure> {
    match verb {
        FeedVerb::Read(args) => read(args).await,
        FeedVerb::Consumers(ConsumersVerb::Ls(args)) => ls(args).await,
        FeedVerb::Consumers(ConsumersVerb::Forget(args)) => forget(args).await,
    }
}

/// Prints what happened, up to now, and ends.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline feed read --only burst\n  hotline feed read -o json --cursor 1-1042-0"
)]
pub(super) struct ReadArgs {
    /// Only what comes after this cursor; else everything that is in the feed.
    #[arg(long, default_value_t)]
    cursor: String,
    /// Only events of this name, as `-o json` prints it: registered, burst, mode_switched …
    #[arg(long, value_name = "EVENT")]
    only: Option<String>,
    /// How it is printed: lines in Chinese, or one JSON document per line.
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

async fn read(args: ReadArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let mut client = FeedServiceClient::new(server.channel.clone());
    let mut cursor = args.cursor;
    loop {
        let request = ReadFeedRequest { cursor: cursor.clone(), max_events: PAGE };
        let page = server.answer(client.read_feed(server.stamp(request)).await)?;
        let named = |event: &&FeedEvent| {
            args.only.as_ref().is_none_or(|name| *name == happening::event(event).0)
        };
        for event in page.events.iter().filter(named) {
            say(&event_line(event, args.output.output))?;
        }
        if page.next_cursor == cursor {
            return Ok(());
        }
        cursor = page.next_cursor;
    }
}

/// Lists the consumers and how far they have read.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline feed consumers ls -o json")]
pub(super) struct LsArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

async fn ls(args: LsArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let mut client = FeedServiceClient::new(server.channel.clone());
    let answer = client.list_consumers(server.stamp(ListConsumersRequest {})).await;
    let answer = server.answer(answer)?;
    let document = |consumer: &Consumer| {
        json!({
            "consumer": consumer.consumer,
            "cursor": consumer.cursor,
            "acknowledged_at": show::long_moment(&consumer.acknowledged_at),
        })
    };
    args.output.print(
        || {
            json!({
                "oldest_cursor": answer.oldest_cursor,
                "consumers": answer.consumers.iter().map(document).collect::<Vec<_>>(),
            })
        },
        || {
            let mut lines = table(&["消费方", "已读至", "确认时间"]);
            for consumer in &answer.consumers {
                lines.add_row([
                    consumer.consumer.clone(),
                    consumer.cursor.clone(),
                    show::long_moment(&consumer.acknowledged_at),
                ]);
            }
            format!("{lines}\n事件流最早自 {}", answer.oldest_cursor)
        },
    )
}

/// Waits for a consumer no more: what only it has not read may leave the feed.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline feed consumers forget district-330402")]
pub(super) struct ForgetArgs {
    /// Its name.
    consumer: String,
    #[command(flatten)]
    client: ClientArgs,
}

async fn forget(args: ForgetArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let mut client = FeedServiceClient::new(server.channel.clone());
    let request = ForgetConsumerRequest { consumer: args.consumer };
    let said = format!("已不再等待 {}", request.consumer);
    let answer = client.forget_consumer(server.stamp(request)).await;
    server.answer(answer)?;
    say(&said)
}
