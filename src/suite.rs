//! A suite, what it runs against, and how: the builder of a run.

use crate::bundled;
use crate::error::Error;
use crate::report::Report;
use std::num::NonZeroUsize;
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
use vouch_runner::run::verdict::{CaseReport, Strictness};
use vouch_runner::run::{Filter, Interrupted, NotStarted, Plan, Settings, Shard, SnapshotMode, wanted};
use vouch_runner::target_file::Target;
use vouch_runner::target_setup::{ResolvedTarget, TargetOptions};
use vouch_sim::mutant::{self, Mutation};
use vouch_sim::variant;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::Role;
use vouch_spec::scenario::SuiteFiles;
use vouch_spec::text::{Diagnostics, Source};

/// Gets every event of a run.
type EventListener = Box<dyn FnMut(&RunEvent) + Send>;

/// Scenarios to run, what to run them against, and how.
///
/// Without a target, every role is filled by a built-in part, which conforms. Nothing runs before [`run`](Self::run) or
/// [`run_async`](Self::run_async).
///
/// ```
/// # fn main() -> Result<(), vouch::Error> {
/// let report = vouch::Suite::bundled()?.filter("MIG-5").strict().run()?;
/// assert!(report.passed());
/// assert_eq!(report.cases().count(), 4);
/// # Ok(())
/// # }
/// ```
pub struct Suite {
    files: SuiteFiles,
    /// The scenarios are on disk, so that snapshots beside them can be written.
    on_disk: bool,
    plan: Plan,
    filter: Vec<String>,
    target: Target,
    roles: Vec<Role>,
    profile: Option<String>,
    /// A part that takes the place of a built-in one, and what reports call it.
    part: Option<(Mutation, String)>,
    /// It is a legitimate variant.
    is_variant: bool,
    strictness: Strictness,
    real_time: bool,
    require_all: bool,
    fail_fast: bool,
    jobs: Option<NonZeroUsize>,
    rounds: usize,
    seed: Option<u64>,
    vary: Option<u64>,
    snapshots: Snapshots,
    shard: Option<Shard>,
    listeners: Vec<EventListener>,
    /// The path of the target file.
    target_file: Option<String>,
    /// The build under test: a path or an image.
    build: Option<(String, PathBuf)>,
    arguments: Vec<String>,
    waivers: Option<PathBuf>,
    known_failures: Option<(PathBuf, KnownFailureMode)>,
    records: bool,
}

/// How a run uses its list of known failures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KnownFailureMode {
    /// A failure of a case that is not listed fails the run.
    Check,
    /// The list is written after the run.
    Write,
}

/// What to do about a wire snapshot that is missing or differs. In each case, the scenario fails unless it is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Snapshots {
    /// Write nothing.
    #[default]
    Check,
    /// Write the new one as a pending snapshot (`.snap.new`), if no foreign build is under test.
    Propose,
    /// Accept the new one.
    Update,
}

impl Suite {
    /// The suite that is bundled with this library.
    ///
    /// # Errors
    /// Never, unless this library was built from a broken suite.
    pub fn bundled() -> Result<Self, Error> {
        Self::new(bundled::files(), false)
    }

    /// Scenario files or folders of them, with the nearest `clauses.yaml` at or above the first.
    ///
    /// # Errors
    /// If a file cannot be read or has mistakes.
    pub fn load<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, Error> {
        let paths: Vec<PathBuf> = paths.into_iter().map(|path| path.as_ref().to_owned()).collect();
        Self::new(SuiteFiles::read(&paths)?, true)
    }

    fn new(files: SuiteFiles, on_disk: bool) -> Result<Self, Error> {
        Ok(Self {
            plan: plan(&files)?,
            files,
            on_disk,
            filter: vec![],
            target: Target::default(),
            roles: vec![],
            profile: None,
            part: None,
            is_variant: false,
            strictness: Strictness::Lenient,
            real_time: false,
            require_all: false,
            fail_fast: false,
            jobs: None,
            rounds: 1,
            seed: None,
            vary: None,
            snapshots: Snapshots::Check,
            shard: None,
            listeners: vec![],
            target_file: None,
            build: None,
            arguments: vec![],
            waivers: None,
            known_failures: None,
            records: false,
        })
    }

    /// Adds the scenarios of a folder, and the clauses of its `clauses.yaml`, if it has one.
    ///
    /// # Errors
    /// If a file cannot be read or has mistakes, or the id of a scenario or clause is taken.
    pub fn with_folder(mut self, folder: impl AsRef<Path>) -> Result<Self, Error> {
        self.files.add_folder(folder.as_ref())?;
        self.plan = plan(&self.files)?;
        Ok(self)
    }

    /// The system under test, as a target file describes it. Commands in it run in the file's folder.
    ///
    /// # Errors
    /// If the file cannot be read or has mistakes.
    pub fn target(mut self, file: impl AsRef<Path>) -> Result<Self, Error> {
        let source = Source::read(file.as_ref()).map_err(|error| Error::Unreadable(error.to_string()))?;
        self.target_file = Some(file.as_ref().display().to_string());
        self.parse_target(&source)
    }

    /// The system under test, as the text of a target file describes it. Commands in it run in `folder`.
    ///
    /// # Errors
    /// If the text has mistakes.
    pub fn target_text(self, text: &str, folder: impl AsRef<Path>) -> Result<Self, Error> {
        self.parse_target(&Source::new(folder.as_ref().join("vouch.toml"), text))
    }

    fn parse_target(mut self, source: &Source) -> Result<Self, Error> {
        self.target = Target::parse(source).map_err(|mistakes| Error::Mistakes(Diagnostics(mistakes).tidy()))?;
        Ok(self)
    }

    /// Runs only cases of this group, clause (`MIG-5`) or clause group (`MIG`), or with this word in their id. Called more
    /// than once, it runs the cases that match any of the words.
    #[must_use]
    pub fn filter(mut self, word: impl Into<String>) -> Self {
        self.filter.push(word.into());
        self
    }

    /// Tests only this role. Called more than once, it tests all of them. Needed where the target file fills several.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// The wire profile: `junction`, `gcip`, `standard`, or `custom`, which is the mapping in the target file.
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Injects a fault into a built-in part, by the name that `vouch mutants` shows: the suite must detect it.
    ///
    /// # Errors
    /// If there is no such mutant.
    pub fn mutant(mut self, name: &str) -> Result<Self, Error> {
        let mutant = mutant::named(name).ok_or_else(|| Error::unknown_mutant(name))?;
        self.part = Some((mutant.mutation, format!("mutant: {}", mutant.about)));
        Ok(self)
    }

    /// Replaces a built-in part by a legitimate variant, by the name that `vouch mutants` shows: the suite must not complain.
    ///
    /// # Errors
    /// If there is no such variant.
    pub fn variant(mut self, name: &str) -> Result<Self, Error> {
        let variant = variant::named(name).ok_or_else(|| Error::unknown_variant(name))?;
        self.part = Some((variant.part, format!("variant: {}", variant.about)));
        self.is_variant = true;
        Ok(self)
    }

    /// Violations of `should` clauses fail the build too.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strictness = Strictness::Strict;
        self
    }

    /// Real time with short token lifetimes, even for an SDK that claims `clock`.
    #[must_use]
    pub fn real_time(mut self) -> Self {
        self.real_time = true;
        self
    }

    /// The run is inconclusive when a `must` clause that the selected scenarios prove was not tested.
    #[must_use]
    pub fn require_all(mut self) -> Self {
        self.require_all = true;
        self
    }

    /// Starts no case after the first failure.
    #[must_use]
    pub fn fail_fast(mut self) -> Self {
        self.fail_fast = true;
        self
    }

    /// How many cases run at once. By default four a core, or fewer where the limit on open files is low.
    #[must_use]
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = Some(jobs);
        self
    }

    /// Runs every case this many times.
    #[must_use]
    pub fn repeat(mut self, times: NonZeroUsize) -> Self {
        self.rounds = times.get();
        self
    }

    /// Runs the cases in a random order. The same seed gives the same order.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Draws the conditions that scenarios leave open, such as the lifetime of access tokens and the device's clock, for each
    /// case. The same seed draws the same. Wire snapshots are not compared then.
    #[must_use]
    pub fn vary(mut self, seed: u64) -> Self {
        self.vary = Some(seed);
        self
    }

    /// Runs one shard of the chosen cases. No verdict on the build follows from a shard: `vouch merge` makes it from the
    /// records of all.
    #[must_use]
    pub fn shard(mut self, shard: Shard) -> Self {
        self.shard = Some(shard);
        self
    }

    /// What to do about wire snapshots that are missing or differ.
    #[must_use]
    pub fn snapshots(mut self, snapshots: Snapshots) -> Self {
        self.snapshots = snapshots;
        self
    }

    /// Calls a listener for each event of the run, as it happens. Called more than once, it adds listeners.
    #[must_use]
    pub fn on_event(mut self, listener: impl FnMut(&RunEvent) + Send + 'static) -> Self {
        self.listeners.push(Box::new(listener));
        self
    }

    /// The build under test, for the record: a file, a folder, or an image as `oci:NAME@sha256:DIGEST`. By default what the
    /// target file names as `build`.
    #[must_use]
    pub fn build(mut self, build: impl Into<String>) -> Self {
        self.build = Some((build.into(), PathBuf::from(".")));
        self
    }

    /// A file of waivers: findings that do not fail the run, each with a reason, an owner and a last day. By default what the
    /// target file names as `waivers`.
    #[must_use]
    pub fn waivers(mut self, file: impl Into<PathBuf>) -> Self {
        self.waivers = Some(file.into());
        self
    }

    /// A list of cases that the build is known to fail, one a line. A failure of another case fails the run, and so does a case
    /// of the list that passes.
    #[must_use]
    pub fn known_failures(mut self, file: impl Into<PathBuf>) -> Self {
        self.known_failures = Some((file.into(), KnownFailureMode::Check));
        self
    }

    /// Accepts every failure, since the list of known failures is written after the run.
    #[cfg(feature = "cli")]
    pub(crate) fn writing_known_failures(mut self, file: impl Into<PathBuf>) -> Self {
        self.known_failures = Some((file.into(), KnownFailureMode::Write));
        self
    }

    /// The arguments of the command line, for the record.
    #[cfg(feature = "cli")]
    pub(crate) fn arguments(mut self, arguments: Vec<String>) -> Self {
        self.arguments = arguments;
        self
    }

    /// Keeps the steps, the wire and the storage of every case, for a run record.
    #[must_use]
    pub fn record_cases(mut self) -> Self {
        self.records = true;
        self
    }

    /// Runs the cases and waits for the result. It works inside an async runtime too, where it blocks the calling thread:
    /// the run has a runtime of its own.
    ///
    /// # Errors
    /// If nothing could run. A build that fails scenarios is not an error.
    pub fn run(self) -> Result<Report, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
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
        let jobs = resource_limits::jobs(self.jobs)?;
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
        target.roles.vary = self.vary;
        target.roles.records = self.records;
        let settings = Settings {
            context,
            snapshot_mode: snapshots.mode,
            snapshots: snapshots.apply_to(&target.roles.profile),
            snapshot_folder: snapshots.folder,
            engine: target.roles,
            offer: target.offer,
            target: target.name,
            sdk: target.build,
            jobs: target.max_jobs.map_or(jobs, |most| jobs.min(most)),
            strictness: self.strictness,
            require_all: self.require_all,
            gate,
            fail_fast: self.fail_fast,
            retries_late: true,
            rounds: self.rounds,
            shuffle: self.seed,
        };
        let mut collected = Collected::default();
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

    /// The waivers and known failures of the run. All mistakes of both files are told together.
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

fn plan(files: &SuiteFiles) -> Result<Plan, Error> {
    let (suite, mistakes) = vouch_spec::scenario::Suite::parse(files)?;
    let plan = Plan::build(&suite, mistakes).map_err(Error::Mistakes)?;
    Ok(Plan { is_part: files.is_part, ..plan })
}

/// The events of a run, for its report.
#[derive(Default)]
struct Collected {
    started: Option<Started>,
    cases: Vec<CaseReport>,
    summary: Option<Summary>,
}

impl Collected {
    fn add(&mut self, event: RunEvent) {
        match event {
            RunEvent::Started(of) => self.started = Some(*of),
            RunEvent::Finished(of) => self.summary = Some(of),
            RunEvent::CaseFinished(case) => self.cases.push(*case),
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
