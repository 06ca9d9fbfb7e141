//! Whether a token was handed out twice, over a run of any duration in bounded memory and without ever a false alarm; and
//! whether two names were given one user.
//!
//! A token is remembered by 64 bits of its hash. When there are too many, one in two *hashes* is let go, and from then on
//! no longer looked at: of two equal tokens either both are looked at or none. So a server that hands tokens out twice is
//! noticed by any one pair of the sample, and a sample's size does not grow with the run.

use foldhash::quality::FixedState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

/// The hash of a text; the same in every worker.
fn hash(text: &str) -> u64 {
    FixedState::default().hash_one(text)
}

/// How many tokens of all workers are held against each other.
const MOST_IN_ALL: usize = 1 << 20;

/// Whether a token was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    No,
    /// It was given to the same user.
    OfTheSame,
    OfAnother,
}

/// The hashes of tokens.
pub struct Seen {
    /// Hashes whose last `skipped` bits are zero, with a part of the hash of their users.
    hashes: HashMap<u64, u32, BuildHasherDefault<Already>>,
    skipped: u32,
    most: usize,
}

impl Seen {
    /// A sample of at most `most` tokens, of about 16 bytes each.
    pub fn new(most: usize) -> Self {
        Self { hashes: HashMap::default(), skipped: 0, most: most.max(2) }
    }

    /// Notes a token of a user.
    pub fn again(&mut self, token: &str, user: &str) -> Again {
        #[allow(clippy::cast_possible_truncation, reason = "a part of a hash")]
        self.note(hash(token), || hash(user) as u32)
    }

    /// `user` is asked for only where the token belongs to the sample.
    fn note(&mut self, hash: u64, user: impl FnOnce() -> u32) -> Again {
        if hash.trailing_zeros() < self.skipped {
            return Again::No;
        }
        let user = user();
        match self.hashes.entry(hash) {
            Entry::Occupied(known) if *known.get() == user => return Again::OfTheSame,
            Entry::Occupied(_) => return Again::OfAnother,
            Entry::Vacant(free) => {
                free.insert(user);
            }
        }
        if self.hashes.len() > self.most {
            self.skip(self.skipped + 1);
        }
        Again::No
    }

    fn skip(&mut self, bits: u32) {
        self.skipped = self.skipped.max(bits);
        self.hashes.retain(|hash, _| hash.trailing_zeros() >= bits);
    }

    /// Takes another worker's tokens in; how many of them were known here too, of the same user only where `same` says so.
    fn merge(&mut self, other: &Seen, same: bool) -> u64 {
        let twice = |again| again == Again::OfAnother || same && again == Again::OfTheSame;
        other.hashes.iter().filter(|(hash, user)| twice(self.note(**hash, || **user))).count() as u64
    }

    /// Holds the tokens of all workers against each other: how many of them more than one was given, and one in how many was
    /// looked at. `same`: whether that is wrong where it was for the same user.
    pub fn across(all: &[&Seen], same: bool) -> (u64, u64) {
        let Some((last, before)) = all.split_last() else { return (0, 1) };
        let mut seen = Seen::new(MOST_IN_ALL);
        seen.skipped = all.iter().map(|one| one.skipped).max().unwrap_or(0);
        let twice: u64 = before.iter().map(|one| seen.merge(one, same)).sum();
        // Nobody is held against the last one's, so they need no room.
        let known = |hash: &u64, user: &u32| seen.hashes.get(hash).is_some_and(|other| same || other != user);
        let more = last.hashes.iter().filter(|(hash, user)| known(hash, user)).count() as u64;
        (twice + more, seen.one_in())
    }

    /// One in how many tokens is looked at.
    pub fn one_in(&self) -> u64 {
        1 << self.skipped.min(63)
    }
}

/// With which refresh token each refresh was answered lately. A server may answer one whose answer got lost once more with
/// the same.
#[derive(Default)]
pub struct Successors {
    now: HashMap<u64, u64, BuildHasherDefault<Already>>,
    before: HashMap<u64, u64, BuildHasherDefault<Already>>,
}

/// How many successors are remembered at least, once there are so many.
const SUCCESSORS: usize = 1 << 15;

impl Successors {
    /// Notes that a refresh with `used` was answered with `got`; whether it was answered so before.
    pub fn is_repeat(&mut self, used: &str, got: &str) -> bool {
        let (used, got) = (hash(used), hash(got));
        if self.now.get(&used).or_else(|| self.before.get(&used)) == Some(&got) {
            return true;
        }
        if self.now.len() >= SUCCESSORS {
            self.before = std::mem::take(&mut self.now);
        }
        self.now.insert(used, got);
        false
    }
}

/// Which name has which user of the vendor.
#[derive(Default)]
pub struct Owners(HashMap<u64, u64, BuildHasherDefault<Already>>);

impl Owners {
    /// Notes the user of a name; whether it is another name's already.
    pub fn is_anothers(&mut self, user: &str, name: &str) -> bool {
        let name = hash(name);
        *self.0.entry(hash(&user.to_ascii_lowercase())).or_insert(name) != name
    }

    /// Takes another worker's in; how many users have another name there.
    pub fn merge(&mut self, other: &Owners) -> u64 {
        other.0.iter().filter(|(user, name)| *self.0.entry(**user).or_insert(**name) != **name).count() as u64
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
        assert!((0..200_000).all(|n| seen.again(&format!("token {n}"), "ada") == Again::No));
        assert!(seen.hashes.len() <= 1000 && seen.one_in() >= 128);
    }

    #[test]
    fn a_token_of_the_sample_is_noticed_whenever_it_comes_again() {
        let mut seen = Seen::new(1000);
        (0..100_000).for_each(|n| assert_eq!(seen.again(&format!("token {n}"), "ada"), Again::No));
        let noticed = (0..100_000).filter(|n| seen.again(&format!("token {n}"), "ada") == Again::OfTheSame).count();
        assert!((200..=1000).contains(&noticed), "{noticed}");
        let mut seen = Seen::new(10);
        assert_eq!(seen.again("token", "ada"), Again::No);
        assert_eq!((seen.again("token", "bob"), seen.again("token", "ada")), (Again::OfAnother, Again::OfTheSame));
    }

    #[test]
    fn the_sample_is_as_large_as_it_may_be_and_no_larger() {
        let mut seen = Seen::new(4);
        (1..=4).for_each(|n| assert_eq!(seen.note(n << 8, || 0), Again::No));
        assert_eq!((seen.hashes.len(), seen.one_in()), (4, 1), "there is room for all");
        // Halving it leaves tokens like these all in.
        (5..=8).for_each(|n| assert_eq!(seen.note(n << 8, || 0), Again::No));
        assert!(seen.one_in() > 2, "{}", seen.one_in());
        (9..=600).for_each(|n| assert_eq!(seen.note(n << 8, || 0), Again::No));
        assert!(seen.hashes.len() <= 4 && seen.one_in() > 256, "{}, one in {}", seen.hashes.len(), seen.one_in());
    }

    #[test]
    fn workers_that_were_given_the_same_token_find_out() {
        let (mut one, mut other) = (Seen::new(500), Seen::new(100));
        (0..1000).for_each(|n| assert_eq!(one.again(&format!("one {n}"), "ada"), Again::No));
        (0..1000).for_each(|n| assert_eq!(other.again(&format!("other {n}"), "ada"), Again::No));
        assert_eq!(Seen::across(&[&one, &other], true).0, 0);
        assert_eq!(Seen::across(&[&one], true), (0, one.one_in()));
        let mut third = Seen::new(500);
        (0..1000).for_each(|n| assert_eq!(third.again(&format!("other {n}"), "ada"), Again::No));
        let all = [&one, &other, &third];
        assert_eq!(Seen::across(&all, false).0, 0, "a provider that does not rotate may give a user one token twice");
        let (twice, one_in) = Seen::across(&all, true);
        assert!(twice > 10 && one_in == other.one_in(), "{twice}, one in {one_in}");
        assert_eq!(Seen::across(&[&third, &other, &one], true).0, twice, "whose tokens come last is all the same");
        let mut fourth = Seen::new(500);
        (0..1000).for_each(|n| assert_eq!(fourth.again(&format!("other {n}"), "bob"), Again::No));
        assert!(Seen::across(&[&one, &other, &fourth], false).0 > 10);
        assert!(Seen::across(&[&fourth, &one, &other], false).0 > 10);
    }

    #[test]
    fn only_the_same_answer_to_the_same_refresh_is_a_repeat() {
        let mut successors = Successors::default();
        assert!(!successors.is_repeat("one", "two") && successors.is_repeat("one", "two"));
        assert!(!successors.is_repeat("two", "one") && !successors.is_repeat("other", "two"));
        (0..SUCCESSORS).for_each(|n| assert!(!successors.is_repeat(&n.to_string(), "x")));
        assert!(successors.is_repeat("one", "two"), "what is recent is remembered");
        for n in 0..2 * SUCCESSORS {
            successors.is_repeat(&format!("y{n}"), "x");
        }
        assert!(
            !successors.is_repeat("one", "two") && successors.now.len() + successors.before.len() <= 2 * SUCCESSORS
        );
    }

    #[test]
    fn two_names_with_one_user_are_noticed_here_and_elsewhere() {
        let mut owners = Owners::default();
        assert!(!owners.is_anothers("id-1", "ada") && !owners.is_anothers("ID-1", "ada"));
        assert!(!owners.is_anothers("id-2", "bob") && owners.is_anothers("id-1", "bob"));
        let mut others = Owners::default();
        assert!(!others.is_anothers("id-1", "ada") && !others.is_anothers("id-3", "cid"));
        assert_eq!(owners.merge(&others), 0);
        let mut others = Owners::default();
        assert!(!others.is_anothers("id-2", "cid"));
        assert_eq!(owners.merge(&others), 1);
    }
}
