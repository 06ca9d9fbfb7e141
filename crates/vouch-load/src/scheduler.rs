//! What a worker does next, and what comes of it: takes arrivals from the schedule, makes their requests, judges the
//! answers, and notes the figures. It knows neither sockets nor HTTP versions: a client drives it.
//!
//! Times are nanoseconds since the start of the clock.

use super::arrivals::Schedule;
use super::check::Checker;
use super::endpoints::{LoadCall, Site};
use super::failure::Failure;
use super::installations::Fleet;
use super::latencies::{Latencies, latencies, record};
use super::locust::Users;
use super::measure::{Second, Series};
use super::measurement_window::Window;
use super::request_template::Draft;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::sync::Arc;

/// A workload: calls that one installation makes one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    pub name: String,
    pub calls: Vec<LoadCall>,
    /// Its share of the arrivals, against the weights of the others.
    pub weight: u32,
    pub after: After,
}

/// What becomes of an installation after its last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// As it came: an installation of the fleet is idle again, any other is forgotten.
    Return,
    /// It joins the fleet.
    Join,
    /// Its sign-in token is kept for later.
    KeepToken,
}

impl Workload {
    /// The names of its series: the workload's own, and where it has several calls, one for each; one that is made again is
    /// `morning/resource#2`.
    pub fn series(&self) -> Vec<String> {
        let mut names = vec![self.name.clone()];
        if self.calls.len() > 1 {
            for (at, call) in self.calls.iter().enumerate() {
                let before = self.calls[..at].iter().filter(|earlier| *earlier == call).count();
                let again = if before == 0 { String::new() } else { format!("#{}", before + 1) };
                names.push(format!("{}/{call}{again}", self.name));
            }
        }
        names
    }

    /// Whether it starts with an installation that is signed in already.
    pub fn needs_fleet(&self) -> bool {
        matches!(self.calls.first(), Some(LoadCall::Refresh | LoadCall::Resource))
    }

    /// Whether it starts with a sign-in token that was made before.
    pub fn needs_tokens(&self) -> bool {
        self.calls.first() == Some(&LoadCall::Exchange)
    }
}

/// When arrivals are due.
pub enum Pace {
    Scheduled(Schedule),
    /// Whenever a connection is free, so many times.
    Max(u64),
    /// Users who each go through one workload again and again (a closed model).
    Users(Users),
}

/// One request on its way.
#[derive(Clone, Copy, Debug)]
pub struct InFlight {
    workload: u16,
    step: u16,
    who: u32,
    /// When the arrival was due.
    intended: u64,
    /// When this call of it was.
    due: u64,
    /// What its earlier calls took from their sending.
    served: u64,
}

impl InFlight {
    /// No request at all, for connections that do nothing.
    pub const NONE: InFlight = InFlight { workload: 0, step: 0, who: 0, intended: 0, due: 0, served: 0 };
}

/// What a client got.
pub enum Outcome<'a> {
    Answer {
        status: u16,
        body: &'a [u8],
    },
    /// None, and why; the text is an example for the report.
    Failed(Failure, &'a str),
}

/// All that a worker measured.
pub struct Record {
    /// By workload, as [`Workload::series`] has them.
    pub series: Vec<Vec<Series>>,
    /// How late arrivals were taken up though a connection was free.
    pub lag: Latencies,
    /// Arrivals for which there was no idle installation or no sign-in token.
    pub starved: u64,
    /// Arrivals that found all connections in use.
    pub held: u64,
    pub started: u64,
    /// Installations whose refresh token was refused.
    pub signed_out: u64,
    /// Requests that were sent again, because the server had not looked at them.
    pub resent: u64,
    /// TLS handshakes, and how many of them took up an earlier session.
    pub handshakes: (u64, u64),
    /// The second that goes on.
    pub second: Second,
}

impl Record {
    fn new(workloads: &[Workload]) -> Self {
        let series = |workload: &Workload| workload.series().iter().map(|_| Series::default()).collect();
        Self {
            series: workloads.iter().map(series).collect(),
            lag: latencies(3),
            starved: 0,
            held: 0,
            started: 0,
            signed_out: 0,
            resent: 0,
            handshakes: (0, 0),
            second: Second::default(),
        }
    }
}

/// One worker's work.
pub struct Scheduler {
    site: Arc<Site>,
    workloads: Vec<Workload>,
    total_weight: u64,
    pace: Pace,
    next_due: Option<u64>,
    /// Arrivals due before it are not measured.
    window: Window,
    random: SmallRng,
    /// Installations that are in the middle of a workload.
    in_chains: u32,
    pub fleet: Fleet,
    pub checker: Checker,
    pub record: Record,
}

/// What a desk starts with.
pub struct SchedulerParts {
    pub site: Arc<Site>,
    pub fleet: Fleet,
    pub checker: Checker,
    pub workloads: Vec<Workload>,
    pub pace: Pace,
    pub window: Window,
    pub seed: u64,
}

impl Scheduler {
    pub fn new(parts: SchedulerParts) -> Self {
        let SchedulerParts { site, fleet, checker, workloads, mut pace, window, seed } = parts;
        let total_weight = workloads.iter().map(|workload| u64::from(workload.weight)).sum::<u64>().max(1);
        let next_due = due(&mut pace);
        let record = Record::new(&workloads);
        let random = SmallRng::seed_from_u64(seed);
        Self { site, workloads, total_weight, pace, next_due, window, random, in_chains: 0, fleet, checker, record }
    }

    /// The site, for hosts.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// When the next arrival is due; None when there are no more. A max's is always due.
    pub fn next_due(&self) -> Option<u64> {
        match &self.pace {
            Pace::Scheduled(_) => self.next_due,
            Pace::Max(0) => None,
            Pace::Max(_) => Some(0),
            Pace::Users(users) => users.next_due(),
        }
    }

    /// Takes no more arrivals.
    pub fn close(&mut self) {
        if let Pace::Users(users) = &mut self.pace {
            return users.close();
        }
        (self.pace, self.next_due) = (Pace::Max(0), None);
    }

    /// Long after the end of the load, what still waits for a connection has waited in vain. `timeout` in nanoseconds.
    pub fn give_up_what_is_overdue(&mut self, now: u64, timeout: u64) {
        let scheduled = matches!(self.pace, Pace::Scheduled(_));
        if !scheduled || now < self.window.end.saturating_add(timeout) {
            return;
        }
        while let Some(ticket) = self.take(now, now) {
            self.resolve(ticket, &Outcome::Failed(Failure::TimedOut, "no connection became free for it"), now, now);
        }
    }

    /// Takes up the next arrival that is due. `free_since` is when a connection became free for it.
    pub fn take(&mut self, now: u64, free_since: u64) -> Option<InFlight> {
        loop {
            let mut chosen = None;
            let intended = match &mut self.pace {
                Pace::Scheduled(_) => {
                    let due = self.next_due.filter(|due| *due <= now)?;
                    self.next_due = self::due(&mut self.pace);
                    due
                }
                Pace::Max(0) => return None,
                Pace::Max(left) => {
                    *left -= 1;
                    now
                }
                Pace::Users(users) => {
                    let (workload, due) = users.take(now)?;
                    chosen = Some(workload);
                    due
                }
            };
            if intended >= self.window.start {
                let possible = intended.max(free_since);
                let lag = now.saturating_sub(possible);
                record(&mut self.record.lag, lag);
                self.record.second.lag_ns = self.record.second.lag_ns.max(lag);
                self.record.held += u64::from(possible > intended);
            }
            let workload = chosen.unwrap_or_else(|| self.pick());
            if let Some(who) = self.installation(workload) {
                self.record.started += 1;
                self.record.second.started += 1;
                self.in_chains += 1;
                return Some(InFlight { workload, step: 0, who, intended, due: intended, served: 0 });
            }
            if let Pace::Max(_) = self.pace {
                // A max takes what is idle; it ends when no installation or token is left.
                if self.workloads[usize::from(workload)].needs_tokens() || self.in_chains == 0 {
                    self.close();
                }
                return None;
            }
            if let Pace::Users(users) = &mut self.pace {
                users.starve(workload, now);
            }
            self.record.starved += 1;
        }
    }

    fn pick(&mut self) -> u16 {
        if self.workloads.len() == 1 {
            return 0;
        }
        let mut at = self.random.random_range(0..self.total_weight);
        for (number, workload) in self.workloads.iter().enumerate() {
            let weight = u64::from(workload.weight);
            if at < weight {
                return u16::try_from(number).unwrap_or(0);
            }
            at -= weight;
        }
        0
    }

    fn installation(&mut self, workload: u16) -> Option<u32> {
        let workload = &self.workloads[usize::from(workload)];
        if workload.needs_fleet() {
            self.fleet.signed_in()
        } else if workload.needs_tokens() {
            self.fleet.with_token()
        } else if workload.calls.first() == Some(&LoadCall::CreateUser) {
            self.fleet.unmade()
        } else {
            self.fleet.newcomer()
        }
    }

    /// Makes the request of a ticket; the number of its endpoint.
    pub fn compose(&self, ticket: &InFlight, draft: &mut Draft) -> usize {
        self.checker.compose(self.call(ticket), ticket.who, &self.fleet, draft)
    }

    fn call(&self, ticket: &InFlight) -> LoadCall {
        self.workloads[usize::from(ticket.workload)].calls[usize::from(ticket.step)]
    }

    /// Notes what came of a request that was sent at `sent`. The workload's next request, if there is one.
    pub fn resolve(&mut self, ticket: InFlight, outcome: &Outcome<'_>, sent: u64, now: u64) -> Option<InFlight> {
        let call = self.call(&ticket);
        let verdict = match outcome {
            Outcome::Answer { status, body } => self.checker.judge(call, ticket.who, &mut self.fleet, *status, body),
            Outcome::Failed(failure, example) => Err((*failure, (*example).to_owned())),
        };
        let (work, measured) = (usize::from(ticket.workload), ticket.intended >= self.window.start);
        let calls = self.workloads[work].calls.len();
        let last = usize::from(ticket.step) + 1 == calls || verdict.is_err();
        let (latency, service) = (now.saturating_sub(ticket.intended), now.saturating_sub(sent));
        let all_service = ticket.served.saturating_add(service);
        if last {
            self.record.second.note(&verdict, latency);
        }
        let window = &self.window;
        let mut note = |at: usize, latency, service| {
            let series = &mut self.record.series[work][at];
            // What is wrong is wrong in the warm-up too.
            if measured || verdict.as_ref().is_err_and(|(failure, _)| failure.is_wrong()) {
                series.note(&verdict, latency, service);
            }
            if verdict.is_ok() {
                series.came.note(window, measured, now);
            }
        };
        if calls > 1 {
            note(1 + usize::from(ticket.step), now.saturating_sub(ticket.due), service);
        }
        if last {
            note(0, latency, all_service);
        }
        if let Pace::Users(users) = &mut self.pace {
            let bytes = if let Outcome::Answer { body, .. } = outcome { body.len() } else { 0 };
            let failure = verdict.as_ref().err().map(|(failure, _)| *failure);
            users.note((ticket.workload, ticket.step), failure, now.saturating_sub(ticket.due), bytes);
            if last {
                users.back(ticket.workload, now);
            }
        }
        if last {
            self.part(&ticket, call, verdict.err().map(|(failure, _)| failure));
            return None;
        }
        Some(InFlight { step: ticket.step + 1, due: now, served: all_service, ..ticket })
    }

    /// Lets an installation go where it belongs now.
    fn part(&mut self, ticket: &InFlight, call: LoadCall, failure: Option<Failure>) {
        self.in_chains = self.in_chains.saturating_sub(1);
        let workload = &self.workloads[usize::from(ticket.workload)];
        let refused = matches!(failure, Some(Failure::Status(400 | 401 | 403))) && call == LoadCall::Refresh;
        match workload.after {
            // An app whose refresh is refused is signed out; one that had no answer tries again with what it has.
            After::Return if workload.needs_fleet() && !refused => self.fleet.rest(ticket.who),
            After::Join if failure.is_none() => self.fleet.rest(ticket.who),
            After::KeepToken if failure.is_none() => self.fleet.keep_token(ticket.who),
            _ => {
                self.record.signed_out += u64::from(refused);
                self.fleet.let_go(ticket.who);
            }
        }
    }

    /// What is left after the work: the record, and what the next round goes on with.
    pub fn part_with(mut self) -> (Record, Fleet, Checker) {
        self.conclude();
        (self.record, self.fleet, self.checker)
    }

    /// Ends the record: answers that only now turn out to have been wrong are counted too.
    fn conclude(&mut self) {
        for wrong in self.checker.identity.conclude() {
            if let Some(series) = self.record.series.first_mut().and_then(|all| all.first_mut()) {
                series.belie(wrong, "");
            }
        }
    }
}

fn due(pace: &mut Pace) -> Option<u64> {
    match pace {
        Pace::Scheduled(schedule) => schedule.next().map(|moment| u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX)),
        Pace::Max(_) | Pace::Users(_) => None,
    }
}
