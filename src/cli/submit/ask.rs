//! Asks at the desk, one call after the other, and keeps each on the disk before it says so.

use super::rows::{Written, moment, row};
use super::spool::{Spool, room};
use crate::api;
use crate::cli::failure::Failure;
use crate::clock::wall_now;
use std::io::{self, BufRead, Write};
use tokio::sync::mpsc;
use uuid::Uuid;

/// How many calls may be kept before the first of them is looked at.
const AHEAD: usize = 16;
/// The longest line that is read; what is longer is no answer of a person's.
const MAX_ANSWER: u64 = 128 * 1024;

/// Asks on a thread of its own, for whoever types must not wait for the network; tells of each
/// call that is kept, and of what ended it. The end of the input ends it.
pub(super) fn begin(spool: Spool) -> mpsc::Receiver<Result<(), Failure>> {
    let (kept, calls) = mpsc::channel(AHEAD);
    // No task of the runtime: one that waits at a keyboard would hold up the program's end.
    std::thread::spawn(move || {
        loop {
            let next = call(&spool, &mut io::stdin().lock(), &mut io::stderr());
            let told = match next {
                Ok(false) => return,
                Ok(true) => Ok(()),
                Err(failure) => Err(failure),
            };
            let over = told.is_err();
            if kept.blocking_send(told).is_err() || over {
                return;
            }
        }
    });
    calls
}

/// Asks for one call and keeps it; false at the end of the input.
fn call(spool: &Spool, from: &mut impl BufRead, to: &mut impl Write) -> Result<bool, Failure> {
    writeln!(to, "—— 新来电（Ctrl-D 结束）")?;
    let Some(mut phone) = ask(from, to, "电话")? else { return Ok(false) };
    // The citizen is heard from the first answer on, however long the rest takes.
    let heard_at = moment(wall_now());
    let mut matter = Written {
        request_id: Uuid::new_v4().to_string(),
        channel: "phone".to_owned(),
        heard_at,
        ..Written::default()
    };
    for (question, field) in [
        ("姓名", (|m| &mut m.caller_name) as fn(&mut Written) -> &mut String),
        ("地址", |m| &mut m.address),
        ("标题", |m| &mut m.title),
        ("诉求", |m| &mut m.text),
    ] {
        let Some(answer) = ask(from, to, question)? else { return half(to) };
        *field(&mut matter) = answer;
    }
    // What the server would refuse is asked again while the caller is still on the line.
    loop {
        matter.caller_phone.clone_from(&phone);
        let submission = row(0, matter.clone()).map_err(Failure::said)?.submission;
        let Err((at, said)) = api::check(submission) else { break };
        writeln!(to, "{said}")?;
        let (question, answer) = match at.as_str() {
            "contact.phone" => ("电话", &mut phone),
            "contact.name" => ("姓名", &mut matter.caller_name),
            "contact.address" => ("地址", &mut matter.address),
            "title" => ("标题", &mut matter.title),
            _ => ("诉求", &mut matter.text),
        };
        let Some(again) = ask(from, to, question)? else { return half(to) };
        *answer = again;
    }
    room(&spool.known()?)?;
    let reference = matter.request_id[..8].to_owned();
    spool.begin().keep(&[matter])?;
    writeln!(to, "已存盘，凭据 {reference}；服务可用后自动登记，按受话时间计时")?;
    Ok(true)
}

fn half(to: &mut impl Write) -> Result<bool, Failure> {
    writeln!(to, "\n此件未填完，没有存盘")?;
    Ok(false)
}

fn ask(
    from: &mut impl BufRead,
    to: &mut impl Write,
    question: &str,
) -> Result<Option<String>, Failure> {
    write!(to, "{question}: ")?;
    to.flush()?;
    let mut bytes = Vec::new();
    if io::Read::take(&mut *from, MAX_ANSWER).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
}
