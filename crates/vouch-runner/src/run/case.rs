//! Runs one case, from the first launch to the verdict.

use super::attribution;
use super::conditions::Conditions;
use super::crash_points::{CrashPoint, MAX_CRASH_POINTS};
use super::device::Build;
use super::finding::{self, NoFinding};
use super::plan::PlannedCase;
use super::recorder::Recorder;
use super::reused;
use super::role_setup::RoleSetup;
use super::snapshots::Snapshots;
use super::step_result::{About, StepError, StepFailure, StepResult};
use super::stored_start::InstallationToUpdate;
use super::verdict::{CaseReport, Finding, Verdict};
use super::world::{World, WorldOptions};
use crate::invariant::{Evidence, InvariantState, Observed, leaks};
use crate::record::CaseRecord;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_sim::wire::redact::Redactor;
use vouch_spec::protocol::message::Item;
use vouch_spec::step::{ScenarioStep, Step};

/// The timeout of a case, in real time.
const CASE_TIMEOUT: Duration = Duration::from_secs(120);

/// Runs a case by itself, without comparing wire snapshots.
pub async fn play(case: &PlannedCase, setup: &RoleSetup) -> CaseReport {
    let report = run(case, setup, None).await;
    let report = match reused::is_suspect(&report) {
        true => reused::run_in_new_processes(report, case, setup, None).await,
        false => report,
    };
    attribution::settle_alone(report)
}

/// Runs a case: once, or once for each crash point.
pub(super) async fn run(case: &PlannedCase, setup: &RoleSetup, snapshots: Option<&Snapshots>) -> CaseReport {
    let started = Instant::now();
    let conditions = setup.vary.map_or_else(Conditions::default, |seed| Conditions::draw(seed, case, setup));
    let mut write = 1;
    let ended = loop {
        let ended = run_once(case, setup, snapshots, (CrashPoint::at(write), conditions.clone())).await;
        match ended {
            Ended { verdict: Verdict::Passed, struck: true, .. } if write == MAX_CRASH_POINTS => {
                let reason =
                    format!("the call writes more than {MAX_CRASH_POINTS} times; later crash points are not tested");
                break Ended { verdict: Verdict::Skipped(reason), ..ended };
            }
            Ended { verdict: Verdict::Passed, struck: true, .. } => write += 1,
            Ended { verdict: Verdict::Passed, .. } if write == 1 && case.strikes_at_each_write() => {
                let reason = "the SDK's process wrote nothing in the call whose writes were to fail".into();
                break Ended { verdict: Verdict::Skipped(reason), ..ended };
            }
            ended => break ended,
        }
    };
    let Ended { verdict, record, cpu_wait, reused, .. } = ended;
    let record = record.map(Box::new);
    let report = CaseReport::new(case, verdict, started.elapsed());
    CaseReport { conditions: conditions.in_words(), cpu_wait, reused, record, ..report }
}

/// How one run of a case ended.
struct Ended {
    verdict: Verdict,
    record: Option<CaseRecord>,
    /// Whether a fault struck at the crash point.
    struck: bool,
    /// See [`CaseReport::cpu_wait`].
    cpu_wait: Duration,
    /// See [`CaseReport::reused`].
    reused: bool,
}

impl Ended {
    fn harness_failed(what: &str) -> Self {
        let verdict = Verdict::HarnessFailed(Redactor::default().scrub(what));
        Self { verdict, record: None, struck: false, cpu_wait: Duration::ZERO, reused: false }
    }
}

/// Runs the case once.
async fn run_once(
    case: &PlannedCase,
    setup: &RoleSetup,
    snapshots: Option<&Snapshots>,
    (crash_point, conditions): (CrashPoint, Conditions),
) -> Ended {
    let stored = match InstallationToUpdate::of(case, setup) {
        Ok(stored) => stored,
        Err(error) => return Ended::harness_failed(&error.to_string()),
    };
    let options = WorldOptions {
        given: stored.iter().fold(conditions.apply_to(case.given.clone()), |given, stored| stored.apply_to(given)),
        conditions,
        expiries: case.expiries(),
        intercept_writes: case.traps(),
        crash_point,
        build: if case.starts_with_previous() { Build::Previous } else { Build::UnderTest },
        stored,
    };
    match World::build(setup, options).await {
        Ok(world) => {
            let recorder = setup.records.then(|| Recorder::new(&world, case.steps.len()));
            let (verdict, record) = CaseRun::new(case, &world, recorder).verdict(snapshots).await;
            let failed = matches!(verdict, Verdict::Failed(_));
            let cpu_wait = if failed { world.device.cpu_wait() } else { Duration::ZERO };
            world.shut_down(matches!(verdict, Verdict::Passed)).await;
            let (struck, reused) = (world.crash_point.was_reached(), world.device.reuse_matters());
            Ended { verdict, record, struck, cpu_wait, reused }
        }
        Err(error) => Ended::harness_failed(&format!("the environment of the case cannot be started: {error}")),
    }
}

/// Whether the next reconciliation also counts what the app does during this step: an app may reconcile by itself when its
/// user changes and when it is launched.
fn is_quiet_for_app(step: &Step) -> bool {
    matches!(
        step,
        Step::AppUser(_)
            | Step::Relaunch(_)
            | Step::Reboot(_)
            | Step::Update(_)
            | Step::Downgrade(_)
            | Step::Restore(_)
            | Step::Kill(_)
            | Step::Launch(_)
            | Step::Wake(_)
            | Step::Fault(_)
            | Step::ClearFaults(_)
            | Step::FailSdkCall(_)
            | Step::Pause(_)
    )
}

/// One run of a case, with what it has found so far.
struct CaseRun<'a> {
    case: &'a PlannedCase,
    world: &'a Arc<World>,
    invariants: InvariantState,
    /// The invariants that were violated, so that each is reported once.
    violated: BTreeSet<(&'static str, &'static str)>,
    findings: Vec<Finding>,
    /// Absent where nobody reads the record, as in trials of mutants.
    recorder: Option<Recorder>,
}

impl<'a> CaseRun<'a> {
    fn new(case: &'a PlannedCase, world: &'a Arc<World>, recorder: Option<Recorder>) -> Self {
        let (invariants, violated) = (InvariantState::default(), BTreeSet::new());
        Self { case, world, invariants, violated, findings: vec![], recorder }
    }

    async fn verdict(mut self, snapshots: Option<&Snapshots>) -> (Verdict, Option<CaseRecord>) {
        let verdict = self.perform(snapshots).await;
        (verdict, self.recorder.map(|recorder| recorder.finish(self.world)))
    }

    async fn perform(&mut self, snapshots: Option<&Snapshots>) -> Verdict {
        let result = match tokio::time::timeout(CASE_TIMEOUT, self.perform_steps(snapshots)).await {
            Ok(result) => result,
            Err(_) => {
                let got = format!("still running after {CASE_TIMEOUT:?}");
                Err(self.case_failure(StepError::Unmet { expected: "the case to end".into(), got }))
            }
        };
        if result.is_ok() && self.findings.is_empty() {
            return Verdict::Passed;
        }
        if let Err(error) = self.world.check_environment().await {
            // With a full disk, for example, every SDK fails.
            let what = format!("this machine fails the case: {error}");
            return Verdict::HarnessFailed(self.world.redactor.scrub(&what));
        }
        if let Err(failure) = result {
            match finding::of_step(self.case, self.world, failure.innermost()).await {
                Ok(finding) => self.findings.push(finding),
                Err(NoFinding::BadScenario(what)) => return Verdict::BadScenario(what),
                Err(NoFinding::Harness(what)) => return Verdict::HarnessFailed(what),
                Err(NoFinding::NotApplicable(why)) if self.findings.is_empty() => {
                    return Verdict::Skipped(why.as_str().to_owned());
                }
                Err(NoFinding::NotApplicable(_)) => {}
            }
        }
        Verdict::Failed(std::mem::take(&mut self.findings))
    }

    async fn perform_steps(&mut self, snapshots: Option<&Snapshots>) -> Result<(), Box<StepFailure>> {
        let (case, world) = (self.case, self.world);
        world.prepare_users().await.map_err(|error| self.case_failure(error))?;
        world.launch().await.map_err(|error| self.case_failure(error))?;
        if let Some(recorder) = &mut self.recorder {
            recorder.launched(world, &world.items().await.unwrap_or_default());
        }
        for (index, step) in case.steps.iter().enumerate() {
            let begin = self.recorder.as_ref().map(|recorder| recorder.begin(world));
            let result = match world.is_done(index, &step.step) {
                true => Ok(StepResult::Ok),
                false => super::step::perform(step, world).await,
            };
            // Before the storage is read: a call that ends meanwhile may change it.
            let in_flight = world.calls_in_flight();
            let items = world.items().await;
            if let (Some(recorder), Some(begin)) = (&mut self.recorder, begin) {
                let of = (step, &case.scenario.source);
                recorder.step(world, of, &begin, result.as_ref().map_err(|failure| &**failure), items.as_deref().ok());
            }
            if world.device.was_busy() {
                let why = "the adapter makes one call at a time, and the case needs two at once";
                return Err(self.case_failure(StepError::NotApplicable(why.into())));
            }
            if let (Ok(_), Some(error)) = (&result, world.invalid_notification()) {
                return Err(Self::step_failure(step, error));
            }
            match items {
                Ok(items) => self.check_invariants(step, &items, in_flight).await,
                Err(error) if result.is_ok() => return Err(self.case_failure(error)),
                // What the step itself says of the failure is closer to the cause.
                Err(_) => {}
            }
            result?;
            if !is_quiet_for_app(&step.step) {
                world.app.start_window();
            }
        }
        self.check_notified_statuses()?;
        snapshots.map_or(Ok(()), |snapshots| snapshots.check(case, world))
    }

    /// Checks the invariants after a step, also after one that failed. A violation does not end the case: it would hide what
    /// comes after it. `in_flight`: the calls that had not ended when the items were read.
    async fn check_invariants(&mut self, step: &ScenarioStep, items: &[Item], in_flight: usize) {
        let world = self.world;
        let violations = self.invariants.after_step(&Evidence {
            redactor: &world.redactor,
            mode: world.clock.mode(),
            exchanges: &world.transcript.since(0),
            preflights: &world.transcript.preflights(),
            numbers: None,
            written: &world.device.take_written(),
            items,
            token_storage: &world.token_storage,
            sdk: &Observed { outside: world.device.outside_files(), ..world.sdk.observed() },
            calls: step.step.calls() + in_flight,
            idle: in_flight == 0 && world.device.runs(),
        });
        let log = world.backends.take_output().await;
        for violation in violations.into_iter().chain(leaks::in_backend_log(&log, &world.redactor)) {
            // What the previous build does wrong, and still shows later, is not the fault of the build under test.
            let first = self.violated.insert((violation.clause, violation.expected));
            if first && world.device.build() == Build::UnderTest {
                self.findings.push(finding::of_invariant(self.case, world, step, violation).await);
            }
        }
    }

    /// Checks that every notified status is a documented combination. It runs at the end, because a step can report a wrong
    /// status under a more specific clause.
    fn check_notified_statuses(&self) -> Result<(), Box<StepFailure>> {
        let Some(status) = self.world.device.undocumented_status() else { return Ok(()) };
        let words: Vec<_> = status.iter().map(|word| word.word()).collect();
        let got = format!("the notified status [{}]", words.join(", "));
        let error = StepError::Unmet { expected: "a documented combination of status words".into(), got };
        let about = About::Clauses(vec!["LIF-7".to_owned()]);
        Err(Box::new(StepFailure { about, ..*self.case_failure(error) }))
    }

    fn step_failure(step: &ScenarioStep, error: StepError) -> Box<StepFailure> {
        let (span, description, kind) = (step.span, step.step.describe(), step.step.kind().name.to_owned());
        Box::new(StepFailure { span, description, kind, about: About::Clauses(vec![]), advice: None, error })
    }

    /// A failure that belongs to no step and violates no clause. Its location is the id of the scenario.
    fn case_failure(&self, error: StepError) -> Box<StepFailure> {
        let span = self.case.scenario.header.id.span;
        let description = "the whole case".into();
        Box::new(StepFailure {
            span,
            description,
            kind: "case".into(),
            about: About::Clauses(vec![]),
            advice: None,
            error,
        })
    }
}
