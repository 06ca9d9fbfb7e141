//! Walks against an external SDK. Each walk is planned, converted to a scenario and executed by the runner, so that all
//! expectations and invariants apply and processes are really killed.

use super::action::{Action, FaultTarget, InjectedFault, LastCall};
use super::action_list::all_actions;
use super::in_process::Conditions;
use super::planned_walk::{PlannedWalk, stage};
use super::scenario::{ScenarioText, WalkScenario, clause, write};
use super::shrink::shrink_parts;
use super::state::State;
use super::walk::reachable;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_runner::run::verdict::{Finding, Severity, Verdict};
use vouch_runner::run::{Offer, Plan, PlannedCase, PreviousOffer, RoleSetup, play};
use vouch_sim::clock::ClockMode;
use vouch_spec::protocol::Capability;
use vouch_spec::scenario::{Clauses, Scenario, Suite};
use vouch_spec::text::Source;

/// Shrinking ends after this many walks, or after this time.
const MAX_TRIES: usize = 150;
const MAX_TIME: Duration = Duration::from_secs(60);

/// The roles that walks are executed on, and the actions that they allow.
pub struct ExternalExplorer {
    engine: Arc<RoleSetup>,
    clauses: Clauses,
    virtual_time: bool,
    /// The actions that walks may use.
    pub actions: Vec<Action>,
    /// The other actions, by the reason why they cannot be used.
    pub left_out: BTreeMap<String, Vec<Action>>,
}

/// A walk that failed.
pub struct Failed {
    pub planned: PlannedWalk,
    pub finding: Finding,
    /// The index of the stage that failed; none if it failed outside of the stages.
    at: Option<usize>,
}

/// How a walk ended.
pub enum Ended {
    Well,
    Failed(Box<Failed>),
    /// The walk says nothing about the SDK: the harness or this machine failed.
    Broken(String),
}

/// The result of shrinking a failed walk.
pub struct ShrunkWalk {
    pub failed: Failed,
    /// The number of walks that shrinking took, without the reruns.
    pub tries: usize,
    /// Whether the failure was reproduced.
    pub again: bool,
    /// The scenario file's text.
    pub text: String,
}

impl ExternalExplorer {
    /// Determines which actions these roles allow. Walks name violated clauses from `clauses`.
    ///
    /// # Errors
    /// If the scenario of an action has mistakes, which is a fault of this crate.
    pub fn new(engine: RoleSetup, offer: &Offer, clauses: &Clauses) -> Result<Self, String> {
        let clauses = clauses.clone();
        let virtual_time = engine.mode == ClockMode::Virtual;
        let mut explorer =
            Self { engine: Arc::new(engine), clauses, virtual_time, actions: vec![], left_out: BTreeMap::new() };
        let (states, _) = reachable();
        for action in all_actions() {
            match explorer.obstacle(action, states.iter(), offer)? {
                Some(reason) => explorer.left_out.entry(reason).or_default().push(action),
                None => explorer.actions.push(action),
            }
        }
        Ok(explorer)
    }

    /// The reason why an action cannot be used here, if there is one.
    fn obstacle<'s>(
        &self,
        action: Action,
        mut states: impl Iterator<Item = &'s State>,
        offer: &Offer,
    ) -> Result<Option<String>, String> {
        if matches!(action, Action::Backend(_) | Action::Client(_)) {
            return Ok(Some("they do not involve the SDK: backend and vendor are built in".into()));
        }
        if installs_previous(action)
            && let Some(PreviousOffer::Runnable(claimed)) = &offer.previous
            && let Some(word) = self.unclaimed_by(claimed)
        {
            return Ok(Some(format!("the previous build does not claim {word}, which other actions of a walk need")));
        }
        if !self.virtual_time && takes_long(action) {
            return Ok(Some("the SDK does not claim clock, and each would take seconds of real time".into()));
        }
        let Some(only) = states.find_map(|state| stage(&[*state], action)) else {
            return Ok(Some("the model never allows it".into()));
        };
        let planned = PlannedWalk { stages: vec![only], ..self.planned(0, 0) };
        let case = self.plan(&Self::script(&planned, 0, "").1)?;
        Ok(case.skip(offer).map(|skip| skip.0))
    }

    /// What the build under test claims for its cases, and the previous build does not.
    fn unclaimed_by(&self, claimed: &BTreeSet<Capability>) -> Option<Capability> {
        let missing = self.engine.capabilities.difference(claimed);
        missing.copied().find(|capability| !matches!(capability, Capability::Reuse | Capability::Gcip))
    }

    /// The walk of a seed.
    pub fn planned(&self, seed: u64, length: usize) -> PlannedWalk {
        let clock_off = self.virtual_time && self.engine.capabilities.contains(&Capability::Clock);
        PlannedWalk::random(seed, length, &self.actions, |conditions| Conditions {
            standard: false,
            clock_skew_minutes: if clock_off { conditions.clock_skew_minutes } else { 0 },
            ..conditions
        })
    }

    fn script(planned: &PlannedWalk, seed: u64, record: &str) -> (String, ScenarioText) {
        let clause = planned.stages.last().map_or("REF-2", |stage| clause(stage.action)).to_owned();
        let (home, conditions, stages) = (planned.home, planned.conditions, planned.stages.clone());
        let written =
            write(&WalkScenario { seed, record: record.to_owned(), clause: clause.clone(), home, conditions, stages });
        (clause, written)
    }

    fn plan(&self, written: &ScenarioText) -> Result<Arc<PlannedCase>, String> {
        let source = Source::new("walk.yaml", written.text.clone());
        let (scenario, problems) = Scenario::parse(&source, "explored", &self.clauses);
        let suite = Suite { clauses: self.clauses.clone(), scenarios: scenario.into_iter().collect() };
        let plan = Plan::build(&suite, problems).map_err(|problems| problems.render(false))?;
        plan.cases.into_iter().next().ok_or_else(|| "the walk has no case".to_owned())
    }

    /// Executes a walk.
    pub async fn walk(&self, planned: &PlannedWalk, seed: u64) -> Ended {
        let written = Self::script(planned, seed, "").1;
        let case = match self.plan(&written) {
            Ok(case) => case,
            Err(problems) => return Ended::Broken(format!("the scenario of the walk has mistakes:\n{problems}")),
        };
        match play(&case, &self.engine).await.verdict {
            Verdict::Passed => Ended::Well,
            Verdict::Failed(findings)
            | Verdict::Warned(findings)
            | Verdict::Waived(findings)
            | Verdict::KnownFailure(findings) => {
                let Some(finding) = findings.into_iter().next() else {
                    return Ended::Broken("a failure without a finding".into());
                };
                let line = finding.location.line;
                let at = written.lines.iter().rposition(|first| *first <= line);
                Ended::Failed(Box::new(Failed { planned: planned.clone(), finding, at }))
            }
            Verdict::NotReached(case) => {
                Ended::Broken(format!("a walk was not reached because of {}", case.because_of))
            }
            Verdict::InDoubt(_) => Ended::Broken("a walk failed while the machine was late".into()),
            Verdict::Skipped(reason) => Ended::Broken(format!("a walk was skipped: {reason}")),
            Verdict::BadScenario(what) | Verdict::HarnessFailed(what) => Ended::Broken(what.to_string()),
        }
    }

    /// The shortest form of a failing walk that can be found in bounded time.
    pub async fn shrink(&self, failed: Failed, seed: u64) -> ShrunkWalk {
        let (began, mut tries) = (Instant::now(), 0);
        let mut attempt = async |like: &Failed, actions: &[Action]| -> Option<Failed> {
            let planned = like.planned.along(actions);
            if planned.stages.is_empty() || tries >= MAX_TRIES || began.elapsed() > MAX_TIME {
                return None;
            }
            tries += 1;
            match self.walk(&planned, seed).await {
                Ended::Failed(again) if is_alike(&again.finding, &like.finding) => Some(again.cut()),
                _ => None,
            }
        };
        // Stages after the failure are irrelevant. Without them, the scenario proves the clause of the failing stage.
        let (mut best, mut again) = (failed.cut(), false);
        for _ in 0..2 {
            if let Ended::Failed(anew) = self.walk(&best.planned, seed).await {
                (best, again) = (anew.cut(), true);
                break;
            }
        }
        if again {
            best = shrink_parts(best, |failed| failed.planned.actions(), Action::simpler, &mut attempt).await;
        }
        let reported = format!("expected {}, got {}", best.finding.expected, best.finding.got);
        let text = self.text(&best, seed, &reported);
        ShrunkWalk { failed: best, tries, again, text }
    }

    /// The scenario file of a failure. It proves the clause that is violated.
    fn text(&self, failed: &Failed, seed: u64, reported: &str) -> String {
        let (own, written) = Self::script(&failed.planned, seed, reported);
        match failed.finding.clauses.first() {
            Some(clause) if *clause != own && self.clauses.get(clause).is_some() => {
                written.text.replacen(&format!("proves: [{own}]"), &format!("proves: [{clause}]"), 1)
            }
            _ => written.text,
        }
    }
}

impl Failed {
    /// The walk without the stages after the failure.
    fn cut(mut self) -> Self {
        if let Some(at) = self.at {
            self.planned.stages.truncate(at + 1);
        }
        self
    }

    /// The number of stages that were executed, the failing one included.
    pub fn walked(&self) -> usize {
        self.at.map_or(0, |at| at + 1)
    }
}

/// Whether two findings probably have the same cause.
fn is_alike(one: &Finding, other: &Finding) -> bool {
    one.severity == other.severity && (one.severity == Severity::Always || one.clauses == other.clauses)
}

/// Whether the previous build takes part in an action.
fn installs_previous(action: Action) -> bool {
    matches!(action, Action::UpdatedSignIn(_) | Action::UpdatedKey(_) | Action::CrashInUpdate(..))
}

/// Whether an action lets hours, or long pauses between tries, pass.
fn takes_long(action: Action) -> bool {
    let waits = |fault: InjectedFault| {
        matches!(fault, InjectedFault::RetryAfter(..) | InjectedFault::PersistentStatus(_) | InjectedFault::NoResponse)
    };
    match action {
        Action::ExpireAccessToken
        | Action::AdvanceDays
        | Action::ParallelCalls
        | Action::SignOutDuringCalls
        | Action::SecondProcessCall
        | Action::WokenAndKilled
        | Action::LockedCall => true,
        Action::SignInExpiredToken(_) | Action::CrashInCall(_) | Action::NextUser(_, LastCall::RetryTomorrow) => true,
        Action::CallWithFault(FaultTarget::Refresh, _) => true,
        Action::SignInWithFault(_, fault) | Action::CallWithFault(FaultTarget::Api, fault) => waits(fault),
        _ => false,
    }
}
