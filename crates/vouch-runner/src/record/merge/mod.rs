//! Joins the records of the shards of a run into the record of the whole run.
//!
//! The merged record says what one run of all the cases says. It names its shards, and nothing in it follows from their
//! summaries: the verdicts of failed preparations and the summary are derived from all cases.

use super::RunRecord;
use crate::run::attribution::settle_across;
use crate::run::event::Started;
use crate::run::summary::RunEnd;
use crate::run::{MergedShard, RunShard, Shard};
use crate::sut::ProcessTally;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use vouch_spec::timestamp;

/// A record and the file that it was read from.
#[derive(Clone, Debug)]
pub struct NamedRecord {
    pub path: PathBuf,
    pub record: RunRecord,
}

/// Why records are not merged.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is no record.
    #[error("there is no record to merge")]
    Nothing,
    /// A record is of a whole run.
    #[error("{} is not the record of a shard; `vouch run --shard 1/4` makes one", .0.display())]
    NotAShard(PathBuf),
    /// A shard has impossible numbers.
    #[error("{} says that it is the shard {shard}, which cannot be", path.display())]
    InvalidShard {
        /// The record.
        path: PathBuf,
        /// What it says.
        shard: Shard,
    },
    /// The records are of runs that were split or set up differently.
    #[error(
        "{} and {} are not of one run: {what} differs, {first} and {other}. Run each shard with the same arguments; give \
         --vary and --shuffle a seed",
        paths.0.display(),
        paths.1.display()
    )]
    Differs {
        /// The records.
        paths: (PathBuf, PathBuf),
        /// What differs.
        what: &'static str,
        /// As JSON.
        first: String,
        /// As JSON.
        other: String,
    },
    /// Shards are missing or given twice.
    #[error("the records do not make a whole run: {}", .0.join("; "))]
    Incomplete(Vec<String>),
    /// A case is in two shards.
    #[error("the case {case} is in the shards {} and {}, and a case is in one shard", shards.0, shards.1)]
    Overlap {
        /// The id of the case.
        case: String,
        /// The shards.
        shards: (Shard, Shard),
    },
    /// A record has no valid time.
    #[error("{} has no valid start time: `{time}`", path.display())]
    Time {
        /// The record.
        path: PathBuf,
        /// What it says.
        time: String,
    },
    /// A record has a duration that no run has.
    #[error("{} has no valid duration: {} s", path.display(), duration.as_secs())]
    Duration {
        /// The record.
        path: PathBuf,
        /// What it says.
        duration: Duration,
    },
}

/// Joins the records of all shards of a run, in any order.
///
/// # Errors
/// If the records are not exactly the shards of one run: same suite, target, build and arguments, none missing or twice.
pub fn merge(records: Vec<NamedRecord>) -> Result<RunRecord, MergeError> {
    let shards = sorted(records)?;
    let Some((scope, first)) = shards.first() else { return Err(MergeError::Nothing) };
    for (_, other) in &shards {
        same_run(first, other)?;
    }
    complete(&shards)?;
    disjoint(&shards)?;
    let (start, duration) = times(&shards)?;
    let started = Started {
        started_at: start,
        arguments: common_arguments(&first.record.started),
        cases: shards.iter().map(|(_, of)| of.record.started.cases).sum(),
        jobs: shards.iter().map(|(_, of)| of.record.started.jobs).max().unwrap_or(1),
        completeness: scope.together,
        shard: None,
        merged_from: shards.iter().map(|(scope, of)| provenance(scope.shard, &of.record)).collect(),
        ..first.record.started.clone()
    };
    let ends: Vec<_> = shards.iter().map(|(_, of)| of.record.summary().end()).collect();
    let end = RunEnd {
        duration,
        longest_delay: ends.iter().map(|end| end.longest_delay).max().unwrap_or_default(),
        interrupted: ends.iter().any(|end| end.interrupted),
        processes: ends.into_iter().filter_map(|end| end.processes).reduce(ProcessTally::and),
    };
    let cases = shards.into_iter().flat_map(|(_, of)| of.record.cases).collect();
    let cases = settle_across(cases, &started);
    let mut merged = RunRecord { started, cases, written_summary: None, sha256: String::new() };
    merged.written_summary = Some(merged.summarize(end));
    Ok(merged)
}

/// The shards by their numbers.
fn sorted(records: Vec<NamedRecord>) -> Result<Vec<(RunShard, NamedRecord)>, MergeError> {
    let mut shards = Vec::new();
    for of in records {
        match of.record.started.shard {
            None => return Err(MergeError::NotAShard(of.path)),
            Some(scope) if !scope.shard.is_valid() => {
                return Err(MergeError::InvalidShard { path: of.path, shard: scope.shard });
            }
            Some(scope) => shards.push((scope, of)),
        }
    }
    shards.sort_by_key(|(scope, _)| scope.shard.number());
    Ok(shards)
}

/// What must be the same in all shards of a run.
fn identity(started: &Started) -> [(&'static str, Value); 20] {
    let shard = started.shard.as_ref();
    [
        ("the number of shards", json!(shard.map(|of| of.shard.count()))),
        ("the suite", json!(started.suite.sha256)),
        ("the target", json!(started.target)),
        ("the target file", json!(started.target_file)),
        ("the build digest", json!(started.build_digest)),
        ("the role under test", json!(started.roles)),
        ("the build's description of itself", json!(started.sdk)),
        ("what the build claims", json!(started.capabilities)),
        ("the areas for tokens", json!(started.token_storage)),
        ("the profile", json!(started.profile)),
        ("the version of Vouch", json!(started.vouch)),
        ("the time mode", json!(started.time)),
        ("the strictness", json!(started.strictness)),
        ("--require-all", json!(started.require_all)),
        ("the seed of the order", json!(started.seed)),
        ("the seed of the conditions", json!(started.vary)),
        ("what is under test", json!([started.sdk_under_test, started.cloud_under_test])),
        ("the chosen part of the suite", json!(shard.map(|of| of.together))),
        ("the waivers or known failures", json!([started.gate.waivers, started.gate.known_failures])),
        ("the arguments", json!(common_arguments(started))),
    ]
}

fn same_run(first: &NamedRecord, other: &NamedRecord) -> Result<(), MergeError> {
    let pairs = identity(&first.record.started).into_iter().zip(identity(&other.record.started));
    let differs = pairs.into_iter().find(|((_, first), (_, other))| first != other);
    let Some(((what, of_first), (_, of_other))) = differs else { return Ok(()) };
    let paths = (first.path.clone(), other.path.clone());
    Err(MergeError::Differs { paths, what, first: of_first.to_string(), other: of_other.to_string() })
}

/// The arguments without those that may differ from shard to shard: its number, where its results go, and how many cases run
/// at once.
fn common_arguments(started: &Started) -> Vec<String> {
    const OWN: [&str; 4] = ["--shard", "--record", "--report", "--jobs"];
    let mut common = Vec::new();
    let mut arguments = started.arguments.iter();
    while let Some(argument) = arguments.next() {
        if OWN.contains(&argument.as_str()) || argument == "-j" {
            arguments.next();
        } else if !OWN.iter().any(|own| argument.strip_prefix(own).is_some_and(|rest| rest.starts_with('='))) {
            common.push(argument.clone());
        }
    }
    common
}

/// Each shard must be there once.
fn complete(shards: &[(RunShard, NamedRecord)]) -> Result<(), MergeError> {
    let mut found: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (scope, of) in shards {
        found.entry(scope.shard.number()).or_default().push(of.path.display().to_string());
    }
    let count = shards.first().map_or(0, |(scope, _)| scope.shard.count());
    let mut problems = Vec::new();
    for number in 1..=count {
        match found.get(&number).map_or(&[][..], Vec::as_slice) {
            [] => problems.push(format!("the shard {number}/{count} is missing")),
            [_] => {}
            several => problems.push(format!("the shard {number}/{count} is there twice: {}", several.join(", "))),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(MergeError::Incomplete(problems)) }
}

/// No case may be in two shards.
fn disjoint(shards: &[(RunShard, NamedRecord)]) -> Result<(), MergeError> {
    let mut seen: HashMap<&str, Shard> = HashMap::new();
    for (scope, of) in shards {
        for case in &of.record.cases {
            let before = *seen.entry(&case.id).or_insert(scope.shard);
            if before != scope.shard {
                return Err(MergeError::Overlap { case: case.id.clone(), shards: (before, scope.shard) });
            }
        }
    }
    Ok(())
}

/// When the first shard started and the last one ended.
/// The text of the earliest start, and the time from it to the latest end.
fn times(shards: &[(RunShard, NamedRecord)]) -> Result<(String, Duration), MergeError> {
    let (mut start, mut end) = (None::<SystemTime>, None::<SystemTime>);
    for (_, of) in shards {
        let time = &of.record.started.started_at;
        let invalid = || MergeError::Time { path: of.path.clone(), time: time.clone() };
        let began = humantime::parse_rfc3339(time).map_err(|_| invalid())?;
        let duration = of.record.summary().duration;
        let ended = began.checked_add(duration).filter(|end| timestamp::of(*end).is_some());
        let ended = ended.ok_or_else(|| MergeError::Duration { path: of.path.clone(), duration })?;
        start = Some(start.map_or(began, |start| start.min(began)));
        end = Some(end.map_or(ended, |end| end.max(ended)));
    }
    let (start, end) = start.zip(end).ok_or(MergeError::Nothing)?;
    let text = timestamp::of(start).ok_or(MergeError::Nothing)?;
    Ok((text, end.duration_since(start).unwrap_or_default()))
}

fn provenance(shard: Shard, record: &RunRecord) -> MergedShard {
    let duration = record.written_summary.as_ref().map_or(Duration::ZERO, |summary| summary.duration);
    MergedShard {
        shard,
        record_sha256: record.sha256.clone(),
        started_at: record.started.started_at.clone(),
        duration,
        host: record.started.host.clone(),
    }
}

#[cfg(test)]
mod tests;
