//! What simulated callers say: messages of a stated size, each with a phone and a request id of
//! its own, and every one can be made again from its number.

use crate::cli::dev::matters::MATTERS;
use crate::domain::Division;
use crate::pb::{Channel, Contact, Submission, SubmitOrderRequest};
use prost::Message;
use uuid::Uuid;

/// The smallest message: title, address and phone take most of it.
pub(super) const MIN_BYTES: u16 = 300;
/// The largest: some 20,000 characters, as many as are taken.
pub(super) const MAX_BYTES: u16 = 60_000;
/// How many different messages there are; phones and request ids are beside them.
const VARIETY: usize = MATTERS.len() * MATTERS.len();
/// Phones are 139 and eight digits.
const PHONES: u64 = 100_000_000;

/// The callers of one run.
pub(super) struct Callers {
    run: u128,
    said: Vec<Submission>,
}

impl Callers {
    /// Callers of these villages, whose requests take so many bytes on the wire. `placed`: the
    /// agent says where each belongs, so that it waits for nobody in triage.
    pub(super) fn of(villages: &[(Division, String)], bytes: u16, placed: bool) -> Callers {
        let said = (0..VARIETY).map(|n| said(n, &villages[n % villages.len()], bytes, placed));
        // A run has the upper half of its ids to itself, and numbers its requests in the lower.
        Callers { run: Uuid::new_v4().as_u128() >> 64 << 64, said: said.collect() }
    }

    /// The `n`-th request, always the same in one run.
    pub(super) fn request(&self, n: u64) -> SubmitOrderRequest {
        let mut submission = self.said(n).clone();
        if let Some(contact) = &mut submission.contact {
            contact.phone = format!("139{:08}", n % PHONES);
        }
        SubmitOrderRequest {
            request_id: Uuid::from_u128(self.run | u128::from(n)).hyphenated().to_string(),
            submission: Some(submission),
            skip_repeats: false,
        }
    }

    /// What the `n`-th caller says.
    pub(super) fn said(&self, n: u64) -> &Submission {
        &self.said[(n % self.said.len() as u64) as usize]
    }
}

fn said(n: usize, village: &(Division, String), bytes: u16, placed: bool) -> Submission {
    let (title, _) = MATTERS[n % MATTERS.len()];
    let mut submission = Submission {
        channel: Channel::Phone.into(),
        title: title.into(),
        contact: Some(Contact {
            name: "来电人".into(),
            phone: format!("139{:08}", 0),
            address: format!("{}{}号", village.1, n % 300 + 1),
        }),
        ..Submission::default()
    };
    if placed {
        submission.category = super::trays::CATEGORY.into();
        submission.division = village.0.to_string();
    }
    // Two of them begin each text, in an order of its own; the others follow until it is full.
    let firsts = [n % MATTERS.len(), n / MATTERS.len()];
    let texts: Vec<&str> =
        firsts.into_iter().chain(0..MATTERS.len()).map(|i| MATTERS[i].1).collect();
    let mut room = usize::from(bytes);
    // The lengths of what is around the text depend a little on the text's own.
    for _ in 0..3 {
        submission.text = text(&texts, room);
        let all = request(submission.clone()).encoded_len();
        if all == usize::from(bytes) {
            break;
        }
        room = (room + usize::from(bytes)).saturating_sub(all).max(1);
    }
    submission
}

fn request(submission: Submission) -> SubmitOrderRequest {
    let request_id = Uuid::nil().hyphenated().to_string();
    SubmitOrderRequest { request_id, submission: Some(submission), skip_repeats: false }
}

/// So many bytes of these sentences, over and over; full stops where no character fits any more.
fn text(sentences: &[&str], bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    for c in sentences.iter().cycle().flat_map(|sentence| sentence.chars()) {
        if text.len() + c.len_utf8() > bytes {
            break;
        }
        text.push(c);
    }
    while text.len() < bytes {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn villages() -> Vec<(Division, String)> {
        let village = |code| (Division::new(code).unwrap(), format!("浙江省嘉兴市某镇{code}村"));
        vec![village(330_402_015_201), village(330_402_007_024)]
    }

    #[test]
    fn messages_are_as_long_as_asked_for() {
        for bytes in [MIN_BYTES, 402, 1_400, 16_500, MAX_BYTES] {
            for placed in [false, true] {
                let callers = Callers::of(&villages(), bytes, placed);
                for n in [0, 1, 23, 24, 575, 576, 99_999_999, 100_000_001] {
                    let length = callers.request(n).encoded_len();
                    // A length prefix that grows by a byte may be in the way of one.
                    let off = length.abs_diff(usize::from(bytes));
                    assert!(off <= 1, "{n}: {length} instead of {bytes}");
                    let submission = callers.request(n).submission.unwrap();
                    assert!((1..=20_000).contains(&submission.text.chars().count()));
                }
            }
        }
    }

    #[test]
    fn every_caller_is_another_and_says_the_same_again() {
        let callers = Callers::of(&villages(), 402, false);
        let mut ids = HashSet::new();
        let mut phones = HashSet::new();
        for n in 0..2_000 {
            let request = callers.request(n);
            assert_eq!(request, callers.request(n));
            phones.insert(request.submission.unwrap().contact.unwrap().phone);
            assert!(ids.insert(request.request_id));
        }
        assert_eq!(phones.len(), 2_000);
        let other = Callers::of(&villages(), 402, false).request(7);
        assert!(!ids.contains(&other.request_id), "two runs share an id");
    }
}
