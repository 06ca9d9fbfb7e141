//! One trial: the suite against the reference with one injected fault.

use crate::gate::Gate;
use crate::record::RunContext;
use crate::run::event::RunEvent;
use crate::run::verdict::{Finding, Strictness, Verdict};
use crate::run::{Filter, Interrupted, Plan, Settings, SnapshotMode, run};
use crate::sut::Deadlines;
use crate::target_setup::ResolvedTarget;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::mock_cloud::Keys;
use vouch_sim::mutant::{Mutant, Mutation};
use vouch_sim::variant::Variant;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::Role;
use vouch_spec::protocol::message::SdkName;

/// How many cases run at once. They wait more than they work.
const JOBS: usize = 16;

/// Which cases run against a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialScope {
    /// Those of its role that prove its clause.
    Clause,
    /// All of its role.
    Role,
}

/// Runs trials of one plan, which is read once and shared.
pub struct MutantTrials {
    plan: Plan,
    keys: Arc<Keys>,
    scope: TrialScope,
    /// The seed of the conditions of the reference and of variants, if they are drawn.
    vary: Option<u64>,
}

/// The result of one trial.
#[derive(Debug, Default)]
pub struct Trial {
    /// The cases that named the mutant's clause.
    pub killed_by: Vec<String>,
    /// The clauses that other failed cases named.
    pub other_clauses: BTreeSet<String>,
    /// Every failed case, whatever it named.
    pub failed: Vec<String>,
}

impl MutantTrials {
    /// Trials of a plan. `keys` sign the tokens of the mock cloud in all of them.
    pub fn new(plan: Plan, keys: Arc<Keys>, scope: TrialScope) -> Self {
        Self { plan, keys, scope, vary: None }
    }

    /// Draws the conditions of the reference and of variants from a seed. Mutants keep theirs.
    #[must_use]
    pub fn vary(self, seed: Option<u64>) -> Self {
        Self { vary: seed, ..self }
    }

    /// Runs the whole plan against the reference without a fault: every failed case is a false alarm.
    pub async fn reference(&self, interrupted: Interrupted) -> Trial {
        self.run(
            "",
            self.plan.clone(),
            self.settings("reference", None, (None, self.vary), Strictness::Strict),
            interrupted,
        )
        .await
    }

    /// Runs the cases of its role against a legitimate variant: every failed case is a false alarm. A variant may do what a
    /// `should` clause recommends against, so warnings do not count.
    pub async fn variant(&self, variant: &Variant, interrupted: Interrupted) -> Trial {
        let mut plan = self.plan.clone();
        plan.keep_roles(roles(&variant.part));
        if variant.profile.is_some() {
            plan.cases.retain(|case| case.given.profile.is_none());
        }
        let conditions = (variant.profile, self.vary);
        let settings = || self.settings(variant.name, Some(&variant.part), conditions, Strictness::Lenient);
        let trial = self.run("", plan.clone(), settings(), interrupted.clone()).await;
        if trial.failed.is_empty() {
            return trial;
        }
        // A starved machine is not the variant's fault: what failed among others is tried again alone.
        plan.cases.retain(|case| trial.failed.contains(&case.id));
        self.run("", plan, Settings { jobs: 1, ..settings() }, interrupted).await
    }

    /// Runs the cases that can detect this mutant against it.
    pub async fn mutant(&self, mutant: &Mutant, interrupted: Interrupted) -> Trial {
        let mut plan = self.plan.clone();
        plan.keep_roles(roles(&mutant.mutation));
        if self.scope == TrialScope::Clause {
            plan.keep(&Filter(vec![mutant.clause.to_owned()]));
        }
        if mutant.profile.is_some() {
            // The fault shows on the mutant's own wire profile; scenarios that set another one cannot detect it.
            plan.cases.retain(|case| case.given.profile.is_none());
        }
        self.run(
            mutant.clause,
            plan,
            self.settings(mutant.name, Some(&mutant.mutation), (mutant.profile, mutant.vary), Strictness::Strict),
            interrupted,
        )
        .await
    }

    async fn run(&self, clause: &str, plan: Plan, settings: Settings, interrupted: Interrupted) -> Trial {
        let mut trial = Trial::default();
        run(plan, settings, interrupted, |event| {
            if let RunEvent::CaseFinished(case) = event {
                trial.record(clause, &case.id, &case.verdict);
            }
        })
        .await;
        trial.killed_by.sort();
        trial.failed.sort();
        trial
    }

    fn settings(
        &self,
        name: &str,
        part: Option<&Mutation>,
        (profile, vary): (Option<&str>, Option<u64>),
        strictness: Strictness,
    ) -> Settings {
        let mut target = ResolvedTarget::built_in(self.keys.clone());
        target.roles.deadlines = Deadlines { call: Duration::from_secs(5), ..Deadlines::default() };
        target.roles.request_timeout = Duration::from_secs(1);
        if let Some(part) = part {
            target.inject(part);
        }
        target.roles.vary = vary;
        if let Some(profile) = profile.and_then(Profile::built_in) {
            target.use_profile(profile);
        }
        Settings {
            engine: target.roles,
            offer: target.offer,
            target: name.into(),
            sdk: SdkName { name: name.into(), version: String::new(), platform: String::new() },
            context: RunContext::default(),
            jobs: JOBS,
            strictness,
            snapshot_mode: SnapshotMode::Check,
            // A variant may send something else than the reference does.
            snapshots: strictness == Strictness::Strict,
            snapshot_folder: None,
            require_all: false,
            gate: Gate::default(),
            fail_fast: false,
            // A false alarm may come from the machine. A mutant fails by itself, and again would take the time twice.
            retries_late: strictness == Strictness::Lenient,
            rounds: 1,
            shuffle: None,
        }
    }
}

impl Trial {
    /// Whether a case named the mutant's clause.
    pub fn is_killed(&self) -> bool {
        !self.killed_by.is_empty()
    }

    fn record(&mut self, clause: &str, case: &str, verdict: &Verdict) {
        let findings: &[Finding] = match verdict {
            // Without a mutant, a warning is no alarm: the run is strict where it would be.
            Verdict::Warned(_) if clause.is_empty() => return,
            Verdict::Failed(findings)
            | Verdict::Warned(findings)
            | Verdict::Waived(findings)
            | Verdict::KnownFailure(findings) => findings,
            Verdict::Passed | Verdict::Skipped(_) => return,
            Verdict::BadScenario(_) | Verdict::HarnessFailed(_) | Verdict::NotReached(_) | Verdict::InDoubt(_) => &[],
        };
        self.failed.push(case.to_owned());
        let named: BTreeSet<_> = findings.iter().flat_map(|finding| finding.clauses.clone()).collect();
        if named.contains(clause) {
            self.killed_by.push(case.to_owned());
        } else {
            self.other_clauses.extend(named);
        }
    }
}

/// The roles whose scenarios test a part.
fn roles(mutation: &Mutation) -> &'static [Role] {
    match mutation {
        Mutation::Sdk(_) => &[Role::Sdk],
        Mutation::App(_) => &[Role::App],
        Mutation::Backend(_) => &[Role::Backend],
        Mutation::Cloud(_) => &[Role::Api, Role::Idp],
    }
}
