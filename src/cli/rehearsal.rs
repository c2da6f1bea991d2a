//! `hotline crew`: simulated units work a server's orders until none is open.

use super::client::ClientArgs;
use super::crew::Crew;
use super::failure::Failure;
use crate::catalogue::Catalogue;
use crate::clock::tick;
use crate::domain::Role;
use crate::pb::{GetBoardRequest, command_service_client::CommandServiceClient};
use clap::Args;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch;

/// How often the board is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Works the orders of a server as its units would: pulls, signs, passes on, gives back,
/// reports and reviews, over gRPC, at once, until no order is open. For rehearsals and load
/// tests of a server that serves nobody else: it closes whatever it finds.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline crew --rehearsal --server http://127.0.0.1:12345")]
pub(super) struct CrewArgs {
    /// Says that the orders of this server are nobody's real matters.
    #[arg(long, required = true)]
    rehearsal: bool,
    /// How many of a hundred front lines give an order back, and reviewers reject a report.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=100))]
    returning: u8,
    /// Gives up when nothing has moved for so long.
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    patience: Duration,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(args: CrewArgs) -> Result<(), Failure> {
    let catalogue = Catalogue::builtin().map_err(|e| Failure::said(e.to_string()))?;
    let server = args.client.connect_patiently(Role::Dispatcher).await?;
    let crew = Crew {
        cell: catalogue.cell(),
        posts: Crew::posts(&catalogue),
        speed: 1,
        take_time: false,
        late: 0,
        returning: args.returning,
        dissatisfied: 0,
    };
    let stop = watch::Sender::new(false);
    let working = tokio::spawn(crew.work(server.channel.clone(), stop.subscribe()));
    let mut client = CommandServiceClient::new(server.channel.clone());
    let (mut seen, mut moved) = (HashMap::new(), tick());
    let ended = loop {
        tokio::time::sleep(LOOK).await;
        let answer = client.get_board(server.stamp(GetBoardRequest {})).await;
        let tallies = server.answer(answer)?.tallies;
        let board: HashMap<String, i64> = tallies.into_iter().map(|t| (t.name, t.value)).collect();
        let of = |name: &str| board.get(name).copied().unwrap_or(0);
        eprintln!("open {} · closed {} of {}", of("open"), of("closed"), of("received"));
        if of("open") == 0 {
            break Ok(());
        }
        if board != seen {
            (seen, moved) = (board, tick());
        } else if moved.elapsed() > args.patience {
            break Err(Failure::said(format!(
                "{} orders are still open and nothing has moved for {}",
                of("open"),
                humantime::format_duration(args.patience)
            )));
        }
    };
    stop.send_replace(true);
    let _ = working.await;
    ended
}
