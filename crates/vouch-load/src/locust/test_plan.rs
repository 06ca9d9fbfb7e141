//! The plan of a test run: the user classes of the master, mapped to workloads, and the load file.

use super::TESTED_VERSION;
use super::message::Spawn;
use crate::arrivals::Arrivals;
use crate::plan::{self, PlanError};
use crate::workload::Workload;
use crate::{BUILT_IN, Load, LoadFile, Overrides};
use rand::{Rng, rngs::SmallRng};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use vouch_spec::profile::Rotation;
use vouch_spec::text::{Diagnostics, Source, did_you_mean};

/// The default number of sign-in tokens that are issued before users start.
const TOKENS: u32 = 1000;
/// The default maximum number of connections of users. The preparation uses fewer, because it uses as many as are allowed.
const CONNECTIONS: u32 = 1000;

/// The wait time of a user between two runs of its workload, uniformly distributed from `min` to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTime {
    pub min: Duration,
    pub max: Duration,
}

impl Default for WaitTime {
    /// One second, as in Locust's introductory examples.
    fn default() -> Self {
        Self { min: Duration::from_secs(1), max: Duration::from_secs(1) }
    }
}

/// A text that is not a wait time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseWaitTimeError {
    #[error("`{0}` is not a wait time; write for example `500ms` or `1s..3s`")]
    Form(String),
    #[error("the wait time `{0}` has a minimum above its maximum")]
    Reversed(String),
}

impl FromStr for WaitTime {
    type Err = ParseWaitTimeError;

    /// Parses `500ms` or `1s..3s`.
    fn from_str(text: &str) -> Result<Self, ParseWaitTimeError> {
        let time =
            |word: &str| humantime::parse_duration(word.trim()).map_err(|_| ParseWaitTimeError::Form(text.to_owned()));
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        let wait = Self { min: time(min)?, max: time(max)? };
        if wait.min > wait.max {
            return Err(ParseWaitTimeError::Reversed(text.to_owned()));
        }
        Ok(wait)
    }
}

impl WaitTime {
    /// A random wait time, in nanoseconds.
    pub fn sample(&self, random: &mut SmallRng) -> u64 {
        let (min, max) = (nanoseconds(self.min), nanoseconds(self.max));
        if min == max { min } else { random.random_range(min..=max) }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A user class of the master, and the workload of its users.
#[derive(Clone, Debug, PartialEq)]
pub struct UserClass {
    pub name: String,
    pub workload: Workload,
}

/// A test run that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TestPlanError {
    #[error("cannot read the load file: {0}")]
    Unreadable(String),
    #[error("the load file is invalid: {0}")]
    Invalid(String),
    #[error(transparent)]
    WaitTime(#[from] ParseWaitTimeError),
    #[error("{0}")]
    UnknownClasses(String),
    #[error(
        "a load file for Locust cannot have `faults` or `retries`: a test run of Locust has no times; use `vouch load`"
    )]
    Faults,
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// The plan of a test run.
#[derive(Clone, Debug)]
pub struct TestPlan {
    /// The load, with the workloads of `classes` in the same order.
    pub load: Load,
    pub classes: Vec<UserClass>,
    pub wait: WaitTime,
    /// The maximum number of connections of users.
    pub connections: u32,
    /// Messages about user classes without a workload.
    pub unknown: Vec<String>,
}

impl TestPlan {
    /// Resolves the request of the master. The worker's own load file and wait time take precedence over the master's.
    /// `rotation`: what the target file or the wire profile says of it.
    ///
    /// # Errors
    /// When the load file is missing or invalid, or no user class of the master has a workload.
    pub fn new(
        names: &[String],
        spawn: &Spawn,
        file: Option<&Path>,
        wait: Option<WaitTime>,
        rotation: Option<Rotation>,
    ) -> Result<Self, TestPlanError> {
        let options = &spawn.parsed_options;
        let master_file = options.vouch_load.as_deref().filter(|path| !path.is_empty()).map(Path::new);
        let mut file = read(file.or(master_file))?;
        if !file.faults.is_empty() || file.retries.is_some() {
            return Err(TestPlanError::Faults);
        }
        let wait = match wait {
            Some(wait) => wait,
            None => options
                .vouch_wait
                .as_deref()
                .filter(|text| !text.is_empty())
                .map_or(Ok(WaitTime::default()), str::parse)?,
        };
        let own_workloads: Vec<_> =
            file.workloads.iter().map(|(name, calls)| (name.clone(), calls.value.clone())).collect();
        let (mut classes, mut unknown) = (Vec::new(), Vec::new());
        for name in names {
            match plan::workload(&workload_name(name), 1, &own_workloads) {
                Ok(workload) => classes.push(UserClass { name: name.clone(), workload }),
                Err(_) => {
                    let known: Vec<String> = own_workloads
                        .iter()
                        .map(|(name, _)| name.as_str())
                        .chain(BUILT_IN.iter().map(|(name, ..)| *name))
                        .map(class_name)
                        .collect();
                    let help = did_you_mean(name, known.iter().map(String::as_str));
                    unknown.push(format!("there is no workload for the user class `{name}`; {help}"));
                }
            }
        }
        let Some(first) = classes.first() else { return Err(TestPlanError::UnknownClasses(unknown.join("; "))) };
        // Settings for arrivals do not apply to users.
        (file.thresholds, file.mix, file.workload, file.warm_up) =
            (vec![], std::collections::BTreeMap::default(), None, None);
        let overrides = Overrides {
            workload: Some(first.workload.name.clone()),
            arrivals: Some(Arrivals::Constant(1.0)),
            duration: Some(Duration::from_secs(10)),
            tokens: Some(file.tokens.as_ref().map_or(TOKENS, |tokens| tokens.value)),
            installations: Some(file.installations.as_ref().map_or(1000, |number| number.value).max(1)),
            ..Overrides::default()
        };
        let mut load = file.resolve(&overrides, rotation)?;
        load.workloads = classes.iter().map(|class| class.workload.clone()).collect();
        let connections = file.connections.as_ref().map_or(CONNECTIONS, |number| number.value).max(load.connections);
        Ok(Self { load, classes, wait, connections, unknown })
    }

    /// The requested number of users of each class, in the order of the classes.
    pub fn counts(&self, spawn: &Spawn) -> Vec<u32> {
        self.classes.iter().map(|class| spawn.user_classes_count.get(&class.name).copied().unwrap_or(0)).collect()
    }
}

fn read(path: Option<&Path>) -> Result<LoadFile, TestPlanError> {
    let Some(path) = path else { return Ok(LoadFile::default()) };
    let source = Source::read(path).map_err(|error| TestPlanError::Unreadable(error.to_string()))?;
    LoadFile::parse(&source).map_err(|problems| {
        let problems = Diagnostics(problems).tidy();
        let described = problems.0.iter().map(|problem| format!("{} {}", problem.place(), problem.message));
        TestPlanError::Invalid(described.collect::<Vec<_>>().join("; "))
    })
}

/// `SignIn` is the class of `signIn`.
fn workload_name(class: &str) -> String {
    let mut characters = class.chars();
    characters.next().map_or(String::new(), |first| first.to_lowercase().chain(characters).collect())
}

fn class_name(workload: &str) -> String {
    let mut characters = workload.chars();
    characters.next().map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}

/// A warning if the master has another release than this worker is tested with. Only the first two numbers are compared, as
/// the master does.
pub fn version_warning(master: &str) -> Option<String> {
    let release = |version: &str| version.split('.').take(2).collect::<Vec<_>>().join(".");
    (release(master) != release(TESTED_VERSION)).then(|| {
        format!("the master is Locust {master}; this worker is tested with {TESTED_VERSION} and may not be compatible")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spawn(counts: &[(&str, u32)], load: Option<String>) -> Spawn {
        let user_classes_count = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let parsed_options = super::super::message::ParsedOptions { vouch_load: load, ..Default::default() };
        Spawn { user_classes_count, parsed_options, ..Spawn::default() }
    }

    fn plan(counts: &[(&str, u32)], load: Option<String>) -> Result<TestPlan, TestPlanError> {
        let spawn = spawn(counts, load);
        let names: Vec<String> = spawn.user_classes_count.keys().cloned().collect();
        TestPlan::new(&names, &spawn, None, None, None)
    }

    #[test]
    fn user_classes_are_mapped_to_workloads() {
        let plan = plan(&[("SignIn", 2), ("Refresh", 3), ("Refesh", 1)], None).expect("an order");
        let names: Vec<_> = plan.load.workloads.iter().map(|workload| workload.name.as_str()).collect();
        assert_eq!(names, ["refresh", "signIn"]);
        assert_eq!(plan.counts(&spawn(&[("SignIn", 7)], None)), [0, 7]);
        assert!(plan.unknown[0].contains("did you mean `Refresh`?"), "{:?}", plan.unknown);
    }

    #[test]
    fn a_load_file_adds_workloads_and_its_mistakes_are_reported() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("load.yaml");
        let text = "workloads: {morning: [issue, exchange, resource]}\nmix: {morning: 1}\nthresholds: [morning p99<1s]\narrivals: max\ninstallations: 5\n";
        std::fs::write(&path, text).expect("writable");
        let with = |path: &Path| plan(&[("Morning", 1), ("Refresh", 1)], Some(path.display().to_string()));
        let plan = with(&path).expect("an order");
        assert_eq!((plan.classes.len(), plan.load.installations, plan.load.thresholds.len()), (2, 5, 0));
        std::fs::write(&path, "instalations: 5\n").expect("writable");
        let why = with(&path).expect_err("a typo").to_string();
        assert!(why.contains("load.yaml:1:1") && why.contains("instalations"), "{why}");
        for faults in ["faults: [{from: 0s, until: 1s, answers: lost}]\n", "retries: 2\n"] {
            std::fs::write(&path, faults).expect("writable");
            assert!(matches!(with(&path), Err(TestPlanError::Faults)), "{faults}");
        }
        assert!(with(&folder.path().join("none.yaml")).expect_err("no file").to_string().contains("cannot read"));
    }

    #[test]
    fn wait_times_are_parsed_or_rejected() {
        let wait: WaitTime = "1s..3s".parse().expect("a pause");
        assert_eq!((wait.min.as_secs(), wait.max.as_secs()), (1, 3));
        assert_eq!("500ms".parse::<WaitTime>().map(|wait| wait.max.as_millis()), Ok(500));
        for text in ["", "soon", "3s..1s", "1s.."] {
            assert!(text.parse::<WaitTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn another_release_is_reported_and_a_patch_is_not() {
        assert_eq!(version_warning("2.47.9"), None);
        assert!(version_warning("2.31.0").is_some_and(|text| text.contains("2.31.0")));
        assert!(version_warning("2.4.0").is_some());
    }
}
