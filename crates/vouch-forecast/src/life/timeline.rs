//! What happens to one device, drawn from the life model. The same device has the same timeline under every provider policy and
//! with every build, so that comparisons are paired.

use crate::policy::{Life, Policy};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// Something that happens to a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, in milliseconds since the first sign-in.
    pub at_ms: i64,
    pub kind: EventKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// The user opens the app.
    Use(Visit),
    /// The system wakes the app in the background.
    Wake(Visit),
    /// The device has no connection for this long.
    Offline(Duration),
    /// The device restarts; secure storage is locked for this long, or until the user opens the app.
    Reboot(Duration),
    /// The app is updated, which ends its process.
    Update,
    /// The clock of the device is wrong by so many milliseconds, for this long.
    ClockError { skew_ms: i64, lasts: Duration },
    /// The provider revokes the sessions of the user.
    Revoke,
}

/// A use or a wake.
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    /// The system has ended the suspended process before.
    pub cold: bool,
    /// The process ends this long after the start of the visit.
    pub killed_after: Option<Duration>,
    /// What the outcomes of its exchanges are drawn from.
    pub seed: u64,
}

/// Milliseconds of a day, and of a month of 30 days.
pub(crate) const DAY_MS: f64 = 86_400_000.0;
const MONTH_MS: f64 = 30.0 * DAY_MS;

/// The kinds of events, each with a random sequence of its own: a rate that changes leaves the others as they are.
#[derive(Clone, Copy)]
enum Stream {
    Use,
    Wake,
    Offline,
    Reboot,
    Update,
    Clock,
    Revocation,
    Dormant,
}

/// The events of a device in their order. `seed` is that of the forecast.
pub fn timeline(policy: &Policy, seed: u64, device: u32, days: u32) -> Vec<Event> {
    let end_ms = f64::from(days) * DAY_MS;
    let life = &policy.life;
    let random = |stream: Stream| SmallRng::seed_from_u64(mixed(mixed(seed, u64::from(device)), stream as u64));
    let mut events: Vec<Event> = Vec::new();
    let mut add = |stream: Stream, per_ms: f64, draw: &mut dyn FnMut(&mut SmallRng) -> EventKind| {
        let mut random = random(stream);
        each_time(&mut random, per_ms, end_ms, |at_ms, random| events.push(Event { at_ms, kind: draw(random) }));
    };
    add(Stream::Use, life.uses_per_day / DAY_MS, &mut |random| {
        let length = life.call_gap * life.calls_per_use.saturating_sub(1) + life.round_trip * 2;
        EventKind::Use(visit(random, life, life.crashes_per_use, length))
    });
    add(Stream::Wake, life.wakes_per_day / DAY_MS, &mut |random| {
        EventKind::Wake(visit(random, life, life.kills_per_wake, life.wake_length))
    });
    add(Stream::Offline, life.offline_per_day / DAY_MS, &mut |random| {
        EventKind::Offline(exponential(random, life.offline_length))
    });
    add(Stream::Reboot, life.reboots_per_month / MONTH_MS, &mut |random| {
        EventKind::Reboot(exponential(random, life.until_unlock))
    });
    add(Stream::Update, life.updates_per_month / MONTH_MS, &mut |_| EventKind::Update);
    add(Stream::Clock, life.clock_errors_per_month / MONTH_MS, &mut |random| {
        let ahead: bool = random.random();
        let by = whole_ms(life.clock_error);
        let lasts = exponential(random, life.clock_error_length);
        EventKind::ClockError { skew_ms: if ahead { by } else { -by }, lasts }
    });
    add(Stream::Revocation, policy.provider.revocations_per_month / MONTH_MS, &mut |_| EventKind::Revoke);
    let mut dormant = Vec::new();
    each_time(&mut random(Stream::Dormant), life.dormant_per_month / MONTH_MS, end_ms, |at_ms, random| {
        dormant.push(at_ms..at_ms.saturating_add(whole_ms(exponential(random, life.dormant_length))));
    });
    let is_visit = |event: &Event| matches!(event.kind, EventKind::Use(_) | EventKind::Wake(_));
    events.retain(|event| !(is_visit(event) && dormant.iter().any(|spell| spell.contains(&event.at_ms))));
    // Stable: events at the same time stay in the order of the streams.
    events.sort_by_key(|event| event.at_ms);
    events
}

fn visit(random: &mut SmallRng, life: &Life, killed: f64, length: Duration) -> Visit {
    // Each number is drawn, whether or not it is used, so that a share that changes leaves the other draws as they are.
    let (cold, dies, moment, seed) =
        (random.random::<f64>(), random.random::<f64>(), random.random::<f64>(), random.random());
    let killed_after = (dies < killed).then(|| length.mul_f64(moment));
    Visit { cold: cold < life.cold_starts, killed_after, seed }
}

/// Calls back at the times of a Poisson process.
fn each_time(random: &mut SmallRng, per_ms: f64, end_ms: f64, mut at: impl FnMut(i64, &mut SmallRng)) {
    if per_ms <= 0.0 {
        return;
    }
    let mut now = 0.0;
    loop {
        now += unit_exponential(random) / per_ms;
        if now >= end_ms {
            return;
        }
        at(rounded(now), random);
    }
}

/// A random duration of this mean, distributed exponentially.
pub(crate) fn exponential(random: &mut SmallRng, mean: Duration) -> Duration {
    // Twenty means are a chance of one in 500 million; the bound keeps the arithmetic safe.
    mean.mul_f64(unit_exponential(random).min(20.0))
}

fn unit_exponential(random: &mut SmallRng) -> f64 {
    -(1.0 - random.random::<f64>()).ln()
}

#[allow(clippy::cast_possible_truncation, reason = "bounded by the length of the forecast")]
fn rounded(ms: f64) -> i64 {
    ms.round() as i64
}

pub(crate) fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// A number that depends on both in all bits (the finalizer of `SplitMix64`).
fn mixed(seed: u64, number: u64) -> u64 {
    let mut z = seed ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(events: &[Event]) -> Vec<&Event> {
        events.iter().filter(|event| matches!(event.kind, EventKind::Use(_))).collect()
    }

    #[test]
    fn a_device_has_the_same_timeline_again_and_another_rate_leaves_the_other_events() {
        let policy = Policy::default();
        let events = timeline(&policy, 1, 7, 90);
        assert_eq!(events, timeline(&policy, 1, 7, 90));
        assert_ne!(events, timeline(&policy, 2, 7, 90));
        assert_ne!(events, timeline(&policy, 1, 8, 90));
        let mut other = policy.clone();
        other.life.wakes_per_day = 1.0;
        other.life.reboots_per_month = 9.0;
        assert_eq!(uses(&events), uses(&timeline(&other, 1, 7, 90)));
    }

    #[test]
    fn rates_are_those_of_the_policy() {
        let mut policy = Policy::default();
        policy.life.dormant_per_month = 0.0;
        let all: usize = (0..200).map(|device| uses(&timeline(&policy, 3, device, 30)).len()).sum();
        // 200 devices, 30 days, 2 uses a day: 12,000, with a standard deviation of 110.
        assert!((11_500..12_500).contains(&all), "{all}");
    }

    #[test]
    fn nobody_uses_the_app_in_a_dormant_spell() {
        let mut policy = Policy::default();
        policy.life.dormant_per_month = 1000.0;
        policy.life.dormant_length = Duration::from_secs(86_400 * 30);
        let events = timeline(&policy, 1, 0, 90);
        assert!(uses(&events).len() < 20, "{}", uses(&events).len());
    }
}
