//! Detects tokens that were issued twice, in bounded memory and without false positives, and users that belong to two names.
//!
//! A token is remembered by a 64-bit hash. When the set is full, half of the hash space is dropped and ignored from then on: of
//! two equal tokens either both are in the sample or none. Any duplicate within the sample is detected, and the size of the
//! sample does not grow with the run.

use foldhash::quality::FixedState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

/// The hash of a text; the same in every worker.
fn hash(text: &str) -> u64 {
    FixedState::default().hash_one(text)
}

/// The size of the sample over all workers.
const MERGED_CAPACITY: usize = 1 << 20;

/// Whether a token was issued before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicate {
    None,
    /// It was issued to the same user.
    SameUser,
    OtherUser,
}

/// A sample of the issued tokens, by hash.
pub struct DuplicateDetector {
    /// Hashes whose last `skipped_bits` bits are zero, with a part of the hash of their users.
    hashes: HashMap<u64, u32, BuildHasherDefault<PrehashedHasher>>,
    skipped_bits: u32,
    capacity: usize,
}

impl DuplicateDetector {
    /// A sample of at most `capacity` tokens, of about 16 bytes each.
    pub fn new(capacity: usize) -> Self {
        Self { hashes: HashMap::default(), skipped_bits: 0, capacity: capacity.max(2) }
    }

    /// Adds a token of a user. Returns whether it was issued before.
    pub fn record_token(&mut self, token: &str, user: &str) -> Duplicate {
        #[allow(clippy::cast_possible_truncation, reason = "a part of a hash")]
        self.record_hash(hash(token), || hash(user) as u32)
    }

    /// `user` is only called for tokens of the sample.
    fn record_hash(&mut self, hash: u64, user: impl FnOnce() -> u32) -> Duplicate {
        if hash.trailing_zeros() < self.skipped_bits {
            return Duplicate::None;
        }
        let user = user();
        match self.hashes.entry(hash) {
            Entry::Occupied(known) if *known.get() == user => return Duplicate::SameUser,
            Entry::Occupied(_) => return Duplicate::OtherUser,
            Entry::Vacant(free) => {
                free.insert(user);
            }
        }
        if self.hashes.len() > self.capacity {
            self.skip(self.skipped_bits + 1);
        }
        Duplicate::None
    }

    fn skip(&mut self, bits: u32) {
        self.skipped_bits = self.skipped_bits.max(bits);
        self.hashes.retain(|hash, _| hash.trailing_zeros() >= bits);
    }

    /// Adds the tokens of another worker. Returns the number of duplicates; those of one user count only if `same` is set.
    fn merge(&mut self, other: &DuplicateDetector, same: bool) -> u64 {
        let is_duplicate = |duplicate| duplicate == Duplicate::OtherUser || same && duplicate == Duplicate::SameUser;
        other.hashes.iter().filter(|(hash, user)| is_duplicate(self.record_hash(**hash, || **user))).count() as u64
    }

    /// Counts duplicates over all workers. Returns their number and the sampling ratio (one in n tokens). `same`: duplicates of
    /// one user count too.
    pub fn count_across(all: &[&DuplicateDetector], same: bool) -> (u64, u64) {
        let Some((last, older)) = all.split_last() else { return (0, 1) };
        let mut detector = DuplicateDetector::new(MERGED_CAPACITY);
        detector.skipped_bits = all.iter().map(|one| one.skipped_bits).max().unwrap_or(0);
        let is_duplicate: u64 = older.iter().map(|one| detector.merge(one, same)).sum();
        // The tokens of the last worker are looked up and need not be added.
        let known = |hash: &u64, user: &u32| detector.hashes.get(hash).is_some_and(|other| same || other != user);
        let more = last.hashes.iter().filter(|(hash, user)| known(hash, user)).count() as u64;
        (is_duplicate + more, detector.sample_one_in())
    }

    /// The sampling ratio: one in this many tokens is in the sample.
    pub fn sample_one_in(&self) -> u64 {
        1 << self.skipped_bits.min(63)
    }
}

/// The refresh token that each recent refresh returned. A server may repeat a response that got lost.
#[derive(Default)]
pub struct Successors {
    recent: HashMap<u64, u64, BuildHasherDefault<PrehashedHasher>>,
    older: HashMap<u64, u64, BuildHasherDefault<PrehashedHasher>>,
}

/// The least number of recent successors that are remembered.
const MIN_SUCCESSORS: usize = 1 << 15;

impl Successors {
    /// Records that a refresh with `used` returned `got`. Returns whether it did so before.
    pub fn is_repeat(&mut self, used: &str, got: &str) -> bool {
        let (used, got) = (hash(used), hash(got));
        if self.recent.get(&used).or_else(|| self.older.get(&used)) == Some(&got) {
            return true;
        }
        if self.recent.len() >= MIN_SUCCESSORS {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(used, got);
        false
    }
}

/// The name that each vendor user belongs to.
#[derive(Default)]
pub struct UserOwners(HashMap<u64, u64, BuildHasherDefault<PrehashedHasher>>);

impl UserOwners {
    /// Records the user of a name. Returns whether it belongs to another name already.
    pub fn is_taken_by_other(&mut self, user: &str, name: &str) -> bool {
        let name = hash(name);
        *self.0.entry(hash(&user.to_ascii_lowercase())).or_insert(name) != name
    }

    /// Adds the users of another worker. Returns how many of them have another name there.
    pub fn merge(&mut self, other: &UserOwners) -> u64 {
        other.0.iter().filter(|(user, name)| *self.0.entry(**user).or_insert(**name) != **name).count() as u64
    }
}

/// A hasher for keys that are hashes already.
#[derive(Default)]
struct PrehashedHasher(u64);

impl Hasher for PrehashedHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        // The low bits are equal within a sample; the hash table needs bits that differ.
        self.0 = hash.rotate_right(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_tokens_are_never_duplicates() {
        let mut detector = DuplicateDetector::new(1000);
        assert!((0..200_000).all(|n| detector.record_token(&format!("token {n}"), "ada") == Duplicate::None));
        assert!(detector.hashes.len() <= 1000 && detector.sample_one_in() >= 128);
    }

    #[test]
    fn a_repeated_token_of_the_sample_is_a_duplicate() {
        let mut detector = DuplicateDetector::new(1000);
        (0..100_000).for_each(|n| assert_eq!(detector.record_token(&format!("token {n}"), "ada"), Duplicate::None));
        let noticed =
            (0..100_000).filter(|n| detector.record_token(&format!("token {n}"), "ada") == Duplicate::SameUser).count();
        assert!((200..=1000).contains(&noticed), "{noticed}");
        let mut detector = DuplicateDetector::new(10);
        assert_eq!(detector.record_token("token", "ada"), Duplicate::None);
        assert_eq!(
            (detector.record_token("token", "bob"), detector.record_token("token", "ada")),
            (Duplicate::OtherUser, Duplicate::SameUser)
        );
    }

    #[test]
    fn the_sample_fills_its_capacity_and_does_not_exceed_it() {
        let mut detector = DuplicateDetector::new(4);
        (1..=4).for_each(|n| assert_eq!(detector.record_hash(n << 8, || 0), Duplicate::None));
        assert_eq!((detector.hashes.len(), detector.sample_one_in()), (4, 1), "there is room for all");
        // The first halvings keep all of these hashes.
        (5..=8).for_each(|n| assert_eq!(detector.record_hash(n << 8, || 0), Duplicate::None));
        assert!(detector.sample_one_in() > 2, "{}", detector.sample_one_in());
        (9..=600).for_each(|n| assert_eq!(detector.record_hash(n << 8, || 0), Duplicate::None));
        assert!(
            detector.hashes.len() <= 4 && detector.sample_one_in() > 256,
            "{}, one in {}",
            detector.hashes.len(),
            detector.sample_one_in()
        );
    }

    #[test]
    fn duplicates_of_different_workers_are_counted() {
        let (mut one, mut other) = (DuplicateDetector::new(500), DuplicateDetector::new(100));
        (0..1000).for_each(|n| assert_eq!(one.record_token(&format!("one {n}"), "ada"), Duplicate::None));
        (0..1000).for_each(|n| assert_eq!(other.record_token(&format!("other {n}"), "ada"), Duplicate::None));
        assert_eq!(DuplicateDetector::count_across(&[&one, &other], true).0, 0);
        assert_eq!(DuplicateDetector::count_across(&[&one], true), (0, one.sample_one_in()));
        let mut third = DuplicateDetector::new(500);
        (0..1000).for_each(|n| assert_eq!(third.record_token(&format!("other {n}"), "ada"), Duplicate::None));
        let all = [&one, &other, &third];
        assert_eq!(
            DuplicateDetector::count_across(&all, false).0,
            0,
            "a provider without rotation may return a token to one user twice"
        );
        let (is_duplicate, sample_one_in) = DuplicateDetector::count_across(&all, true);
        assert!(is_duplicate > 10 && sample_one_in == other.sample_one_in(), "{is_duplicate}, one in {sample_one_in}");
        assert_eq!(
            DuplicateDetector::count_across(&[&third, &other, &one], true).0,
            is_duplicate,
            "the order of the workers does not matter"
        );
        let mut fourth = DuplicateDetector::new(500);
        (0..1000).for_each(|n| assert_eq!(fourth.record_token(&format!("other {n}"), "bob"), Duplicate::None));
        assert!(DuplicateDetector::count_across(&[&one, &other, &fourth], false).0 > 10);
        assert!(DuplicateDetector::count_across(&[&fourth, &one, &other], false).0 > 10);
    }

    #[test]
    fn only_the_same_response_to_the_same_refresh_is_a_repeat() {
        let mut successors = Successors::default();
        assert!(!successors.is_repeat("one", "two") && successors.is_repeat("one", "two"));
        assert!(!successors.is_repeat("two", "one") && !successors.is_repeat("other", "two"));
        (0..MIN_SUCCESSORS).for_each(|n| assert!(!successors.is_repeat(&n.to_string(), "x")));
        assert!(successors.is_repeat("one", "two"), "recent successors are remembered");
        for n in 0..2 * MIN_SUCCESSORS {
            successors.is_repeat(&format!("y{n}"), "x");
        }
        assert!(
            !successors.is_repeat("one", "two")
                && successors.recent.len() + successors.older.len() <= 2 * MIN_SUCCESSORS
        );
    }

    #[test]
    fn two_names_with_one_user_are_detected_within_and_across_workers() {
        let mut owners = UserOwners::default();
        assert!(!owners.is_taken_by_other("id-1", "ada") && !owners.is_taken_by_other("ID-1", "ada"));
        assert!(!owners.is_taken_by_other("id-2", "bob") && owners.is_taken_by_other("id-1", "bob"));
        let mut others = UserOwners::default();
        assert!(!others.is_taken_by_other("id-1", "ada") && !others.is_taken_by_other("id-3", "cid"));
        assert_eq!(owners.merge(&others), 0);
        let mut others = UserOwners::default();
        assert!(!others.is_taken_by_other("id-2", "cid"));
        assert_eq!(owners.merge(&others), 1);
    }
}
