//! The worker and its master: joins, sends heartbeats and reports, follows the master's messages, and rejoins when the
//! connection was lost. Intervals are those of Locust's `runners.py`.

mod confirmation;
mod test_runs;

use super::connection::{ConnectError, MasterConnection};
use super::engine::EngineEvent;
use super::host_metrics::{CpuMeter, host_name, memory_bytes};
use super::message::{MasterMessage, WorkerMessage};
use super::run::{Phase, RunOptions, TestRun};
use super::{EngineParts, TESTED_VERSION, WaitTime};
use confirmation::UnconfirmedReports;
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
/// `CONNECT_TIMEOUT`: the time that a master may take to acknowledge.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);
/// `MASTER_HEARTBEAT_TIMEOUT`: a master that is silent for this time counts as lost.
const MASTER_TIMEOUT: Duration = Duration::from_secs(60);
/// The time between two attempts to connect.
const RETRY: Duration = Duration::from_secs(1);
/// The time between two notes about an unreachable master.
const NOTE_INTERVAL: Duration = Duration::from_secs(30);
/// How often the number of users is checked until it is the requested one.
const SPAWN_CHECK: Duration = Duration::from_millis(50);
/// The most notes about unreadable messages.
const MAX_UNREADABLE_NOTES: u32 = 10;

/// The options of a worker.
pub struct WorkerOptions {
    /// `HOST:PORT`.
    pub master: String,
    /// The load file; it takes precedence over the master's.
    pub load: Option<PathBuf>,
    /// The wait time of users; it takes precedence over the master's.
    pub wait: Option<WaitTime>,
    /// How long to try to connect to a master.
    pub connect_timeout: Duration,
    pub engine_parts: EngineParts,
}

/// An event of a worker, for its user.
pub enum WorkerEvent {
    Note(String),
    /// The totals of a test run that has ended.
    Summary(Value),
}

/// Why a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerExit {
    /// The master sent `quit`.
    Quit,
    Interrupted,
    /// No connection within the connect timeout, and the last error.
    NoMaster(String),
}

/// A worker that could not join its master.
#[derive(Debug, thiserror::Error)]
enum JoinError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the master at {master} does not acknowledge this worker")]
    NotAcknowledged { master: String },
    #[error("the master at {master} closed the connection")]
    Closed { master: String },
}

/// Why a worker stops serving a connection.
enum DisconnectReason {
    Lost(String),
    Reconnect,
    Quit,
    Interrupted,
}

struct Worker<'t> {
    master: String,
    id: String,
    connect_timeout: Duration,
    run_options: RunOptions,
    on_event: &'t mut (dyn FnMut(WorkerEvent) + Send),
    /// The state in Locust's terms: ready, spawning or running.
    state: &'static str,
    run: Option<TestRun>,
    /// The last run, which has ended, until the master has confirmed its last report.
    ended: Option<TestRun>,
    unconfirmed: UnconfirmedReports,
    runs: u32,
    /// The timestamp of the last `spawn` message.
    last_spawn: f64,
    last_message_at: Instant,
    meter: CpuMeter,
    unreadable: u32,
    /// Notes that are reported only once per run.
    noted: BTreeSet<String>,
}

/// Runs a worker until the master sends `quit`, no master can be reached, or it is interrupted.
pub async fn run_worker(
    options: WorkerOptions,
    interrupted: &mut Interrupted,
    on_event: &mut (dyn FnMut(WorkerEvent) + Send),
) -> WorkerExit {
    let WorkerOptions { master, load, wait, connect_timeout, engine_parts } = options;
    let mut worker = Worker {
        id: format!("{}_{}", host_name(), uuid::Uuid::new_v4().simple()),
        master,
        connect_timeout,
        run_options: RunOptions { engine_parts, load, wait },
        on_event,
        state: "ready",
        run: None,
        ended: None,
        unconfirmed: UnconfirmedReports::default(),
        runs: 0,
        last_spawn: 0.0,
        last_message_at: Instant::now(),
        meter: CpuMeter::new(1),
        unreadable: 0,
        noted: BTreeSet::new(),
    };
    'masters: loop {
        let joined = tokio::select! {
            joined = worker.join() => joined,
            () = wanted(interrupted) => return WorkerExit::Interrupted,
        };
        let mut connection = match joined {
            Ok(connection) => connection,
            Err(error) => return WorkerExit::NoMaster(error.to_string()),
        };
        let reason = loop {
            match worker.serve(&mut connection, interrupted).await {
                DisconnectReason::Reconnect => {
                    // A master does not support two connections with one id.
                    drop(connection);
                    worker.give_up_unconfirmed();
                    sleep(RETRY).await;
                    connection = match MasterConnection::open(&worker.master, &worker.id).await {
                        Ok(connection) => connection,
                        Err(error) => {
                            worker.lost(error.to_string()).await;
                            continue 'masters;
                        }
                    };
                }
                reason => break reason,
            }
        };
        match reason {
            DisconnectReason::Lost(why) => worker.lost(why).await,
            DisconnectReason::Interrupted => {
                worker.finish(Some(&mut connection)).await;
                connection.send(&WorkerMessage::Quit).await;
                // Gives the socket time to send the message.
                sleep(Duration::from_millis(100)).await;
                return WorkerExit::Interrupted;
            }
            DisconnectReason::Quit | DisconnectReason::Reconnect => {
                worker.finish(Some(&mut connection)).await;
                sleep(Duration::from_millis(100)).await;
                return WorkerExit::Quit;
            }
        }
    }
}

async fn engine_event(run: &mut Option<TestRun>) -> EngineEvent {
    let engine = run.as_mut().and_then(|run| run.engine.as_mut());
    match engine {
        Some(engine) => engine.events.recv().await.unwrap_or(EngineEvent::CleanedUp { undeleted_users: 0 }),
        None => std::future::pending().await,
    }
}

impl Worker<'_> {
    fn note(&mut self, note: String) {
        (self.on_event)(WorkerEvent::Note(note));
    }

    /// Reports a note unless it was reported before. Returns whether it was new.
    fn note_once(&mut self, what: String) -> bool {
        let new = self.noted.insert(what.clone());
        if new {
            self.note(what);
        }
        new
    }

    /// Reports a note here and on the master's page *Exceptions*, once.
    async fn warn(&mut self, connection: &mut MasterConnection, what: String) {
        if self.note_once(what.clone()) {
            connection.send(&WorkerMessage::Exception(what)).await;
        }
    }

    /// Joins a master, with retries for the duration of the connect timeout.
    async fn join(&mut self) -> Result<MasterConnection, JoinError> {
        let began = Instant::now();
        let mut noted_at: Option<Instant> = None;
        loop {
            let why = match self.try_to_join().await {
                Ok(connection) => return Ok(connection),
                Err(why) => why,
            };
            let remaining = self.connect_timeout.saturating_sub(began.elapsed());
            if remaining.is_zero() {
                return Err(why);
            }
            if noted_at.is_none_or(|noted_at| noted_at.elapsed() >= NOTE_INTERVAL) {
                let remaining = humantime::format_duration(Duration::from_secs(remaining.as_secs().max(1)));
                self.note(format!("{why}; trying again for {remaining}"));
                noted_at = Some(Instant::now());
            }
            sleep(RETRY.min(remaining)).await;
        }
    }

    async fn try_to_join(&mut self) -> Result<MasterConnection, JoinError> {
        let mut connection = MasterConnection::open(&self.master, &self.id).await?;
        connection.send(&WorkerMessage::Ready(TESTED_VERSION)).await;
        let by = tokio::time::Instant::now() + ACK_TIMEOUT;
        loop {
            match tokio::time::timeout_at(by, connection.receive()).await {
                Err(_) => return Err(JoinError::NotAcknowledged { master: self.master.clone() }),
                Ok(None) => return Err(JoinError::Closed { master: self.master.clone() }),
                Ok(Some(Ok(MasterMessage::Ack(index)))) => {
                    let number =
                        index.map_or_else(|| "without an index".to_owned(), |index| format!("as worker {index}"));
                    self.note(format!("joined the master at {} {number}: {}", self.master, self.id));
                    if index.is_none() {
                        self.note(format!("the master sends no worker index, so it is older than Locust 2.10.3; this worker is tested with {TESTED_VERSION}"));
                    }
                    (self.last_message_at, self.state, self.last_spawn) = (Instant::now(), "ready", 0.0);
                    return Ok(connection);
                }
                // A message to this worker from before the connection was lost.
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(unreadable))) => self.unreadable(&unreadable.to_string()),
            }
        }
    }

    fn unreadable(&mut self, what: &str) {
        self.unreadable += 1;
        match self.unreadable.cmp(&MAX_UNREADABLE_NOTES) {
            std::cmp::Ordering::Less => self.note(format!("ignored a message of the master: {what}")),
            std::cmp::Ordering::Equal => {
                self.note(format!("ignored a message of the master: {what}; further ones are not reported"));
            }
            std::cmp::Ordering::Greater => {}
        }
    }

    /// Serves the master until the connection ends.
    async fn serve(&mut self, connection: &mut MasterConnection, interrupted: &mut Interrupted) -> DisconnectReason {
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut heartbeat, mut reports, mut spawn_checks) = (every(HEARTBEAT), every(REPORT), every(SPAWN_CHECK));
        loop {
            let reason = tokio::select! {
                message = connection.receive() => match message {
                    None => Some(DisconnectReason::Lost(format!("the connection to the master at {} was lost", self.master))),
                    Some(Err(unreadable)) => { self.unreadable(&unreadable.to_string()); None }
                    Some(Ok(message)) => self.on_message(connection, message).await,
                },
                engine_event = engine_event(&mut self.run) => { self.on_engine_event(connection, engine_event).await; None }
                _ = heartbeat.tick() => self.send_heartbeat(connection).await,
                _ = reports.tick() => { self.report(connection).await; None }
                _ = spawn_checks.tick(), if self.state == "spawning" => { self.report_if_spawned(connection).await; None }
                () = wanted(interrupted) => Some(DisconnectReason::Interrupted),
            };
            if let Some(reason) = reason {
                return reason;
            }
        }
    }

    /// Ends the test run after the connection was lost.
    async fn lost(&mut self, why: String) {
        let stopped = if self.run.is_some() { "; the test run is stopped" } else { "" };
        self.note(format!("{why}{stopped}"));
        self.give_up_unconfirmed();
        self.finish(None).await;
    }

    /// Counts the requests of unconfirmed reports as unreported: the connection that carried them is gone.
    fn give_up_unconfirmed(&mut self) {
        let requests = std::mem::take(&mut self.unconfirmed).take();
        if let Some(run) = self.run.as_mut().or(self.ended.as_mut()) {
            run.unreported += requests;
        }
    }

    async fn send_heartbeat(&mut self, connection: &mut MasterConnection) -> Option<DisconnectReason> {
        let (cpu_percent, memory) = (self.meter.cpu_percent(), memory_bytes());
        connection.send(&WorkerMessage::Heartbeat { state: self.state, cpu_percent, memory }).await;
        self.unconfirmed.heartbeat_sent();
        // A master does not send heartbeats to a worker that is stopping.
        if self.run.as_ref().is_some_and(|run| run.phase == Phase::Ending) {
            self.last_message_at = Instant::now();
        }
        let silent = self.last_message_at.elapsed() > MASTER_TIMEOUT;
        silent.then(|| {
            DisconnectReason::Lost(format!(
                "the master at {} was silent for {} s",
                self.master,
                MASTER_TIMEOUT.as_secs()
            ))
        })
    }

    async fn on_message(
        &mut self,
        connection: &mut MasterConnection,
        message: MasterMessage,
    ) -> Option<DisconnectReason> {
        match message {
            MasterMessage::Heartbeat => {
                self.last_message_at = Instant::now();
                self.unconfirmed.heartbeat_answered();
            }
            MasterMessage::Spawn(spawn) => self.spawn(connection, *spawn).await,
            MasterMessage::SpawningComplete => {
                if self.run.as_mut().is_some_and(TestRun::all_spawned) {
                    self.unconfirmed.take();
                }
            }
            MasterMessage::Stop => self.stop(connection).await,
            MasterMessage::Quit => {
                self.report(connection).await;
                self.note("the master has ended this worker".to_owned());
                return Some(DisconnectReason::Quit);
            }
            MasterMessage::Reconnect => {
                self.note("the master requests a new connection".to_owned());
                return Some(DisconnectReason::Reconnect);
            }
            MasterMessage::Ack(_) => {
                self.unconfirmed.ready_acknowledged();
                self.print_summary();
            }
            MasterMessage::Other(kind) => {
                self.note_once(format!("ignored the unknown message `{kind}` of the master"));
            }
        }
        None
    }
}
