//! Tables that grow without moving what they hold: a table that doubles would stop every call for as long as it copies, and
//! that pause would be taken for one of the build's under load.

use hashbrown::HashTable;

/// `SegmentedVec` in a piece.
const PIECE: usize = 4096;

/// A growing list of rows, in pieces that stay where they are.
pub(super) struct SegmentedVec<T>(Vec<Vec<T>>);

impl<T> Default for SegmentedVec<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> SegmentedVec<T> {
    /// Adds a row; its number, from 0. None when four thousand million are there.
    pub fn push(&mut self, row: T) -> Option<u32> {
        let full = self.0.last().is_none_or(|piece| piece.len() == PIECE);
        let before = self.0.len().saturating_sub(usize::from(!full)) * PIECE;
        if full {
            // The first piece starts small: most clouds have a handful of users.
            self.0.push(Vec::with_capacity(if self.0.is_empty() { 4 } else { PIECE }));
        }
        let piece = self.0.last_mut()?;
        let number = u32::try_from(before + piece.len()).ok()?;
        piece.push(row);
        Some(number)
    }

    pub fn get(&self, number: u32) -> Option<&T> {
        let number = number as usize;
        self.0.get(number / PIECE)?.get(number % PIECE)
    }

    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let number = number as usize;
        self.0.get_mut(number / PIECE)?.get_mut(number % PIECE)
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

/// Shards of an index: each grows by itself.
const SHARDS: usize = 256;

/// Row numbers by a hash of what the rows hold, 8 bytes each. Several rows may have one hash.
#[derive(Default)]
pub(super) struct Index(Vec<HashTable<(u32, u32)>>);

impl Index {
    pub fn add(&mut self, hash: u32, row: u32) {
        if self.0.is_empty() {
            self.0.resize_with(SHARDS, HashTable::new);
        }
        self.0[shard(hash)].insert_unique(spread(hash), (hash, row), |(hash, _)| spread(*hash));
    }

    /// The rows that may be meant; whether they are is the caller's to see.
    pub fn rows(&self, hash: u32) -> impl Iterator<Item = u32> {
        let shard = self.0.get(shard(hash));
        let same = shard.into_iter().flat_map(move |table| table.iter_hash(spread(hash)));
        same.filter(move |(of, _)| *of == hash).map(|(_, row)| *row)
    }
}

fn shard(hash: u32) -> usize {
    hash as usize % SHARDS
}

/// A table looks at the highest and the lowest bits of 64.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_numbers_over_the_end_of_a_piece() {
        let mut rows = SegmentedVec::default();
        for n in 0..10_000_u32 {
            assert_eq!(rows.push(n), Some(n));
        }
        assert_eq!(
            [rows.get(0), rows.get(4095), rows.get(4096), rows.get(9999)].map(Option::unwrap),
            [&0, &4095, &4096, &9999]
        );
        assert_eq!(rows.get(10_000), None);
        assert!(rows.iter().copied().eq(0..10_000));
    }

    #[test]
    fn an_index_finds_all_rows_of_a_hash() {
        let mut index = Index::default();
        assert_eq!(index.rows(7).count(), 0);
        for row in 0..50_000 {
            index.add(row % 10_000, row);
        }
        let mut found: Vec<_> = index.rows(7).collect();
        found.sort_unstable();
        assert_eq!(found, [7, 10_007, 20_007, 30_007, 40_007]);
    }
}
