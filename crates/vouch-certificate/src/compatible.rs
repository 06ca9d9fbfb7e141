//! Whether certified parts fit together: app, SDK, backend and cloud, each by its run record.
//!
//! Each part was tested against the built-in parts. Two parts fit if they were tested under the same conditions, and if no part
//! waives what another one was tested to get.

use crate::certifiable::{self, Warnings};
use crate::verify::Check;
use std::collections::{BTreeMap, BTreeSet};
use vouch_runner::record::RunRecord;
use vouch_runner::run::cause::is_about_servers;
use vouch_runner::run::event::Started;
use vouch_runner::run::summary::{ClauseStatus, Summary};
use vouch_runner::run::verdict::Verdict;

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartKind {
    App,
    Sdk,
    Backend,
    /// The API and the identity provider.
    Cloud,
}

impl PartKind {
    /// Every kind with its word on the command line.
    pub const ALL: [(&'static str, PartKind); 4] =
        [("app", PartKind::App), ("sdk", PartKind::Sdk), ("backend", PartKind::Backend), ("cloud", PartKind::Cloud)];

    /// The kind as the command line names it.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }

    fn is_role(self, role: &str) -> bool {
        match self {
            PartKind::Cloud => matches!(role, "api" | "idp"),
            _ => role == self.word(),
        }
    }
}

/// A part and the record of its run.
#[derive(Clone, Debug)]
pub struct Part {
    pub kind: PartKind,
    pub record: RunRecord,
}

/// Checks whether parts fit. Each check says what they have in common, or why they do not fit.
pub fn compatible(parts: &[Part]) -> Vec<Check> {
    let mut checks: Vec<_> =
        parts.iter().map(|part| Check { name: part.kind.word(), result: certified(part) }).collect();
    let started = |value: fn(&Started) -> String| parts.iter().map(move |part| (part, value(&part.record.started)));
    checks.extend([
        Check { name: "profile", result: same(started(|of| of.profile.clone())) },
        Check { name: "suite", result: same(started(suite)) },
        Check { name: "environment", result: environment(parts) },
        Check { name: "waivers", result: waivers(parts) },
    ]);
    checks
}

fn suite(of: &Started) -> String {
    format!("edition {} ({})", of.suite.edition, of.suite.sha256.get(..12).unwrap_or(&of.suite.sha256))
}

/// The run must have tested the part, and be one that can be certified.
fn certified(part: &Part) -> Result<String, String> {
    let started = &part.record.started;
    if !started.roles.iter().any(|role| part.kind.is_role(role)) {
        let tested = if started.roles.is_empty() { "the built-in parts".to_owned() } else { started.roles.join(", ") };
        return Err(format!("the record tests {tested}, not the {}", part.kind.word()));
    }
    certifiable::check(&part.record, Warnings::Accepted).map_err(|error| error.to_string())?;
    let digest = started.build_digest.as_ref().map_or("", |build| build.sha256.as_str());
    let name = format!("{} {}", started.sdk.name, started.sdk.version);
    Ok(format!("{}, {} conforms (build {})", started.target, name.trim_end(), digest.get(..12).unwrap_or(digest)))
}

/// The value that all parts have in common.
fn same<'a>(values: impl Iterator<Item = (&'a Part, String)>) -> Result<String, String> {
    let values: Vec<_> = values.collect();
    let first = values.first().map(|(_, value)| value.clone()).unwrap_or_default();
    if values.iter().all(|(_, value)| *value == first) {
        return Ok(first);
    }
    let words: Vec<_> = values.iter().map(|(part, value)| format!("{}: {value}", part.kind.word())).collect();
    Err(format!("the parts differ: {}", words.join(", ")))
}

/// There must be an environment and region in which a case of each part passed.
fn environment(parts: &[Part]) -> Result<String, String> {
    let realms: BTreeMap<_, _> = parts.iter().map(|part| (part.kind, realms(&part.record))).collect();
    let words = |realms: &BTreeSet<&str>| realms.iter().copied().collect::<Vec<_>>().join(", ");
    if let Some((kind, _)) = realms.iter().find(|(_, realms)| realms.is_empty()) {
        let kind = kind.word();
        return Err(format!(
            "the record of the {kind} has no exchange of a passed case, so that it names no environment"
        ));
    }
    let mut common = realms.values().next().cloned().unwrap_or_default();
    realms.values().for_each(|of| common.retain(|realm| of.contains(realm)));
    if common.is_empty() {
        let each: Vec<_> = realms.iter().map(|(kind, of)| format!("{}: {}", kind.word(), words(of))).collect();
        return Err(format!("the parts have none in common; {}", each.join("; ")));
    }
    Ok(words(&common))
}

fn realms(record: &RunRecord) -> BTreeSet<&str> {
    let passed = record.cases.iter().filter(|case| matches!(case.verdict, Verdict::Passed));
    let wire = passed.filter_map(|case| case.record.as_ref()).flat_map(|case| &case.wire);
    wire.map(|exchange| exchange.realm.as_str()).filter(|realm| !realm.is_empty()).collect()
}

/// No part may waive a clause that another part relies on: one that the cases of the other part test too, or one about servers.
fn waivers(parts: &[Part]) -> Result<String, String> {
    let summaries: Vec<_> = parts.iter().map(|part| (part.kind, part.record.summary())).collect();
    let (mut conflicts, mut waived) = (vec![], vec![]);
    for (kind, summary) in &summaries {
        for clause in summary.clauses.iter().filter(|clause| clause.status == ClauseStatus::Waived) {
            let relies = |(other, of): &&(PartKind, Summary)| {
                other != kind && (is_about_servers(&clause.id) || is_tested(of, &clause.id))
            };
            let others: Vec<_> = summaries.iter().filter(relies).map(|(other, _)| other.word()).collect();
            let word = kind.word();
            match others.is_empty() {
                true => waived.push(format!("{} ({word})", clause.id)),
                false => conflicts.push(format!(
                    "the {word} waives {}, on which the {} relies: {}",
                    clause.id,
                    others.join(" and the "),
                    clause.text
                )),
            }
        }
    }
    if !conflicts.is_empty() {
        return Err(conflicts.join("\n    "));
    }
    match waived.is_empty() {
        true => Ok("none".into()),
        false => Ok(format!("no part relies on what another one waives: {}", waived.join(", "))),
    }
}

fn is_tested(summary: &Summary, clause: &str) -> bool {
    summary.clauses.iter().any(|of| of.id == clause && of.status != ClauseStatus::NotApplicable)
}

#[cfg(test)]
mod tests;
