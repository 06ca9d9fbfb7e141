//! One test run, from the master's first `spawn` to its `stop`: which users are there, what they did, and how it ends.

use super::counters::{RequestCounters, Sums, Taken};
use super::engine::{EngineParts, News, RoleSetup};
use super::message::Spawn;
use super::stats::{Entry, Report, now};
use super::test_plan::{TestPlan, Wait};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Users that are wanted and do not come (each thread looks up a few times a second) are told as they are after so long.
const SETTLING: Duration = Duration::from_secs(2);

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Users, tokens and installations are made.
    Preparing,
    Working,
    /// A class came that nothing was made for: the engine ends and starts again.
    Restarting,
    /// The master stopped it.
    Ending,
    /// It could not be carried out, and waits to be stopped.
    Broken,
}

/// What a worker was started with, as far as it is about loads.
#[derive(Clone)]
pub struct Means {
    pub ground: EngineParts,
    pub load: Option<PathBuf>,
    pub wait: Option<Wait>,
}

/// A test run.
pub struct Run {
    pub phase: Phase,
    pub engine: Option<RoleSetup>,
    pub counters: Option<RequestCounters>,
    pub sums: Sums,
    /// Requests that no master heard of.
    pub unreported: u64,
    /// Times that a user found nothing to work with, by class.
    pub starved: BTreeMap<String, u64>,
    /// What was taken at the end of an engine and is not reported.
    late: Option<Taken>,
    number: u32,
    order: Option<TestPlan>,
    spawn: Spawn,
    wanted_at: Instant,
}

impl Run {
    /// Starts a run. Besides it, what the reader should know.
    pub fn start(number: u32, spawn: Spawn, means: &Means) -> (Self, Vec<String>) {
        let mut run = Self {
            phase: Phase::Broken,
            engine: None,
            counters: None,
            sums: Sums::default(),
            unreported: 0,
            starved: BTreeMap::new(),
            late: None,
            number,
            order: None,
            spawn,
            wanted_at: Instant::now(),
        };
        let told = run.begin(means);
        (run, told)
    }

    /// Starts an engine for all classes that were ever asked for.
    pub fn begin(&mut self, means: &Means) -> Vec<String> {
        let mut names: Vec<String> = self.spawn.user_classes_count.keys().cloned().collect();
        let before = self.order.iter().flat_map(|order| &order.classes).map(|class| class.name.clone());
        names.extend(before.filter(|name| !self.spawn.user_classes_count.contains_key(name)));
        let gcip = means.ground.profile.name == "gcip";
        match TestPlan::new(&names, &self.spawn, means.load.as_deref(), means.wait, gcip) {
            Ok(order) => {
                let engine = RoleSetup::start(order.clone(), means.ground.clone());
                engine.crowd.want(&order.counts(&self.spawn));
                let unknown = order.unknown.clone();
                (self.phase, self.engine, self.order) = (Phase::Preparing, Some(engine), Some(order));
                unknown
            }
            Err(why) => {
                (self.phase, self.engine) = (Phase::Broken, None);
                vec![why]
            }
        }
    }

    /// The master wants other users now.
    pub fn want(&mut self, spawn: Spawn) {
        (self.spawn, self.wanted_at) = (spawn, Instant::now());
        let (Some(order), Some(engine)) = (&self.order, &self.engine) else { return };
        engine.crowd.want(&order.counts(&self.spawn));
        let known = |name: &String| {
            order.classes.iter().any(|class| class.name == *name)
                || order.unknown.iter().any(|told| told.contains(&format!("`{name}`")))
        };
        let running = matches!(self.phase, Phase::Preparing | Phase::Working);
        if running && !self.spawn.user_classes_count.keys().all(known) {
            self.phase = Phase::Restarting;
            engine.stop();
        }
    }

    /// Whether the master's wish is fulfilled, or cannot be.
    pub fn settled(&self) -> bool {
        match (self.phase, &self.engine) {
            (Phase::Working, Some(engine)) => engine.crowd.settled() || self.wanted_at.elapsed() > SETTLING,
            (Phase::Broken, _) => true,
            _ => false,
        }
    }

    /// Sends all users away. Whether there is an engine whose end is to be waited for.
    pub fn stop(&mut self) -> bool {
        let Some(engine) = &self.engine else { return false };
        engine.stop();
        self.phase = Phase::Ending;
        true
    }

    /// The master begins to count anew, when it was told to by `--reset-stats`.
    pub fn all_spawned(&mut self) {
        if self.spawn.parsed_options.reset_stats
            && let Some(counters) = &mut self.counters
        {
            counters.take();
            self.sums.reset();
        }
    }

    /// How many users of each class there are; after a stop, those whose chains are not through. The master waits for them.
    pub fn counts(&self) -> BTreeMap<String, u32> {
        let mut counts: BTreeMap<String, u32> =
            self.spawn.user_classes_count.keys().map(|name| (name.clone(), 0)).collect();
        let lives = matches!(self.phase, Phase::Working | Phase::Ending);
        if let (Some(order), Some(engine), true) = (&self.order, &self.engine, lives) {
            let live = order.classes.iter().zip(engine.crowd.live());
            counts.extend(live.map(|(class, count)| (class.name.clone(), count)));
        }
        counts
    }

    /// Threads that send.
    pub fn threads(&self) -> u32 {
        self.order.as_ref().map_or(1, |order| order.load.threads)
    }

    /// Keeps what the end of an engine brings to light for the next report.
    pub fn conclude(&mut self, news: News) {
        if let (News::Ended(round), Some(counters)) = (news, &mut self.counters) {
            self.late = Some(counters.conclude(&round.series));
        }
    }

    /// The report of what happened since the last one.
    pub fn report(&mut self) -> Report {
        let taken = self.late.take().or_else(|| self.counters.as_mut().map(RequestCounters::take));
        let counts = self.counts();
        let Some(taken) = taken else { return report(counts) };
        self.sums.add(&taken);
        for (class, count) in self.order.iter().flat_map(|order| &order.classes).zip(&taken.starved) {
            if *count > 0 {
                *self.starved.entry(class.name.clone()).or_default() += count;
            }
        }
        Report { stats: taken.stats, stats_total: taken.total, errors: taken.errors, ..report(counts) }
    }

    /// What a reader should know about users that find nothing to work with.
    pub fn starving(&self, class: &str) -> String {
        let order = self.order.iter().flat_map(|order| order.classes.iter().map(move |class| (order, class)));
        let mut order = order.filter(|(_, known)| known.name == class);
        match order.next() {
            Some((order, class)) if class.workload.needs_tokens() => format!(
                "{} users wait: the {} sign-in tokens that were made before are used up; give more `tokens` in the load file, or use the class SignIn",
                class.name, order.load.tokens
            ),
            Some((order, class)) => format!(
                "{} users wait: none of the {} installations is idle; give a larger `fleet` in the load file",
                class.name, order.load.fleet
            ),
            None => format!("{class} users wait"),
        }
    }

    /// What the worker counted itself, to be held against the master's statistics.
    pub fn summary(&self) -> Value {
        let mut summary = self.sums.json();
        summary["run"] = json!(self.number);
        summary["unreported"] = json!(self.unreported);
        summary["starved"] = json!(self.starved);
        summary
    }
}

/// A report of nothing but who is there.
pub fn report(counts: BTreeMap<String, u32>) -> Report {
    let user_count = counts.values().sum();
    Report {
        stats: vec![],
        stats_total: Entry::total(now()),
        errors: BTreeMap::new(),
        user_classes_count: counts,
        user_count,
    }
}
