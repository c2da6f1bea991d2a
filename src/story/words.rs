//! The story in Chinese, a sentence a piece.

use super::clocks::{ClockStory, Standing};
use super::next::{Calm, Next, Task};
use super::reasons::{Reason, Source};
use super::{Holding, Story};
use crate::catalogue::Catalogue;
use crate::domain::{Category, ClockKind, Division, Ending, OrderNo, Span, Timer, Timestamp, Unit};

/// Names things as the catalogue does.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    catalogue: &'a Catalogue,
}

impl<'a> Words<'a> {
    /// By a catalogue; what it does not know keeps its code.
    pub fn of(catalogue: &'a Catalogue) -> Words<'a> {
        Words { catalogue }
    }

    /// The whole in one line.
    pub fn summary(&self, story: &Story) -> String {
        let age = story.levels.iter().fold(0, |sum, (_, held)| sum + held.0);
        let (moves, age) = (story.holdings.len(), span(Span(age)));
        let clock = |kind| standing(story.clock(kind).standing);
        format!(
            "工单 {} 现{}，经手 {moves} 次，历时{age}；到达{}，办结{}",
            story.no,
            story.stage.zh(),
            clock(ClockKind::Arrival),
            clock(ClockKind::Closure),
        )
    }

    /// Who held it how long, and how it left.
    pub fn holding(&self, holding: &Holding) -> String {
        let Holding { unit, duty, from, delivered_at: _, signed_at, held, share, left } = holding;
        let mut line = format!("{} {}（{}）", short(*from), self.unit(*unit), duty.zh());
        if let Some(at) = signed_at {
            line += &format!("，{} 签收", short(*at));
        }
        line += &format!("，{}{}", if left.is_some() { "用时" } else { "已持有" }, span(*held));
        if let Some(share) = share {
            line += &format!("（本级份额{}）", span(*share));
        }
        let Some(left) = left else { return line };
        let to = left.to.map(|to| self.unit(to)).unwrap_or_default();
        let end = match left.how {
            Ending::Passed => format!("下派{to}"),
            Ending::PassedBy => format!("份额用尽未动，时钟越过本级，转到{to}"),
            Ending::Returned => match left.reason {
                Some(reason) => format!("退单（{}），由{to}裁定", reason.zh()),
                None => format!("退单，由{to}裁定"),
            },
            Ending::Reported => format!("反馈，由{to}审核"),
            Ending::Rejected => format!("驳回，由{to}重新办理"),
            Ending::Closed => "办结".to_owned(),
            Ending::Transferred => format!("转办{to}"),
            Ending::Designated => format!("指定{to}办理，不得再退"),
            Ending::Escalated => format!("上报，由{to}办理"),
            Ending::Requested => format!("报批，由{to}审批"),
            Ending::Decided => format!("批复，回到{to}"),
            Ending::Ended => "了结".to_owned(),
        };
        line + "，" + &end
    }

    /// Why it went where it went.
    pub fn reason(&self, reason: &Reason) -> String {
        match reason {
            Reason::Read { reading, model, clues, as_then } => {
                let category = reading.category;
                let mut line = if category == Category::NONE {
                    "未识别出类别".to_owned()
                } else {
                    let name = self.catalogue.category(category).map_or("", |row| &row.name);
                    let sure = reading.category_confidence.percent();
                    format!("诉求读作{name}（{category}，把握 {sure}%）")
                };
                line += &format!("，{}、{}", reading.kind.zh(), reading.urgency.zh());
                if let Some(model) = model {
                    line += &format!("；受理时模型 {model} 参与判定");
                }
                if clues.is_empty() {
                    return line + "；文中无目录关键词佐证";
                }
                let words: Vec<_> = clues.iter().map(|clue| format!("“{}”", clue.word)).collect();
                let by = if *as_then { "依据" } else { "按现行目录重读，依据" };
                line + "；" + by + &words.concat()
            }
            Reason::Placed(division, sure) => {
                let name = self.catalogue.division(*division).map_or("", |row| &row.name);
                format!("地点为{name}（{division}，把握 {sure}%）")
            }
            Reason::Routed { chain, source, direct } => {
                let mut line = match source {
                    Source::Rule(rule, version) => {
                        format!("按职责第 {rule} 行（目录第 {version} 版）派单")
                    }
                    Source::Person => "由人工指定去向".to_owned(),
                    Source::Fallback => "市级份额内无人受理，由时钟派给兜底单位".to_owned(),
                };
                line += if *direct { "，直派一线：" } else { "：" };
                line + &self.units(chain, " → ")
            }
            Reason::Unrouted => "去向未定：把握不足或无对应职责，由人工决定".to_owned(),
            Reason::Recused(units) => format!("投诉对象{}回避，不经其手", self.units(units, "、")),
            Reason::Refused(units) => {
                format!("{}已退单，时钟不再派往", self.units(units, "、"))
            }
            Reason::Designated(unit) => format!("已指定{}办理，再退不受理", self.unit(*unit)),
            Reason::Reopens(no) => format!("重启自归档工单 {no}"),
            Reason::ReopenedAs(no) => format!("已由工单 {no} 重启"),
            Reason::MergedInto(no) => format!("并入工单 {no} 一并办理"),
            Reason::Holds(all) => {
                let all: Vec<_> = all.iter().map(OrderNo::to_string).collect();
                format!("并入本单：{}", all.join("、"))
            }
            Reason::Corrected { at, by, role } => {
                format!("{} {}{}更正了诉求要素", short(*at), self.unit(*by), role.zh())
            }
            Reason::Switched { at, mode } => {
                format!("{} 全市切换为{}模式", short(*at), mode.zh())
            }
            Reason::Restamped { at, arrival_due, closure_due } => {
                let (arrival, closure) = (short(*arrival_due), short(*closure_due));
                format!("{} 重定时限：到达应于 {arrival}，办结应于 {closure}", short(*at))
            }
        }
    }

    /// What a clock says.
    pub fn clock(&self, clock: &ClockStory) -> String {
        let name = match (clock.kind, clock.round) {
            (ClockKind::Arrival, _) => "到达".to_owned(),
            (ClockKind::Closure, 0) => "办结".to_owned(),
            (ClockKind::Closure, round) => format!("第 {round} 次重办"),
        };
        let (limit, used) = (span(clock.limit), span(clock.used));
        let mut line = format!("{name}时限{limit}");
        if clock.granted > Span::ZERO {
            line += &format!("（含延期{}）", span(clock.granted));
        }
        line += &format!("，自 {} 起，已用{used}", short(clock.from));
        if !clock.pauses.is_empty() {
            line += &format!("，停表{}", span(clock.stood));
            let until = |until: Option<Timestamp>| until.map_or("今".to_owned(), short);
            let spans: Vec<_> = clock
                .pauses
                .iter()
                .map(|pause| format!("{} 至{}", short(pause.from), until(pause.until)))
                .collect();
            line += &format!("（{}）", spans.join("；"));
        }
        for warning in &clock.warnings {
            line += &format!("，{}% 已提醒", warning.percent);
            if let (Some(at), Some(holder)) = (warning.at, warning.holder) {
                line += &format!("（{}，{}）", short(at), self.unit(holder));
            }
        }
        if let Some(at) = clock.breached_at {
            line += &format!("，{} 超时", short(at));
            let by = clock.breached_by.map(|unit| self.unit(unit)).unwrap_or_default();
            line += &format!("，时在{by}");
            let raised = clock.raised_to.map(|unit| self.unit(unit));
            line += &raised.map(|unit| format!("，已报{unit}")).unwrap_or_default();
        }
        let due = short(clock.due);
        line + &match (clock.standing, clock.stopped_at) {
            (Standing::Kept, Some(at)) => format!("；{} 按时完成", short(at)),
            (Standing::Late, Some(at)) => format!("；{} 才完成", short(at)),
            (Standing::Paused, _) => "；停表中".to_owned(),
            (Standing::Overdue, _) => "；仍未完成".to_owned(),
            (Standing::Running | Standing::Kept | Standing::Late, _) => format!("；应于 {due}"),
        }
    }

    /// What happens next, and who must do what.
    pub fn next(&self, next: &Next) -> String {
        let mut parts = Vec::with_capacity(4);
        if let Some((unit, task)) = next.task {
            parts.push(format!("{}须{}", self.unit(unit), task_zh(task)));
        }
        if !next.helpers.is_empty() {
            parts.push(format!("协办{}尚未反馈", self.units(&next.helpers, "、")));
        }
        if let Some((kind, due)) = next.at_stake {
            parts.push(format!("{}应于 {}", kind.zh(), short(due)));
        }
        if let Some((at, timer, left)) = next.timer {
            let what = match timer {
                Timer::Warn(kind, percent) => format!("{}时限用到 {percent}%，提醒", kind.zh()),
                Timer::Breach(kind) => format!("{}超时，报上一级", kind.zh()),
                Timer::TriageOver => "市级份额用尽，派给兜底单位".to_owned(),
                Timer::ShareOver(_) => "本级份额用尽，自动下派".to_owned(),
                Timer::ReviewOver(_) => "本级份额用尽未裁定，交上一级裁定".to_owned(),
                Timer::PauseOver => "停表到期，自动恢复计时".to_owned(),
                Timer::TellChildren => "结果告知并入各单".to_owned(),
                Timer::FollowUpOver => "回访期满，自动归档".to_owned(),
            };
            let to = next.moves_to.map(|to| format!("（{}）", self.unit(to))).unwrap_or_default();
            let when = match left >= Span::ZERO {
                true => format!("{} 之后", span(left)),
                false => "即刻".to_owned(),
            };
            parts.push(format!("{}（{when}）{what}{to}", short(at)));
        }
        match next.calm {
            None => {}
            Some(Calm::Over(stage)) => parts.push(format!("{}，不再有后续", stage.zh())),
            Some(Calm::WorkedElsewhere(Some(no))) => {
                parts.push(format!("随工单 {no} 办理，结果出来后回访"));
            }
            Some(Calm::WorkedElsewhere(None)) => {
                parts.push("随并入的工单办理，结果出来后回访".to_owned());
            }
            Some(Calm::NothingDue) => {
                parts.push("各时限均已过或已完成，不再有自动动作，只等人办".to_owned());
            }
        }
        parts.join("；")
    }

    /// A unit's name.
    pub fn unit(&self, unit: Unit) -> String {
        self.catalogue.unit(unit).map_or_else(|| unit.to_string(), |row| row.name.clone())
    }

    pub(super) fn units(&self, units: &[Unit], between: &str) -> String {
        units.iter().map(|unit| self.unit(*unit)).collect::<Vec<_>>().join(between)
    }

    pub(super) fn place(&self, division: Division) -> String {
        let row = self.catalogue.division(division);
        row.map_or_else(|| division.to_string(), |row| row.name.clone())
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Running => "计时中",
        Standing::Paused => "停表中",
        Standing::Kept => "按时",
        Standing::Overdue => "已超时",
        Standing::Late => "超时完成",
    }
}

fn task_zh(task: Task) -> &'static str {
    match task {
        Task::Accept => "受理：判定事项与去向",
        Task::Dispatch => "派遣：指定承办单位",
        Task::AskCitizen => "向市民补齐信息",
        Task::PassOn => "签收或下派",
        Task::Sign => "签收",
        Task::Handle => "办理并反馈",
        Task::HandleAbove => "办理上报事项并反馈",
        Task::DecideReturn => "裁定退单由谁办理",
        Task::DecideExtension => "审批延期",
        Task::DecideSuspension => "审批挂账",
        Task::Resume => "在条件具备时恢复办理",
        Task::DecideReport => "审核反馈",
        Task::FollowUp => "回访市民",
        Task::Release => "处理滞留：多次送达无人签收，查明后放行",
    }
}

/// `03-14 08:40:00`, in China Standard Time.
pub(super) fn short(at: Timestamp) -> String {
    at.to_string()[5..19].replace('T', " ")
}

/// `1天2小时3分4秒`, zero parts left out.
pub(super) fn span(of: Span) -> String {
    let seconds = of.0.unsigned_abs() / 1_000;
    let parts = [
        (seconds / 86_400, "天"),
        (seconds / 3_600 % 24, "小时"),
        (seconds / 60 % 60, "分"),
        (seconds % 60, "秒"),
    ];
    let said: String =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if said.is_empty() { "0秒".to_owned() } else { said }
}
