//! Verifies a certificate: signature, statement, record, policy.

use crate::certifiable::{self, Warnings};
use crate::envelope::Envelope;
use crate::key::PublicKey;
use crate::statement::Statement;
use std::time::{Duration, SystemTime};
use vouch_runner::record::RunRecord;
use vouch_runner::record::judge::Judgement;
use vouch_runner::run::summary::ClauseStatus;
use vouch_spec::scenario::Level;

/// A machine's clock may be this much ahead.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);
/// So many disagreements are shown.
const SHOWN: usize = 5;

/// What a certificate must have beside a valid signature.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Which clauses must have passed.
    pub require: Option<Require>,
    /// The greatest time since the run finished.
    pub max_age: Option<Duration>,
    pub suite: Option<SuiteRule>,
    /// Whether findings of the run may be waived.
    pub waivers_allowed: bool,
    /// The SHA-256 that the build must have.
    pub build_sha256: Option<String>,
}

/// Which clauses must have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Require {
    /// Every `must` clause that cases of the run test.
    Must,
    /// Every clause that cases of the run test.
    All,
}

/// The suite that a certificate must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SuiteRule {
    Sha256(String),
    /// This edition or a later one.
    Edition(u32),
}

/// The result of one check: what was found, or what is wrong.
#[derive(Clone, Debug)]
pub struct Check {
    pub name: &'static str,
    pub result: Result<String, String>,
}

/// Checks a certificate against its record. `judgement`: that of the record under its suite. Nothing after a signature that does
/// not verify is checked, because nobody stands behind it.
pub fn verify(
    envelope: &Envelope,
    key: &PublicKey,
    (record, judgement): (&RunRecord, &Judgement),
    policy: &Policy,
    now: SystemTime,
) -> Vec<Check> {
    let signed = envelope.verified_payload(key).map_err(|error| error.to_string());
    let mut checks = vec![check("signature", signed.as_ref().map(|_| format!("by the key {}", key.id())))];
    let Ok(payload) = signed else { return checks };
    let statement = match Statement::parse(&payload) {
        Ok(statement) => statement,
        Err(what) => {
            checks.push(Check { name: "statement", result: Err(what) });
            return checks;
        }
    };
    checks.push(check("statement", Ok::<_, &String>("an in-toto test result".to_owned())));
    checks.extend([
        Check { name: "record", result: record_is_signed(&statement, record) },
        Check { name: "agreement", result: agreement(&statement, record) },
        Check { name: "judged again", result: judged(judgement, record) },
    ]);
    checks.extend(policy_checks(&statement, record, policy, now));
    checks
}

fn check(name: &'static str, result: Result<String, &String>) -> Check {
    Check { name, result: result.map_err(Clone::clone) }
}

fn record_is_signed(statement: &Statement, record: &RunRecord) -> Result<String, String> {
    let (signed, read) = (statement.record_sha256(), &record.sha256);
    if signed == read {
        Ok(format!("SHA-256 {read}"))
    } else {
        Err(format!("the file has SHA-256 {read}, and the certificate is about {signed}"))
    }
}

/// The statement must say what the record says, and the record must be one that can be certified.
fn agreement(statement: &Statement, record: &RunRecord) -> Result<String, String> {
    certifiable::check(record, Warnings::Accepted).map_err(|error| error.to_string())?;
    let follows = Statement::of(record).ok_or("the record has no valid time")?;
    let result = statement.result();
    if !statement.agrees_with(&follows) {
        return Err("the statement does not say what follows from the record".into());
    }
    let (passed, warned) = (result.passed_tests.len(), result.warned_tests.len());
    Ok(format!("{}: {passed} clauses passed, {warned} with warnings", result.result))
}

fn judged(judgement: &Judgement, record: &RunRecord) -> Result<String, String> {
    if !judgement.same_suite {
        let suite = &record.started.suite;
        let (edition, vouch) = (suite.edition, &record.started.vouch);
        return Err(format!(
            "the record is of another suite (edition {edition}, SHA-256 {}); verify with Vouch {vouch}, or give the suite with \
             --suite-files",
            suite.sha256
        ));
    }
    let found = &judgement.disagreements;
    if found.is_empty() {
        return Ok(format!("{} cases: every verdict follows from what was recorded", record.cases.len()));
    }
    let mut lines: Vec<_> = found.iter().take(SHOWN).map(|found| format!("\n    {found}")).collect();
    if found.len() > SHOWN {
        lines.push(format!("\n    and {} more; `vouch rejudge` shows all", found.len() - SHOWN));
    }
    Err(format!("{} verdicts do not follow from what was recorded:{}", found.len(), lines.concat()))
}

fn policy_checks(statement: &Statement, record: &RunRecord, policy: &Policy, now: SystemTime) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |name, result| checks.push(Check { name, result });
    if let Some(found) = waivers(statement, policy) {
        add("waivers", found);
    }
    if let Some(require) = policy.require {
        add("clauses", required(record, require, policy.waivers_allowed));
    }
    if let Some(most) = policy.max_age {
        add("age", age(statement, most, now));
    }
    if let Some(rule) = &policy.suite {
        let (sha256, edition) = (statement.suite_sha256(), statement.result().vouch.suite_edition);
        let fits = match rule {
            SuiteRule::Sha256(wanted) => wanted == sha256,
            SuiteRule::Edition(wanted) => edition >= *wanted,
        };
        let is = format!("edition {edition}, SHA-256 {sha256}");
        add("suite", if fits { Ok(is) } else { Err(format!("the suite of the run is {is}")) });
    }
    if let Some(wanted) = &policy.build_sha256 {
        let signed = statement.build_sha256();
        let other = || format!("the build has SHA-256 {wanted}, and the certificate is about {signed}");
        add("build", if wanted == signed { Ok(format!("SHA-256 {signed}")) } else { Err(other()) });
    }
    checks
}

/// A certificate with waivers is refused unless the policy allows them. None: there are none.
fn waivers(statement: &Statement, policy: &Policy) -> Option<Result<String, String>> {
    let waivers = &statement.result().vouch.waivers;
    if waivers.is_empty() {
        return None;
    }
    let about = |clause: &Option<String>, case: &Option<String>| match (clause, case) {
        (Some(clause), Some(case)) => format!("{clause} in the case {case}"),
        (Some(clause), None) => clause.clone(),
        (None, case) => format!("the case {}", case.as_deref().unwrap_or_default()),
    };
    let lines = waivers.iter().map(|waiver| {
        let about = about(&waiver.clause, &waiver.case);
        format!("\n    {about} until {}: {} (owner: {})", waiver.expires, waiver.reason, waiver.owner)
    });
    let list = lines.collect::<String>();
    Some(match policy.waivers_allowed {
        true => Ok(format!("{} allowed:{list}", waivers.len())),
        false => Err(format!("the build has waivers; --waivers-allowed accepts them:{list}")),
    })
}

fn required(record: &RunRecord, require: Require, waivers_allowed: bool) -> Result<String, String> {
    let summary = record.summary();
    let counts = |level| require == Require::All || level == Level::Must;
    let missing: Vec<_> = summary
        .clauses
        .iter()
        .filter(|result| counts(result.level))
        .filter(|result| match result.status {
            ClauseStatus::NotTested | ClauseStatus::Violated | ClauseStatus::KnownFailing => true,
            ClauseStatus::Waived => !waivers_allowed,
            ClauseStatus::Satisfied | ClauseStatus::NotApplicable => false,
        })
        .map(|result| result.id.as_str())
        .collect();
    let which = if require == Require::All { "clause" } else { "`must` clause" };
    if missing.is_empty() {
        let or = if waivers_allowed { " or is waived" } else { "" };
        Ok(format!("every {which} of the roles passed{or}"))
    } else {
        Err(format!("not every {which} of the roles passed: {}", missing.join(", ")))
    }
}

fn age(statement: &Statement, most: Duration, now: SystemTime) -> Result<String, String> {
    let finished = statement.finished_on().ok_or("the certificate has no valid time")?;
    if finished > now + CLOCK_TOLERANCE {
        return Err(format!("the run finished in the future: {}", statement.result().vouch.finished_on));
    }
    let age = Duration::from_secs(now.duration_since(finished).unwrap_or_default().as_secs());
    let [age_words, most_words] = [age, most].map(|time| humantime::format_duration(time).to_string());
    if age <= most {
        Ok(format!("{age_words} old"))
    } else {
        Err(format!("{age_words} old, and {most_words} is allowed"))
    }
}
