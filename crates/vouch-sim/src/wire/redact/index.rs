//! Where secrets stand in a text.

use super::KnownSecret;
use crate::wire::encodings::{self, SecretEncoding};
use rustc_hash::FxBuildHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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

/// A secret's number, and what of it ends there.
type Place = (usize, Part);

/// What of a secret may stand in a text.
#[derive(Clone, Copy)]
enum Part {
    Whole(SecretEncoding),
    Beginning,
    /// A quarter, from 0; see [`encodings::Pieces`].
    Quarter(usize),
}

/// Of the quarters of a secret in two parts, so many are whole.
const WHOLE_QUARTERS: u32 = 2;
/// The bit of the end of a secret, beside those of its quarters.
const END_BIT: u8 = 8;

const END: usize = 8;
/// The bits of [`Index::maybe`].
const BITS: usize = 1 << 16;

fn bit(end: [u8; END]) -> usize {
    let mixed = u64::from_le_bytes(end).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 48).unwrap_or(0) % BITS
}

/// The bit of the piece that the text ends with; 0 if it ends with none.
fn piece_before(so_far: &[u8], known: &KnownSecret, part: Part) -> u8 {
    let Some(pieces) = known.pieces else { return 0 };
    let (text, bit) = match part {
        Part::Quarter(at) => (pieces.quarter(&known.value, at), 1 << at),
        Part::Whole(_) | Part::Beginning => (pieces.end(&known.value), END_BIT),
    };
    if so_far.ends_with(text.as_bytes()) { bit } else { 0 }
}

impl Index {
    pub(super) fn add(&mut self, number: usize, known: &KnownSecret) {
        self.maybe.resize(BITS / 64, 0);
        if known.value.len() < END {
            self.short.push(number);
        }
        let beginning =
            known.beginning.as_ref().and_then(|text| Some((Part::Beginning, *text.as_bytes().last_chunk()?)));
        let quarter = |at| Some((Part::Quarter(at), *known.pieces?.quarter(&known.value, at).as_bytes().last_chunk()?));
        let quarters = (0..3).filter_map(quarter);
        let whole = encodings::last_bytes(&known.value).map(|(encoding, end)| (Part::Whole(encoding), end));
        for (part, end) in whole.chain(beginning).chain(quarters) {
            self.maybe[bit(end) / 64] |= 1 << (bit(end) % 64);
            self.by_end.entry(end).or_default().push((number, part));
        }
    }

    pub(super) fn find(&self, text: &str, secrets: &[Arc<KnownSecret>]) -> BTreeSet<usize> {
        let mut found: BTreeSet<usize> = self.short.iter().copied().filter(|n| secrets[*n].is_in(text)).collect();
        let mut partial = BTreeSet::new();
        let mut pieces: BTreeMap<usize, u8> = BTreeMap::new();
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
            for (number, part) in self.by_end.get(&end).into_iter().flatten() {
                if found.contains(number) {
                    continue;
                }
                let known = &secrets[*number];
                match part {
                    Part::Whole(encoding) if so_far.ends_with(encoding.of(&known.value).as_bytes()) => {
                        found.insert(*number);
                    }
                    Part::Beginning
                        if known.beginning.as_ref().is_some_and(|text| so_far.ends_with(text.as_bytes())) =>
                    {
                        partial.insert(*number);
                    }
                    Part::Whole(SecretEncoding::AsIs) | Part::Quarter(_) => {
                        *pieces.entry(*number).or_default() |= piece_before(so_far, known, *part);
                    }
                    _ => {}
                }
            }
        }
        let in_parts = pieces
            .into_iter()
            .filter(|(_, seen)| seen & END_BIT != 0 && (seen & !END_BIT).count_ones() >= WHOLE_QUARTERS);
        found.extend(in_parts.map(|(number, _)| number));
        // What is there whole is not also another secret that begins alike.
        let whole: Vec<_> = found.iter().map(|number| secrets[*number].value.as_str()).collect();
        let starts = |number: &usize| secrets[*number].beginning.as_deref().unwrap_or_default();
        partial.retain(|number| !whole.iter().any(|value| value.starts_with(starts(number))));
        found.extend(partial);
        found
    }
}
