//! Who asks. Until identity is built, callers say so themselves in the call's metadata, and
//! the server binds loopback only. This is the one seam that identity will replace.

use super::status::Fault;
use crate::dispatch::Dispatch;
use crate::domain::{Actor, MAX_STAFF, Role, Unit};
use std::sync::Arc;
use tonic::codegen::http::{self, HeaderMap};
use tonic::{Request, Status};

/// The staff number: letters, digits, `.`, `-` and `_`.
pub const STAFF: &str = "hotline-staff";
/// The unit acted for: `330402` or `330402-012`.
pub const UNIT: &str = "hotline-unit";
/// The capacity: `agent`, `handler` or `dispatcher`.
pub const ROLE: &str = "hotline-role";

/// Reads the actor of every call, reads included, before a handler sees it.
#[derive(Clone)]
pub struct Seam(Arc<Dispatch>);

impl Seam {
    /// Units are those of the dispatcher's catalogue.
    pub fn new(dispatch: Arc<Dispatch>) -> Seam {
        Seam(dispatch)
    }

    /// Puts the actor beside the message, for [`split`].
    pub(super) fn admit<T>(&self, request: &mut http::Request<T>) -> Result<(), Status> {
        let actor = read(request.headers())?;
        if self.0.catalogue().unit(actor.unit).is_none() {
            return Err(Fault::field("BAD_ACTOR", UNIT, "a unit of the catalogue").into());
        }
        request.extensions_mut().insert(actor);
        Ok(())
    }
}

fn read(headers: &HeaderMap) -> Result<Actor, Fault> {
    let get = |key| headers.get(key).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bad = |key, allowed| Fault::field("BAD_ACTOR", key, allowed);
    let staff = get(STAFF);
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if staff.is_empty() || staff.len() > MAX_STAFF || !staff.bytes().all(is_plain) {
        return Err(bad(STAFF, "a staff number: 1 to 64 of A-Z a-z 0-9 . - _"));
    }
    let unit = get(UNIT).parse::<Unit>();
    let unit = unit.map_err(|_| bad(UNIT, "a unit such as 330402 or 330402-012"))?;
    let role = match Role::from_name(get(ROLE)) {
        Some(role @ (Role::Agent | Role::Handler | Role::Dispatcher)) => role,
        // Nobody calls as the timers.
        Some(Role::Clock) | None => {
            return Err(bad(ROLE, "agent, handler or dispatcher"));
        }
    };
    Ok(Actor { staff: staff.into(), unit, role })
}

/// The actor that the seam found, and the message.
pub(super) fn split<T>(mut request: Request<T>) -> Result<(Actor, T), Fault> {
    let actor = request.extensions_mut().remove::<Actor>();
    let actor = actor.ok_or_else(|| Fault::field("BAD_ACTOR", STAFF, "an actor"))?;
    Ok((actor, request.into_inner()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_says_who() {
        let good = [(STAFF, "a-017"), (UNIT, "330402-012"), (ROLE, "handler")];
        for (key, value, fault) in [
            (STAFF, Some("a-017"), None),
            (STAFF, None, Some(STAFF)),
            (STAFF, Some("Wang Li"), Some(STAFF)),
            (UNIT, None, Some(UNIT)),
            (UNIT, Some("33"), Some(UNIT)),
            (ROLE, None, Some(ROLE)),
            (ROLE, Some("clock"), Some(ROLE)),
            (ROLE, Some("king"), Some(ROLE)),
        ] {
            let mut metadata = HeaderMap::new();
            for (k, v) in good {
                metadata.insert(k, v.parse().unwrap());
            }
            metadata.remove(key);
            if let Some(value) = value {
                metadata.insert(key, value.parse().unwrap());
            }
            let named = read(&metadata).err().map(pb_field);
            assert_eq!(named.as_deref(), fault, "{key} {value:?}");
        }
    }

    fn pb_field(fault: Fault) -> String {
        fault.into_item().fields.remove(0).field
    }
}
