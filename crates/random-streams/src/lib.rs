#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

/// A stream of random numbers addressed by (seed, purpose, index).
///
/// Streams with different addresses are independent of each other; the same address always gives the
/// same numbers. The purpose is a short name such as `"order"`, which separates the uses of one seed
/// from each other.
///
/// ```
/// use random_streams::Stream;
/// let mut a = Stream::new(7, "order", 0);
/// let mut b = Stream::new(7, "order", 0);
/// assert_eq!(a.next_u32(), b.next_u32());
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u32; 4],
    used: usize,
}

impl Stream {
    /// The stream of `seed` for `purpose`, number `index` (an epoch, an image, a parameter …).
    pub fn new(seed: u64, purpose: &str, index: u64) -> Self {
        let purpose = fnv1a(purpose);
        Self {
            key: [low(seed), high(seed) ^ purpose],
            counter: [0, purpose, low(index), high(index)],
            words: [0; 4],
            used: 4,
        }
    }

    /// The next 32 uniformly distributed bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.words = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// A number in [0, 1) with 24 random bits.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 / (1_u32 << 24) as f32
    }

    /// A standard normal number (Box and Muller, 1958).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * f64::from(1.0 - self.uniform()).ln()).sqrt();
        let angle = std::f64::consts::TAU * f64::from(self.uniform());
        (radius * angle.cos()) as f32
    }

    /// An integer in `0..bound`, without bias (Lemire, 2019).
    ///
    /// # Panics
    /// When `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "no integer lies below 0");
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(bound);
            if low(product) >= threshold {
                return high(product);
            }
        }
    }

    /// Shuffles `items` (Fisher and Yates).
    ///
    /// # Panics
    /// When there are more than `u32::MAX` items.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u32::try_from(last + 1).expect("at most u32::MAX items can be shuffled");
            items.swap(last, self.below(bound) as usize);
        }
    }
}

fn low(word: u64) -> u32 {
    word as u32
}

fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

/// 32-bit FNV-1a, which maps each purpose to a different number.
fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Ten rounds of Philox4x32; the constants are the paper's.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            high(b) ^ counter[1] ^ key[0],
            low(b),
            high(a) ^ counter[3] ^ key[1],
            low(a),
        ];
        key = [
            key[0].wrapping_add(0x9E37_79B9),
            key[1].wrapping_add(0xBB67_AE85),
        ];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known-answer tests of the authors' Random123 library (`kat_vectors`).
    #[test]
    fn philox_gives_the_published_words() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn addresses_separate_streams() {
        let first = |seed, purpose, index| Stream::new(seed, purpose, index).next_u32();
        let words = [
            first(0, "order", 0),
            first(1, "order", 0),
            first(0, "crop", 0),
            first(0, "order", 1),
            first(1 << 32, "order", 0),
        ];
        for (i, word) in words.iter().enumerate() {
            assert!(!words[..i].contains(word));
        }
    }

    #[test]
    fn below_is_in_range_and_covers_it() {
        let mut stream = Stream::new(3, "test", 0);
        let mut counts = [0_u32; 6];
        for _ in 0..6000 {
            counts[stream.below(6) as usize] += 1;
        }
        // 1000 ± 5 standard deviations of a binomial count
        assert!(counts.iter().all(|count| (855..=1145).contains(count)));
    }

    #[test]
    fn shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..1000).collect();
        Stream::new(1, "test", 0).shuffle(&mut items);
        assert_ne!(items, (0..1000).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let mut stream = Stream::new(5, "test", 0);
        let n = 20_000;
        let numbers: Vec<f64> = (0..n).map(|_| f64::from(stream.normal())).collect();
        let mean = numbers.iter().sum::<f64>() / f64::from(n);
        let variance = numbers.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05);
    }
}
