//! Shards: a run that is split by case over several machines.

use super::summary::Completeness;
use crate::record::{Host, seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The greatest number of shards: a larger one is a slip of the pen.
const MAX_SHARDS: usize = 1000;

/// One of the parts into which the cases of a run are split, written as `1/4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shard {
    /// From 1 to the number of shards.
    number: usize,
    /// The number of shards.
    count: usize,
}

impl Shard {
    /// From 1 to [`count`](Self::count).
    pub fn number(self) -> usize {
        self.number
    }

    /// The number of shards.
    pub fn count(self) -> usize {
        self.count
    }

    /// Whether the shard has the case of this index, from 0.
    pub(super) fn has(self, index: usize) -> bool {
        index % self.count == self.number - 1
    }

    /// Whether the numbers are possible: a record from outside may have any.
    pub(crate) fn is_valid(self) -> bool {
        (1..=MAX_SHARDS).contains(&self.count) && (1..=self.count).contains(&self.number)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers =
            text.split_once('/').and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
        let shard = numbers.map(|(number, count)| Self { number, count }).filter(|shard| shard.is_valid());
        shard.ok_or_else(|| {
            format!("write NUMBER/COUNT, for example 1/4 for the first of four shards; at most {MAX_SHARDS} shards")
        })
    }
}

/// The shard that a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunShard {
    #[serde(flatten)]
    pub shard: Shard,
    /// How much of the suite all shards have together.
    pub together: Completeness,
}

/// A shard that became part of a merged record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MergedShard {
    #[serde(flatten)]
    pub shard: Shard,
    /// SHA-256 of its record, in lower-case hexadecimal.
    pub record_sha256: String,
    /// The time of its machine, as RFC 3339 in UTC.
    pub started_at: String,
    #[serde(rename = "durationSeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    pub host: Host,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_is_in_exactly_one_shard() {
        for index in 0..20 {
            let having = (1..=3).filter(|number| Shard { number: *number, count: 3 }.has(index)).count();
            assert_eq!(having, 1, "case {index}");
        }
    }

    #[test]
    fn a_shard_is_written_as_number_and_count() {
        assert_eq!("2/4".parse::<Shard>().map(|shard| shard.to_string()), Ok("2/4".to_owned()));
        for wrong in ["", "2", "0/4", "5/4", "1/0", "-1/4", "1/4/4", "a/b", "1/1001"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
