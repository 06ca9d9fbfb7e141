//! The memory that the processes of an SDK used during a load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// More samples are not kept: every second one is dropped.
const MAX_SAMPLES: usize = 3600;

/// The memory that all processes of an SDK used together during a load. What they share counts once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SdkMemory {
    /// Before the load, each ten seconds, and at the end.
    pub samples: Vec<MemorySample>,
}

/// One moment of the load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemorySample {
    /// Seconds since the start of the load.
    pub at: f64,
    /// The processes that ran, each with its children.
    pub processes: u64,
    /// The memory of all of them, in bytes.
    pub bytes: u64,
}

impl SdkMemory {
    pub(super) fn add(&mut self, sample: MemorySample) {
        if self.samples.len() >= MAX_SAMPLES {
            // The peak stays.
            let (peak, mut keep) = (self.peak(), false);
            self.samples.retain(|sample| {
                keep = !keep;
                keep || Some(*sample) == peak
            });
        }
        self.samples.push(sample);
    }

    /// The sample with the most memory.
    pub fn peak(&self) -> Option<MemorySample> {
        self.samples.iter().copied().max_by_key(|sample| sample.bytes)
    }
}

impl MemorySample {
    /// The memory of one process, in bytes.
    pub fn of_each(&self) -> Option<u64> {
        self.bytes.checked_div(self.processes)
    }
}

impl fmt::Display for MemorySample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processes = if self.processes == 1 { "process" } else { "processes" };
        write!(f, "{} of {} {processes}", mebibytes(self.bytes), self.processes)?;
        self.of_each().map_or(Ok(()), |each| write!(f, " ({} each)", mebibytes(each)))
    }
}

/// Bytes in words, for people.
pub fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_and_last_stay_whatever_is_dropped() {
        let mut memory = SdkMemory::default();
        assert_eq!(memory.peak(), None);
        for second in 0..10_800_u32 {
            let bytes = if second == 7 { 5 << 20 } else { 1 << 20 };
            memory.add(MemorySample { at: f64::from(second), processes: 2, bytes });
        }
        assert!(memory.samples.len() <= MAX_SAMPLES);
        let peak = memory.peak().expect("a peak");
        assert_eq!((peak.to_string().as_str(), peak.at), ("5.0 MiB of 2 processes (2.5 MiB each)", 7.0));
        assert_eq!(memory.samples.last().map(|last| last.at), Some(10_799.0));
    }
}
