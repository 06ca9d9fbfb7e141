//! Runs the cases of a plan, several at once, and reports events.

use super::attribution::Attribution;
use super::case;
use super::event::{RunEvent, Started};
use super::plan::{Offer, Plan, PlannedCase};
use super::role_setup::RoleSetup;
use super::snapshots::{SnapshotMode, Snapshots};
use super::summary::{RunScope, SummaryBuilder};
use super::verdict::{CaseReport, Strictness, Verdict};
use crate::gate::Gate;
use crate::record::{FORMAT, Host, RunContext};
use crate::sut::{CloudRole, SdkRole};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use vouch_sim::clock::ClockMode;
use vouch_spec::protocol::message::SdkName;

/// Becomes true when the user interrupts the run.
pub type Interrupted = watch::Receiver<bool>;

/// The settings of a run.
pub struct Settings {
    pub engine: RoleSetup,
    /// What the roles offer to scenarios.
    pub offer: Offer,
    /// The name of the target in reports.
    pub target: String,
    pub sdk: SdkName,
    /// Where the run comes from.
    pub context: RunContext,
    /// The number of cases that run at once.
    pub jobs: usize,
    pub strictness: Strictness,
    pub snapshot_mode: SnapshotMode,
    /// The folder of the snapshots. Default: beside each scenario.
    pub snapshot_folder: Option<PathBuf>,
    /// Whether snapshots are compared.
    pub snapshots: bool,
    /// The run is inconclusive unless every `must` clause that its cases test is satisfied.
    pub require_all: bool,
    /// Which failures do not fail the run.
    pub gate: Gate,
    /// Stop after the first failure.
    pub fail_fast: bool,
    /// The number of times that the plan runs.
    pub rounds: usize,
    /// The seed of a random order. `None` is the order of the files.
    pub shuffle: Option<u64>,
}

/// Runs every case. `on_event` is called for each event, on this task.
pub async fn run(plan: Plan, settings: Settings, mut interrupted: Interrupted, mut on_event: impl FnMut(RunEvent)) {
    let started = Instant::now();
    let clauses = plan.clauses.clone();
    let planned = plan.cases.len() * settings.rounds;
    let scope = RunScope {
        completeness: plan.completeness(),
        shard: plan.shard,
        servers_first: matches!(settings.engine.cloud, CloudRole::External(_)),
        require_all: settings.require_all,
    };
    let start = started_event(&settings, planned, scope);
    let gate = start.gate.clone();
    let mut summary = SummaryBuilder::new(clauses.clone(), scope, gate.clone());
    on_event(RunEvent::Started(Box::new(start)));
    let (engine, offer) = (Arc::new(settings.engine), Arc::new(settings.offer));
    // Recorded exchanges show the usual conditions.
    let compares = settings.snapshots && engine.vary.is_none();
    let snapshots = compares.then(|| Snapshots::new(settings.snapshot_mode, settings.snapshot_folder));
    let snapshots = Arc::new(snapshots);
    let mut queue = Queue::new(plan.cases, settings.rounds, settings.shuffle);
    let mut running: JoinSet<CaseReport> = JoinSet::new();
    let (mut stopped, mut ended, mut failures) = (false, 0, 0);
    let mut attribution = Attribution::default();
    // Counts and reports a case with its final verdict. Returns whether it failed.
    let publish = |report: CaseReport, summary: &mut SummaryBuilder, on_event: &mut dyn FnMut(RunEvent)| {
        let verdict = gate.apply(&report.id, report.verdict, &clauses, settings.strictness);
        let report = CaseReport { verdict, ..report };
        summary.add(&report);
        let failed = matches!(report.verdict, Verdict::Failed(_));
        on_event(RunEvent::CaseFinished(Box::new(report)));
        failed
    };
    loop {
        while running.len() < settings.jobs.max(1) {
            let Some(case) = queue.next() else { break };
            running.spawn(run_or_skip(case, engine.clone(), offer.clone(), snapshots.clone()));
        }
        let finished = tokio::select! {
            biased;
            () = wanted(&mut interrupted) => {
                stopped = true;
                break;
            }
            finished = running.join_next() => finished,
        };
        let Some(finished) = finished else { break };
        let report = finished.unwrap_or_else(|error| CaseReport::lost(&error));
        ended += 1;
        let failed = match attribution.take(report) {
            Some(report) => publish(report, &mut summary, &mut on_event),
            None => true,
        };
        failures += usize::from(failed);
        on_event(RunEvent::Progress { ended, failed: failures });
        if failed && settings.fail_fast {
            queue.clear();
        }
    }
    // Aborts the cases that still run, which kills their processes.
    running.shutdown().await;
    for report in attribution.settle() {
        publish(report, &mut summary, &mut on_event);
    }
    on_event(RunEvent::Finished(summary.finish(planned, started.elapsed(), stopped)));
}

fn started_event(settings: &Settings, cases: usize, scope: RunScope) -> Started {
    let RunContext { roles, target_file, build_digest, suite, arguments } = settings.context.clone();
    let started_at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let day = started_at.split('T').next().unwrap_or_default().to_owned();
    Started {
        format: FORMAT,
        vouch: env!("CARGO_PKG_VERSION").into(),
        started_at,
        gate: Gate { day, ..settings.gate.clone() },
        target: settings.target.clone(),
        target_file,
        roles: roles.iter().map(|role| role.word().to_owned()).collect(),
        sdk: settings.sdk.clone(),
        build_digest,
        capabilities: settings.engine.capabilities.iter().map(|capability| capability.word().to_owned()).collect(),
        profile: settings.engine.profile.name.clone(),
        suite,
        arguments,
        host: Host::this(),
        sdk_under_test: matches!(settings.engine.sdk, SdkRole::Command(_)),
        cloud_under_test: scope.servers_first,
        token_storage: settings.engine.token_storage.clone(),
        time: if settings.engine.mode == ClockMode::Virtual { "virtual" } else { "real" }.into(),
        cases,
        jobs: settings.jobs,
        completeness: scope.completeness,
        shard: scope.shard,
        merged_from: vec![],
        require_all: scope.require_all,
        strictness: settings.strictness,
        seed: settings.shuffle,
        vary: settings.engine.vary,
    }
}

/// The cases that have not started, round after round.
struct Queue {
    cases: Vec<Arc<PlannedCase>>,
    next: usize,
    rounds_left: usize,
    random: Option<StdRng>,
}

impl Queue {
    fn new(cases: Vec<Arc<PlannedCase>>, rounds: usize, seed: Option<u64>) -> Self {
        Self { next: cases.len(), cases, rounds_left: rounds, random: seed.map(StdRng::seed_from_u64) }
    }

    fn next(&mut self) -> Option<Arc<PlannedCase>> {
        if self.next == self.cases.len() {
            self.rounds_left = self.rounds_left.checked_sub(1)?;
            self.next = 0;
            if let Some(random) = &mut self.random {
                self.cases.shuffle(random);
            }
        }
        self.next += 1;
        self.cases.get(self.next - 1).cloned()
    }

    fn clear(&mut self) {
        self.next = self.cases.len();
        self.rounds_left = 0;
    }
}

/// Waits until the user interrupts the run.
pub async fn wanted(interrupted: &mut Interrupted) {
    // A dropped sender never interrupts.
    if interrupted.wait_for(|wanted| *wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn run_or_skip(
    case: Arc<PlannedCase>,
    engine: Arc<RoleSetup>,
    offer: Arc<Offer>,
    snapshots: Arc<Option<Snapshots>>,
) -> CaseReport {
    if let Some(skip) = case.skip(&offer) {
        return CaseReport::new(&case, Verdict::Skipped(skip.0), Duration::ZERO);
    }
    case::run(&case, &engine, snapshots.as_ref().as_ref()).await
}
