//! The worker towards its master: joins, says that it is alive, follows what the master wants, reports, and joins again
//! when the master was gone. Intervals are those of Locust's `runners.py`.

mod test_runs;

use super::connection::Link;
use super::engine::News;
use super::host_metrics::{Meter, host_name, memory};
use super::message::{Hear, Say};
use super::run::{Means, Phase, Run};
use super::{EngineParts, TRIED_WITH, Wait};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, sleep};
use vouch_runner::run::{Interrupted, wanted};

/// `HEARTBEAT_INTERVAL`
const HEARTBEAT: Duration = Duration::from_secs(1);
/// `WORKER_REPORT_INTERVAL`
const REPORT: Duration = Duration::from_secs(3);
/// `CONNECT_TIMEOUT`: how long a master may take to acknowledge.
const ACKNOWLEDGE: Duration = Duration::from_secs(5);
/// `MASTER_HEARTBEAT_TIMEOUT`: a master that is silent for so long is gone, though its connection stands.
const SILENCE: Duration = Duration::from_secs(60);
/// Between two tries to reach a master.
const RETRY: Duration = Duration::from_secs(1);
/// Between two notes about a master that cannot be reached.
const NAG: Duration = Duration::from_secs(30);
/// How often a wish of the master is looked at until it is fulfilled.
const LOOK: Duration = Duration::from_millis(50);
/// Notes about messages that cannot be read; more are not told.
const MOST_GARBAGE: u32 = 10;

/// What a worker is started with.
pub struct Options {
    /// `HOST:PORT`.
    pub master: String,
    /// The load file; it goes before the one of the master's arguments.
    pub load: Option<PathBuf>,
    /// The pause of users between two rounds of their workload; it goes before the master's.
    pub wait: Option<Wait>,
    /// How long a master may be out of reach.
    pub connect_timeout: Duration,
    pub ground: EngineParts,
}

/// What a worker tells the person who started it.
pub enum Told {
    Note(String),
    /// What it counted in a test run that is over.
    Summary(Value),
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The master sent it home.
    Quit,
    Interrupted,
    /// No master for longer than its connect_timeout, and what it heard last.
    NoMaster(String),
}

/// Why a worker stops to serve a connection.
enum Leave {
    Lost(String),
    Reconnect,
    Quit,
    Interrupted,
}

struct Worker<'t> {
    master: String,
    id: String,
    connect_timeout: Duration,
    means: Means,
    tell: &'t mut (dyn FnMut(Told) + Send),
    /// As Locust calls it: ready, spawning or running.
    state: &'static str,
    run: Option<Run>,
    runs: u32,
    /// The moment of the last `spawn` message, by the master's clock.
    last_spawn: f64,
    heard_at: Instant,
    meter: Meter,
    garbage: u32,
    /// What is told once only.
    told: BTreeSet<String>,
}

/// Works for a master until it says `quit`, the master is gone for good, or `interrupted` says so.
pub async fn work(options: Options, interrupted: &mut Interrupted, tell: &mut (dyn FnMut(Told) + Send)) -> End {
    let Options { master, load, wait, connect_timeout, ground } = options;
    let mut worker = Worker {
        id: format!("{}_{}", host_name(), uuid::Uuid::new_v4().simple()),
        master,
        connect_timeout,
        means: Means { ground, load, wait },
        tell,
        state: "ready",
        run: None,
        runs: 0,
        last_spawn: 0.0,
        heard_at: Instant::now(),
        meter: Meter::new(1),
        garbage: 0,
        told: BTreeSet::new(),
    };
    'masters: loop {
        let joined = tokio::select! {
            joined = worker.join() => joined,
            () = wanted(interrupted) => return End::Interrupted,
        };
        let mut link = match joined {
            Ok(link) => link,
            Err(why) => return End::NoMaster(why),
        };
        let leave = loop {
            match worker.stay(&mut link, interrupted).await {
                Leave::Reconnect => {
                    // Two connections of one id are one too many for a master.
                    drop(link);
                    sleep(RETRY).await;
                    link = match Link::open(&worker.master, &worker.id).await {
                        Ok(link) => link,
                        Err(why) => {
                            worker.lost(why).await;
                            continue 'masters;
                        }
                    };
                }
                leave => break leave,
            }
        };
        match leave {
            Leave::Lost(why) => worker.lost(why).await,
            Leave::Interrupted => {
                worker.finish(Some(&mut link)).await;
                link.say(&Say::Quit).await;
                // The message is on its way when the socket has taken it.
                sleep(Duration::from_millis(100)).await;
                return End::Interrupted;
            }
            Leave::Quit | Leave::Reconnect => {
                worker.finish(Some(&mut link)).await;
                sleep(Duration::from_millis(100)).await;
                return End::Quit;
            }
        }
    }
}

async fn news(run: &mut Option<Run>) -> News {
    let engine = run.as_mut().and_then(|run| run.engine.as_mut());
    match engine {
        Some(engine) => engine.news.recv().await.unwrap_or(News::Over { left: 0 }),
        None => std::future::pending().await,
    }
}

impl Worker<'_> {
    fn note(&mut self, note: String) {
        (self.tell)(Told::Note(note));
    }

    /// Whether this is told for the first time.
    fn note_once(&mut self, what: String) -> bool {
        let new = self.told.insert(what.clone());
        if new {
            self.note(what);
        }
        new
    }

    /// Tells the person here and the one before the master's web page, once.
    async fn warn(&mut self, link: &mut Link, what: String) {
        if self.note_once(what.clone()) {
            link.say(&Say::Exception(what)).await;
        }
    }

    /// Reaches a master that takes this worker, or says after all connect_timeout why there is none.
    async fn join(&mut self) -> Result<Link, String> {
        let began = Instant::now();
        let mut nagged: Option<Instant> = None;
        loop {
            let why = match self.try_to_join().await {
                Ok(link) => return Ok(link),
                Err(why) => why,
            };
            let left = self.connect_timeout.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(why);
            }
            if nagged.is_none_or(|nagged| nagged.elapsed() >= NAG) {
                let left = humantime::format_duration(Duration::from_secs(left.as_secs().max(1)));
                self.note(format!("{why}; trying again for {left}"));
                nagged = Some(Instant::now());
            }
            sleep(RETRY.min(left)).await;
        }
    }

    async fn try_to_join(&mut self) -> Result<Link, String> {
        let mut link = Link::open(&self.master, &self.id).await?;
        link.say(&Say::Ready(TRIED_WITH)).await;
        let by = tokio::time::Instant::now() + ACKNOWLEDGE;
        loop {
            match tokio::time::timeout_at(by, link.on_event()).await {
                Err(_) => return Err(format!("the master at {} does not acknowledge this worker", self.master)),
                Ok(None) => return Err(format!("the master at {} closed the connection", self.master)),
                Ok(Some(Ok(Hear::Ack(index)))) => {
                    let number =
                        index.map_or_else(|| "without a number".to_owned(), |index| format!("as worker {index}"));
                    self.note(format!("joined the master at {} {number}: {}", self.master, self.id));
                    if index.is_none() {
                        self.note(format!("the master numbers no workers, so it is older than Locust 2.10.3; this worker was tried with {TRIED_WITH}"));
                    }
                    (self.heard_at, self.state, self.last_spawn) = (Instant::now(), "ready", 0.0);
                    return Ok(link);
                }
                // What was meant for this worker before it was gone.
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(garbage))) => self.garbage(&garbage),
            }
        }
    }

    fn garbage(&mut self, what: &str) {
        self.garbage += 1;
        match self.garbage.cmp(&MOST_GARBAGE) {
            std::cmp::Ordering::Less => self.note(format!("ignored from the master: {what}")),
            std::cmp::Ordering::Equal => {
                self.note(format!("ignored from the master: {what}; more of this is not told"))
            }
            std::cmp::Ordering::Greater => {}
        }
    }

    /// Serves the master while the connection stands.
    async fn stay(&mut self, link: &mut Link, interrupted: &mut Interrupted) -> Leave {
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut heartbeat, mut reports, mut looks) = (every(HEARTBEAT), every(REPORT), every(LOOK));
        loop {
            let leave = tokio::select! {
                heard = link.on_event() => match heard {
                    None => Some(Leave::Lost(format!("the master at {} is gone", self.master))),
                    Some(Err(garbage)) => { self.garbage(&garbage); None }
                    Some(Ok(message)) => self.follow(link, message).await,
                },
                news = news(&mut self.run) => { self.hear_of(link, news).await; None }
                _ = heartbeat.tick() => self.beat(link).await,
                _ = reports.tick() => { self.report(link).await; None }
                _ = looks.tick(), if self.state == "spawning" => { self.look(link).await; None }
                () = wanted(interrupted) => Some(Leave::Interrupted),
            };
            if let Some(leave) = leave {
                return leave;
            }
        }
    }

    /// Ends the test run of a master that is gone.
    async fn lost(&mut self, why: String) {
        let stopped = if self.run.is_some() { "; its test run is stopped" } else { "" };
        self.note(format!("{why}{stopped}"));
        self.finish(None).await;
    }

    async fn beat(&mut self, link: &mut Link) -> Option<Leave> {
        let (cpu_percent, memory) = (self.meter.cpu_percent(), memory());
        link.say(&Say::Heartbeat { state: self.state, cpu_percent, memory }).await;
        // A master knows no worker that stops, and does not answer it.
        if self.run.as_ref().is_some_and(|run| run.phase == Phase::Ending) {
            self.heard_at = Instant::now();
        }
        let silent = self.heard_at.elapsed() > SILENCE;
        silent.then(|| Leave::Lost(format!("the master at {} said nothing for {} s", self.master, SILENCE.as_secs())))
    }

    async fn follow(&mut self, link: &mut Link, message: Hear) -> Option<Leave> {
        match message {
            Hear::Heartbeat => self.heard_at = Instant::now(),
            Hear::Spawn(spawn) => self.spawn(link, *spawn).await,
            Hear::SpawningComplete => {
                if let Some(run) = &mut self.run {
                    run.all_spawned();
                }
            }
            Hear::Stop => self.stop(link).await,
            Hear::Quit => {
                self.report(link).await;
                self.note("the master sent this worker home".to_owned());
                return Some(Leave::Quit);
            }
            Hear::Reconnect => {
                self.note("the master asks for a new connection".to_owned());
                return Some(Leave::Reconnect);
            }
            Hear::Ack(_) => {}
            Hear::Other(kind) => {
                self.note_once(format!("ignored a message `{kind}` of the master, which means nothing to this worker"));
            }
        }
        None
    }
}
