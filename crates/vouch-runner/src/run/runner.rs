//! Runs the cases of a plan, several at once, and reports events.

use super::attribution::Attribution;
use super::case;
use super::delay::DelayMeter;
use super::event::{RunEvent, Started};
use super::home;
use super::late::{self, LateCases, Ran};
use super::plan::{Offer, Plan, PlannedCase};
use super::reused;
use super::role_setup::RoleSetup;
use super::snapshots::{SnapshotMode, Snapshots};
use super::summary::{RunEnd, RunScope, SummaryBuilder};
use super::verdict::{CaseReport, Strictness, Verdict};
use crate::gate::Gate;
use crate::record::{FORMAT, Host, RunContext};
use crate::sut::{CloudRole, SdkRole};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use vouch_sim::clock::ClockMode;
use vouch_sim::wire::redact::Redactor;
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
    /// A case that fails while the machine is late runs again, alone.
    pub retries_late: bool,
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
    // Recorded exchanges show the usual conditions.
    let compares = settings.snapshots && settings.engine.vary.is_none();
    let mut late_cases =
        LateCases::new(if settings.retries_late { settings.engine.request_timeout } else { Duration::MAX });
    let context = Arc::new(CaseContext {
        engine: settings.engine,
        offer: settings.offer,
        snapshots: compares.then(|| Snapshots::new(settings.snapshot_mode, settings.snapshot_folder)),
        meter: DelayMeter::start(),
    });
    let mut queue = Queue::new(plan.cases, settings.rounds, settings.shuffle);
    let mut running: JoinSet<(Arc<PlannedCase>, Ran)> = JoinSet::new();
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
            running.spawn(run_or_skip(case, context.clone(), late_cases.limit()));
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
        ended += 1;
        let report = match finished {
            Ok((case, ran)) => late_cases.take(case, ran),
            Err(error) => Some(CaseReport::lost(&error)),
        };
        let failed = match report.map(|report| attribution.take(report)) {
            Some(Some(report)) => publish(report, &mut summary, &mut on_event),
            Some(None) => true,
            // Whether it failed shows when it runs again.
            None => false,
        };
        failures += usize::from(failed);
        on_event(RunEvent::Progress { ended, failed: failures });
        if failed && settings.fail_fast {
            queue.clear();
        }
    }
    // Aborts the cases that still run, which kills their processes.
    running.shutdown().await;
    let time_left = late::time_for(started.elapsed());
    let began = Instant::now();
    for (case, first) in late_cases.take_waiting() {
        let again = match stopped || began.elapsed() > time_left {
            true => None,
            false => tokio::select! {
                biased;
                () = wanted(&mut interrupted) => {
                    stopped = true;
                    None
                }
                (_, ran) = run_or_skip(case, context.clone(), late_cases.limit()) => Some(ran),
            },
        };
        if let Some(report) = attribution.take(late_cases.judge(first, again)) {
            failures += usize::from(publish(report, &mut summary, &mut on_event));
            on_event(RunEvent::Progress { ended, failed: failures });
        }
    }
    for report in attribution.settle() {
        publish(report, &mut summary, &mut on_event);
    }
    let processes = context.engine.sdk_processes.as_ref().map(|pool| pool.tally());
    let longest_delay = context.meter.longest();
    let end = RunEnd { duration: started.elapsed(), longest_delay, interrupted: stopped, processes };
    on_event(RunEvent::Finished(summary.finish(planned, end)));
}

/// A text without what looks like a secret: at the start of a run, no secret is known yet.
pub(super) fn without_secrets(text: &str) -> String {
    Redactor::default().scrub(text).to_string()
}

fn started_event(settings: &Settings, cases: usize, scope: RunScope) -> Started {
    let RunContext { roles, target_file, build_digest, suite, arguments } = settings.context.clone();
    let started_at = vouch_spec::timestamp::now();
    Started {
        format: FORMAT,
        vouch: env!("CARGO_PKG_VERSION").into(),
        gate: settings.gate.at(&started_at),
        started_at,
        target: without_secrets(&settings.target),
        target_file,
        roles: roles.iter().map(|role| role.word().to_owned()).collect(),
        sdk: SdkName {
            name: without_secrets(&settings.sdk.name),
            version: without_secrets(&settings.sdk.version),
            platform: without_secrets(&settings.sdk.platform),
        },
        build_digest,
        capabilities: claimed(&settings.engine),
        profile: settings.engine.profile.name.clone(),
        suite,
        arguments: arguments.iter().map(|argument| without_secrets(argument)).collect(),
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

/// What every case of a run needs.
struct CaseContext {
    engine: RoleSetup,
    offer: Offer,
    snapshots: Option<Snapshots>,
    meter: DelayMeter,
}

/// `limit`: from this delay on, the machine is late.
async fn run_or_skip(case: Arc<PlannedCase>, context: Arc<CaseContext>, limit: Duration) -> (Arc<PlannedCase>, Ran) {
    let started = Instant::now();
    let case = home::in_a_realm_of_the_cloud(case, &context.offer);
    let report = match case.skip(&context.offer) {
        Some(skip) => CaseReport::new(&case, Verdict::Skipped(skip.0), Duration::ZERO),
        None => case::run(&case, &context.engine, context.snapshots.as_ref()).await,
    };
    let ran = Ran::new(report, started, &context.meter);
    // One that failed on a late machine runs again in any case.
    if !reused::is_suspect(&ran.report) || ran.delay > limit {
        return (case, ran);
    }
    let started = Instant::now();
    let report = reused::run_in_new_processes(ran.report, &case, &context.engine, context.snapshots.as_ref()).await;
    (case, Ran::new(report, started, &context.meter))
}

/// What the SDK claims, in its words.
fn claimed(roles: &RoleSetup) -> Vec<String> {
    let known = roles.capabilities.iter().map(|capability| capability.word().to_owned());
    known.chain(roles.unknown_claims.iter().cloned()).collect()
}
