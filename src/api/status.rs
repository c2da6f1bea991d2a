//! Which gRPC code and why.
//!
//! | code | when | what the client does |
//! |---|---|---|
//! | INVALID_ARGUMENT | a field is not what it must be; `BadRequest` names it | asks otherwise |
//! | NOT_FOUND | there is no such order, or the phone's digits are not its own | asks otherwise |
//! | PERMISSION_DENIED | another unit holds the order, or only the centre or a unit above may; `BadRequest` names `hotline-unit` | leaves it |
//! | FAILED_PRECONDITION | the order stands where this cannot be done: the metadata say the `stage`, the `action` and what is `allowed` now; the feed's history is gone (not OUT_OF_RANGE, which readers take for "the end, for now": this cursor never works again) | looks again, decides anew |
//! | ALREADY_EXISTS | the request id was used for another request | makes a new id |
//! | ABORTED | the lease is stale | pulls again |
//! | UNAVAILABLE | the store or the server cannot now, or the outcome is unknown | sends the same again, with the same request id |
//! | RESOURCE_EXHAUSTED | the store has no room left; nothing was written | calls an operator, then sends the same again |
//! | RESOURCE_EXHAUSTED, `OVERLOADED` | more is being filed than can be; nothing was written | sends the same again after the hinted time |
//! | DATA_LOSS | a record is not what was written | calls an operator |
//!
//! Every error carries one `ErrorInfo` of the domain `hotline` whose metadata holds every
//! value of the message, and one `LocalizedMessage` in zh-CN. None holds a citizen's word,
//! phone or name: what was sent is never repeated, only what is allowed.

use crate::dispatch::{Cursor, Refusal, StoreError};
use crate::domain::{ActionName, Refused, Rejection, Stage, Standing};
use crate::pb;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Who speaks in an `ErrorInfo`.
pub const DOMAIN: &str = "hotline";
/// The metadata that says for which unit somebody acts.
const UNIT: &str = "hotline-unit";
/// When to try again what the server could not do.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// And where it came to more than it keeps up with.
const LATER: Duration = Duration::from_secs(1);
/// The reason then.
const OVERLOADED: &str = "OVERLOADED";

/// An error on its way to the wire.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    code: Code,
    reason: &'static str,
    message: String,
    zh: String,
    metadata: Vec<(&'static str, String)>,
    /// Which one and what it must be; boxed, for most errors have none.
    field: Option<Box<(String, String)>>,
}

impl Fault {
    fn new(code: Code, reason: &'static str, message: String, zh: impl Into<String>) -> Fault {
        Fault { code, reason, message, zh: zh.into(), metadata: Vec::new(), field: None }
    }

    /// A watcher took nothing for so long that it is cut.
    pub(super) fn slow_reader(patience: Duration) -> Fault {
        let message =
            format!("nothing was taken for {patience:?}: watch again from the last cursor");
        let zh = "长时间未读取，订阅已中断，请从最后的游标继续。";
        let patience = humantime::format_duration(patience);
        Fault::new(Code::ResourceExhausted, "SLOW_READER", message, zh)
            .with("slow_reader", patience)
    }

    fn with(mut self, key: &'static str, value: impl ToString) -> Fault {
        self.metadata.push((key, value.to_string()));
        self
    }

    /// Which move of which stage it was, and what may be done now.
    fn standing(self, Standing { stage, action }: Standing, allowed: &[ActionName]) -> Fault {
        let list = |each: fn(&ActionName) -> &'static str, nothing: &str, comma: &str| {
            let all: Vec<_> = allowed.iter().map(each).collect();
            if all.is_empty() { nothing.to_owned() } else { all.join(comma) }
        };
        let message =
            format!("{}; allowed now: {}", self.message, list(|a| a.name(), "nothing", ", "));
        let zh = format!(
            "{}工单{}，不能{}；目前可以：{}。",
            self.zh,
            stage.map_or("尚未登记", Stage::zh),
            action.zh(),
            list(|a| a.zh(), "无", "、")
        );
        Fault { message, zh, ..self }
            .with("stage", stage.map_or("none", Stage::name))
            .with("action", action)
            .with("allowed", list(|a| a.name(), "", ","))
    }

    /// The field that a rejection is about.
    fn at(&mut self, field: &str, allowed: &str) {
        self.field = Some(Box::new((field.to_owned(), allowed.to_owned())));
    }

    /// A field is not what it must be. `allowed` says what it must be, never what it was.
    pub fn field(reason: &'static str, field: &str, allowed: impl Into<String>) -> Fault {
        let allowed = allowed.into();
        let message = format!("{field}: {allowed}");
        let zh = format!("字段 {field} {}。", wrong_zh(reason));
        let mut fault = Fault::new(Code::InvalidArgument, reason, message, zh)
            .with("field", field)
            .with("allowed", &allowed);
        fault.field = Some(Box::new((field.to_owned(), allowed)));
        fault
    }

    /// The same fault in a field that lies within another message.
    pub fn within(self, outer: &str) -> Fault {
        let Some((field, allowed)) = self.field.as_deref().cloned() else { return self };
        let field = format!("{outer}.{field}");
        let is_own = |(key, value): &(&str, String)| *key == "allowed" && *value == allowed;
        if self.metadata.iter().any(is_own) {
            return Fault::field(self.reason, &field, allowed);
        }
        // A rejection that has a field speaks in words of its own.
        Fault { field: Some(Box::new((field, allowed))), ..self }
    }

    /// The same fault in a field that is called otherwise here.
    pub(super) fn renamed(self, field: &str) -> Fault {
        let Some((_, allowed)) = self.field.as_deref().cloned() else { return self };
        Fault::field(self.reason, field, allowed)
    }

    /// No consumer of the feed has this name.
    pub(super) fn unknown_consumer(name: &str) -> Fault {
        let message = format!("no consumer of the feed is known as {name}");
        let zh = "没有该名称的事件流消费方。";
        Fault::new(Code::NotFound, "UNKNOWN_CONSUMER", message, zh).with("consumer", name)
    }

    /// The field at fault, if there is one, and what is wrong in Chinese.
    pub(super) fn for_people(self) -> (String, String) {
        (self.field.map(|field| field.0).unwrap_or_default(), self.zh)
    }

    /// The stable reason.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// For an item of a bulk call or a stream.
    pub(super) fn into_item(self) -> pb::ItemError {
        let field = |field: Box<(String, String)>| {
            let (field, description) = *field;
            pb::FieldFault { field, description }
        };
        pb::ItemError {
            code: self.code as i32,
            message: self.message,
            reason: self.reason.to_owned(),
            metadata: self.metadata.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            fields: self.field.into_iter().map(field).collect(),
            message_zh: self.zh,
        }
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Status {
        let Fault { code, reason, message, zh, metadata, field } = fault;
        let metadata = metadata.into_iter().map(|(k, v)| (k.to_owned(), v));
        let metadata = metadata.collect::<std::collections::HashMap<_, _>>();
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
        if let Some((field, allowed)) = field.map(|field| *field) {
            details.add_bad_request_violation(field, allowed);
        }
        if code == Code::Unavailable {
            details.set_retry_info(Some(RETRY_AFTER));
        } else if reason == OVERLOADED {
            details.set_retry_info(Some(LATER));
        }
        details.set_localized_message("zh-CN", zh);
        Status::with_error_details(code, message, details)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Fault {
        let message = refusal.to_string();
        let fault = |code, reason, zh: &str| Fault::new(code, reason, message.clone(), zh);
        match refusal {
            Refusal::Rejected(refused) => rejected(&refused),
            Refusal::Invalid { field, allowed } => {
                let reason = match field {
                    "category" => "UNKNOWN_CATEGORY",
                    "division" => "UNKNOWN_DIVISION",
                    "unit" | "to_unit" => "UNKNOWN_UNIT",
                    "chain" => "INVALID_CHAIN",
                    "text" => "NOTHING_NEW",
                    _ => "INVALID_FIELD",
                };
                Fault::field(reason, field, allowed)
            }
            Refusal::RequestReused { id } => fault(
                Code::AlreadyExists,
                "REQUEST_ID_REUSED",
                "该请求编号已用于另一请求，请换用新的编号。",
            )
            .with("request_id", uuid::Uuid::from_u128(id.0)),
            Refusal::LeaseStale => {
                fault(Code::Aborted, "LEASE_STALE", "租约已失效，请重新领取工单。")
            }
            Refusal::Busy => fault(Code::Unavailable, "BUSY", "工单变动频繁，请稍后重试。"),
            Refusal::Unknown(error) => fault(
                Code::Unavailable,
                "OUTCOME_UNKNOWN",
                "结果未知，请以同一请求编号重试以确认。",
            )
            .with("detail", error),
            Refusal::Unavailable(error) => match &error {
                StoreError::Unreachable(_) => {
                    fault(Code::Unavailable, "STORE_UNAVAILABLE", "存储暂不可用，请稍后重试。")
                }
                StoreError::Full(_) => {
                    fault(Code::ResourceExhausted, "STORE_FULL", "存储空间已满，请联系运维人员。")
                }
                StoreError::TooNew { found, known } => fault(
                    Code::FailedPrecondition,
                    "STORE_TOO_NEW",
                    "存储由更新的版本写入，请升级程序。",
                )
                .with("found", found)
                .with("known", known),
                StoreError::Damaged(_) => {
                    fault(Code::DataLoss, "STORE_DAMAGED", "记录已损坏，请联系运维人员。")
                }
                StoreError::FeedDiverged { epoch } => diverged(message.clone(), *epoch),
                StoreError::FeedTrimmed { start } => trimmed(message.clone(), *start),
            }
            .with("detail", error),
            Refusal::FeedDiverged { epoch } => diverged(message.clone(), epoch),
            Refusal::FeedTrimmed { start } => trimmed(message.clone(), start),
            Refusal::ModeMoved { version } => fault(
                Code::FailedPrecondition,
                "MODE_MOVED",
                "模式已被他人切换，请重新查看后再决定。",
            )
            .with("version", version),
            Refusal::ModeUnchanged { mode } => {
                fault(Code::FailedPrecondition, "MODE_UNCHANGED", "已处于该模式。")
                    .with("mode", mode)
            }
            Refusal::Overloaded => {
                fault(Code::ResourceExhausted, OVERLOADED, "受理请求过多，请稍后重试。")
            }
            Refusal::Stopping => fault(Code::Unavailable, "STOPPING", "服务正在停止，请稍后重试。"),
        }
    }
}

fn diverged(message: String, epoch: u64) -> Fault {
    let zh = "事件流历史已中断，请从头重建副本。";
    Fault::new(Code::FailedPrecondition, "FEED_DIVERGED", message, zh).with("epoch", epoch)
}

fn trimmed(message: String, start: Cursor) -> Fault {
    let zh = "该游标之后的部分事件已移入归档，请从归档补读后由最早游标继续。";
    Fault::new(Code::OutOfRange, "FEED_TRIMMED", message, zh).with("oldest_cursor", start)
}

/// Every forbidden move says where it was met, whatever the reason.
fn rejected(refused: &Refused) -> Fault {
    let fault = why(&refused.why);
    match refused.at {
        Some(at) if fault.code == Code::FailedPrecondition => {
            fault.standing(at, &refused.allowed())
        }
        Some(_) | None => fault,
    }
}

fn why(rejection: &Rejection) -> Fault {
    let code = match rejection {
        Rejection::NoSuchOrder => Code::NotFound,
        Rejection::NotHolder { .. } | Rejection::NotCentre { .. } | Rejection::NotAbove { .. } => {
            Code::PermissionDenied
        }
        Rejection::HeardInFuture { .. }
        | Rejection::HeardTooLongAgo { .. }
        | Rejection::EvidenceMissing
        | Rejection::OutOfBounds { .. }
        | Rejection::CannotRecuse { .. } => Code::InvalidArgument,
        Rejection::NumberTaken => Code::Unavailable,
        Rejection::WrongStage { .. }
        | Rejection::AlreadySigned { .. }
        | Rejection::NobodyBelow { .. }
        | Rejection::NotBelow { .. }
        | Rejection::NobodyAbove { .. }
        | Rejection::TooManyMoves { .. }
        | Rejection::Recused { .. }
        | Rejection::NotAnInquiry { .. }
        | Rejection::NotCritical { .. }
        | Rejection::Designated { .. }
        | Rejection::UsedUp { .. }
        | Rejection::TooLate { .. }
        | Rejection::CannotMerge { .. }
        | Rejection::HasChildren { .. }
        | Rejection::CoHandlersPending { .. }
        | Rejection::CannotCoHandle { .. }
        | Rejection::NotCoHandling { .. }
        | Rejection::NotSupervised
        | Rejection::NotParked
        | Rejection::NotYetDue { .. }
        | Rejection::AlreadyReopened { .. } => Code::FailedPrecondition,
    };
    let fault = |zh| Fault::new(code, rejection.reason(), rejection.to_string(), zh);
    match rejection {
        Rejection::NoSuchOrder => fault("没有该工单，或手机尾号不符。".to_owned()),
        Rejection::NumberTaken => fault("工单编号已被占用，请重试。".to_owned()),
        // Stage and move are all there is to say.
        Rejection::WrongStage { .. } => fault(String::new()),
        Rejection::NotHolder { holder, actor } => {
            let mut fault = fault(format!("工单由单位 {holder} 持有，单位 {actor} 无权代办。"));
            fault.at(UNIT, &format!("unit {holder}, or a hall above it"));
            fault.with("holder", holder).with("actor_unit", actor)
        }
        Rejection::NotCentre { centre, actor } => {
            let mut fault = fault(format!("仅热线中心 {centre} 可以办理，单位 {actor} 无权。"));
            fault.at(UNIT, &format!("the centre, unit {centre}"));
            fault.with("centre", centre).with("actor_unit", actor)
        }
        Rejection::AlreadySigned { unit, at } => {
            fault(format!("单位 {unit} 已于 {at} 签收。")).with("unit", unit).with("signed_at", at)
        }
        Rejection::NobodyBelow { unit } => {
            fault(format!("单位 {unit} 已是末级，请指明下派单位。")).with("unit", unit)
        }
        Rejection::NotBelow { unit, to } => {
            let mut fault = fault(format!("单位 {to} 不在持有单位 {unit} 之下。"));
            fault.at("to_unit", "a unit below the holder");
            fault.with("unit", unit).with("to_unit", to)
        }
        Rejection::NobodyAbove { unit } => {
            fault(format!("单位 {unit} 没有上级可退，请下派。")).with("unit", unit)
        }
        Rejection::TooManyMoves { limit } => {
            fault(format!("工单已流转 {limit} 次，只能下派、反馈和办结。")).with("limit", limit)
        }
        Rejection::NotAbove { holder, actor } => {
            let zh = format!("工单由单位 {holder} 持有，仅其上级可以办理，单位 {actor} 无权。");
            let mut fault = fault(zh);
            fault.at(UNIT, &format!("a hall above unit {holder}"));
            fault.with("holder", holder).with("actor_unit", actor)
        }
        Rejection::Recused { unit } => {
            fault(format!("单位 {unit} 系被反映单位，须回避。")).with("unit", unit)
        }
        Rejection::CannotRecuse { unit } => {
            let mut fault = fault(format!("单位 {unit} 不能回避：热线中心除外，且至多 8 个单位。"));
            fault.at("unit", "a unit other than the centre; at most 8 for one order");
            fault.with("unit", unit)
        }
        Rejection::NotAnInquiry { kind } => {
            fault(format!("仅咨询类可以直接答复，本单为{}。", kind.zh())).with("kind", kind)
        }
        Rejection::NotCritical { urgency } => {
            fault(format!("仅危及生命安全的特急事项可以转接，本单为{}。", urgency.zh()))
                .with("urgency", urgency)
        }
        Rejection::Designated { unit } => {
            fault(format!("单位 {unit} 已被指定办理，不得再退单；可申请延期或上报。"))
                .with("unit", unit)
        }
        Rejection::UsedUp { action, limit } => {
            fault(format!("按规定{}至多 {limit} 次，已用完。", action.zh()))
                .with("used_up", action)
                .with("limit", limit)
        }
        Rejection::TooLate { due } => {
            fault(format!("时限已于 {due} 届满，须在届满前提出。")).with("due", due)
        }
        Rejection::OutOfBounds { field, limit } => {
            let mut fault = fault(format!("字段 {field} 须晚于现在且至多 {limit}。"));
            fault.at(field, &format!("later than now, by at most {limit}"));
            fault.with("field", field).with("limit", limit)
        }
        Rejection::CannotMerge { why } => fault("两单不能并单。".to_owned()).with("why", why),
        Rejection::HasChildren { count } => {
            fault(format!("已有 {count} 件工单并入本单，等待本单结果。")).with("count", count)
        }
        Rejection::CoHandlersPending { units } => {
            let units: Vec<_> = units.iter().map(ToString::to_string).collect();
            fault(format!("协办单位 {} 尚未反馈，请等待或说明理由。", units.join("、")))
                .with("units", units.join(","))
        }
        Rejection::CannotCoHandle { unit } => {
            fault(format!("单位 {unit} 不能协办：已是主办或协办，或协办已满 8 个。"))
                .with("unit", unit)
        }
        Rejection::NotCoHandling { unit } => {
            fault(format!("单位 {unit} 不是本单的协办单位，或已反馈。")).with("unit", unit)
        }
        Rejection::EvidenceMissing => {
            let mut fault = fault("按规定反馈须附佐证材料。".to_owned());
            fault.at("evidence", "at least one file");
            fault
        }
        Rejection::NotSupervised => fault("工单未被督办。".to_owned()),
        Rejection::NotParked => fault("工单未滞留。".to_owned()),
        Rejection::NotYetDue { due } => {
            fault(format!("办结后或时限 {due} 届满后方可回访。")).with("due", due)
        }
        Rejection::AlreadyReopened { by } => fault(format!("已由工单 {by} 重启。")).with("by", by),
        Rejection::HeardInFuture { ahead } => {
            let mut fault = fault(format!("受话时间晚于当前时间 {ahead}。"));
            fault.at("heard_at", "a time that is not to come");
            fault.with("ahead", ahead)
        }
        Rejection::HeardTooLongAgo { ago, limit } => {
            let mut fault = fault(format!("受话时间距今 {ago}，至多 {limit}。"));
            fault.at("heard_at", &format!("a time at most {limit} back"));
            fault.with("ago", ago).with("limit", limit)
        }
    }
}

/// What is wrong with a field, for people.
fn wrong_zh(reason: &str) -> &'static str {
    match reason {
        "MISSING_FIELD" => "必须填写",
        "TEXT_EMPTY" => "不能为空",
        "TEXT_TOO_LONG" => "超出长度限制",
        "CONTROL_CHARACTER" => "含有控制字符",
        "BIDI_CHARACTER" => "含有双向控制字符",
        "INVALID_PHONE" => "不是有效的电话号码",
        "UNKNOWN_UNIT" => "不是目录中的单位",
        "UNKNOWN_CATEGORY" => "不是目录中可派的类别",
        "UNKNOWN_DIVISION" => "不是目录中的区划",
        "UNKNOWN_ENUM_VALUE" => "取值未知",
        "OUT_OF_BOUNDS" => "超出允许范围",
        "BAD_PAGE_TOKEN" => "不是有效的分页标记",
        "BAD_CURSOR" => "不是有效的游标",
        "BAD_ACTOR" => "未说明有效的操作人",
        _ => "无效",
    }
}
