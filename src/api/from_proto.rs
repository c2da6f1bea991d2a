//! What may be asked: from the wire into the domain, each refusal naming its field.

use super::enums::Wire;
use super::status::Fault;
use super::{MAX_ITEMS, text};
use crate::dispatch::{Cursor, Evidence, Lease, Request, RequestId, Submission};
use crate::domain::{Actor, Category, Division, MAX_RECUSED, OrderNo, Span, Timestamp, Unit};
use crate::pb;
use prost::Message;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The most files that prove one report.
pub const MAX_EVIDENCE: usize = 16;
/// The longest URI, in bytes.
pub const MAX_URI: usize = 2_048;
/// No span of an order is longer: it adds up with any timestamp of the wire.
const LONGEST_SPAN: Duration = Duration::from_secs(100 * 366 * 86_400);
/// Timestamps of the wire reach from year 1 to year 9999.
const WIRE_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The identity of a change. `body` is what is digested: the message without its request id
/// and lease (which say who asks again and by what right, not what is wanted), the call's
/// name, and the actor's unit: another clerk of the same unit may ask again.
pub(super) fn request(
    id: &str,
    call: &str,
    actor: &Actor,
    body: &impl Message,
) -> Result<Request, Fault> {
    let uuid = uuid::Uuid::try_parse(id).ok().filter(|uuid| !uuid.is_nil());
    let uuid = uuid.ok_or_else(|| {
        let allowed = "a UUID, for example 6350b6f5-3c43-5d84-8020-f1f70f8ca13f";
        Fault::field("INVALID_REQUEST_ID", "request_id", allowed)
    })?;
    let mut digest = Sha256::new();
    digest.update(call.as_bytes());
    digest.update(actor.unit.code().to_be_bytes());
    digest.update(body.encode_to_vec());
    let mut first = [0; 16];
    first.copy_from_slice(&digest.finalize()[..16]);
    Ok(Request { id: RequestId(uuid.as_u128()), digest: first })
}

/// A word of an enumeration; `None` when it is not said.
pub(super) fn word<T: Wire>(field: &str, value: i32) -> Result<Option<T>, Fault> {
    let unknown =
        || Fault::field("UNKNOWN_ENUM_VALUE", field, "a value of its enumeration in hotline.v1");
    match T::Pb::try_from(value).map(T::from_pb) {
        Ok(None) if value == 0 => Ok(None),
        Ok(Some(word)) => Ok(Some(word)),
        Ok(None) | Err(_) => Err(unknown()),
    }
}

/// A word of an enumeration that must be said.
pub(super) fn said<T: Wire>(field: &str, value: i32) -> Result<T, Fault> {
    word(field, value)?.ok_or_else(|| missing(field, "any value but unspecified"))
}

fn missing(field: &str, allowed: &str) -> Fault {
    Fault::field("MISSING_FIELD", field, allowed)
}

pub(super) fn order_no(value: &str) -> Result<OrderNo, Fault> {
    let no = value.trim().parse();
    no.map_err(|e: crate::domain::BadName| Fault::field("INVALID_ORDER_NO", "order_no", e.allowed))
}

pub(super) fn unit(field: &str, value: &str) -> Result<Unit, Fault> {
    let unit = value.parse();
    unit.map_err(|e: crate::domain::BadName| Fault::field("UNKNOWN_UNIT", field, e.allowed))
}

/// A category's code; whether the catalogue has it is the dispatcher's to say.
pub(super) fn category(value: &str) -> Result<Option<Category>, Fault> {
    if value.is_empty() {
        return Ok(None);
    }
    let digits = value.len() == 4 && value.bytes().all(|b| b.is_ascii_digit());
    let code = value.parse().ok().filter(|code| digits && *code != 0);
    code.map(|code| Some(Category(code))).ok_or_else(|| {
        Fault::field("UNKNOWN_CATEGORY", "category", "four digits of the catalogue: 0101")
    })
}

/// A division's code; whether the catalogue has it is the dispatcher's to say.
pub(super) fn division(value: &str) -> Result<Option<Division>, Fault> {
    if value.is_empty() {
        return Ok(None);
    }
    let division = value.parse().map(Some);
    division.map_err(|e: crate::domain::BadName| {
        Fault::field("UNKNOWN_DIVISION", "division", e.allowed)
    })
}

/// The same, where it must be given.
pub(super) fn given<T>(field: &str, value: Option<T>) -> Result<T, Fault> {
    value.ok_or_else(|| missing(field, "a code of the catalogue"))
}

pub(super) fn timestamp(
    field: &str,
    value: Option<prost_types::Timestamp>,
) -> Result<Option<Timestamp>, Fault> {
    let Some(prost_types::Timestamp { seconds, nanos }) = value else { return Ok(None) };
    if !WIRE_SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return Err(Fault::field("OUT_OF_BOUNDS", field, "a time of the years 1 to 9999"));
    }
    Ok(Some(Timestamp(seconds * 1_000 + i64::from(nanos) / 1_000_000)))
}

pub(super) fn duration(
    field: &str,
    value: Option<prost_types::Duration>,
    unset: Duration,
    allowed: std::ops::RangeInclusive<Duration>,
) -> Result<Duration, Fault> {
    let Some(value) = value else { return Ok(unset.min(*allowed.end())) };
    let span = Duration::try_from(value).ok().filter(|span| allowed.contains(span));
    span.ok_or_else(|| {
        let (least, most) = (Span::from(*allowed.start()), Span::from(*allowed.end()));
        Fault::field("OUT_OF_BOUNDS", field, format!("a duration from {least} to {most}"))
    })
}

/// A span that must be given; how long it may be is the order's policy's to say.
pub(super) fn span(field: &str, value: Option<prost_types::Duration>) -> Result<Span, Fault> {
    let given = value.ok_or_else(|| missing(field, "a duration"))?;
    let span = Duration::try_from(given).ok().filter(|span| *span <= LONGEST_SPAN);
    span.map(Span::from).ok_or_else(|| {
        Fault::field(
            "OUT_OF_BOUNDS",
            field,
            "a duration of more than nothing and at most 100 years",
        )
    })
}

/// The units of a chain; none when the catalogue is asked.
pub(super) fn chain(units: &[String]) -> Result<Option<Vec<Unit>>, Fault> {
    let units = list("chain", units)?;
    Ok((!units.is_empty()).then_some(units))
}

fn list(field: &str, units: &[String]) -> Result<Vec<Unit>, Fault> {
    let read = |(i, code): (usize, &String)| unit(&format!("{field}[{i}]"), code);
    units.iter().enumerate().map(read).collect()
}

/// Units that a matter complains about.
fn recused(units: &[String]) -> Result<Vec<Unit>, Fault> {
    if units.len() > MAX_RECUSED {
        let allowed = format!("at most {MAX_RECUSED} units");
        return Err(Fault::field("OUT_OF_BOUNDS", "recused_units", allowed));
    }
    let mut units = list("recused_units", units)?;
    units.sort_unstable();
    units.dedup();
    Ok(units)
}

/// A count where 0 means `unset`.
pub(super) fn count(field: &str, value: u32, unset: usize, most: usize) -> Result<usize, Fault> {
    match value as usize {
        0 => Ok(unset),
        n if n <= most => Ok(n),
        _ => Err(Fault::field("OUT_OF_BOUNDS", field, format!("0 to {most}"))),
    }
}

/// As many items as one bulk call may have.
pub(super) fn items(field: &str, n: usize) -> Result<(), Fault> {
    if (1..=MAX_ITEMS).contains(&n) {
        return Ok(());
    }
    Err(Fault::field("OUT_OF_BOUNDS", field, format!("1 to {MAX_ITEMS} items")))
}

/// The identity of one of many changes that were asked for as one.
pub(super) fn part(whole: Request, of: &str) -> Request {
    let mut id = Sha256::new();
    id.update(whole.id.0.to_be_bytes());
    id.update(of.as_bytes());
    let mut first = [0; 16];
    first.copy_from_slice(&id.finalize()[..16]);
    Request { id: RequestId(u128::from_be_bytes(first)), digest: whole.digest }
}

/// A lease as it was handed out; empty is none.
pub(super) fn lease(order: OrderNo, value: &str) -> Result<Option<Lease>, Fault> {
    if value.is_empty() {
        return Ok(None);
    }
    let read = || {
        let (assignment, claim) = value.split_once('-')?;
        Some(Lease { order, assignment: assignment.parse().ok()?, claim: claim.parse().ok()? })
    };
    read().map(Some).ok_or_else(|| {
        Fault::field("INVALID_LEASE", "lease", "a lease of PullOrders or StreamOrders, or nothing")
    })
}

/// A cursor as it was handed out; empty is the beginning.
pub(super) fn cursor(value: &str) -> Result<Option<Cursor>, Fault> {
    if value.is_empty() {
        return Ok(None);
    }
    let read = || {
        let mut parts = value.split('-');
        let cursor = Cursor {
            epoch: parts.next()?.parse().ok()?,
            sequence: parts.next()?.parse().ok()?,
            index: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(cursor)
    };
    read().map(Some).ok_or_else(|| {
        Fault::field("BAD_CURSOR", "cursor", "a cursor of this feed, or nothing for the beginning")
    })
}

/// Files that prove a report.
pub(super) fn evidence(files: Vec<pb::Evidence>) -> Result<Vec<Evidence>, Fault> {
    if files.len() > MAX_EVIDENCE {
        let allowed = format!("at most {MAX_EVIDENCE} files");
        return Err(Fault::field("OUT_OF_BOUNDS", "evidence", allowed));
    }
    let read = |(i, pb::Evidence { uri, sha256 }): (usize, pb::Evidence)| {
        if !is_uri(&uri) {
            let allowed = format!("an absolute URI (RFC 3986) of at most {MAX_URI} bytes");
            return Err(Fault::field("INVALID_URI", &format!("evidence[{i}].uri"), allowed));
        }
        let sha256 = sha256_of(&sha256).ok_or_else(|| {
            let field = format!("evidence[{i}].sha256");
            Fault::field("INVALID_SHA256", &field, "64 hexadecimal digits")
        })?;
        Ok(Evidence { uri, sha256 })
    };
    files.into_iter().enumerate().map(read).collect()
}

fn sha256_of(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

/// RFC 3986: a scheme, a colon, and something of the characters it allows.
fn is_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
    let escaped = rest
        .split('%')
        .skip(1)
        .all(|after| after.len() >= 2 && after.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit));
    let long_enough = !rest.trim_start_matches('/').is_empty();
    scheme_ok && long_enough && escaped && rest.bytes().all(allowed) && uri.len() <= MAX_URI
}

/// A citizen's matter.
pub(super) fn submission(matter: pb::Submission) -> Result<Submission, Fault> {
    let pb::Submission {
        channel,
        heard_at,
        title,
        text,
        contact,
        kind,
        category,
        urgency,
        division,
        hand_over_to,
        recused_units,
    } = matter;
    text::optional("title", &title, text::MAX_TITLE)?;
    text::required("text", &text, text::MAX_TEXT)?;
    Ok(Submission {
        channel: said("channel", channel)?,
        heard_at: timestamp("heard_at", heard_at)?,
        title,
        text,
        contact: text::contact(contact).map_err(|fault| fault.within("contact"))?,
        kind: word("kind", kind)?,
        category: self::category(&category)?,
        urgency: word("urgency", urgency)?,
        division: self::division(&division)?,
        hand_over: word("hand_over_to", hand_over_to)?,
        recused: recused(&recused_units)?,
    })
}

/// A matter that must be there.
pub(super) fn matter(matter: Option<pb::Submission>) -> Result<pb::Submission, Fault> {
    matter.ok_or_else(|| missing("submission", "a submission"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_absolute_and_clean() {
        for (uri, ok) in [
            ("https://files.example/a.jpg?x=1#y", true),
            ("s3://bucket/%E5%9B%BE.png", true),
            ("urn:uuid:6350b6f5", true),
            ("", false),
            ("/a.jpg", false),
            ("https://", false),
            ("https://a/图.png", false),
            ("https://a/b c", false),
            ("https://a/%G1", false),
            ("https://a/%1", false),
            ("1a:b", false),
        ] {
            assert_eq!(is_uri(uri), ok, "{uri}");
        }
        assert!(!is_uri(&format!("a:{}", "b".repeat(MAX_URI))));
    }

    #[test]
    fn the_digest_tells_bodies_calls_and_units_apart() {
        let actor = |unit: &str| Actor {
            staff: "a".into(),
            unit: unit.parse().unwrap(),
            role: crate::domain::Role::Agent,
        };
        let id = "6350b6f5-3c43-5d84-8020-f1f70f8ca13f";
        let body =
            |lease: &str| pb::ReturnOrderRequest { lease: lease.into(), ..Default::default() };
        let one = request(id, "Return", &actor("330402"), &body("")).unwrap();
        for (call, unit, body, same) in [
            ("Return", "330402", body(""), true),
            ("Report", "330402", body(""), false),
            ("Return", "330411", body(""), false),
            ("Return", "330402", body("x"), false),
        ] {
            let two = request(id, call, &actor(unit), &body).unwrap();
            assert_eq!(one == two, same, "{call} {unit}");
        }
        for bad in ["", "1", "00000000-0000-0000-0000-000000000000", "6350b6f5-3c43"] {
            assert!(request(bad, "Return", &actor("330402"), &body("")).is_err(), "{bad}");
        }
    }

    #[test]
    fn leases_and_cursors_come_back_as_they_went() {
        let no: OrderNo = OrderNo::new(
            "3304".parse().unwrap(),
            crate::domain::Date { year: 2026, month: 11, day: 23 },
            42,
        );
        let lease = Lease { order: no, assignment: 3, claim: u64::MAX };
        let token = super::super::to_proto::lease(&lease);
        assert_eq!(super::lease(no, &token).unwrap(), Some(lease));
        assert_eq!(super::lease(no, "").unwrap(), None);
        for bad in ["x", "1", "1-", "-1", "70000-1"] {
            assert!(super::lease(no, bad).is_err(), "{bad}");
        }
        let at = Cursor { epoch: 1, sequence: 2, index: 3 };
        assert_eq!(cursor(&at.to_string()).unwrap(), Some(at));
        for bad in ["x", "1-2", "1-2-3-4", "1-2--3"] {
            assert!(cursor(bad).is_err(), "{bad}");
        }
    }
}
