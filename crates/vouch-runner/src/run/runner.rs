//! Runs the cases of a plan, several at once, and tells what happens.

use super::case;
use super::event::{RunEvent, Started};
use super::plan::{Offer, Plan, PlannedCase};
use super::snapshots::{SnapshotMode, Snapshots};
use super::summary::SummaryBuilder;
use super::verdict::{CaseReport, Strictness, Verdict};
pub use super::world::Setup as RoleSetup;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use vouch_sim::clock::Mode;
use vouch_spec::protocol::message::SdkName;

/// Becomes true when the user wants the run to end.
pub type Interrupted = watch::Receiver<bool>;

/// How to run a plan.
pub struct Settings {
    pub engine: RoleSetup,
    /// What its roles offer.
    pub offer: Offer,
    pub target: String,
    pub sdk: SdkName,
    /// How many cases at once.
    pub jobs: usize,
    pub strictness: Strictness,
    pub snapshot_mode: SnapshotMode,
    /// Where snapshots lie, where not beside their scenarios.
    pub snapshot_folder: Option<PathBuf>,
    /// Whether snapshots are compared at all.
    pub snapshots: bool,
    /// Without proof of every `must` clause that the cases are about, the run is inconclusive.
    pub require_all: bool,
    /// Stop after the first failure.
    pub fail_fast: bool,
    /// How many times everything runs.
    pub rounds: usize,
    /// The seed of a random order; none is the order of the files.
    pub shuffle: Option<u64>,
}

/// Runs every case. `on_event` gets each event as it happens, on this task.
pub async fn run(plan: Plan, settings: Settings, mut interrupted: Interrupted, mut on_event: impl FnMut(RunEvent)) {
    let began = Instant::now();
    let clauses = plan.clauses;
    let planned = plan.cases.len() * settings.rounds;
    let mut summary = SummaryBuilder::new(clauses.clone(), settings.require_all);
    on_event(RunEvent::Started(Started {
        target: settings.target.clone(),
        sdk: settings.sdk.clone(),
        time: if settings.engine.mode == Mode::Virtual { "virtual" } else { "real" },
        cases: planned,
        jobs: settings.jobs,
        seed: settings.shuffle,
    }));
    let (engine, offer) = (Arc::new(settings.engine), Arc::new(settings.offer));
    let wanted_snapshots = settings.snapshots.then(|| Snapshots::new(settings.snapshot_mode, settings.snapshot_folder));
    let snapshots = Arc::new(wanted_snapshots);
    let mut waiting = Queue::new(plan.cases, settings.rounds, settings.shuffle);
    let mut running: JoinSet<CaseReport> = JoinSet::new();
    let mut stopped = false;
    loop {
        while running.len() < settings.jobs.max(1) {
            let Some(case) = waiting.next() else { break };
            running.spawn(one(case, engine.clone(), offer.clone(), snapshots.clone()));
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
        let report = finished.unwrap_or_else(|error| lost(&error.to_string()));
        let report = CaseReport { verdict: report.verdict.with_strictness(&clauses, settings.strictness), ..report };
        summary.add(&report);
        let failed = matches!(report.verdict, Verdict::Failed(_));
        on_event(RunEvent::CaseFinished(Box::new(report)));
        if failed && settings.fail_fast {
            waiting.end();
        }
    }
    // Ends every case that still runs, and with it its process.
    running.shutdown().await;
    on_event(RunEvent::Finished(summary.finish(planned, began.elapsed(), stopped)));
}

/// The cases that wait, round after round.
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

    fn end(&mut self) {
        self.next = self.cases.len();
        self.rounds_left = 0;
    }
}

/// Waits until the user wants an end.
pub async fn wanted(interrupted: &mut Interrupted) {
    // A sender that is gone will never interrupt.
    if interrupted.wait_for(|wanted| *wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn one(
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

/// A case whose task died: the harness's own fault.
fn lost(error: &str) -> CaseReport {
    let redactor = vouch_sim::wire::redact::Redactor::default();
    CaseReport {
        id: "unknown".into(),
        group: "harness".into(),
        title: "a case was lost".into(),
        advice: None,
        file: String::new(),
        proves: vec![],
        verdict: Verdict::HarnessFailed(redactor.scrub(&format!("the harness lost a case: {error}"))),
        duration: Duration::ZERO,
    }
}
