//! Whether a token was handed out twice, over a run of any length in bounded memory and without ever a false alarm.
//!
//! A token is remembered by 64 bits of its hash. When there are too many, one in two *hashes* is let go, and from then on
//! no longer looked at: of two equal tokens either both are looked at or none. So a server that hands tokens out twice is
//! noticed by any one pair of the sample, and a sample's size does not grow with the run.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher};

/// The hashes of tokens.
pub struct Seen {
    /// Hashes whose last `skipped` bits are zero.
    hashes: HashSet<u64, BuildHasherDefault<Already>>,
    skipped: u32,
    most: usize,
}

impl Seen {
    /// A sample of at most `most` tokens, of about 10 bytes each.
    pub fn new(most: usize) -> Self {
        Self { hashes: HashSet::default(), skipped: 0, most: most.max(2) }
    }

    /// Notes a token; whether it is known already.
    pub fn again(&mut self, token: &str) -> bool {
        self.note(BuildHasherDefault::<DefaultHasher>::default().hash_one(token))
    }

    fn note(&mut self, hash: u64) -> bool {
        if hash.trailing_zeros() < self.skipped {
            return false;
        }
        if !self.hashes.insert(hash) {
            return true;
        }
        if self.hashes.len() > self.most {
            self.skipped += 1;
            let skipped = self.skipped;
            self.hashes.retain(|hash| hash.trailing_zeros() >= skipped);
        }
        false
    }

    /// Takes another worker's tokens in; how many of them were known here too.
    pub fn merge(&mut self, other: &Seen) -> u64 {
        if other.skipped > self.skipped {
            self.skipped = other.skipped;
            let skipped = self.skipped;
            self.hashes.retain(|hash| hash.trailing_zeros() >= skipped);
        }
        other.hashes.iter().filter(|hash| self.note(**hash)).count() as u64
    }

    /// One in how many tokens is looked at.
    pub fn one_in(&self) -> u64 {
        1 << self.skipped.min(63)
    }
}

/// What is hashed is a hash already.
#[derive(Default)]
struct Already(u64);

impl Hasher for Already {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        // The low bits are the same in a sample; the table wants bits that differ.
        self.0 = hash.rotate_right(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_tokens_are_never_taken_for_the_same() {
        let mut seen = Seen::new(1000);
        assert!((0..200_000).all(|n| !seen.again(&format!("token {n}"))));
        assert!(seen.hashes.len() <= 1000 && seen.one_in() >= 128);
    }

    #[test]
    fn a_token_of_the_sample_is_noticed_whenever_it_comes_again() {
        let mut seen = Seen::new(1000);
        (0..100_000).for_each(|n| assert!(!seen.again(&format!("token {n}"))));
        let noticed = (0..100_000).filter(|n| seen.again(&format!("token {n}"))).count();
        assert!((200..=1000).contains(&noticed), "{noticed}");
    }

    #[test]
    fn workers_that_were_given_the_same_token_find_out() {
        let (mut one, mut other) = (Seen::new(500), Seen::new(100));
        (0..1000).for_each(|n| assert!(!one.again(&format!("one {n}"))));
        (0..1000).for_each(|n| assert!(!other.again(&format!("other {n}"))));
        assert_eq!(one.merge(&other), 0);
        let mut third = Seen::new(500);
        (0..1000).for_each(|n| assert!(!third.again(&format!("other {n}"))));
        assert!(one.merge(&third) > 10);
    }
}
