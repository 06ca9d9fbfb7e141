//! One test run, from the master's first `spawn` message to its `stop`.

use super::counters::{CountersDelta, RequestCounters, RunTotals};
use super::engine::{Engine, EngineEvent, EngineParts};
use super::message::Spawn;
use super::stats::{StatsEntry, StatsReport, now};
use super::test_plan::{TestPlan, WaitTime};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// After this time the current number of users is reported, even if it is not the requested one.
const SPAWN_TIMEOUT: Duration = Duration::from_secs(2);

/// The phase of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Users, tokens and installations are created.
    Preparing,
    Working,
    /// The master has added a user class: the engine stops and starts again.
    Restarting,
    /// The master stopped it.
    Ending,
    /// It has failed, and waits for the master to stop it.
    Failed,
}

/// The options of a worker that concern its loads.
#[derive(Clone)]
pub struct RunOptions {
    pub engine_parts: EngineParts,
    pub load: Option<PathBuf>,
    pub wait: Option<WaitTime>,
}

/// A test run.
pub struct TestRun {
    pub phase: Phase,
    pub engine: Option<Engine>,
    pub counters: Option<RequestCounters>,
    pub totals: RunTotals,
    /// Requests that were not reported to the master, or that it had not confirmed when the connection was lost.
    pub unreported: u64,
    /// Whether the last report was made, sent or not.
    pub last_report_made: bool,
    /// The number of times that a user had nothing to work with, by class.
    pub starved: BTreeMap<String, u64>,
    /// The requests at the end of an engine that are not reported yet.
    final_delta: Option<CountersDelta>,
    number: u32,
    plan: Option<TestPlan>,
    spawn: Spawn,
    changed_at: Instant,
}

impl TestRun {
    /// Starts a run. Also returns notes for the user.
    pub fn start(number: u32, spawn: Spawn, options: &RunOptions) -> (Self, Vec<String>) {
        let mut run = Self {
            phase: Phase::Failed,
            engine: None,
            counters: None,
            totals: RunTotals::default(),
            unreported: 0,
            last_report_made: false,
            starved: BTreeMap::new(),
            final_delta: None,
            number,
            plan: None,
            spawn,
            changed_at: Instant::now(),
        };
        let notes = run.start_engine(options);
        (run, notes)
    }

    /// Starts an engine for all user classes that were requested so far. Returns notes for the user.
    pub fn start_engine(&mut self, options: &RunOptions) -> Vec<String> {
        let mut names: Vec<String> = self.spawn.user_classes_count.keys().cloned().collect();
        let before = self.plan.iter().flat_map(|plan| &plan.classes).map(|class| class.name.clone());
        names.extend(before.filter(|name| !self.spawn.user_classes_count.contains_key(name)));
        let rotation = options.engine_parts.target.rotation(&options.engine_parts.profile);
        match TestPlan::new(&names, &self.spawn, options.load.as_deref(), options.wait, rotation) {
            Ok(plan) => {
                let engine = Engine::start(plan.clone(), options.engine_parts.clone());
                engine.population.set_wanted(&plan.counts(&self.spawn));
                let unknown = plan.unknown.clone();
                (self.phase, self.engine, self.plan) = (Phase::Preparing, Some(engine), Some(plan));
                unknown
            }
            Err(error) => {
                (self.phase, self.engine) = (Phase::Failed, None);
                vec![error.to_string()]
            }
        }
    }

    /// Sets the requested number of users.
    pub fn set_users(&mut self, spawn: Spawn) {
        (self.spawn, self.changed_at) = (spawn, Instant::now());
        let (Some(plan), Some(engine)) = (&self.plan, &self.engine) else { return };
        engine.population.set_wanted(&plan.counts(&self.spawn));
        let known = |name: &String| {
            plan.classes.iter().any(|class| class.name == *name)
                || plan.unknown.iter().any(|notes| notes.contains(&format!("`{name}`")))
        };
        let running = matches!(self.phase, Phase::Preparing | Phase::Working);
        if running && !self.spawn.user_classes_count.keys().all(known) {
            self.phase = Phase::Restarting;
            engine.stop();
        }
    }

    /// Whether the requested users run, or cannot run.
    pub fn is_settled(&self) -> bool {
        match (self.phase, &self.engine) {
            (Phase::Working, Some(engine)) => {
                engine.population.is_settled() || self.changed_at.elapsed() > SPAWN_TIMEOUT
            }
            (Phase::Failed, _) => true,
            _ => false,
        }
    }

    /// Stops all users. Returns whether there is an engine whose end has to be awaited.
    pub fn stop(&mut self) -> bool {
        let Some(engine) = &self.engine else { return false };
        engine.stop();
        self.phase = Phase::Ending;
        true
    }

    /// Resets the counters after spawning if the master runs with `--reset-stats`. Returns whether it did.
    pub fn all_spawned(&mut self) -> bool {
        let Some(counters) = self.counters.as_mut().filter(|_| self.spawn.parsed_options.reset_stats) else {
            return false;
        };
        counters.take();
        self.totals.reset();
        self.unreported = 0;
        true
    }

    /// The number of users of each class; after a stop, those with a workload in progress, for which the master waits.
    pub fn counts(&self) -> BTreeMap<String, u32> {
        let mut counts: BTreeMap<String, u32> =
            self.spawn.user_classes_count.keys().map(|name| (name.clone(), 0)).collect();
        let has_users = matches!(self.phase, Phase::Working | Phase::Ending);
        if let (Some(plan), Some(engine), true) = (&self.plan, &self.engine, has_users) {
            let live = plan.classes.iter().zip(engine.population.counts());
            counts.extend(live.map(|(class, count)| (class.name.clone(), count)));
        }
        counts
    }

    /// The number of sending threads.
    pub fn threads(&self) -> u32 {
        self.plan.as_ref().map_or(1, |plan| plan.load.threads)
    }

    /// Keeps the final requests of an engine for the next report.
    pub fn conclude(&mut self, event: EngineEvent) {
        if let (EngineEvent::Finished(round), Some(counters)) = (event, &mut self.counters) {
            self.final_delta = Some(counters.conclude(&round.series));
        }
    }

    /// The report of the requests since the last one.
    pub fn report(&mut self) -> StatsReport {
        let delta = self.final_delta.take().or_else(|| self.counters.as_mut().map(RequestCounters::take));
        let counts = self.counts();
        let Some(delta) = delta else { return report(counts) };
        self.totals.add(&delta);
        for (class, count) in self.plan.iter().flat_map(|plan| &plan.classes).zip(&delta.starved) {
            if *count > 0 {
                *self.starved.entry(class.name.clone()).or_default() += count;
            }
        }
        StatsReport { stats: delta.stats, stats_total: delta.total, errors: delta.errors, ..report(counts) }
    }

    /// A note about users without an idle installation or a sign-in token.
    pub fn starvation_note(&self, class: &str) -> String {
        let plan = self.plan.iter().flat_map(|plan| plan.classes.iter().map(move |class| (plan, class)));
        let mut plan = plan.filter(|(_, known)| known.name == class);
        match plan.next() {
            Some((plan, class)) if class.workload.needs_tokens() => format!(
                "{} users wait: the {} prepared sign-in tokens are used up; increase `tokens` in the load file, or use the class SignIn",
                class.name, plan.load.tokens
            ),
            Some((plan, class)) => format!(
                "{} users wait: none of the {} installations is idle; increase `installations` in the load file",
                class.name, plan.load.installations
            ),
            None => format!("{class} users wait"),
        }
    }

    /// The worker's own totals, for comparison with the master's statistics.
    pub fn summary(&self) -> Value {
        let mut summary = self.totals.json();
        summary["run"] = json!(self.number);
        summary["unreported"] = json!(self.unreported);
        summary["starved"] = json!(self.starved);
        summary
    }
}

/// A report without requests.
pub fn report(counts: BTreeMap<String, u32>) -> StatsReport {
    let user_count = counts.values().sum();
    StatsReport {
        stats: vec![],
        stats_total: StatsEntry::total(now()),
        errors: BTreeMap::new(),
        user_classes_count: counts,
        user_count,
    }
}
