//! Where secrets stand in a text.

use super::KnownSecret;
use crate::wire::encodings::{self, SecretEncoding};
use rustc_hash::FxBuildHasher;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Finds the secrets of a text in one pass, however many there are: every case looks for every secret after every step.
#[derive(Default)]
pub(super) struct Index {
    /// Secrets by the last bytes of an encoding; those of tokens differ where their beginnings are alike.
    by_end: HashMap<[u8; END], Vec<Place>, FxBuildHasher>,
    /// A Bloom filter of the last bytes: it excludes nearly every position quickly.
    maybe: Vec<u64>,
    /// Secrets with encodings too short for that.
    short: Vec<usize>,
}

/// A secret's number, and the encoding or, without one, the beginning.
type Place = (usize, Option<SecretEncoding>);

const END: usize = 8;
/// The bits of [`Index::maybe`].
const BITS: usize = 1 << 16;

fn bit(end: [u8; END]) -> usize {
    let mixed = u64::from_le_bytes(end).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 48).unwrap_or(0) % BITS
}

impl Index {
    pub(super) fn add(&mut self, number: usize, known: &KnownSecret) {
        self.maybe.resize(BITS / 64, 0);
        if known.value.len() < END {
            self.short.push(number);
        }
        let beginning = known.beginning.as_ref().and_then(|text| Some((None, *text.as_bytes().last_chunk()?)));
        for (encoding, end) in
            encodings::last_bytes(&known.value).map(|(encoding, end)| (Some(encoding), end)).chain(beginning)
        {
            self.maybe[bit(end) / 64] |= 1 << (bit(end) % 64);
            self.by_end.entry(end).or_default().push((number, encoding));
        }
    }

    pub(super) fn find(&self, text: &str, secrets: &[Arc<KnownSecret>]) -> BTreeSet<usize> {
        let mut found: BTreeSet<usize> = self.short.iter().copied().filter(|n| secrets[*n].is_in(text)).collect();
        let mut partial = BTreeSet::new();
        let bytes = text.as_bytes();
        if self.maybe.is_empty() {
            return found;
        }
        for (at, window) in bytes.windows(END).enumerate() {
            let Ok(end) = <[u8; END]>::try_from(window) else { continue };
            if self.maybe[bit(end) / 64] & (1 << (bit(end) % 64)) == 0 {
                continue;
            }
            let so_far = &bytes[..at + END];
            for (number, encoding) in self.by_end.get(&end).into_iter().flatten() {
                if found.contains(number) {
                    continue;
                }
                let known = &secrets[*number];
                match (encoding, &known.beginning) {
                    (Some(encoding), _) if so_far.ends_with(encoding.of(&known.value).as_bytes()) => {
                        found.insert(*number)
                    }
                    (None, Some(start)) if so_far.ends_with(start.as_bytes()) => partial.insert(*number),
                    _ => false,
                };
            }
        }
        // What is there whole is not also another secret that begins alike.
        let whole: Vec<_> = found.iter().map(|number| secrets[*number].value.as_str()).collect();
        let starts = |number: &usize| secrets[*number].beginning.as_deref().unwrap_or_default();
        partial.retain(|number| !whole.iter().any(|value| value.starts_with(starts(number))));
        found.extend(partial);
        found
    }
}
