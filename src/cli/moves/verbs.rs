//! The verbs and what each is told.

use crate::cli::client::parse;
use crate::cli::work::{ChangeArgs, category, evidence};
use crate::domain::{
    Card, Category, DeclineReason, Division, Emergency, Kind, OrderNo, Outcome, Unit, Urgency,
};
use crate::pb::Verdict;
use clap::Subcommand;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Moves of one order.
#[derive(Subcommand, Debug)]
pub(in crate::cli) enum MoveVerb {
    /// 要求补充: asks the citizen for what is missing; the clocks pause.
    Ask {
        #[command(flatten)]
        change: ChangeArgs,
        /// The question.
        #[arg(long)]
        text: String,
    },
    /// 补充: writes down what else the citizen said.
    Supplement {
        #[command(flatten)]
        change: ChangeArgs,
        /// The words.
        #[arg(long)]
        text: String,
    },
    /// 直接答复: answers an inquiry at once.
    Answer {
        #[command(flatten)]
        change: ChangeArgs,
        /// The answer.
        #[arg(long)]
        text: String,
    },
    /// 不予受理: refuses what is not the hotline's, and says where to go.
    Decline {
        #[command(flatten)]
        change: ChangeArgs,
        /// Why: emergency, legal_channel, petition, secret, nothing_new, abuse or elsewhere.
        #[arg(long, value_parser = decline_reason)]
        reason: DeclineReason,
        /// The right channel to go to.
        #[arg(long)]
        text: String,
    },
    /// 转接: hands a matter of life and safety over.
    HandOver {
        #[command(flatten)]
        change: ChangeArgs,
        /// To whom: 110, 119, 120 or 122.
        #[arg(long, value_parser = emergency)]
        to: Emergency,
    },
    /// 并单: lets another order be worked in this one's place.
    Merge {
        #[command(flatten)]
        change: ChangeArgs,
        /// Which.
        #[arg(long, value_parser = parse::<OrderNo>)]
        into: OrderNo,
    },
    /// 派遣: says where an accepted order goes.
    Assign {
        #[command(flatten)]
        change: ChangeArgs,
        /// The units it goes through, from the city down; else the catalogue's rule.
        #[arg(long, value_delimiter = ',', value_parser = parse::<Unit>)]
        chain: Vec<Unit>,
        /// 直达: straight to the last of them, with copies to those before.
        #[arg(long)]
        direct: bool,
    },
    /// 退单审核: decides who takes what was given back.
    DecideReturn {
        #[command(flatten)]
        change: ChangeArgs,
        /// 转办: another unit takes it.
        #[arg(long, value_parser = parse::<Unit>, required_unless_present = "designate", conflicts_with = "designate")]
        transfer: Option<Unit>,
        /// 指定: the unit that gave it back keeps it, and may not return it again.
        #[arg(long)]
        designate: bool,
    },
    /// 增加协办: lets a unit help the lead.
    CoHandler {
        #[command(flatten)]
        change: ChangeArgs,
        /// Which.
        #[arg(long = "with", value_parser = parse::<Unit>)]
        with: Unit,
    },
    /// 上报: lets the unit above act.
    Escalate {
        #[command(flatten)]
        change: ChangeArgs,
        /// Why.
        #[arg(long)]
        text: String,
    },
    /// 申请延期: asks the unit above for more time, before the deadline.
    Extend {
        #[command(flatten)]
        change: ChangeArgs,
        /// How much more, for example 2h.
        #[arg(long, value_parser = humantime::parse_duration)]
        by: Duration,
        /// Why.
        #[arg(long)]
        text: String,
    },
    /// 延期审核: gives more time, or not.
    DecideExtension {
        #[command(flatten)]
        change: ChangeArgs,
        #[command(flatten)]
        verdict: VerdictArgs,
    },
    /// 申请挂账: asks the unit above for a pause.
    Suspend {
        #[command(flatten)]
        change: ChangeArgs,
        /// Until when, in UTC, for example 2026-11-25T00:00:00Z.
        #[arg(long, value_parser = humantime::parse_rfc3339)]
        until: SystemTime,
        /// Why.
        #[arg(long)]
        text: String,
    },
    /// 挂账审核: gives a pause, or not.
    DecideSuspension {
        #[command(flatten)]
        change: ChangeArgs,
        #[command(flatten)]
        verdict: VerdictArgs,
    },
    /// 销账: goes on before the pause is over.
    Resume {
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// 催办: the citizen asks where it stays.
    Urge {
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// 督办: watches an order more sharply.
    Supervise {
        #[command(flatten)]
        change: ChangeArgs,
        /// How sharply: normal, yellow or red.
        #[arg(long, value_parser = card)]
        card: Card,
    },
    /// 解除督办: watches it no more.
    LiftSupervision {
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// 终止: ends it without a result.
    Terminate {
        #[command(flatten)]
        change: ChangeArgs,
        /// The review.
        #[arg(long)]
        text: String,
    },
    /// 撤回: the citizen takes it back.
    Withdraw {
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// 回访: what the citizen says of the result.
    FollowUp {
        #[command(flatten)]
        change: ChangeArgs,
        /// satisfied, dissatisfied or unreached.
        #[arg(long, value_parser = outcome)]
        outcome: Outcome,
    },
    /// 重启: files a new order that takes up an archived one; new facts only.
    Reopen {
        #[command(flatten)]
        change: ChangeArgs,
        /// The new facts: a file with one row as `submit` takes them.
        #[arg(long)]
        file: PathBuf,
    },
    /// 回避: keeps an order from a unit it complains about.
    Recuse {
        #[command(flatten)]
        change: ChangeArgs,
        /// Which.
        #[arg(long = "from", value_parser = parse::<Unit>)]
        from: Unit,
    },
    /// 更正: corrects what was read, and the limits that go with it.
    Correct {
        #[command(flatten)]
        change: ChangeArgs,
        /// What it is about: four digits of the catalogue.
        #[arg(long, value_parser = category)]
        category: Option<Category>,
        /// Where: 4, 6, 9 or 12 digits.
        #[arg(long, value_parser = parse::<Division>)]
        division: Option<Division>,
        /// inquiry, request, complaint, tip, suggestion or praise.
        #[arg(long, value_parser = kind)]
        kind: Option<Kind>,
        /// normal, urgent or critical.
        #[arg(long, value_parser = urgency)]
        urgency: Option<Urgency>,
    },
    /// 批量办结: closes an order, and others like it, by one disposition.
    CloseBatch {
        #[command(flatten)]
        change: ChangeArgs,
        /// The others.
        #[arg(long = "and", value_delimiter = ',', value_parser = parse::<OrderNo>)]
        others: Vec<OrderNo>,
        /// The disposition.
        #[arg(long)]
        text: String,
        /// What proves it: a URI and the file's SHA-256; may be given up to 16 times.
        #[arg(long, value_name = "URI=SHA256", value_parser = evidence)]
        evidence: Vec<(String, String)>,
    },
}

/// Yes or no, and why.
#[derive(clap::Args, Debug)]
pub(in crate::cli) struct VerdictArgs {
    /// It is given.
    #[arg(long, conflicts_with = "reject", required_unless_present = "reject")]
    accept: bool,
    /// It is not.
    #[arg(long)]
    reject: bool,
    /// Why.
    #[arg(long)]
    text: String,
}

impl VerdictArgs {
    pub(super) fn open(self) -> (i32, String) {
        let verdict = if self.accept { Verdict::Accept } else { Verdict::Reject };
        (verdict.into(), self.text)
    }
}

macro_rules! words {
    ($($name:ident $enum:ident)+) => { $(
        fn $name(text: &str) -> Result<$enum, String> {
            let all: Vec<_> = $enum::ALL.iter().map(|value| value.name()).collect();
            $enum::from_name(text).ok_or_else(|| format!("expected one of {}", all.join(", ")))
        }
    )+ };
}

words! {
    decline_reason DeclineReason
    emergency Emergency
    card Card
    outcome Outcome
    kind Kind
    urgency Urgency
}
