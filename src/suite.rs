//! A suite, what it runs against, and how: the builder of a run.

mod run;

#[cfg(feature = "cli")]
pub(crate) use run::named_profile;

use crate::bundled;
use crate::error::Error;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use vouch_runner::run::event::RunEvent;
use vouch_runner::run::verdict::Strictness;
use vouch_runner::run::{Plan, Shard};
use vouch_runner::target_file::Target;
use vouch_sim::mutant::{self, Mutation};
use vouch_sim::variant;
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
    records: CaseRecords,
}

/// Whose steps, wire and storage are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CaseRecords {
    None,
    /// Every case's in its event, and in the report those of the cases that did not pass: a run record of any length takes little
    /// memory.
    #[cfg(feature = "cli")]
    InEvents,
    All,
}

/// How a run uses its list of known failures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KnownFailureMode {
    /// A failure of a case that is not listed fails the run.
    Check,
    /// The list is written after the run.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the command line writes lists"))]
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
            records: CaseRecords::None,
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
        if let Some(profile) = variant.profile {
            self.profile.get_or_insert_with(|| profile.to_owned());
        }
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

    /// How many cases run at once. By default four a core, or fewer where the build is slow to start or the limit on
    /// open files is low.
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
        self.records = CaseRecords::All;
        self
    }

    /// The same for listeners of events; the report keeps those of the cases that did not pass.
    #[cfg(feature = "cli")]
    pub(crate) fn record_cases_in_events(mut self) -> Self {
        self.records = CaseRecords::InEvents;
        self
    }
}

fn plan(files: &SuiteFiles) -> Result<Plan, Error> {
    let (suite, mistakes) = vouch_spec::scenario::Suite::parse(files)?;
    let plan = Plan::build(&suite, mistakes).map_err(Error::Mistakes)?;
    // A suite that leaves requirements untested says as little of a build as a part of a suite.
    Ok(Plan { is_part: files.is_part || plan.leaves_must_clauses_uncovered(), ..plan })
}
