//! What a citizen's matter is about: its kind, category, urgency and place.

use super::ids::{Division, Unit};
use super::named::named;
use std::fmt;

named! {
    /// 诉求类型: what the citizen wants of the hotline.
    Kind {
        /// 咨询: wants to know
        Inquiry = 1 "inquiry" "咨询",
        /// 求助: wants help
        Request = 2 "request" "求助",
        /// 投诉: is wronged
        Complaint = 3 "complaint" "投诉",
        /// 举报: reports a wrongdoing
        Tip = 4 "tip" "举报",
        /// 建议: proposes
        Suggestion = 5 "suggestion" "建议",
        /// 表扬: praises
        Praise = 6 "praise" "表扬",
    }
}

named! {
    /// 紧急程度: how soon somebody must be there.
    Urgency {
        /// 一般
        Normal = 1 "normal" "一般",
        /// 紧急: harm is likely within the day
        Urgent = 2 "urgent" "紧急",
        /// 特急: life, medicine or safety
        Critical = 3 "critical" "特急",
    }
}

named! {
    /// 来源渠道: how the matter came in.
    Channel {
        /// 电话
        Phone = 1 "phone" "电话",
        /// 网站
        Web = 2 "web" "网站",
        /// 微信
        Wechat = 3 "wechat" "微信",
        /// 手机应用
        App = 4 "app" "应用",
        /// 来访 or a paper form filed after an outage
        Paper = 5 "paper" "纸质",
    }
}

/// A category of the catalogue: first level × 100 + second level, `0203`; 0 is "not yet
/// classified".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Category(pub u16);

impl Category {
    /// Not yet classified.
    pub const NONE: Category = Category(0);

    /// The first level alone: `02` of `0203`.
    pub fn field(self) -> u16 {
        self.0 / 100
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

/// A trained model, by the beginning of its SHA-256, `9c41f07e`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ModelVersion(pub u32);

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// How sure a reading is, in percent, 0 to 100.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Confidence(u8);

impl Confidence {
    /// Anything over 100 is 100.
    pub fn new(percent: u8) -> Confidence {
        Confidence(percent.min(100))
    }

    /// 0 to 100.
    pub fn percent(self) -> u8 {
        self.0
    }
}

/// What was read out of the citizen's words and address, by program or by a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// What the citizen wants.
    pub kind: Kind,
    /// What it is about; [`Category::NONE`] when nobody could tell.
    pub category: Category,
    /// How soon.
    pub urgency: Urgency,
    /// How sure the category is.
    pub category_confidence: Confidence,
    /// The deepest division the address names; the city itself when it names none.
    pub division: Division,
    /// How sure the division is.
    pub division_confidence: Confidence,
}

/// Where a matter goes: the units of its chain from the city down to the front line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    chain: Vec<Unit>,
}

/// The most units a chain can have: one per level and a department beside.
pub const MAX_CHAIN: usize = 8;

impl Plan {
    /// A chain from the city down: at least one unit and at most [`MAX_CHAIN`], no level
    /// above the one before it, no unit twice, all of one city.
    pub fn new(chain: Vec<Unit>) -> Result<Plan, &'static str> {
        if chain.is_empty() || chain.len() > MAX_CHAIN {
            return Err("a chain has 1 to 8 units");
        }
        for pair in chain.windows(2) {
            if pair[0].level() > pair[1].level() {
                return Err("a chain never leads back up a level");
            }
            if pair[0].division().city() != pair[1].division().city() {
                return Err("a chain stays within one city");
            }
        }
        let twice = chain.iter().enumerate().any(|(i, unit)| chain[..i].contains(unit));
        if twice {
            return Err("a unit stands in a chain once");
        }
        Ok(Plan { chain })
    }

    /// The units from the top down.
    pub fn units(&self) -> &[Unit] {
        &self.chain
    }

    /// The last unit: the people who can act.
    pub fn front_line(&self) -> Unit {
        self.chain[self.chain.len() - 1]
    }

    /// The unit that follows `unit` in the chain; `None` for the front line or a stranger.
    pub fn after(&self, unit: Unit) -> Option<Unit> {
        let at = self.chain.iter().position(|u| *u == unit)?;
        self.chain.get(at + 1).copied()
    }

    /// The chain as far as `unit`; all of it for a stranger.
    pub fn down_to(&self, unit: Unit) -> Plan {
        let end = self.chain.iter().position(|u| *u == unit).map_or(self.chain.len(), |at| at + 1);
        Plan { chain: self.chain[..end].to_vec() }
    }
}

/// A chain, and what gave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way {
    /// The chain.
    pub plan: Plan,
    /// The version of the catalogue it was found in.
    pub catalogue: u32,
    /// The rule of that catalogue that gave it; 0 when a person named the units.
    pub rule: u16,
}
