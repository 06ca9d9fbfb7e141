//! Runs the virtual users: goose spawns them, runs the stages of each with think time in between, and stops them. Latencies are
//! recorded by `metrics`; goose's own metrics have a resolution of one millisecond and are turned off.

use super::cpu_meter::CpuMeter;
use super::definition::Journey;
use super::http_client::{BaseUrls, JourneyClient, client};
use super::metrics::JourneyMetrics;
use super::results::ActionError;
use super::sdk_memory::SdkMemory;
use super::sdk_process::{SdkProcesses, starts_at_a_time};
use super::virtual_user::{VirtualUser, VirtualUserParts};
use super::worker_clock::WorkerClock;
use crate::check::ResponseChecker;
use crate::endpoints::{LoadCall, LoadTarget};
use crate::installations::{Installations, User};
use crate::round::Round;
use crate::workers::{LoadError, ProgressEvent};
use futures_util::StreamExt;
use futures_util::stream;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction};
use goose::{GooseAttack, GooseError};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::ClientConfig;
use vouch_runner::sut::Place;

/// The options of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct JourneyOptions {
    pub users: u32,
    /// The number of users that start per second.
    pub spawn_rate: f64,
    /// The minimum and the maximum time between two stages.
    pub think_time: (Duration, Duration),
    /// The total duration, from the start of the first user.
    pub duration: Duration,
    /// The timeout of one call.
    pub timeout: Duration,
}

/// The parts of a [`JourneyRunner`].
pub struct JourneyRunnerParts {
    pub journeys: Vec<Arc<Journey>>,
    pub load_target: LoadTarget,
    /// Existing users, such as those of a backend; if empty, users are created.
    pub users: Vec<User>,
    /// Where the backend's response holds the sign-in token.
    pub token_place: Place,
    pub tls: Arc<ClientConfig>,
    pub options: JourneyOptions,
    /// A refresh must return a new refresh token.
    pub requires_rotation: bool,
    /// The processes of the SDK that the users drive; none for the reference SDK.
    pub processes: Option<Arc<SdkProcesses>>,
}

/// All virtual users of a load.
pub struct JourneyRunner {
    journeys: Vec<Arc<Journey>>,
    metrics: Arc<JourneyMetrics>,
    /// The users that have not started, by journey.
    waiting: Arc<Mutex<Vec<VecDeque<VirtualUser>>>>,
    /// Creates and deletes users.
    admin: Arc<JourneyClient>,
    options: JourneyOptions,
    processes: Option<Arc<SdkProcesses>>,
    creates_users: bool,
}

/// The number of concurrent calls while users are created or deleted.
const CONCURRENT_CALLS: usize = 8;
/// The interval of the checks for an interrupt.
const TICK: Duration = Duration::from_millis(50);
/// The time that goose may need after the last call to stop its users.
const GRACE: Duration = Duration::from_secs(5);

/// Users who wait longer than this share of the time for their processes make clearly less load than was asked for.
const MAX_WAITED_SHARE: f64 = 0.1;

impl JourneyRunner {
    /// Sets up the virtual users. Nothing is sent.
    pub fn new(parts: JourneyRunnerParts) -> Result<Self, LoadError> {
        let JourneyRunnerParts {
            journeys,
            load_target,
            users,
            token_place,
            tls,
            options,
            requires_rotation,
            processes,
        } = parts;
        let load_target = Arc::new(load_target);
        let most = journeys.iter().map(|journey| journey.people.len()).max().unwrap_or(0);
        if !users.is_empty() && users.len() < most {
            let have = users.len();
            return Err(LoadError::new(format!(
                "the scenario has {most} persons, but the backend has only {have} users"
            )));
        }
        let creates_users = users.is_empty();
        let no_client = |error: reqwest::Error| LoadError::new(format!("cannot create an HTTP client: {error}"));
        let mut builder = AssignmentBuilder::new(users);
        let assignments: Vec<UserAssignment> = (0..options.users as usize)
            .map(|number| builder.assign(number % journeys.len(), journeys[number % journeys.len()].people.len()))
            .collect();
        let admin = builder.installation();
        let checker =
            ResponseChecker::new(load_target.clone(), token_place.clone(), requires_rotation, false).with_repeats();
        let metrics = Arc::new(JourneyMetrics::new(&journeys, builder.installations, checker, options.duration));
        let bases = Arc::new(BaseUrls::of(&load_target));
        let client = |device| {
            let client = client(&load_target, &tls, options.timeout).map_err(no_client)?;
            Ok::<_, LoadError>(JourneyClient::new(client, load_target.clone(), bases.clone(), metrics.clone(), device))
        };
        let mut waiting: Vec<VecDeque<VirtualUser>> = journeys.iter().map(|_| VecDeque::new()).collect();
        for assignment in assignments {
            let journey = journeys[assignment.journey_index].clone();
            let client = client(assignment.device)?.of_journey(assignment.journey_index);
            let (client, token) = (Arc::new(client), token_place.clone());
            let parts = VirtualUserParts {
                journey_index: assignment.journey_index,
                journey,
                client,
                people: assignment.people,
                client_installation: assignment.client,
                token,
                processes: processes.clone(),
            };
            waiting[assignment.journey_index].push_back(VirtualUser::new(parts));
        }
        let admin = Arc::new(client(admin)?.for_admin());
        Ok(Self { journeys, metrics, waiting: Arc::new(Mutex::new(waiting)), admin, options, processes, creates_users })
    }

    /// Starts the processes of the SDK, and creates the users at the vendor, unless a backend has them.
    pub async fn prepare(
        &self,
        stop: &AtomicBool,
        on_event: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<(), LoadError> {
        self.start_processes(stop, on_event).await?;
        if !self.creates_users {
            return Ok(());
        }
        let of = self.metrics.lock().installations.users.len() as u64;
        let mut done = 0;
        let users = stream::iter(self.install_for_each_user());
        let mut calls = users
            .map(|installation_id| self.admin.call(LoadCall::CreateUser, installation_id))
            .buffer_unordered(CONCURRENT_CALLS);
        while calls.next().await.is_some() {
            if let Some((failure, example)) =
                self.admin.take_completed().into_iter().find_map(|completed| completed.check.err())
            {
                return Err(LoadError::creation_error("users", failure, example));
            }
            if stop.load(Ordering::Relaxed) {
                return Err(LoadError { interrupted: true, ..LoadError::new("interrupted while users were created") });
            }
            done += 1;
            on_event(ProgressEvent::Preparing { what: "users", done, of });
        }
        Ok(())
    }

    /// Starts the process of each user: a load must not wait for its own users.
    async fn start_processes(
        &self,
        stop: &AtomicBool,
        on_event: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<(), LoadError> {
        if self.processes.is_none() {
            return Ok(());
        }
        let users: Vec<VirtualUser> = self.waiting.lock().iter_mut().flat_map(std::mem::take).collect();
        let (of, mut done) = (users.len() as u64, 0);
        let started = stream::iter(users).map(async |mut user: VirtualUser| {
            let prepared = user.prepare().await;
            (user, prepared)
        });
        let mut started = std::pin::pin!(started.buffer_unordered(starts_at_a_time()));
        let mut tick = tokio::time::interval(TICK);
        loop {
            let next = tokio::select! {
                next = started.next() => next,
                _ = tick.tick() => {
                    if stop.load(Ordering::Relaxed) {
                        let what = "interrupted while the processes of the SDK were started";
                        return Err(LoadError { interrupted: true, ..LoadError::new(what) });
                    }
                    continue;
                }
            };
            let Some((user, prepared)) = next else { return Ok(()) };
            if let Err(ActionError(why)) = prepared {
                let help = "use fewer --users; `ulimit -u` limits the processes of a user, `ulimit -n` the open files";
                let what = format!("{done} of {of} processes of the SDK were started, then one failed: {why}");
                return Err(LoadError { help: Some(help.into()), ..LoadError::new(what) });
            }
            done += 1;
            on_event(ProgressEvent::Preparing { what: "processes of the SDK", done, of });
            self.waiting.lock()[user.journey_index()].push_back(user);
        }
    }

    /// Adds one installation for each user, for the calls that create and delete the user.
    fn install_for_each_user(&self) -> Vec<u32> {
        let mut totals = self.metrics.lock();
        let users = u32::try_from(totals.installations.users.len()).unwrap_or(u32::MAX);
        (0..users).map(|user| totals.installations.install(user)).collect()
    }

    /// Runs the virtual users. `stop` ends the run early.
    pub async fn run(
        &self,
        stop: &AtomicBool,
        on_event: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<Round, LoadError> {
        let attack = self.attack().map_err(|error| goose_error(&error))?;
        let hard_limit = self.options.duration + self.options.timeout + GRACE;
        if let Some(processes) = self.processes.clone() {
            // All of them run now; in the load some are between two launches.
            let _ = tokio::task::spawn_blocking(move || processes.measure_memory(Instant::now())).await;
        }
        on_event(ProgressEvent::Started);
        self.metrics.start();
        let started = Instant::now();
        let cpu = CpuMeter::of(self.processes.clone());
        let mut monitor = WorkerClock::new(started, self.options.duration, cpu).with_memory(self.processes.clone());
        let mut tick = tokio::time::interval(TICK);
        let mut attack = Box::pin(tokio::time::timeout(hard_limit, attack.execute()));
        let ended = loop {
            tokio::select! {
                ended = &mut attack => break ended,
                _ = tick.tick() => monitor.tick(&self.metrics, stop, on_event),
            }
        };
        monitor.finish_memory().await;
        // Goose keeps its kill switch in a static variable, which must be reset for the next load.
        goose::reset_killswitch();
        if let Ok(Err(error)) = ended {
            return Err(goose_error(&error));
        }
        let measured = monitor.ended.unwrap_or_else(|| started.elapsed()).min(self.options.duration);
        let round = self.metrics.close(measured);
        Ok(Round { intervals: monitor.intervals, aborted: monitor.aborted, interrupted: monitor.interrupted, ..round })
    }

    /// What was noticed beside the calls: warnings, failures that belong to no call, the memory of the SDK's processes.
    pub fn notes(&self) -> Vec<String> {
        let memory = self.processes.as_ref().and_then(|processes| processes.report());
        memory.into_iter().chain(self.metrics.notes()).collect()
    }

    /// Why the load was less than the users could have made: they waited for their processes.
    pub fn limit(&self, measured: Duration) -> Option<String> {
        let share = self.processes.as_ref()?.waited_share(self.options.users, measured);
        (share > MAX_WAITED_SHARE).then(|| {
            format!(
                "the users waited {:.0} % of the time until their processes could start again; use fewer --users, a longer \
                 --think-time, or a machine with more processors",
                share * 100.0
            )
        })
    }

    /// The memory that the SDK's processes used.
    pub fn sdk_memory(&self) -> Option<SdkMemory> {
        self.processes.as_ref().and_then(|processes| processes.memory())
    }

    /// The journeys of which every lifecycle ended with a warning. That none completed says nothing against the server.
    pub fn only_warned(&self) -> Vec<String> {
        self.metrics.only_warned()
    }

    /// Deletes the created users. Returns how many could not be deleted.
    pub async fn clean_up(&self, on_event: &mut dyn FnMut(ProgressEvent<'_>)) -> u64 {
        if !self.creates_users {
            return 0;
        }
        self.admin.take_completed();
        let known = |installation_id: &u32| !self.metrics.lock().installations.user(*installation_id).id.is_empty();
        let all: Vec<u32> = self.install_for_each_user().into_iter().filter(known).collect();
        let (of, mut done, mut undeleted) = (all.len() as u64, 0, 0);
        let mut calls = stream::iter(all)
            .map(|installation_id| self.admin.call(LoadCall::DeleteUser, installation_id))
            .buffer_unordered(CONCURRENT_CALLS);
        while let Some(response) = calls.next().await {
            // 404: a step of the journey has deleted the user.
            if response.is_some_and(|response| matches!(response.status, 200..300 | 404)) {
                done += 1;
            } else {
                undeleted += 1;
            }
            on_event(ProgressEvent::Preparing { what: "users deleted", done, of });
        }
        undeleted
    }

    fn attack(&self) -> Result<GooseAttack, GooseError> {
        let mut attack = GooseAttack::initialize_with_config(self.configuration())?
            .set_scheduler(goose::GooseScheduler::RoundRobin)
            .set_client_builder_without_cookies(goose::client::GooseClientBuilder::new().without_cookies())?;
        let (least, most) = self.options.think_time;
        for (journey_index, journey) in self.journeys.iter().enumerate() {
            let mut scenario = Scenario::new(&journey.id).set_host("http://127.0.0.1/");
            if !most.is_zero() {
                scenario = scenario.set_wait_time(least, most)?;
            }
            let waiting = self.waiting.clone();
            let enter: TransactionFunction = Arc::new(move |user: &mut GooseUser| {
                let next = waiting.lock()[journey_index].pop_front();
                if let Some(next) = next {
                    user.set_session_data(SessionUser(Arc::new(tokio::sync::Mutex::new(next))));
                }
                Box::pin(async { Ok(()) })
            });
            scenario = scenario.register_transaction(Transaction::new(enter).set_name("enter").set_on_start());
            for (number, stage) in journey.stages.iter().enumerate() {
                let run: TransactionFunction = Arc::new(move |user: &mut GooseUser| {
                    Box::pin(async move {
                        if let Some(SessionUser(virtual_user)) = user.get_session_data::<SessionUser>() {
                            virtual_user.lock().await.run_stage(number).await;
                        }
                        Ok(())
                    })
                });
                let transaction = Transaction::new(run).set_name(&stage.name).set_sequence(number + 1);
                scenario = scenario.register_transaction(transaction);
            }
            attack = attack.register_scenario(scenario);
        }
        Ok(attack)
    }

    /// The configuration of goose: no output, no metrics, no time limit.
    fn configuration(&self) -> GooseConfiguration {
        let mut configuration = GooseConfiguration::default();
        configuration.users = Some(self.options.users as usize);
        configuration.increase_rate = Some(self.options.spawn_rate.to_string());
        configuration.quiet = 2;
        configuration.no_telnet = true;
        configuration.no_metrics = true;
        configuration.no_print_metrics = true;
        configuration.no_error_summary = true;
        configuration
    }
}

fn goose_error(error: &GooseError) -> LoadError {
    LoadError::new(format!("cannot start the journeys: {error}"))
}

/// The session data that goose keeps for a user. Goose requires `Clone`.
#[derive(Clone)]
struct SessionUser(Arc<tokio::sync::Mutex<VirtualUser>>);

/// The users and installations of one virtual user, by index.
struct UserAssignment {
    journey_index: usize,
    people: Vec<u32>,
    device: u32,
    client: u32,
}

/// Builds the users and installations of a load.
struct AssignmentBuilder {
    installations: Installations,
    completed: bool,
    next: usize,
    run: String,
}

impl AssignmentBuilder {
    fn new(users: Vec<User>) -> Self {
        let run = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
        Self { completed: users.is_empty(), installations: Installations::new(users, false), next: 0, run }
    }

    fn assign(&mut self, journey_index: usize, people: usize) -> UserAssignment {
        let people: Vec<u32> = (0..people).map(|_| self.user()).collect();
        let (device, client) = (self.installation(), self.installation());
        UserAssignment { journey_index, people, device, client }
    }

    fn user(&mut self) -> u32 {
        let number = self.next;
        self.next += 1;
        if self.completed {
            let name = format!("vouch-load-{}-{number}", self.run).into_boxed_str();
            self.installations.users.push(User { name, ..User::default() });
            return u32::try_from(number).unwrap_or(u32::MAX);
        }
        u32::try_from(number % self.installations.users.len()).unwrap_or(0)
    }

    fn installation(&mut self) -> u32 {
        if self.installations.users.is_empty() {
            self.installations.users.push(User::default());
        }
        self.installations.install(0)
    }
}
