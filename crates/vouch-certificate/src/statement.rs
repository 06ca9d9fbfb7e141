//! The statement of a certificate: an in-toto statement with the predicate `test-result`
//! (<https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md>).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::SystemTime;
use vouch_runner::gate::Waiver;
use vouch_runner::record::RunRecord;
use vouch_runner::run::summary::{ClauseStatus, Summary};
use vouch_runner::run::verdict::Strictness;
use vouch_sim::mutant;

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of the predicate.
pub const PREDICATE_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// The names of the resources in `configuration`.
const RECORD: &str = "run-record";
const SUITE: &str = "vouch-suite";

/// What a certificate states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// The build.
    subject: Vec<Resource>,
    predicate_type: String,
    predicate: TestResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Resource {
    name: String,
    digest: BTreeMap<String, String>,
}

impl Resource {
    fn new(name: &str, sha256: &str) -> Self {
        Self { name: name.to_owned(), digest: BTreeMap::from([("sha256".to_owned(), sha256.to_owned())]) }
    }

    fn sha256(&self) -> &str {
        self.digest.get("sha256").map_or("", String::as_str)
    }
}

/// The predicate. The tests are clauses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// `PASSED`, or `WARNED` where `should` clauses are violated.
    pub result: String,
    configuration: Vec<Resource>,
    /// The clauses that the build satisfied.
    pub passed_tests: Vec<String>,
    /// The `should` clauses that it violated, and the clauses whose violation is waived.
    pub warned_tests: Vec<String>,
    failed_tests: Vec<String>,
    /// What the predicate has no field for.
    pub vouch: Details,
}

/// What the predicate `test-result` has no field for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// The version of Vouch that ran the suite.
    pub vouch_version: String,
    /// The version of Vouch that made the certificate.
    pub certified_by: String,
    pub suite_edition: u32,
    /// Whether the suite is the one that is bundled with Vouch.
    pub suite_bundled: bool,
    pub target: String,
    pub roles: Vec<String>,
    pub capabilities: Vec<String>,
    pub profile: String,
    pub strict: bool,
    pub started_on: String,
    pub finished_on: String,
    pub passed_cases: usize,
    pub warned_cases: usize,
    pub skipped_cases: usize,
    /// The number of cases whose findings are waived.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waived_cases: usize,
    /// The waivers of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<CertifiedWaiver>,
    /// The clauses of which no case passed, for example because the build lacks a capability.
    pub not_tested: Vec<String>,
    /// The faults that `vouch mutants` shows the suite to detect, of the clauses that passed, for the roles and the profile.
    pub detectable_mutants: Vec<String>,
}

/// A waiver, as a certificate states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertifiedWaiver {
    /// The violated clause. `None`: every finding of the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// The id of the case. `None`: every case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    pub reason: String,
    pub owner: String,
    /// The last day on which it holds, as `YYYY-MM-DD` in UTC.
    pub expires: String,
}

impl CertifiedWaiver {
    fn of(waiver: &Waiver) -> Self {
        Self {
            clause: waiver.clause.clone(),
            case: waiver.case.clone(),
            reason: waiver.reason.to_string(),
            owner: waiver.owner.to_string(),
            expires: waiver.expires.clone(),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Statement {
    /// What a record states. Returns `None` if it has no build, no summary or no valid time: then it cannot be certified.
    pub fn of(record: &RunRecord) -> Option<Self> {
        let (started, summary) = (&record.started, record.written_summary.as_ref()?);
        let build = started.build_digest.as_ref()?;
        let began = humantime::parse_rfc3339(&started.started_at).ok()?;
        let finished = vouch_spec::timestamp::of(began.checked_add(summary.duration)?)?;
        let passed_tests = of_status(summary, ClauseStatus::Satisfied);
        let details = Details {
            vouch_version: started.vouch.clone(),
            certified_by: env!("CARGO_PKG_VERSION").into(),
            suite_edition: started.suite.edition,
            suite_bundled: started.suite.bundled,
            target: started.target.clone(),
            roles: started.roles.clone(),
            capabilities: started.capabilities.clone(),
            profile: started.profile.clone(),
            strict: started.strictness == Strictness::Strict,
            started_on: started.started_at.clone(),
            finished_on: finished,
            passed_cases: summary.passed,
            warned_cases: summary.warned,
            skipped_cases: summary.skipped,
            waived_cases: summary.waived,
            waivers: started.gate.waivers.iter().map(CertifiedWaiver::of).collect(),
            not_tested: of_status(summary, ClauseStatus::NotTested),
            detectable_mutants: detectable_mutants(record, &passed_tests),
        };
        let predicate = TestResult {
            result: if summary.warned + summary.waived == 0 { "PASSED" } else { "WARNED" }.into(),
            configuration: vec![Resource::new(RECORD, &record.sha256), Resource::new(SUITE, &started.suite.sha256)],
            passed_tests,
            warned_tests: [ClauseStatus::Violated, ClauseStatus::Waived]
                .into_iter()
                .flat_map(|status| of_status(summary, status))
                .collect(),
            failed_tests: vec![],
            vouch: details,
        };
        Some(Self {
            kind: STATEMENT_TYPE.into(),
            subject: vec![Resource::new(&build.name, &build.sha256)],
            predicate_type: PREDICATE_TYPE.into(),
            predicate,
        })
    }

    /// Reads the payload of an envelope.
    ///
    /// # Errors
    /// If it is not a statement about one build with a test result.
    pub fn parse(payload: &[u8]) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
        for (field, wanted) in [("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)] {
            if value[field] != wanted {
                return Err(format!("`{field}` is {}, and a certificate has \"{wanted}\"", value[field]));
            }
        }
        let statement: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        if statement.subject.len() != 1 {
            return Err(format!("it has {} subjects, and a certificate has one build", statement.subject.len()));
        }
        Ok(statement)
    }

    /// The bytes to sign.
    pub fn to_payload(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The test result.
    pub fn result(&self) -> &TestResult {
        &self.predicate
    }

    /// The SHA-256 of the build.
    pub fn build_sha256(&self) -> &str {
        self.subject.first().map_or("", Resource::sha256)
    }

    /// The SHA-256 of the run record.
    pub fn record_sha256(&self) -> &str {
        self.configured(RECORD)
    }

    /// The SHA-256 of the suite.
    pub fn suite_sha256(&self) -> &str {
        self.configured(SUITE)
    }

    fn configured(&self, name: &str) -> &str {
        self.predicate.configuration.iter().find(|resource| resource.name == name).map_or("", Resource::sha256)
    }

    /// When the run finished.
    pub fn finished_on(&self) -> Option<SystemTime> {
        humantime::parse_rfc3339(&self.predicate.vouch.finished_on).ok()
    }

    /// Whether both state the same. Which mutants exist and who certified depends on the version of Vouch.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let mut one = self.clone();
        let (mine, others) = (&mut one.predicate.vouch, &other.predicate.vouch);
        if mine.certified_by != others.certified_by {
            mine.certified_by.clone_from(&others.certified_by);
            mine.detectable_mutants.clone_from(&others.detectable_mutants);
        }
        one == *other
    }
}

fn of_status(summary: &Summary, status: ClauseStatus) -> Vec<String> {
    summary.clauses.iter().filter(|result| result.status == status).map(|result| result.id.clone()).collect()
}

/// None for a suite that is not bundled: `vouch mutants` says nothing about it.
fn detectable_mutants(record: &RunRecord, passed: &[String]) -> Vec<String> {
    let started = &record.started;
    let is_tested = |part: &str| {
        started.roles.iter().any(|role| role == part || part == "cloud" && ["api", "idp"].contains(&role.as_str()))
    };
    let all = mutant::all().into_iter().filter(|_| started.suite.bundled);
    let shows = |mutant: &mutant::Mutant| {
        is_tested(mutant.mutation.word())
            && passed.iter().any(|clause| clause == mutant.clause)
            && mutant.profile.is_none_or(|profile| profile == started.profile)
            && (mutant.vary.is_none() || mutant.vary == started.vary)
    };
    all.filter(shows).map(|mutant| mutant.name.to_owned()).collect()
}
