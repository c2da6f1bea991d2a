//! A batch as one call: what must hold, and then what is written, laid out as the commands take
//! it, so that the library only compares and writes. What stands where is in `lua/commit.lua`.

use super::keys::{Keys, Place};
use super::step::{Deadline, Step};
use crate::domain::{Dimension, Tally};
use ::redis::Cmd;

/// The function that takes a batch.
const COMMIT: &str = "hotline_v5_commit";
/// Keys that are in every call.
const FIXED: usize = 13;
/// A field of the leases' hash in which no lease can be.
const NOWHERE: [u8; 17] = [0; 17];
/// One thing counted, of one step: dimension, number, measure.
const COUNT: usize = 10;
/// Of these without the measure.
const NUMBER: usize = 9;

/// The steps of a batch by what is done with them.
struct Sorted<'a> {
    steps: &'a [Step],
    /// Whose order is new, and whose is not: as bytes, from 1.
    new: Vec<u8>,
    old: Vec<u8>,
    /// Places that are left and that are come into, by tray.
    left: Vec<&'a Place>,
    come: Vec<&'a Place>,
    stays: Vec<&'a Place>,
}

/// The call of a batch.
pub(super) fn call(keys: &Keys, [epoch, floor, bucket]: [u64; 3], steps: &[Step]) -> Cmd {
    let batch = Sorted::of(steps);
    let weight: usize = steps.iter().map(|step| step.weight() + 512).sum();
    let mut call = Cmd::with_capacity(64 + steps.len() * 32, 1_024 + weight);
    call.arg("FCALL").arg(COMMIT);
    batch.name_keys(&mut call, keys, bucket);
    call.arg(epoch).arg(floor).arg(bucket).arg(steps.len());
    batch.conditions(&mut call);
    batch.values(&mut call);
    batch.places(&mut call);
    deadlines(&mut call, steps);
    blocks(&mut call, steps);
    counters(&mut call, steps);
    indicators(&mut call, steps);
    callers(&mut call, steps);
    call
}

impl<'a> Sorted<'a> {
    fn of(steps: &'a [Step]) -> Sorted<'a> {
        let (mut new, mut old) = (Vec::with_capacity(steps.len()), Vec::new());
        for (step, number) in steps.iter().zip(1..) {
            if step.before.is_none() { new.push(number) } else { old.push(number) }
        }
        let by_tray = |places: fn(&Step) -> &[Place]| {
            let mut all: Vec<_> = steps.iter().flat_map(places).collect();
            all.sort_unstable_by_key(|place| place.tray);
            all
        };
        let (left, come) = (by_tray(|step| &step.leaves), by_tray(|step| &step.comes));
        Sorted { steps, new, old, left, come, stays: by_tray(|step| &step.stays) }
    }

    /// The steps of these numbers.
    fn steps<'b>(&'b self, numbers: &'b [u8]) -> impl Iterator<Item = &'a Step> + 'b {
        numbers.iter().filter_map(|number| self.steps.get(usize::from(*number) - 1))
    }

    fn name_keys(&self, call: &mut Cmd, keys: &Keys, bucket: u64) {
        let papers: usize = self.steps.iter().map(|step| step.papers.len()).sum();
        let trays = by_tray(&self.left).count() + by_tray(&self.come).count() + self.stays.len();
        call.arg(FIXED + self.steps.len() + papers + trays);
        call.arg(keys.meta()).arg(keys.leases());
        call.arg(keys.requests(bucket)).arg(keys.requests(bucket.saturating_sub(1)));
        call.arg(keys.feed()).arg(keys.tallies());
        let day = self.steps.first().map_or(0, |step| step.day);
        for of in Dimension::ALL {
            call.arg(keys.indicators(day, *of));
        }
        call.arg(keys.callers()).arg(keys.due()).arg(keys.blocks()).arg(keys.trays());
        for step in self.steps(&self.new).chain(self.steps(&self.old)) {
            call.arg(keys.order(step.id));
        }
        for step in self.steps {
            for (index, _) in &step.papers {
                call.arg(match index {
                    None => keys.intake(step.id),
                    Some(index) => keys.paper(step.id, *index),
                });
            }
        }
        for places in by_tray(&self.left).chain(by_tray(&self.come)) {
            call.arg(keys.tray(places[0].tray));
        }
        for place in &self.stays {
            call.arg(keys.tray(place.tray));
        }
    }

    fn conditions(&self, call: &mut Cmd) {
        let mut modes: Vec<(u32, Vec<u8>)> = Vec::new();
        let (mut fields, mut asks) = (0, Vec::with_capacity(self.steps.len()));
        for (step, number) in self.steps.iter().zip(1_u8..) {
            if let Some(version) = step.mode {
                match modes.iter_mut().find(|(known, _)| *known == version) {
                    Some((_, under)) => under.push(number),
                    None => modes.push((version, vec![number])),
                }
            }
            // A lease that stands nowhere is looked for in one place where nothing can be.
            fields += step.lease.as_ref().map_or(0, |lease| lease.fields.len().max(1));
            if step.request.is_some() {
                asks.push(number);
            }
        }
        call.arg(modes.len());
        for (version, under) in modes {
            call.arg(version).arg(under);
        }
        let versions: Vec<u8> =
            self.steps(&self.old).filter_map(|step| step.before).flatten().collect();
        call.arg(&self.new).arg(&self.old).arg(versions);
        call.arg(fields);
        for (step, number) in self.steps.iter().zip(1_u8..) {
            let Some(lease) = &step.lease else { continue };
            let nowhere = [NOWHERE];
            let fields = if lease.fields.is_empty() { &nowhere[..] } else { &lease.fields };
            for field in fields {
                call.arg(&[number][..]).arg(&field[..]).arg(lease.claim);
            }
        }
        call.arg(asks);
        for (id, answer) in self.steps.iter().filter_map(|step| step.request.as_ref()) {
            call.arg(&id[..]).arg(answer);
        }
    }

    fn values(&self, call: &mut Cmd) {
        let papers = self.steps.iter().flat_map(|step| &step.papers);
        call.arg(self.steps.len() + papers.clone().count());
        for step in self.steps(&self.new).chain(self.steps(&self.old)) {
            call.arg(&step.value);
        }
        for (_, paper) in papers {
            call.arg(paper);
        }
        let weight = self.steps.iter().map(|step| step.frame.len()).sum();
        let mut frames = Vec::with_capacity(weight);
        self.steps.iter().for_each(|step| frames.extend_from_slice(&step.frame));
        call.arg(frames);
    }

    fn places(&self, call: &mut Cmd) {
        call.arg(by_tray(&self.left).count());
        for places in by_tray(&self.left) {
            call.arg(places.len());
            for place in places {
                call.arg(&place.member[..]);
            }
        }
        call.arg(self.left.len());
        for place in &self.left {
            call.arg(&place.lease_field()[..]);
        }
        call.arg(by_tray(&self.come).count());
        for places in by_tray(&self.come) {
            call.arg(2 * places.len());
            for place in places {
                call.arg(place.score).arg(&place.member[..]);
            }
        }
        call.arg(self.stays.len());
        for place in &self.stays {
            call.arg(&place.lease_field()[..]).arg(&place.member[..]).arg(place.score);
        }
    }
}

/// What is in one tray after another.
fn by_tray<'a, 'b>(places: &'b [&'a Place]) -> impl Iterator<Item = &'b [&'a Place]> {
    places.chunk_by(|a, b| a.tray == b.tray)
}

fn deadlines(call: &mut Cmd, steps: &[Step]) {
    let (mut due, mut undue) = (Vec::with_capacity(steps.len()), Vec::new());
    for step in steps {
        match step.deadline {
            Deadline::Set(at) => due.push((at, &step.id)),
            Deadline::None => undue.push(&step.id),
            Deadline::Stays => {}
        }
    }
    call.arg(2 * due.len());
    for (at, id) in due {
        call.arg(at).arg(&id[..]);
    }
    call.arg(undue.len());
    for id in undue {
        call.arg(&id[..]);
    }
}

fn blocks(call: &mut Cmd, steps: &[Step]) {
    let mut blocks: Vec<_> = steps.iter().filter_map(|step| step.block).collect();
    blocks.sort_unstable();
    blocks.dedup();
    call.arg(2 * blocks.len());
    for block in &blocks {
        call.arg(0).arg(&block[..]);
    }
}

fn counters(call: &mut Cmd, steps: &[Step]) {
    let mut sums: Vec<(Tally, i64)> = Vec::new();
    for (tally, difference) in steps.iter().flat_map(|step| &step.tallies) {
        match sums.iter_mut().find(|(known, _)| known == tally) {
            Some((_, sum)) => *sum += difference,
            None => sums.push((*tally, *difference)),
        }
    }
    sums.retain(|(_, sum)| *sum != 0);
    call.arg(sums.len());
    for (tally, sum) in sums {
        call.arg(tally).arg(sum);
    }
}

fn indicators(call: &mut Cmd, steps: &[Step]) {
    let each = steps.iter().flat_map(|step| step.indicators.as_chunks::<COUNT>().0);
    let mut all: Vec<&[u8; COUNT]> = each.collect();
    all.sort_unstable();
    for of in Dimension::ALL {
        let of_dimension = all.iter().filter(|count| count[0] == of.byte());
        let of_dimension: Vec<_> = of_dimension.copied().collect();
        let numbers = || of_dimension.chunk_by(|a, b| a[..NUMBER] == b[..NUMBER]);
        call.arg(numbers().count());
        for counted in numbers() {
            let mut more = Vec::with_capacity(counted.len() * 5);
            for times in counted.chunk_by(|a, b| a == b) {
                more.push(times[0][NUMBER]);
                more.extend_from_slice(&(times.len() as u32).to_be_bytes());
            }
            call.arg(&counted[0][1..NUMBER]).arg(more);
        }
    }
}

fn callers(call: &mut Cmd, steps: &[Step]) {
    let called = || steps.iter().filter_map(|step| Some((step.caller.as_ref()?, step)));
    call.arg(called().count());
    for (caller, step) in called() {
        call.arg(&caller[..]).arg(&step.id[..]).arg(u8::from(step.before.is_some()));
    }
}
