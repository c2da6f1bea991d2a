//! How well the same matter is found again, measured on real messages.
//!
//! Nobody has labelled which messages are of one matter, so two things stand in for that: real
//! messages told again by a program (sentences dropped, numbers and place codes changed, the
//! title cut), and five matters that many citizens wrote about in their own words, known by a
//! name that only they hold. The data is no part of the project: it is looked for in
//! `HOTLINE_DATA`, else in `../shared/data`, and where it is missing the tests say so aloud and
//! stop. What is asserted is a floor a little below what was reached; the figures are printed
//! (`cargo test --test similar -- --nocapture`).

#![allow(clippy::unwrap_used, reason = "tests")]

use hotline::domain::{Category, Date, Division, OrderNo, SimHash, Span, Timestamp};
use hotline::similar::index::MOST_ORDERS;
use hotline::similar::{Bursts, Index, Matter, Rule, simhash};
use std::path::PathBuf;

struct Message {
    title: String,
    text: String,
}

fn messages() -> Option<Vec<Message>> {
    let root = match std::env::var_os("HOTLINE_DATA") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let path = root.join("messages/hot_topic_messages.csv");
    let Ok(mut rows) = csv::Reader::from_path(&path) else {
        println!("SKIPPED: {} is not there; set HOTLINE_DATA to measure", path.display());
        return None;
    };
    let message = |row: csv::StringRecord| Message {
        title: row[2].trim().to_owned(),
        text: row[4].trim().to_owned(),
    };
    Some(rows.records().map(|row| message(row.unwrap())).collect())
}

/// Numbers that look random and are always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// The message as another would tell it who had heard it: of its clauses so many in a hundred
/// dropped, every number and place code another, half the titles cut by a third.
fn retold(message: &Message, dropped: u64, dice: &mut Dice) -> Message {
    let clauses = message.text.split_inclusive(['，', '。', '！', '？', '；', ',', '!', '?', ';']);
    let kept: String = clauses.filter(|_| dice.below(100) >= dropped).collect();
    let renamed = |c: char, dice: &mut Dice| match c {
        '0'..='9' => char::from(b'0' + dice.below(10) as u8),
        'A'..='Z' => char::from(b'A' + dice.below(26) as u8),
        c => c,
    };
    let text = kept.chars().map(|c| renamed(c, dice)).collect();
    let letters = message.title.chars().count();
    let length = if dice.below(2) == 0 { letters } else { letters * 2 / 3 };
    Message { title: message.title.chars().take(length).collect(), text }
}

fn hash(message: &Message) -> Option<SimHash> {
    simhash(&message.title, &message.text)
}

fn no(seq: usize) -> OrderNo {
    OrderNo::new("3304".parse().unwrap(), Date { year: 2026, month: 11, day: 28 }, seq as u32)
}

/// Of a made-up town and a made-up category each, so that agreeing says as little as it does
/// by chance: 72 towns, 20 categories.
fn matter(hash: SimHash, i: usize) -> Matter {
    let (county, town) = (i % 7 + 1, i % 72 / 7 + 1);
    let code = 330_400_000_000 + county as u64 * 1_000_000 + town as u64 * 1_000;
    let category = Category((i * 7 % 20 + 1) as u16 * 100 + 1);
    Matter { hash, division: Division::new(code).unwrap(), category }
}

/// A word that stands in the messages of one matter and in no other.
const MATTERS: [&str; 5] = ["滨河苑", "丽发新城", "58车贷", "绿地海外滩", "人才购房补贴"];

fn of_matter(messages: &[Message], word: &str) -> Vec<usize> {
    let tells = |m: &Message| m.title.contains(word) || m.text.contains(word);
    (0..messages.len()).filter(|i| tells(&messages[*i])).collect()
}

/// Messages with the words of another: the real repeats, which are right to be found.
fn same_words(a: &Message, b: &Message) -> bool {
    let letters = |m: &Message| -> std::collections::HashSet<(char, char)> {
        let all: Vec<char> = m.text.chars().filter(|c| c.is_alphanumeric()).collect();
        all.windows(2).map(|w| (w[0], w[1])).collect()
    };
    let (a, b) = (letters(a), letters(b));
    let shared = a.intersection(&b).count();
    2 * shared >= a.len().min(b.len())
}

#[test]
fn what_is_told_again_is_found_and_little_else() {
    let Some(messages) = messages() else { return };
    let mut index = Index::new(MOST_ORDERS);
    let mut hashes = Vec::new();
    for (i, message) in messages.iter().enumerate() {
        let Some(hash) = hash(message) else { continue };
        index.insert(no(i + 1), matter(hash, i));
        hashes.push((i, hash));
    }
    println!("{} messages, {} with a hash", messages.len(), hashes.len());
    for (dropped, floor, elsewhere_floor) in [(10, 0.96, 0.70), (20, 0.94, 0.60), (35, 0.90, 0.45)]
    {
        let mut dice = Dice(dropped);
        let (mut here, mut elsewhere, mut of_all, mut wrong, mut asked) = (0, 0, 0, 0, 0);
        for (i, original) in &hashes {
            let again = retold(&messages[*i], dropped, &mut dice);
            let Some(bits) = hash(&again) else { continue };
            asked += 1;
            // Read to the same category and town, and to others.
            let asks = matter(bits, *i);
            let found = index.search(&asks, 5);
            here += usize::from(found.iter().any(|f| f.no == no(i + 1)));
            of_all += usize::from(asks.is_like(&matter(*original, *i)));
            for other in found.iter().filter(|f| f.no != no(i + 1)) {
                let other = &messages[other.no.seq() as usize - 1];
                wrong += usize::from(!same_words(&again, other));
            }
            let found =
                index.search(&Matter { category: Category::NONE, ..matter(bits, i + 1) }, 5);
            elsewhere += usize::from(found.iter().any(|f| f.no == no(i + 1)));
        }
        let of = |n: usize| n as f64 / asked as f64;
        println!(
            "told again with {dropped} % of its clauses dropped: found {:.3} (comparing with all \
             {:.3}), in another town {:.3}; others offered {:.3} a search, precision {:.3}",
            of(here),
            of(of_all),
            of(elsewhere),
            of(wrong),
            here as f64 / (here + wrong) as f64
        );
        assert!(of(here) >= floor && of(elsewhere) >= elsewhere_floor);
        assert!(here as f64 / (here + wrong) as f64 >= 0.95);
        assert!(of_all - here <= of_all / 10, "banding loses little");
    }
}

#[test]
fn thresholds_by_the_bits_that_differ() {
    let Some(messages) = messages() else { return };
    let hashes: Vec<_> = messages.iter().filter_map(hash).collect();
    let mut dice = Dice(3);
    let again: Vec<_> = messages
        .iter()
        .filter_map(|m| Some((hash(m)?, hash(&retold(m, 20, &mut dice))?)))
        .collect();
    let words: Vec<_> = MATTERS.iter().map(|word| of_matter(&messages, word)).collect();
    let mut at_random = [0_u64; 65];
    for (i, a) in hashes.iter().enumerate() {
        for b in &hashes[i + 1..] {
            at_random[a.distance(*b) as usize] += 1;
        }
    }
    let pairs: u64 = at_random.iter().sum();
    println!("bits  told again  same matter  any two");
    for bits in [4, 6, 8, 10, 12, 13, 14, 16, 18, 20, 22] {
        let near = again.iter().filter(|(a, b)| a.distance(*b) <= bits).count();
        let (mut same, mut all) = (0, 0);
        for group in &words {
            let of: Vec<_> = group.iter().filter_map(|i| hash(&messages[*i])).collect();
            for (i, a) in of.iter().enumerate() {
                same += of[i + 1..].iter().filter(|b| a.distance(**b) <= bits).count();
                all += of.len() - i - 1;
            }
        }
        println!(
            "{bits:4} {:11.3} {:12.3} {:8.1e}",
            near as f64 / again.len() as f64,
            same as f64 / all as f64,
            at_random[..=bits as usize].iter().sum::<u64>() as f64 / pairs as f64
        );
    }
    let mean =
        at_random.iter().enumerate().map(|(d, n)| d as u64 * n).sum::<u64>() as f64 / pairs as f64;
    println!("any two differ in {mean:.1} bits");
    // Bits that say nothing would differ in 32; what all texts share takes little off.
    assert!((30.0..=32.5).contains(&mean));
}

/// Each matter happens in one town and category within an hour, among as many other messages of
/// that town; and messages of no matter come in at random.
#[test]
fn a_matter_of_many_is_a_burst_and_chance_is_none() {
    let Some(messages) = messages() else { return };
    let start = Timestamp(1_795_838_400_000);
    let mut dice = Dice(11);
    let mut found = 0;
    for word in MATTERS {
        let of = of_matter(&messages, word);
        let mut bursts = Bursts::new(Rule::default());
        let mut first = None;
        for (n, i) in of.iter().enumerate() {
            let at = start.plus(Span(3_000_000 / of.len() as i64 * n as i64));
            let it = |i: usize| hash(&messages[i]).map(|hash| Matter { hash, ..matter(hash, 0) });
            if let Some(it) = it(*i) {
                bursts.registered(no(2 * n + 1), it, at);
            }
            let other = dice.below(messages.len() as u64) as usize;
            if let Some(other) = it(other) {
                let category = Category(dice.below(20) as u16 * 100 + 101);
                bursts.registered(no(2 * n + 2), Matter { category, ..other }, at);
            }
            if !bursts.known().is_empty() {
                first.get_or_insert(n + 1);
            }
        }
        let told = bursts.known().len();
        println!("{word}: {} messages, {told} bursts, the first at the {first:?}", of.len());
        found += usize::from(told > 0);
    }
    assert!(found >= 2, "matters of many that are told of: {found}");

    // A year of a busy town's messages in an hour each: 100 an hour, at random.
    let (mut hours, mut alarms) = (0, 0);
    while hours < 200 {
        hours += 1;
        let mut bursts = Bursts::new(Rule::default());
        for n in 0..100 {
            let i = dice.below(messages.len() as u64) as usize;
            let Some(hash) = hash(&messages[i]) else { continue };
            let category = Category(dice.below(20) as u16 * 100 + 101);
            bursts.registered(no(n + 1), Matter { category, ..matter(hash, 0) }, start);
        }
        alarms += bursts.known().len();
    }
    println!("{hours} hours of 100 messages of one town at random: {alarms} bursts");
    assert!(alarms <= 2);
}

/// What a search costs and finds of a full index. Prints figures; in release it fills it.
#[test]
fn what_a_search_costs() {
    let Some(messages) = messages() else { return };
    let hashes: Vec<_> = messages.iter().filter_map(hash).collect();
    let orders = if cfg!(debug_assertions) { 20_000 } else { MOST_ORDERS };
    let mut index = Index::new(MOST_ORDERS);
    let mut dice = Dice(5);
    let start = hotline::clock::tick();
    for i in 0..orders {
        // The real ones' bits with some flipped: as skewed as they are.
        let mut bits = hashes[i % hashes.len()].0;
        for _ in 0..dice.below(28) {
            bits ^= 1 << dice.below(64);
        }
        index.insert(no(i + 1), matter(SimHash(bits), i));
    }
    println!("{orders} orders: {:?} each to put in", start.elapsed() / orders as u32);
    println!("{} bytes each", index.bytes() / orders);
    let mut took: Vec<_> = hashes
        .iter()
        .enumerate()
        .map(|(i, hash)| {
            let start = hotline::clock::tick();
            std::hint::black_box(index.search(&matter(*hash, i), 32));
            start.elapsed()
        })
        .collect();
    took.sort();
    println!("a search: median {:?}, p99 {:?}", took[took.len() / 2], took[took.len() * 99 / 100]);
    assert!(index.bytes() / orders <= hotline::similar::index::MOST_BYTES);
}
