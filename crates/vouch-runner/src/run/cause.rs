//! Groups findings by their probable cause: one early defect shows in many cases.

use super::verdict::{CaseReport, Finding};
use crate::gate::Excuse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use vouch_sim::wire::redact::Redacted;

/// Equal for findings that probably have one cause: the same kind of step or invariant, the same expectation and result, and
/// a last exchange of the same shape. Numbers and ids do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CauseKey(String);

/// The key of a finding. The parts are redacted, so that two tokens are equal.
pub(super) fn key(parts: &[Redacted]) -> CauseKey {
    let parts: Vec<_> = parts.iter().map(|part| shape(part.as_str())).collect();
    CauseKey(parts.join("\n"))
}

/// The text with one `#` for each word that contains a digit: a UUID, a port, a number.
fn shape(text: &str) -> String {
    let is_word = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.');
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for character in text.chars().chain(['\n']) {
        if is_word(character) {
            word.push(character);
            continue;
        }
        // HTTP statuses matter: three digits alone.
        let is_status = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
        match !is_status && word.contains(|character: char| character.is_ascii_digit()) {
            true => out.push('#'),
            false => out.push_str(&word),
        }
        word.clear();
        out.push(character);
    }
    out.pop();
    out
}

/// A probable cause of findings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    pub key: CauseKey,
    /// The clauses that its findings violate, in the order in which they were found.
    pub clauses: Vec<String>,
    pub expected: String,
    pub got: String,
    /// The ids of the cases that show it. The first is the specimen.
    pub cases: Vec<String>,
    /// The ids of the cases that it kept from being reached.
    pub not_reached: Vec<String>,
    /// Each of its findings is a warning.
    pub warning: bool,
    /// Why none of its findings fails the run, if they are waived or known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excuse: Option<Excuse>,
}

impl CauseKey {
    /// A short key that is equal for the same keys.
    pub(super) fn digest(&self) -> Self {
        Self(crate::record::sha256(self.0.as_bytes())[..16].to_owned())
    }
}

impl Cause {
    /// Its findings, each with its case: those of the specimen first.
    pub fn findings<'a>(&self, cases: &'a [CaseReport]) -> Vec<(&'a CaseReport, &'a Finding)> {
        let all = cases.iter().flat_map(|case| case.verdict.findings().iter().map(move |finding| (case, finding)));
        let mut found: Vec<_> = all.filter(|(_, finding)| finding.cause == self.key).collect();
        found.sort_by_cached_key(|(case, _)| self.cases.iter().position(|id| *id == case.id));
        found
    }

    /// The cause that a finding shows, without cases.
    fn of(finding: &Finding) -> Self {
        Self {
            key: finding.cause.clone(),
            clauses: vec![],
            expected: finding.expected.to_string(),
            got: finding.got.to_string(),
            cases: vec![],
            not_reached: vec![],
            warning: true,
            excuse: None,
        }
    }
}

/// Collects the causes of a run.
#[derive(Clone, Debug, Default)]
pub struct Causes(Vec<FoundCause>);

/// A cause, and the findings that may be its specimen.
#[derive(Clone, Debug)]
struct FoundCause {
    cause: Cause,
    /// What the gravest of its findings means for the run.
    weight: Weight,
    candidates: Vec<Candidate>,
}

/// What a finding means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Warns,
    Excused(Excuse),
    Fails,
}

/// A finding that may be the specimen of its cause.
#[derive(Clone, Debug)]
struct Candidate {
    clauses: Vec<String>,
    /// The number of steps of its case.
    steps: usize,
    case: String,
    expected: String,
    got: String,
}

impl FoundCause {
    /// Chooses the specimen: of the clauses that most of its findings name, the shortest case.
    fn finish(self) -> Cause {
        let Self { mut cause, candidates, weight } = self;
        cause.warning = weight == Weight::Warns;
        cause.excuse = if let Weight::Excused(excuse) = weight { Some(excuse) } else { None };
        let count = |clauses: &Vec<String>| candidates.iter().filter(|other| other.clauses == *clauses).count();
        let rank = |of: &&Candidate| (std::cmp::Reverse(count(&of.clauses)), of.steps, of.case.clone());
        // Cases end in any order.
        cause.cases.sort();
        cause.not_reached.sort();
        if let Some(specimen) = candidates.iter().min_by_key(rank) {
            (cause.expected, cause.got) = (specimen.expected.clone(), specimen.got.clone());
            if let Some(at) = cause.cases.iter().position(|case| *case == specimen.case) {
                cause.cases[..=at].rotate_right(1);
            }
        }
        cause
    }
}

impl Causes {
    /// Adds the findings of a case, each with what it means for the run.
    pub fn add(&mut self, case: &CaseReport, weight_of: impl Fn(&Finding) -> Weight) {
        let mut seen = BTreeSet::new();
        let steps = case.record.as_ref().map_or(usize::MAX, |record| record.planned_steps);
        for finding in case.verdict.findings() {
            let weight_of_finding = weight_of(finding);
            let known = self.0.iter().position(|found| found.cause.key == finding.cause);
            let index = known.unwrap_or_else(|| {
                self.0.push(FoundCause { cause: Cause::of(finding), weight: weight_of_finding, candidates: vec![] });
                self.0.len() - 1
            });
            let FoundCause { cause, candidates, weight } = &mut self.0[index];
            *weight = weight_of_finding.max(*weight);
            for clause in &finding.clauses {
                if !cause.clauses.contains(clause) {
                    cause.clauses.push(clause.clone());
                }
            }
            if !seen.insert(index) {
                continue;
            }
            cause.cases.push(case.id.clone());
            candidates.push(Candidate {
                clauses: finding.clauses.clone(),
                steps,
                case: case.id.clone(),
                expected: finding.expected.to_string(),
                got: finding.got.to_string(),
            });
        }
    }

    /// Notes that a case was not reached because of what another case shows.
    pub fn add_not_reached(&mut self, case: &str, because_of: &str) {
        if let Some(found) = self.0.iter_mut().find(|found| found.cause.cases.iter().any(|id| id == because_of)) {
            found.cause.not_reached.push(case.to_owned());
        }
    }

    /// The causes, those with the most cases first; warnings are last, after them what is waived or known. `servers_first`: before all others come the causes
    /// that name a clause about servers.
    pub fn into_sorted(self, servers_first: bool) -> Vec<Cause> {
        let mut causes: Vec<_> = self.0.into_iter().map(FoundCause::finish).collect();
        causes.sort_by_key(|cause| {
            let consequence = servers_first && !cause.clauses.iter().any(|clause| is_about_servers(clause));
            (cause.excuse, cause.warning, consequence, std::cmp::Reverse(cause.cases.len() + cause.not_reached.len()))
        });
        causes
    }
}

/// Whether a clause states what identity provider and API do.
pub fn is_about_servers(clause: &str) -> bool {
    matches!(clause.split('-').next(), Some("IDP" | "SCO")) || matches!(clause, "ISS-5" | "ISS-6")
}

#[cfg(test)]
mod tests {
    use super::*;
    use vouch_sim::wire::redact::Redactor;

    fn key_of(text: &str) -> CauseKey {
        key(&[Redactor::default().scrub(text)])
    }

    #[test]
    fn numbers_and_ids_do_not_count_and_statuses_do() {
        assert_eq!(key_of("the user 6f1c-11 of port 8123"), key_of("the user 9a2b-77 of port 9001"));
        assert_eq!(key_of("GET /v2/user/ab12"), key_of("GET /v2/user/cd34"));
        assert_ne!(key_of("HTTP 404"), key_of("HTTP 500"));
        assert_ne!(key_of("the error network"), key_of("the error storage"));
    }
}
