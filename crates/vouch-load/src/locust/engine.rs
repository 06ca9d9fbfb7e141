//! The threads behind a test run: roles the load, makes what users need, lets them work until they are stopped, and
//! takes away what was made. It knows no master; it tells what happens as [`News`].

use super::counters::{Names, RequestCounters};
use super::test_plan::TestPlan;
use super::users::{Crowd, Users};
use crate::endpoints::Site;
use crate::round::Round;
use crate::scheduler::{Pace, Workload};
use crate::{Limits, LoadError, ProgressEvent, TargetSetup, WorkerParts, Workers, allow_sockets, role};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::rustls::ClientConfig;
use vouch_runner::target_file::Target;
use vouch_spec::profile::Profile;

/// Where a load goes, and how.
#[derive(Clone)]
pub struct EngineParts {
    pub target: Target,
    pub profile: Arc<Profile>,
    pub tls: Arc<ClientConfig>,
}

/// What an engine tells. `Over` is the last.
pub enum News {
    /// What is being made, and how many.
    Making(&'static str, u64),
    /// Users can come.
    Working(RequestCounters),
    /// It cannot go on.
    Failed(LoadError),
    /// All users are gone.
    Ended(Box<Round>),
    /// All is taken away but so many users.
    Over { left: u64 },
}

/// A load that goes on.
pub struct RoleSetup {
    pub crowd: Arc<Crowd>,
    pub news: UnboundedReceiver<News>,
    stop: Arc<AtomicBool>,
}

impl RoleSetup {
    /// Starts it; nothing it does holds the caller up.
    pub fn start(order: TestPlan, ground: EngineParts) -> Self {
        let crowd = Arc::new(Crowd::new(order.load.workloads.len(), order.load.threads));
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, news) = unbounded_channel();
        tokio::spawn(carry_out(order, ground, crowd.clone(), stop.clone(), tell));
        Self { crowd, news, stop }
    }

    /// Sends all users away. Those in the middle of a workload go through it first.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn carry_out(
    order: TestPlan,
    ground: EngineParts,
    crowd: Arc<Crowd>,
    stop: Arc<AtomicBool>,
    tell: UnboundedSender<News>,
) {
    // Nobody listens any more when the worker ends; there is nothing to do about that here.
    let news = |news| drop(tell.send(news));
    let seated = match allow_sockets(order.connections) {
        Ok(()) => role(&order.load, &ground.target, ground.profile).await,
        Err(why) => Err(LoadError::new(why)),
    };
    let seated = match seated {
        Ok(seated) => seated,
        Err(trouble) => {
            news(News::Failed(trouble));
            return news(News::Over { left: 0 });
        }
    };
    let TargetSetup { site, users, token_place, keep, .. } = seated;
    let names = names(&order.load.workloads, &site);
    let load = order.load.clone();
    let limits = Limits::of(&load, ground.tls);
    let workers = Workers::new(WorkerParts { load, site, limits, users, token_place });
    let teller = tell.clone();
    let done = tokio::task::spawn_blocking(move || live(workers, names, &order, &crowd, &stop, &teller)).await;
    drop(keep);
    if done.is_err() {
        news(News::Failed(LoadError::new("the load broke down")));
    }
    news(News::Over { left: done.unwrap_or(0) });
}

/// The whole life of a workers. How many users it could not take away.
fn live(
    mut workers: Workers,
    names: Names,
    order: &TestPlan,
    crowd: &Arc<Crowd>,
    stop: &AtomicBool,
    tell: &UnboundedSender<News>,
) -> u64 {
    let news = |news| drop(tell.send(news));
    let mut making = "";
    let mut on_event = |happening: ProgressEvent<'_>| {
        if let ProgressEvent::Preparing { what, of, .. } = happening
            && what != making
        {
            making = what;
            news(News::Making(what, of));
        }
    };
    let done = workers.prepare(stop, &mut on_event).and_then(|()| {
        let counters = RequestCounters::new(names, order.load.threads);
        let users = (0..).zip(counters.tallies()).map(|(thread, tally)| {
            Pace::Users(Users::new(crowd.clone(), tally.clone(), thread, order.wait, order.load.seed))
        });
        let paces = users.collect();
        news(News::Working(counters));
        let connections = (order.connections / order.load.threads).max(1) as usize;
        workers.until_stopped(paces, connections, stop)
    });
    news(match done {
        Ok(round) => News::Ended(Box::new(round)),
        Err(trouble) => News::Failed(trouble),
    });
    workers.clean_up(&mut |_| {})
}

/// The names under which the master knows the requests: those of the workload's calls.
fn names(workloads: &[Workload], site: &Site) -> Names {
    let of = |workload: &Workload| {
        let calls = workload.calls.iter().map(|call| {
            let name =
                if workload.calls.len() == 1 { workload.name.clone() } else { format!("{}/{call}", workload.name) };
            (site.template(*call).1.method, name)
        });
        calls.collect()
    };
    Names(workloads.iter().map(of).collect())
}
