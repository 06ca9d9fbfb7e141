//! How a server stood the return of everyone after an outage.

use super::FaultOutcome;
use crate::round::IntervalStats;
use std::time::Duration;

/// A second is back to normal if its p99 is at most this many times the highest p99 before the outage.
const NORMAL_FACTOR: u64 = 2;
/// A p99 below this is normal, in nanoseconds: a fast server doubles it by chance.
const ALWAYS_NORMAL_NS: u64 = 20_000_000;

/// So many normal seconds in sequence are a recovery: later ones have other reasons.
const NORMAL_SECONDS: usize = 5;

/// What the seconds after an outage were like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The average number of calls in a second before the outage, and the most in a second after it.
    pub before: u64,
    pub peak: u64,
    /// The highest p99 of a second after the outage, in nanoseconds.
    pub worst_p99_ns: u64,
    pub end: RecoveryEnd,
}

/// When a server is back to normal: five seconds in sequence without failures, and as fast as before the outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryEnd {
    /// So long after the end of the outage. Zero if the seconds from then on were normal, or all that the load had.
    After(Duration),
    /// The load ended before.
    NotReached,
    /// No answer was measured before the outage.
    NothingToCompare,
}

impl Recovery {
    /// What passed from the end of the outage until the server was back to normal; `None` if it was not, as far as is known.
    pub fn normal_after(&self) -> Option<Duration> {
        if let RecoveryEnd::After(after) = self.end { Some(after) } else { None }
    }

    /// The recovery from an outage; `None` if the fault is none, or nothing came after it. Warm-up seconds are not compared.
    pub fn of(fault: &FaultOutcome, intervals: &[IntervalStats], warm_up: Duration) -> Option<Self> {
        if !fault.outage {
            return None;
        }
        // Whole seconds that lie before the fault, and those that begin after it or contain its end.
        let starts_before = |interval: &&IntervalStats| Duration::from_secs(interval.second + 1) <= fault.from;
        let before: Vec<_> = intervals.iter().filter(starts_before).collect();
        let measured = before.iter().filter(|interval| Duration::from_secs(interval.second) >= warm_up);
        let usual_ns = measured.map(|interval| interval.p99_ns).max().unwrap_or(0);
        let limit_ns = usual_ns.saturating_mul(NORMAL_FACTOR).max(ALWAYS_NORMAL_NS);
        let until_s = fault.until.as_secs();
        let after: Vec<_> =
            intervals.iter().filter(|interval| interval.second >= until_s && has_calls(interval)).collect();
        if after.is_empty() {
            return None;
        }
        let is_normal = |interval: &&IntervalStats| interval.errors == 0 && interval.p99_ns <= limit_ns;
        let stays_normal = |at: &usize| {
            let rest = &after[*at..];
            (*at == 0 || rest.len() >= NORMAL_SECONDS) && rest.iter().take(NORMAL_SECONDS).all(is_normal)
        };
        let end = match (0..after.len()).find(stays_normal) {
            _ if usual_ns == 0 => RecoveryEnd::NothingToCompare,
            Some(0) => RecoveryEnd::After(Duration::ZERO),
            Some(at) => RecoveryEnd::After(Duration::from_secs(after[at].second).saturating_sub(fault.until)),
            None => RecoveryEnd::NotReached,
        };
        Some(Self {
            before: before.iter().fold(0, |sum: u64, interval| sum.saturating_add(interval.started))
                / before.len().max(1) as u64,
            peak: after.iter().map(|interval| interval.started).max().unwrap_or(0),
            worst_p99_ns: after.iter().map(|interval| interval.p99_ns).max().unwrap_or(0),
            end,
        })
    }
}

fn has_calls(interval: &IntervalStats) -> bool {
    interval.good + interval.errors > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage() -> FaultOutcome {
        let (from, until) = (Duration::from_secs(4), Duration::from_secs(6));
        FaultOutcome { from, until, outage: true, ..FaultOutcome::default() }
    }

    /// Ten seconds: a warm-up of one, and an outage from the fifth to the sixth.
    fn seconds<const N: usize>(after: [(u64, u64, u64); N]) -> Vec<IntervalStats> {
        let second = |second, started, errors, p99_ms: u64| IntervalStats {
            second,
            started,
            good: started,
            errors,
            p99_ns: p99_ms * 1_000_000,
            ..IntervalStats::default()
        };
        let mut all = vec![second(0, 30, 0, 900), second(1, 30, 0, 30), second(2, 30, 0, 25), second(3, 30, 0, 30)];
        all.extend([second(4, 0, 0, 0), second(5, 0, 0, 0)]);
        all.extend((6..).zip(after).map(|(at, (started, errors, p99_ms))| second(at, started, errors, p99_ms)));
        all
    }

    fn recovery<const N: usize>(after: [(u64, u64, u64); N]) -> Recovery {
        Recovery::of(&outage(), &seconds(after), Duration::from_secs(1)).expect("a recovery")
    }

    #[test]
    fn a_server_that_stands_the_return_is_normal_at_once() {
        let expected =
            Recovery { before: 30, peak: 400, worst_p99_ns: 60_000_000, end: RecoveryEnd::After(Duration::ZERO) };
        assert_eq!(recovery([(400, 0, 60), (90, 0, 30), (30, 0, 30), (30, 0, 30)]), expected);
    }

    #[test]
    fn slow_answers_and_failures_last_until_the_second_after_the_last_of_them() {
        let (normal, slow, failed) = ((30, 0, 30), (400, 0, 61), (30, 1, 30));
        let after = |seconds: [_; 7]| recovery(seconds).normal_after().map(|after| after.as_secs());
        assert_eq!(after([slow, slow, normal, normal, normal, normal, normal]), Some(2));
        assert_eq!(after([normal, failed, normal, normal, normal, normal, normal]), Some(2));
        assert_eq!(after([slow, slow, slow, normal, normal, normal, normal]), None, "four seconds are no five");
        assert_eq!(after([normal, normal, normal, normal, normal, normal, slow]), Some(0));
        let later = recovery([slow, normal, normal, normal, normal, normal, failed, normal]);
        assert_eq!(later.normal_after(), Some(Duration::from_secs(1)), "what fails much later has another reason");
    }

    #[test]
    fn without_an_outage_or_without_calls_after_it_there_is_nothing_to_recover_from() {
        let all = seconds([(1, 0, 1); 4]);
        assert_eq!(Recovery::of(&FaultOutcome { outage: false, ..outage() }, &all, Duration::ZERO), None);
        assert_eq!(Recovery::of(&outage(), &all[..6], Duration::ZERO), None);
        assert_eq!(Recovery::of(&outage(), &[], Duration::ZERO), None);
        let compared = Recovery::of(&outage(), &all, Duration::from_secs(4)).expect("a return");
        assert_eq!(compared.end, RecoveryEnd::NothingToCompare, "all before it was warm-up");
    }
}
