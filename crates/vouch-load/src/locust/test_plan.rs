//! What a test run shall do: the user classes of the master, matched with workloads, and the load file.

use super::TRIED_WITH;
use super::message::Spawn;
use crate::arrivals::Arrivals;
use crate::scheduler::Workload;
use crate::{BUILT_IN, Load, LoadFile, Overrides, plan};
use rand::{Rng, rngs::SmallRng};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use vouch_spec::text::{Diagnostics, Source, did_you_mean};

/// Sign-in tokens that are made before users start, where the load file says nothing.
const TOKENS: u32 = 1000;
/// Connections that users may have at once, where the load file says nothing. What is made before is made over fewer: it
/// takes as many as there are.
const CONNECTIONS: u32 = 1000;

/// How long a user pauses between two rounds of its workload: evenly spread from `least` to `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    pub least: Duration,
    pub most: Duration,
}

impl Default for Wait {
    /// A second, as in Locust's first examples.
    fn default() -> Self {
        Self { least: Duration::from_secs(1), most: Duration::from_secs(1) }
    }
}

impl FromStr for Wait {
    type Err = String;

    /// Reads `500ms` or `1s..3s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let time = |word: &str| {
            humantime::parse_duration(word.trim())
                .map_err(|_| format!("`{text}` is no pause; write for example `500ms` or `1s..3s`"))
        };
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let wait = Self { least: time(least)?, most: time(most)? };
        if wait.least > wait.most {
            return Err(format!("the pause `{text}` ends before it begins"));
        }
        Ok(wait)
    }
}

impl Wait {
    /// One pause, in nanoseconds.
    pub fn draw(&self, random: &mut SmallRng) -> u64 {
        let (least, most) = (nanoseconds(self.least), nanoseconds(self.most));
        if least == most { least } else { random.random_range(least..=most) }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A user class of the master, and the workload that its users go through.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    pub name: String,
    pub workload: Workload,
}

/// What a test run needs.
#[derive(Clone, Debug)]
pub struct TestPlan {
    /// Its workloads are those of `classes`, in the same order.
    pub load: Load,
    pub classes: Vec<Class>,
    pub wait: Wait,
    /// Connections that users may have at once.
    pub connections: u32,
    /// Classes that no workload fits, and what to do about it.
    pub unknown: Vec<String>,
}

impl TestPlan {
    /// Settles what the master asked for. A load file or pause of the worker's own goes before the master's.
    ///
    /// # Errors
    /// For the reader: the load file is missing or wrong, or no class of the master has a workload.
    pub fn new(
        names: &[String],
        spawn: &Spawn,
        file: Option<&Path>,
        wait: Option<Wait>,
        gcip: bool,
    ) -> Result<Self, String> {
        let options = &spawn.parsed_options;
        let theirs = options.vouch_load.as_deref().filter(|path| !path.is_empty()).map(Path::new);
        let mut file = read(file.or(theirs))?;
        let wait = match wait {
            Some(wait) => wait,
            None => {
                options.vouch_wait.as_deref().filter(|text| !text.is_empty()).map_or(Ok(Wait::default()), str::parse)?
            }
        };
        let own: Vec<_> = file.workloads.iter().map(|(name, calls)| (name.clone(), calls.value.clone())).collect();
        let (mut classes, mut unknown) = (Vec::new(), Vec::new());
        for name in names {
            match plan::workload(&workload_name(name), 1, &own) {
                Ok(workload) => classes.push(Class { name: name.clone(), workload }),
                Err(_) => {
                    let known: Vec<String> = own
                        .iter()
                        .map(|(name, _)| name.as_str())
                        .chain(BUILT_IN.iter().map(|(name, ..)| *name))
                        .map(class_name)
                        .collect();
                    let help = did_you_mean(name, known.iter().map(String::as_str));
                    unknown.push(format!("no workload fits the user class `{name}`; {help}"));
                }
            }
        }
        let Some(first) = classes.first() else { return Err(unknown.join("; ")) };
        // What is about arrivals is not about users.
        (file.thresholds, file.mix, file.workload, file.warm_up) = (vec![], Default::default(), None, None);
        let overrides = Overrides {
            workload: Some(first.workload.name.clone()),
            arrivals: Some(Arrivals::Constant(1.0)),
            duration: Some(Duration::from_secs(10)),
            tokens: Some(file.tokens.unwrap_or(TOKENS).max(1)),
            fleet: Some(file.fleet.unwrap_or(1000).max(1)),
            ..Overrides::default()
        };
        let mut load = file.resolve(&overrides, gcip)?;
        load.workloads = classes.iter().map(|class| class.workload.clone()).collect();
        let connections = file.connections.unwrap_or(CONNECTIONS).max(load.connections);
        Ok(Self { load, classes, wait, connections, unknown })
    }

    /// How many users of each class there shall be, in the order of the classes.
    pub fn counts(&self, spawn: &Spawn) -> Vec<u32> {
        self.classes.iter().map(|class| spawn.user_classes_count.get(&class.name).copied().unwrap_or(0)).collect()
    }
}

fn read(path: Option<&Path>) -> Result<LoadFile, String> {
    let Some(path) = path else { return Ok(LoadFile::default()) };
    let source = Source::read(path).map_err(|error| format!("cannot read the load file: {error}"))?;
    LoadFile::parse(&source).map_err(|problems| {
        let problems = Diagnostics(problems).tidy();
        let told = problems.0.iter().map(|problem| format!("{} {}", problem.place(), problem.message));
        format!("the load file is wrong: {}", told.collect::<Vec<_>>().join("; "))
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

/// What to say when the master is of another release than this worker was tried with; only the first two numbers count,
/// as they do for the master.
pub fn other_version(master: &str) -> Option<String> {
    let release = |version: &str| version.split('.').take(2).collect::<Vec<_>>().join(".");
    (release(master) != release(TRIED_WITH)).then(|| {
        format!(
            "the master is Locust {master}; this worker was tried with {TRIED_WITH}, and may not understand it in all"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spawn(counts: &[(&str, u32)], load: Option<String>) -> Spawn {
        let user_classes_count = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let parsed_options = super::super::message::Options { vouch_load: load, ..Default::default() };
        Spawn { user_classes_count, parsed_options, ..Spawn::default() }
    }

    fn order(counts: &[(&str, u32)], load: Option<String>) -> Result<TestPlan, String> {
        let spawn = spawn(counts, load);
        let names: Vec<String> = spawn.user_classes_count.keys().cloned().collect();
        TestPlan::new(&names, &spawn, None, None, false)
    }

    #[test]
    fn classes_are_workloads() {
        let order = order(&[("SignIn", 2), ("Refresh", 3), ("Refesh", 1)], None).expect("an order");
        let names: Vec<_> = order.load.workloads.iter().map(|workload| workload.name.as_str()).collect();
        assert_eq!(names, ["refresh", "signIn"]);
        assert_eq!(order.counts(&spawn(&[("SignIn", 7)], None)), [0, 7]);
        assert!(order.unknown[0].contains("did you mean `Refresh`?"), "{:?}", order.unknown);
    }

    #[test]
    fn a_load_file_adds_workloads_and_is_told_when_it_is_wrong() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("load.yaml");
        let text = "workloads: {morning: [issue, exchange, resource]}\nmix: {morning: 1}\nthresholds: [morning p99<1s]\narrivals: max\nfleet: 5\n";
        std::fs::write(&path, text).expect("writable");
        let with = |path: &Path| order(&[("Morning", 1), ("Refresh", 1)], Some(path.display().to_string()));
        let order = with(&path).expect("an order");
        assert_eq!((order.classes.len(), order.load.fleet, order.load.thresholds.len()), (2, 5, 0));
        std::fs::write(&path, "fleeet: 5\n").expect("writable");
        let why = with(&path).expect_err("a typo");
        assert!(why.contains("load.yaml:1:1") && why.contains("fleeet"), "{why}");
        assert!(with(&folder.path().join("none.yaml")).expect_err("no file").contains("cannot read"));
    }

    #[test]
    fn pauses_are_read_or_refused() {
        let wait: Wait = "1s..3s".parse().expect("a pause");
        assert_eq!((wait.least.as_secs(), wait.most.as_secs()), (1, 3));
        assert_eq!("500ms".parse::<Wait>().map(|wait| wait.most.as_millis()), Ok(500));
        for text in ["", "soon", "3s..1s", "1s.."] {
            assert!(text.parse::<Wait>().is_err(), "{text}");
        }
    }

    #[test]
    fn another_release_is_told_a_patch_is_not() {
        assert_eq!(other_version("2.47.9"), None);
        assert!(other_version("2.31.0").is_some_and(|text| text.contains("2.31.0")));
        assert!(other_version("2.4.0").is_some());
    }
}
