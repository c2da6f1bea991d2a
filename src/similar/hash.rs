//! A citizen's words → 64 bits.
//!
//! Every pair of neighbouring letters, in the title four times, is hashed to 64 bits; each bit
//! of the result is what most of them have there. 64 sums would be 64 additions a pair: the
//! sums are kept as bit planes instead, the 64 lowest digits in one word, the next in another,
//! and eight hashes are added at once by carry-save adders.

use crate::catalogue::fold::letter;
use crate::domain::SimHash;

/// Fewer pairs than this are too little to tell a matter by.
pub const LEAST_PAIRS: usize = 8;
/// More pairs than this of one text are not looked at.
pub const MOST_PAIRS: usize = 1 << 16;

/// What citizens say it is about counts this much more, as a power of two.
const TITLE_SHIFT: usize = 2;
/// The planes that sums of title and text fit in.
const PLANES: usize = 20;

/// The bits of a title and a text; `None` where they are too short. White space, punctuation
/// and the case of Latin letters do not count.
pub fn simhash(title: &str, text: &str) -> Option<SimHash> {
    let mut sums = Sums { planes: [0; PLANES], count: 0 };
    let mut pairs = 0;
    each_pair(title, |hash| {
        sums.add(hash, TITLE_SHIFT);
        pairs += 1;
    });
    let mut waiting = [0; 8];
    let mut filled = 0;
    each_pair(text, |hash| {
        waiting[filled] = hash;
        filled += 1;
        if filled == waiting.len() {
            sums.add_eight(&waiting);
            filled = 0;
        }
        pairs += 1;
    });
    waiting[..filled].iter().for_each(|hash| sums.add(*hash, 0));
    (pairs >= LEAST_PAIRS).then(|| SimHash(sums.most()))
}

fn each_pair(text: &str, mut take: impl FnMut(u64)) {
    let mut last = None;
    for letter in text.chars().filter_map(letter).take(MOST_PAIRS + 1) {
        if let Some(last) = last.replace(letter) {
            take(mix(u64::from(u32::from(last)) << 21 | u64::from(u32::from(letter))));
        }
    }
}

/// Folded multiplication: every bit of the key moves every bit of the hash.
fn mix(key: u64) -> u64 {
    let wide = u128::from(key ^ 0x2d35_8dcc_aa6c_78a5) * u128::from(0x8bb8_4b93_962e_acc9_u64);
    let half = wide as u64 ^ (wide >> 64) as u64;
    let wide = u128::from(half ^ 0x9e37_79b9_7f4a_7c15) * u128::from(0xd6e8_feb8_6659_fd93_u64);
    wide as u64 ^ (wide >> 64) as u64
}

/// 64 sums: the n-th plane holds their n-th binary digits.
struct Sums {
    planes: [u64; PLANES],
    /// What each sum would be if every hash had the bit.
    count: u64,
}

impl Sums {
    /// Adds a hash 2^`shift` times.
    fn add(&mut self, hash: u64, shift: usize) {
        self.count += 1 << shift;
        self.carry(hash, shift);
    }

    fn carry(&mut self, mut carry: u64, from: usize) {
        for plane in &mut self.planes[from..] {
            if carry == 0 {
                return;
            }
            let next = *plane & carry;
            *plane ^= carry;
            carry = next;
        }
    }

    fn add_eight(&mut self, h: &[u64; 8]) {
        self.count += 8;
        let [ones, twos, fours, ..] = self.planes;
        let (ones, a) = full_add(ones, h[0], h[1]);
        let (ones, b) = full_add(ones, h[2], h[3]);
        let (twos, c) = full_add(twos, a, b);
        let (ones, a) = full_add(ones, h[4], h[5]);
        let (ones, b) = full_add(ones, h[6], h[7]);
        let (twos, d) = full_add(twos, a, b);
        let (fours, eights) = full_add(fours, c, d);
        self.planes[..3].copy_from_slice(&[ones, twos, fours]);
        self.carry(eights, 3);
    }

    /// Which sums are more than half of what they could be.
    fn most(&self) -> u64 {
        let half = self.count / 2;
        let (mut more, mut equal) = (0, u64::MAX);
        for (digit, plane) in self.planes.iter().enumerate().rev() {
            if half >> digit & 1 == 1 {
                equal &= plane;
            } else {
                more |= equal & plane;
                equal &= !plane;
            }
        }
        more
    }
}

/// Three digits of one weight: their sum's digit, and the carry.
fn full_add(a: u64, b: u64, c: u64) -> (u64, u64) {
    let half = a ^ b;
    (half ^ c, (a & b) | (half & c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLE: &str = "小区夜间施工噪音扰民";
    const TEXT: &str = "我住在南湖区新兴街道，隔壁工地每天夜里十一点以后还在打桩，孩子没法睡觉，\
                        打电话给物业也没有人管，请有关部门尽快到现场处理，限制夜间施工的时间。";

    fn distance(title: &str, text: &str) -> u32 {
        let it = simhash(TITLE, TEXT).unwrap();
        it.distance(simhash(title, text).unwrap())
    }

    #[test]
    fn what_is_told_again_is_near_and_what_is_not_is_far() {
        assert_eq!(distance(TITLE, TEXT), 0);
        // Spacing, punctuation, full-width letters and case do not count.
        let spaced = TEXT.replace('，', " ,\n");
        assert_eq!(distance("小区 夜间施工，噪音扰民！", &spaced), 0);
        let a = simhash("ＡＢＣ楼ETC坏了三天了", "ｅｔｃ 坏了").unwrap();
        assert_eq!(a, simhash("abc楼etc坏了三天了", "ETC坏了").unwrap());
        // A sentence less, other names.
        let shorter = TEXT.replace("打电话给物业也没有人管，", "");
        assert!(distance(TITLE, &shorter) <= 13, "{}", distance(TITLE, &shorter));
        let renamed = TEXT.replace("南湖区新兴街道", "南湖区解放街道").replace("十一", "十二");
        assert!(distance(TITLE, &renamed) <= 10, "{}", distance(TITLE, &renamed));
        let other = "我父亲的医保卡在嘉兴第一医院结算时一直提示余额不足，但是上个月刚刚缴费，\
                     请问异地缴费多久可以到账，需要带什么材料去哪个窗口办理，谢谢。";
        assert!(distance("医保卡结算咨询", other) > 20);
    }

    #[test]
    fn too_little_has_no_bits_and_too_much_is_cut() {
        for (title, text) in [("", ""), ("", "路灯不亮"), ("停电", "停电了"), ("！？", "……😀😀")]
        {
            assert_eq!(simhash(title, text), None, "{title} {text}");
        }
        assert!(simhash("路灯不亮", "路灯不亮三天").is_some());
        let long = "停水".repeat(MOST_PAIRS);
        assert_eq!(simhash("", &long), simhash("", &format!("{long}<b>\u{202e}more😀")));
    }

    /// Against 64 plain sums.
    #[test]
    fn planes_add_up() {
        let mut sums = Sums { planes: [0; PLANES], count: 0 };
        let mut plain = [0_u64; 64];
        let mut key = 7;
        let mut next = || {
            key += 1;
            mix(key)
        };
        for round in 0..300 {
            let eight = [(); 8].map(|()| next());
            sums.add_eight(&eight);
            let (one, shift) = (next(), round % 3);
            sums.add(one, shift);
            for (bit, sum) in plain.iter_mut().enumerate() {
                *sum += eight.iter().map(|hash| hash >> bit & 1).sum::<u64>();
                *sum += (one >> bit & 1) << shift;
            }
            let most = plain.iter().enumerate().filter(|(_, sum)| **sum > sums.count / 2);
            assert_eq!(sums.most(), most.fold(0, |all, (bit, _)| all | 1 << bit));
        }
    }

    /// Not a benchmark: it prints what the bits of 400 characters cost for whoever runs it in
    /// release.
    #[test]
    fn what_the_bits_cost() {
        let text: String = TEXT.chars().cycle().take(400).collect();
        let rounds = if cfg!(debug_assertions) { 100 } else { 100_000 };
        let start = crate::clock::tick();
        for _ in 0..rounds {
            std::hint::black_box(simhash(TITLE, std::hint::black_box(&text)));
        }
        println!("the bits of 400 characters: {:?}", start.elapsed() / rounds);
    }
}
