//! Runs a suite: resolves the target, plays the plan, and collects the events into a report.

use super::{CaseRecords, KnownFailureMode, Snapshots, Suite};
use crate::error::Error;
use crate::report::Report;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use vouch_runner::gate::{Gate, KnownFailures};
#[cfg(feature = "cli")]
use vouch_runner::record::RunRecord;
#[cfg(feature = "cli")]
use vouch_runner::record::judge::{Judgement, judge};
use vouch_runner::record::{RunContext, SuiteInfo, build_digest};
use vouch_runner::resource_limits;
use vouch_runner::run::event::{RunEvent, Started};
use vouch_runner::run::summary::Summary;
use vouch_runner::run::verdict::{CaseReport, Verdict};
use vouch_runner::run::{Filter, Interrupted, NotStarted, Plan, Settings, SnapshotMode, wanted};
use vouch_runner::target_file::Target;
use vouch_runner::target_setup::{ResolvedTarget, TargetOptions};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::Role;
use vouch_spec::text::{Diagnostics, Source};

impl Suite {
    /// Runs the cases and waits for the result. It works inside an async runtime too, where it blocks the calling thread:
    /// the run has a runtime of its own.
    ///
    /// # Errors
    /// If nothing could run. A build that fails scenarios is not an error.
    pub fn run(self) -> Result<Report, Error> {
        // The number of threads is given, because tokio panics at a wrong value of TOKIO_WORKER_THREADS.
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        let runtime = runtime.map_err(Error::Runtime)?;
        // A thread of its own, because a runtime cannot block on another one's thread.
        let run = std::thread::spawn(move || runtime.block_on(self.run_async()));
        run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Runs the cases on the current tokio runtime. Dropping the future ends the run and its processes.
    ///
    /// # Errors
    /// If nothing could run. A build that fails scenarios is not an error.
    pub async fn run_async(mut self) -> Result<Report, Error> {
        let mut listeners = std::mem::take(&mut self.listeners);
        let (_keep, never) = watch::channel(false);
        self.run_until(never, |event| listeners.iter_mut().for_each(|listener| listener(event))).await
    }

    /// Runs the cases until they end or the user interrupts.
    pub(crate) async fn run_until(
        self,
        mut interrupted: Interrupted,
        mut on_event: impl FnMut(&RunEvent),
    ) -> Result<Report, Error> {
        let (plan, roles) = self.selected_plan()?;
        let (suite, gate) = (self.info(), self.gate()?);
        let snapshots = SnapshotSettings::new(&self)?;
        // Too few open files are told before the target starts.
        resource_limits::jobs(self.jobs)?;
        let profile = named_profile(self.profile.as_deref(), &self.target)?;
        let (build, folder) = self.build.or_else(|| self.target.build.clone()).unzip();
        let build = build.zip(folder).map(|(build, folder)| build_digest(&build, &folder)).transpose()?;
        let context = RunContext {
            roles: roles.clone(),
            target_file: self.target_file,
            build_digest: build,
            arguments: self.arguments,
            suite,
        };
        let used_profile = profile.clone().or_else(|| self.target.profile.clone()).unwrap_or_else(Profile::junction);
        let options = TargetOptions { roles, profile, real_time: self.real_time };
        let resolved = tokio::select! {
            resolved = ResolvedTarget::resolve(self.target, options) => resolved.map_err(Some),
            () = wanted(&mut interrupted) => Err(None),
        };
        let mut target = match resolved {
            Ok(target) => target,
            Err(error) => {
                let not_started = NotStarted {
                    plan: &plan,
                    context,
                    profile: used_profile.name.clone(),
                    strictness: self.strictness,
                    require_all: self.require_all,
                    error: error.as_ref(),
                };
                let report = collect(not_started.events(), &mut on_event).ok_or(Error::Interrupted)?;
                return match error {
                    Some(error) => Err(Error::NotStarted { error, report: Box::new(report) }),
                    None => Ok(report),
                };
            }
        };
        if let Some((part, name)) = self.part {
            target.inject(&part);
            target.name = name;
        }
        let jobs = target.jobs(self.jobs)?;
        target.roles.vary = self.vary;
        target.roles.records = self.records != CaseRecords::None;
        let settings = Settings {
            context,
            snapshot_mode: snapshots.mode,
            snapshots: snapshots.apply_to(&target.roles.profile),
            snapshot_folder: snapshots.folder,
            engine: target.roles,
            offer: target.offer,
            target: target.name,
            sdk: target.build,
            jobs,
            strictness: self.strictness,
            require_all: self.require_all,
            gate,
            fail_fast: self.fail_fast,
            retries_late: true,
            rounds: self.rounds,
            shuffle: self.seed,
        };
        let mut collected = Collected { keeps_all: self.records == CaseRecords::All, ..Collected::default() };
        vouch_runner::run::run(plan, settings, interrupted, |event| {
            on_event(&event);
            collected.add(event);
        })
        .await;
        collected.report().ok_or(Error::Interrupted)
    }

    /// Judges a record by this suite, without its filter.
    #[cfg(feature = "cli")]
    pub(crate) fn judge(&self, record: &RunRecord) -> Judgement {
        judge(record, &self.plan, &self.info())
    }

    /// The waivers and known failures of the run. All mistakes of both files are reported together.
    fn gate(&self) -> Result<Gate, Error> {
        let (mut gate, mut mistakes) = (Gate::default(), vec![]);
        let read = |path: &Path| Source::read(path).map_err(|error| Error::Unreadable(error.to_string()));
        if let Some(file) = self.waivers.as_ref().or(self.target.waivers.as_ref()) {
            mistakes.extend(gate.add_waivers(&read(file)?, &self.plan).err().unwrap_or_default());
        }
        match &self.known_failures {
            Some((file, KnownFailureMode::Check)) if !file.exists() => {
                return Err(Error::NoKnownFailures(file.clone()));
            }
            Some((file, KnownFailureMode::Check)) => {
                mistakes.extend(gate.add_known_failures(&read(file)?, &self.plan).err().unwrap_or_default());
            }
            Some((file, KnownFailureMode::Write)) => {
                let file = file.display().to_string();
                gate.known_failures = Some(KnownFailures { file, cases: vec![], is_written: true });
            }
            None => {}
        }
        if mistakes.is_empty() { Ok(gate) } else { Err(Error::Mistakes(Diagnostics(mistakes).tidy())) }
    }

    /// What a record says of the suite.
    pub(crate) fn info(&self) -> SuiteInfo {
        SuiteInfo::of(&self.files, &self.plan.clauses, !self.on_disk)
    }

    /// The clauses of the suite.
    #[cfg(feature = "explore")]
    pub(crate) fn clauses(&self) -> std::sync::Arc<vouch_spec::scenario::Clauses> {
        self.plan.clauses.clone()
    }

    /// The cases that the filter selects.
    pub(crate) fn filtered_plan(&self) -> Result<Plan, Error> {
        let mut plan = self.plan.clone();
        plan.keep(&Filter(self.filter.clone()));
        if plan.cases.is_empty() { Err(Error::NoMatchingCase(self.filter.clone())) } else { Ok(plan) }
    }

    /// The cases that filter and roles select, and the roles under test.
    fn selected_plan(&self) -> Result<(Plan, Vec<Role>), Error> {
        let mut plan = self.filtered_plan()?;
        let roles = roles_under_test(&self.roles, &self.target)?;
        if !roles.is_empty() {
            plan.keep_roles(&roles);
            if plan.cases.is_empty() {
                return Err(Error::NoCaseOfRole(roles));
            }
        }
        if let Some(shard) = self.shard {
            let cases = plan.cases.len();
            plan.keep_shard(shard);
            if plan.cases.is_empty() {
                return Err(Error::EmptyShard { shard, cases });
            }
        }
        Ok((plan, roles))
    }
}

/// The events of a run, for its report.
#[derive(Default)]
struct Collected {
    /// Also the steps, wire and storage of cases that passed.
    keeps_all: bool,
    started: Option<Started>,
    cases: Vec<CaseReport>,
    summary: Option<Summary>,
}

impl Collected {
    fn add(&mut self, event: RunEvent) {
        match event {
            RunEvent::Started(of) => self.started = Some(*of),
            RunEvent::Finished(of) => self.summary = Some(of),
            RunEvent::CaseFinished(mut case) => {
                if !self.keeps_all && matches!(case.verdict, Verdict::Passed) {
                    case.record = None;
                }
                self.cases.push(*case);
            }
            RunEvent::Progress { .. } => {}
        }
    }

    fn report(self) -> Option<Report> {
        Some(Report::new(self.started?, self.cases, self.summary?))
    }
}

/// Passes events on, and makes their report.
fn collect(events: Vec<RunEvent>, mut on_event: impl FnMut(&RunEvent)) -> Option<Report> {
    let mut collected = Collected::default();
    for event in events {
        on_event(&event);
        collected.add(event);
    }
    collected.report()
}

/// How the wire snapshots of a run are used.
struct SnapshotSettings {
    mode: SnapshotMode,
    folder: Option<PathBuf>,
    /// Neither a foreign build nor a variant is under test, or it has a snapshot folder of its own.
    own: bool,
}

impl SnapshotSettings {
    fn new(suite: &Suite) -> Result<Self, Error> {
        let folder = suite.target.snapshots.clone();
        if suite.snapshots == Snapshots::Update && !suite.on_disk && folder.is_none() {
            return Err(Error::BundledSnapshots);
        }
        let own = folder.is_some() || (suite.target.roles().is_empty() && !suite.is_variant);
        let mode = match suite.snapshots {
            Snapshots::Update => SnapshotMode::Update,
            Snapshots::Propose if own => SnapshotMode::Review,
            Snapshots::Propose | Snapshots::Check => SnapshotMode::Check,
        };
        Ok(Self { mode, folder, own })
    }

    /// Whether snapshots are compared. Those of the suite hold for the built-in parts and for `junction`; a foreign build may
    /// send more than the scheme asks for, and can have snapshots of its own.
    fn apply_to(&self, profile: &Profile) -> bool {
        self.folder.is_some() || (profile.name == "junction" && self.own)
    }
}

/// The roles under test; none means the whole suite on built-in parts.
fn roles_under_test(chosen: &[Role], target: &Target) -> Result<Vec<Role>, Error> {
    let groups = target.roles();
    let filled = || groups.iter().flat_map(|group| group.iter()).copied().collect::<Vec<Role>>();
    match (groups.as_slice(), chosen) {
        ([], []) => Ok(vec![]),
        ([only], []) => Ok(only.to_vec()),
        (_, []) => Err(Error::SeveralRoles(filled())),
        ([], chosen) => Ok(chosen.to_vec()),
        (_, chosen) => {
            let filled = filled();
            match chosen.iter().find(|role| !filled.contains(role)) {
                Some(role) => Err(Error::RoleNotFilled { role: *role, filled }),
                None => Ok(chosen.to_vec()),
            }
        }
    }
}

/// Finds a wire profile by name: a built-in one, or the target file's own mapping as `custom`.
pub(crate) fn named_profile(name: Option<&str>, target: &Target) -> Result<Option<Arc<Profile>>, Error> {
    let Some(name) = name else { return Ok(None) };
    if let Some(known) = Profile::built_in(name) {
        return Ok(Some(known));
    }
    match &target.profile {
        Some(custom) if name == "custom" && Profile::built_in(&custom.name).is_none() => Ok(Some(custom.clone())),
        _ if name == "custom" => Err(Error::NoCustomProfile),
        _ => Err(Error::UnknownProfile(name.to_owned())),
    }
}
