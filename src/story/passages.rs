//! What happened, event by event, in Chinese.

use super::words::{Words, short, span};
use crate::domain::{Event, What};

impl Words<'_> {
    /// One event: who did what.
    pub fn passage(&self, event: &Event) -> String {
        let who = format!("{}{}", self.unit(event.actor.unit), event.actor.role.zh());
        format!("{} {}（{who}）", short(event.at), self.what(&event.what))
    }

    fn what(&self, what: &What) -> String {
        match what {
            What::Registered { heard_at, like: _ } => {
                format!("登记，受话于 {}", short(*heard_at))
            }
            What::Accepted { by_clock: true } => "份额用尽，自动受理".to_owned(),
            What::Accepted { by_clock: false } => "受理".to_owned(),
            What::Delivered { unit } => format!("送达{}", self.unit(*unit)),
            What::Redelivered { unit, deliveries } => {
                format!("第 {deliveries} 次送达{}", self.unit(*unit))
            }
            What::Parked { unit, deliveries } => {
                format!("送达{} {deliveries} 次无人签收，滞留", self.unit(*unit))
            }
            What::Released { unit } => format!("放行，重新送达{}", self.unit(*unit)),
            What::Signed { unit, arrived_after: Some(after) } => {
                format!("{}签收，受话后{}到达一线", self.unit(*unit), span(*after))
            }
            What::Signed { unit, arrived_after: None } => format!("{}签收", self.unit(*unit)),
            What::Relayed { from, to, held, late } => {
                let (from, to, held) = (self.unit(*from), self.unit(*to), span(*held));
                match late {
                    Some(_) => format!("{from}持有{held}未动，越级转到{to}"),
                    None => format!("{from}持有{held}后转到{to}"),
                }
            }
            What::Returned { from, to, held: _, reason } => {
                format!("{}退单（{}），由{}裁定", self.unit(*from), reason.zh(), self.unit(*to))
            }
            What::Reported { from, to } => {
                format!("{}反馈，由{}审核", self.unit(*from), self.unit(*to))
            }
            What::ReportRejected { by, to } => {
                format!("{}驳回，由{}重新办理", self.unit(*by), self.unit(*to))
            }
            What::Closed { by, after } => {
                format!("{}办结，受话后{}", self.unit(*by), span(*after))
            }
            What::Warned { clock, percent, holder, due } => {
                let (at, holder) = (short(*due), self.unit(*holder));
                format!("{}时限 {at} 用到 {percent}%，提醒{holder}", clock.zh())
            }
            What::Breached { clock, holder, raised_to, due } => {
                let (at, holder, above) = (short(*due), self.unit(*holder), self.unit(*raised_to));
                format!("{}时限 {at} 在{holder}超时，报{above}", clock.zh())
            }
            What::ContactViewed { unit } => format!("{}查看了联系方式", self.unit(*unit)),
            What::Archived => "归档".to_owned(),
            What::InformationAsked { until } => {
                format!("请市民补充信息，停表至多到 {}", short(*until))
            }
            What::InformationSupplied => "市民补充了信息".to_owned(),
            What::Answered => "直接答复".to_owned(),
            What::Declined { reason } => format!("不予受理：{}", reason.zh()),
            What::HandedOver { to } => format!("转接 {}", to.zh()),
            What::Merged { into } => format!("并入工单 {into}"),
            What::Adopted { child } => format!("工单 {child} 并入本单"),
            What::Disowned { child } => format!("工单 {child} 移出并单"),
            What::ResultHeard { of } => format!("工单 {of} 有了结果，可以告知市民"),
            What::ChildrenTold { count } => format!("结果已告知并入的 {count} 单"),
            What::Dispatched { to } => format!("派往{}", self.unit(*to)),
            What::ReturnDecided { by, to, designated } => {
                let verb = if *designated { "指定" } else { "转办" };
                format!("{}裁定{verb}{}", self.unit(*by), self.unit(*to))
            }
            What::CoHandlerAdded { unit } => format!("增加协办{}", self.unit(*unit)),
            What::CoSigned { unit } => format!("协办{}签收", self.unit(*unit)),
            What::CoReported { unit } => format!("协办{}反馈", self.unit(*unit)),
            What::Escalated { from, to } => {
                format!("{}上报，由{}办理", self.unit(*from), self.unit(*to))
            }
            What::ExtensionRequested { from, to, by } => {
                let (from, to) = (self.unit(*from), self.unit(*to));
                format!("{from}申请延期{}，由{to}审批", span(*by))
            }
            What::ExtensionDecided { by, granted, due } => {
                let word = if *granted { "同意" } else { "不同意" };
                format!("{}{word}延期，办结应于 {}", self.unit(*by), short(*due))
            }
            What::SuspensionRequested { from, to, until } => {
                let (from, to) = (self.unit(*from), self.unit(*to));
                format!("{from}申请挂账到 {}，由{to}审批", short(*until))
            }
            What::SuspensionDecided { by, granted } => {
                let word = if *granted { "同意" } else { "不同意" };
                format!("{}{word}挂账", self.unit(*by))
            }
            What::Resumed { by_clock, paused } => {
                let how = if *by_clock { "停表到期，自动恢复" } else { "恢复" };
                format!("{how}，停表{}", span(*paused))
            }
            What::Urged => "市民催办".to_owned(),
            What::Supervised { card: Some(card) } => format!("督办（{}）", card.zh()),
            What::Supervised { card: None } => "解除督办".to_owned(),
            What::Terminated => "终止".to_owned(),
            What::Withdrawn => "市民撤回".to_owned(),
            What::FollowedUp { outcome, round } => match round {
                Some(_) => format!("回访：{}", outcome.zh()),
                None => format!("就超时回访：{}", outcome.zh()),
            },
            What::Reworked { to, round } => {
                format!("第 {round} 次重办，由{}办理", self.unit(*to))
            }
            What::Reopened { by } => format!("由工单 {by} 重启"),
            What::Recused { unit } => format!("{}回避", self.unit(*unit)),
            What::Corrected => "更正诉求要素".to_owned(),
            What::ModeSwitched { mode, restamp } => {
                let more = if *restamp { "，在途工单重定时限" } else { "" };
                format!("全市切换为{}模式{more}", mode.zh())
            }
            What::Burst { town, orders, since } => {
                let (town, since) = (self.place(*town), short(*since));
                format!("{town}自 {since} 起 {} 件类案", orders.len())
            }
            What::Restamped { arrival_due, closure_due } => {
                let (arrival, closure) = (short(*arrival_due), short(*closure_due));
                format!("重定时限：到达应于 {arrival}，办结应于 {closure}")
            }
        }
    }
}
