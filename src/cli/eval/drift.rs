//! Whether messages are still read as well as they were: this month against the last.

use crate::cli::client::ClientArgs;
use crate::cli::failure::Failure;
use crate::cli::feedback::histories;
use crate::cli::output::{OutputArgs, table};
use crate::domain::Role;
use crate::train::feedback::Month;
use serde_json::{Value, json};

pub(super) async fn run(client: &ClientArgs, output: &OutputArgs) -> Result<(), Failure> {
    let server = client.connect(Role::Dispatcher).await?;
    let all = histories(&server).await?;
    let Some([before, last]) = all.last_months() else {
        return Err(Failure::said("there is no order in the feed".to_owned()));
    };
    output.print(
        || {
            json!({
                "months": [document(&before), document(&last)],
                "macro_f1_change": change(&before, &last),
            })
        },
        || screen(&before, &last),
    )
}

/// How much better the last month was read; nothing where one of them says nothing.
fn change(before: &Month, last: &Month) -> Option<f64> {
    (before.known > 0 && last.known > 0).then_some(last.macro_f1 - before.macro_f1)
}

fn part(n: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| n as f64 / of as f64)
}

fn document(month: &Month) -> Value {
    let known = month.known;
    json!({
        "month": format!("{}-{:02}", month.year, month.month),
        "received": month.received,
        "triage_share": part(month.triage, month.received),
        "known": known,
        "accuracy": part(month.right, known),
        "macro_f1": (known > 0).then_some(month.macro_f1),
    })
}

fn screen(before: &Month, last: &Month) -> String {
    let figure = |figure: Option<f64>| figure.map_or("-".to_owned(), |f| format!("{f:.4}"));
    let mut rows = table(&["月份", "受理", "转待受理", "已定类别", "首判正确", "macro-F1"]);
    for month in [before, last] {
        rows.add_row([
            format!("{}-{:02}", month.year, month.month),
            month.received.to_string(),
            figure(part(month.triage, month.received)),
            month.known.to_string(),
            figure(part(month.right, month.known)),
            figure((month.known > 0).then_some(month.macro_f1)),
        ]);
    }
    let change = change(before, last);
    format!("{rows}\nmacro-F1 变化 {}", change.map_or("-".to_owned(), |by| format!("{by:+.4}")))
}
