//! The shortest replay of each cause: the events of one device without those that do not matter, as a scenario file.

mod scenario;

use crate::cause::{Cause, Ending};
use crate::forecast::{Build, Forecast, ForecastError};
use crate::life::{Conditions, Event, EventKind, Life, Loss, Recording, live, timeline};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vouch_explore::shrink_parts;

/// Shrinking ends after this many tries, or after this time.
const MAX_TRIES: usize = 400;
const MAX_TIME: Duration = Duration::from_secs(20);

/// A loss of one device, in its shortest form.
#[derive(Clone, Debug)]
pub struct Replay {
    pub cause: Cause,
    pub ending: Ending,
    /// The device that lost its session.
    pub device: u32,
    /// The number of events that are left.
    pub events: usize,
    /// The name of the scenario, and of its file without `.yaml`.
    pub id: String,
    /// The text of the scenario file.
    pub text: String,
}

/// The replay of each cause and ending that occurred: of the first device that has it.
///
/// # Errors
/// If this machine gives no keys or no runtime.
pub fn replays(forecast: &Forecast, build: &Build, stop: &AtomicBool) -> Result<Vec<Replay>, ForecastError> {
    let conditions = Conditions::new(&forecast.policy, build)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ForecastError::Thread)?;
    let mut found = Vec::new();
    for cause in Cause::ALL {
        for ending in [Ending::Reauthentication, Ending::SignOut] {
            let is_it = |loss: &&Loss| (loss.cause, loss.ending) == (cause, ending);
            let of_device = |(device, losses): &(u32, Vec<Loss>)| Some((*device, *losses.iter().find(is_it)?));
            let Some((device, loss)) = forecast.devices.iter().find_map(of_device) else { continue };
            let mut events = timeline(&forecast.policy, forecast.seed, device, forecast.days);
            events.truncate(loss.events);
            let case = Case { conditions: &conditions, cause, ending, stop };
            if let Some(shrunk) = runtime.block_on(case.shrink(events)) {
                found.push(scenario::replay(forecast, cause, ending, device, &shrunk));
            }
        }
    }
    Ok(found)
}

/// Events, and the life that they lead to.
struct Shrunk {
    events: Vec<Event>,
    life: Life,
}

struct Case<'a> {
    conditions: &'a Conditions,
    cause: Cause,
    ending: Ending,
    stop: &'a AtomicBool,
}

impl Case<'_> {
    /// The life of these events, if its last loss is of the cause.
    async fn again(&self, events: &[Event]) -> Option<Shrunk> {
        let stop = || self.stop.load(Ordering::Relaxed);
        let life = live(self.conditions, events, Recording::On, stop).await.ok()?;
        let last = life.losses.last()?;
        ((last.cause, last.ending) == (self.cause, self.ending)).then(|| Shrunk { events: events.to_vec(), life })
    }

    async fn shrink(&self, events: Vec<Event>) -> Option<Shrunk> {
        let whole = self.again(&events).await?;
        let (began, mut tries) = (Instant::now(), 0);
        let again = async |_: &Shrunk, events: &[Event]| {
            tries += 1;
            if tries > MAX_TRIES || began.elapsed() > MAX_TIME { None } else { self.again(events).await }
        };
        Some(shrink_parts(whole, |shrunk| shrunk.events.clone(), simpler, again).await)
    }
}

/// A visit without a kill, or with a process that is still there.
fn simpler(event: &Event) -> Option<Event> {
    let (EventKind::Use(visit) | EventKind::Wake(visit)) = &event.kind else { return None };
    let mut visit = visit.clone();
    if visit.cold {
        visit.cold = false;
    } else {
        visit.killed_after.take()?;
    }
    let kind = if matches!(event.kind, EventKind::Use(_)) { EventKind::Use(visit) } else { EventKind::Wake(visit) };
    Some(Event { kind, ..event.clone() })
}
