//! Runs the cases of a plan, several at once, and tells what happens.

use super::case;
use super::event::{CaseReport, RunEvent, Started, Strictness, Tally, Verdict};
use super::plan::{Plan, PlannedCase};
use super::snapshots::{SnapshotMode, Snapshots};
pub use super::world::Setup as Engine;
use crate::clock::Mode;
use crate::protocol::message::SdkName;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Becomes true when the user wants the run to end.
pub type Interrupted = watch::Receiver<bool>;

/// How to run a plan.
pub struct Settings {
    pub engine: Engine,
    pub target: String,
    pub sdk: SdkName,
    /// How many cases at once.
    pub jobs: usize,
    pub strictness: Strictness,
    pub snapshot_mode: SnapshotMode,
    /// Where snapshots lie, where not beside their scenarios.
    pub snapshot_folder: Option<PathBuf>,
    /// Stop after the first failure.
    pub fail_fast: bool,
}

/// Runs every case. `hear` gets each event as it happens, on this task.
pub async fn run(plan: Plan, settings: Settings, mut interrupted: Interrupted, mut hear: impl FnMut(RunEvent)) {
    let began = Instant::now();
    let clauses = Arc::new(plan.clauses);
    let mut tally = Tally::new(clauses, settings.strictness);
    hear(RunEvent::Started(Started {
        target: settings.target.clone(),
        sdk: settings.sdk.clone(),
        time: if settings.engine.mode == Mode::Virtual { "virtual" } else { "real" },
        cases: plan.cases.len(),
        jobs: settings.jobs,
    }));
    let engine = Arc::new(settings.engine);
    let snapshots = Arc::new(Snapshots::new(settings.snapshot_mode, settings.snapshot_folder));
    let mut waiting: VecDeque<PlannedCase> = plan.cases.into();
    let mut running: JoinSet<CaseReport> = JoinSet::new();
    let mut stopped = false;
    loop {
        while running.len() < settings.jobs.max(1) {
            let Some(case) = waiting.pop_front() else { break };
            running.spawn(one(case, engine.clone(), snapshots.clone()));
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
        tally.add(&report);
        let failed = matches!(report.verdict, Verdict::Failed(_));
        hear(RunEvent::CaseFinished(Box::new(report)));
        if failed && settings.fail_fast {
            waiting.clear();
        }
    }
    // Ends every case that still runs, and with it its process.
    running.shutdown().await;
    hear(RunEvent::Finished(tally.finish(began.elapsed(), stopped)));
}

async fn wanted(interrupted: &mut Interrupted) {
    // A sender that is gone will never interrupt.
    if interrupted.wait_for(|wanted| *wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn one(case: PlannedCase, engine: Arc<Engine>, snapshots: Arc<Snapshots>) -> CaseReport {
    if let Some(skip) = case.skip(&engine.capabilities) {
        return CaseReport {
            id: case.id.clone(),
            chapter: case.scenario.chapter.clone(),
            title: case.scenario.header.title.clone(),
            file: case.scenario.source.path().display().to_string(),
            proves: case.scenario.proves().map(str::to_owned).collect(),
            verdict: Verdict::Skipped(skip.0),
            duration: Duration::ZERO,
        };
    }
    case::run(&case, &engine, &snapshots).await
}

/// A case whose task died: the harness's own fault.
fn lost(error: &str) -> CaseReport {
    let ledger = crate::wire::redact::Ledger::default();
    CaseReport {
        id: "unknown".into(),
        chapter: "harness".into(),
        title: "a case was lost".into(),
        file: String::new(),
        proves: vec![],
        verdict: Verdict::HarnessFailed(ledger.scrub(&format!("the harness lost a case: {error}"))),
        duration: Duration::ZERO,
    }
}
