//! The engine of a test run: sets up the target, creates what users need, runs the users until they are stopped, and deletes
//! what it created. It does not know the master; it reports [`EngineEvent`]s.

use super::counters::{RequestCounters, RequestNames};
use super::test_plan::TestPlan;
use super::users::{ThreadUsers, UserPopulation};
use crate::endpoints::LoadTarget;
use crate::round::Round;
use crate::scheduler::ArrivalSource;
use crate::workload::Workload;
use crate::{
    ClientOptions, LoadError, ProgressEvent, TargetSetup, WorkerParts, Workers, allow_connections, set_up_target,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::rustls::ClientConfig;
use vouch_runner::target_file::Target;
use vouch_spec::profile::Profile;

/// The target of a load, and how to reach it.
#[derive(Clone)]
pub struct EngineParts {
    pub target: Target,
    pub profile: Arc<Profile>,
    pub tls: Arc<ClientConfig>,
    /// The `vouch` program, which serves the mock cloud where the target has no cloud.
    pub program: PathBuf,
}

/// An event of an engine. `CleanedUp` is the last one.
pub enum EngineEvent {
    /// What is being created, and how many.
    Preparing(&'static str, u64),
    /// The preparation is complete: users can start.
    Started(RequestCounters),
    /// The engine has failed.
    Failed(LoadError),
    /// All users have stopped.
    Finished(Box<Round>),
    /// Everything that was created is deleted, except this number of users.
    CleanedUp { undeleted_users: u64 },
}

/// A running engine.
pub struct Engine {
    pub population: Arc<UserPopulation>,
    pub events: UnboundedReceiver<EngineEvent>,
    stop: Arc<AtomicBool>,
}

impl Engine {
    /// Starts an engine in the background.
    pub fn start(plan: TestPlan, parts: EngineParts) -> Self {
        let population = Arc::new(UserPopulation::new(plan.load.workloads.len(), plan.load.threads));
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, events) = unbounded_channel();
        tokio::spawn(run_engine(plan, parts, population.clone(), stop.clone(), sender));
        Self { population, events, stop }
    }

    /// Stops all users. Those with a workload in progress complete it first.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn run_engine(
    plan: TestPlan,
    parts: EngineParts,
    population: Arc<UserPopulation>,
    stop: Arc<AtomicBool>,
    sender: UnboundedSender<EngineEvent>,
) {
    // The receiver is gone when the worker has ended.
    let emit = |event| drop(sender.send(event));
    let setup = match allow_connections(plan.connections) {
        Ok(()) => set_up_target(&plan.load, &parts.target, parts.profile, &parts.program).await,
        Err(error) => Err(LoadError::new(error)),
    };
    let setup = match setup {
        Ok(setup) => setup,
        Err(error) => {
            emit(EngineEvent::Failed(error));
            return emit(EngineEvent::CleanedUp { undeleted_users: 0 });
        }
    };
    let TargetSetup { load_target, users, token_place, services, .. } = setup;
    let names = names(&plan.load.workloads, &load_target);
    let load = plan.load.clone();
    let client_options = ClientOptions::of(&load, parts.tls);
    let workers = Workers::new(WorkerParts { load, load_target, client_options, users, token_place });
    let worker_sender = sender.clone();
    let done =
        tokio::task::spawn_blocking(move || run(workers, names, &plan, &population, &stop, &worker_sender)).await;
    drop(services);
    if done.is_err() {
        emit(EngineEvent::Failed(LoadError::new("the load panicked")));
    }
    emit(EngineEvent::CleanedUp { undeleted_users: done.unwrap_or(0) });
}

/// Prepares, runs and cleans up. Returns the number of users that could not be deleted.
fn run(
    mut workers: Workers,
    names: RequestNames,
    plan: &TestPlan,
    population: &Arc<UserPopulation>,
    stop: &AtomicBool,
    sender: &UnboundedSender<EngineEvent>,
) -> u64 {
    let emit = |event| drop(sender.send(event));
    let mut preparing = "";
    let mut on_event = |event: ProgressEvent<'_>| {
        if let ProgressEvent::Preparing { what, of, .. } = event
            && what != preparing
        {
            preparing = what;
            emit(EngineEvent::Preparing(what, of));
        }
    };
    let done = workers.prepare(stop, &mut on_event).and_then(|()| {
        let counters = RequestCounters::new(names, plan.load.threads);
        let users = (0..).zip(counters.threads()).map(|(thread, counters)| {
            ArrivalSource::Users(ThreadUsers::new(
                population.clone(),
                counters.clone(),
                thread,
                plan.wait,
                plan.load.seed,
            ))
        });
        let sources = users.collect();
        emit(EngineEvent::Started(counters));
        let connections = (plan.connections / plan.load.threads).max(1) as usize;
        workers.until_stopped(sources, connections, stop)
    });
    emit(match done {
        Ok(round) => EngineEvent::Finished(Box::new(round)),
        Err(error) => EngineEvent::Failed(error),
    });
    workers.clean_up(&mut |_| {})
}

/// The names of the requests in the master's statistics.
fn names(workloads: &[Workload], load_target: &LoadTarget) -> RequestNames {
    let of = |workload: &Workload| {
        let calls = workload.calls.iter().map(|call| {
            let name =
                if workload.calls.len() == 1 { workload.name.clone() } else { format!("{}/{call}", workload.name) };
            (load_target.template(*call).1.method, name)
        });
        calls.collect()
    };
    RequestNames(workloads.iter().map(of).collect())
}
