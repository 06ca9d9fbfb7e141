//! The events of a run that ends before its first case: the system under test cannot be started, or the user interrupts.
//! Whoever collects reports sees why, in every format.

use super::cause::CauseKey;
use super::event::{RunEvent, Started};
use super::finding;
use super::plan::Plan;
use super::runner::without_secrets;
use super::summary::{RunEnd, SummaryBuilder};
use super::verdict::{CaseReport, Excerpt, Finding, Location, Severity, Strictness, Verdict};
use crate::gate::Gate;
use crate::record::{FORMAT, Host, RunContext};
use crate::target_setup::TargetError;
use vouch_sim::wire::redact::Redactor;
use vouch_spec::protocol::Role;
use vouch_spec::protocol::message::{Area, SdkName};

/// The id of the only case in the record of a run whose system under test did not start.
pub const START_CASE: &str = "start-of-the-system-under-test";

/// What is known of a run that has not started.
pub struct NotStarted<'a> {
    pub plan: &'a Plan,
    pub context: RunContext,
    pub profile: String,
    pub strictness: Strictness,
    pub require_all: bool,
    /// Why it cannot start. `None`: it was interrupted.
    pub error: Option<&'a TargetError>,
}

impl NotStarted<'_> {
    /// The events of the run, in order.
    pub fn events(self) -> Vec<RunEvent> {
        let started = self.started();
        let case = self.error.map(|error| start_case(error, started.target_file.as_deref()));
        let mut summary = SummaryBuilder::new(self.plan.clauses.clone(), started.scope(), started.gate.clone());
        case.iter().for_each(|case| summary.add(case));
        let summary = summary.finish(started.cases, RunEnd { interrupted: self.error.is_none(), ..RunEnd::default() });
        let mut events = vec![RunEvent::Started(Box::new(started))];
        events.extend(case.map(|case| RunEvent::CaseFinished(Box::new(case))));
        events.push(RunEvent::Finished(summary));
        events
    }

    fn started(&self) -> Started {
        let RunContext { roles, target_file, build_digest, suite, arguments } = self.context.clone();
        let arguments = arguments.iter().map(|argument| without_secrets(argument)).collect();
        let name = match self.error {
            Some(TargetError::NotReady { name, .. }) => name.clone(),
            Some(TargetError::Start(error)) if error.program().is_some() => {
                error.program().unwrap_or_default().to_owned()
            }
            _ => target_file.clone().unwrap_or_else(|| "built in".into()),
        };
        let name = without_secrets(&name);
        let started_at = vouch_spec::timestamp::now();
        Started {
            format: FORMAT,
            vouch: env!("CARGO_PKG_VERSION").into(),
            // No waiver excuses a build that does not start.
            gate: Gate::default().at(&started_at),
            started_at,
            target: name.clone(),
            target_file,
            roles: roles.iter().map(|role| role.word().to_owned()).collect(),
            sdk: SdkName { name, version: String::new(), platform: String::new() },
            build_digest,
            capabilities: vec![],
            profile: self.profile.clone(),
            suite,
            arguments,
            host: Host::this(),
            sdk_under_test: roles.contains(&Role::Sdk),
            cloud_under_test: roles.contains(&Role::Api) || roles.contains(&Role::Idp),
            token_storage: vec![Area::Secure],
            time: "virtual".into(),
            cases: self.plan.cases.len(),
            jobs: 0,
            completeness: self.plan.completeness(),
            shard: self.plan.shard,
            merged_from: vec![],
            require_all: self.require_all,
            strictness: self.strictness,
            seed: None,
            vary: None,
        }
    }
}

fn start_case(error: &TargetError, target_file: Option<&str>) -> CaseReport {
    let redactor = Redactor::default();
    let file = target_file.unwrap_or_default().to_owned();
    let verdict = match error {
        TargetError::NotReady { error, .. } => {
            let got = redactor.scrub(&error.what);
            Verdict::Failed(vec![Finding {
                is_of_invariant: false,
                setup: false,
                clauses: vec![],
                severity: Severity::Always,
                location: Location { file: file.clone(), line: 1, column: 1 },
                excerpt: Excerpt { first_line: 1, ..Excerpt::default() },
                cause: CauseKey::default(),
                exact_cause: CauseKey::default(),
                step: redactor.scrub("start the system under test, and ask what it can do"),
                expected: redactor.scrub("a system under test that starts and answers"),
                got,
                wire: vec![],
                stderr: redactor.scrub(&finding::last_lines(&error.stderr)),
                advice: None,
            }])
        }
        TargetError::Start(_) | TargetError::Keys(_) | TargetError::Discovery(_) | TargetError::Tls(_) => {
            Verdict::HarnessFailed(redactor.scrub(&error.to_string()))
        }
    };
    CaseReport {
        group: "target".into(),
        title: "The system under test starts".into(),
        file,
        ..CaseReport::bare(START_CASE, verdict)
    }
}
