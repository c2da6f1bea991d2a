//! 没有人受伤: a word of danger that is said not to be so raises no urgency.

/// What denies, or would prevent, what follows it.
const DENIALS: &[&str] = &[
    "无", "没", "未", "不会", "不是", "并非", "避免", "防止", "以免", "免得", "杜绝", "预防",
    "谨防",
];
/// What may stand between the two.
const BETWEEN: &[&str] = &[
    "有", "人员", "人", "造成", "发生", "出现", "导致", "引起", "引发", "任何", "什么", "再", "被",
    "了", "过",
];

/// Whether a word is denied by what stands before it. Only what stands close: 没人管的独居老人
/// is alone for all that.
pub(super) fn is_denied(before: &str) -> bool {
    let mut before = before;
    // 避免再发生人员: no more than so many stand between.
    for _ in 0..4 {
        if DENIALS.iter().any(|denial| before.ends_with(denial)) {
            return true;
        }
        match BETWEEN.iter().find_map(|word| before.strip_suffix(word)) {
            Some(rest) => before = rest,
            None => return false,
        }
    }
    DENIALS.iter().any(|denial| before.ends_with(denial))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_close_denies() {
        for (before, denied) in [
            ("所幸没", true),
            ("事故没有造成人员", true),
            ("未", true),
            ("无人员", true),
            ("请尽快处理，避免再发生", true),
            ("以免引起", true),
            ("这次不是", true),
            ("", false),
            ("没人管的", false),
            ("无人照顾的", false),
            ("物业没来，", false),
            ("老人没吃饭被", false),
            ("有", false),
        ] {
            assert_eq!(is_denied(before), denied, "{before}");
        }
    }
}
