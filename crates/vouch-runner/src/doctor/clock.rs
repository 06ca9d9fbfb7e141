//! The clock of this machine is near the present, runs evenly, and the machine is not starved of processor time.

use super::Diagnosis;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use vouch_spec::timestamp;

const CHECK: &str = "clock";
/// 2026-01-01: no build of Vouch is older. In seconds since 1970.
const EARLIEST: u64 = 1_767_225_600;
/// 2100-01-01, in seconds since 1970.
const LATEST: u64 = 4_102_444_800;
/// How long the clocks are compared: this many pauses of this length.
const PAUSES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);
/// A larger difference between the two clocks over that time is a jump.
const JUMP: Duration = Duration::from_millis(100);
/// A pause that takes this much longer says that the processor is busy.
const LATE: Duration = Duration::from_millis(250);

/// What was measured.
struct Measured {
    now: SystemTime,
    /// Passed by the clock of the day, in seconds; negative where it went back.
    by_clock: f64,
    /// Passed by the monotonic clock.
    passed: Duration,
    /// How much longer than asked the longest pause took.
    latest: Duration,
}

pub(super) async fn check() -> Diagnosis {
    let (before, began, mut latest) = (SystemTime::now(), Instant::now(), Duration::ZERO);
    for _ in 0..PAUSES {
        let pause = Instant::now();
        tokio::time::sleep(PAUSE).await;
        latest = latest.max(pause.elapsed().saturating_sub(PAUSE));
    }
    let (now, passed) = (SystemTime::now(), began.elapsed());
    let by_clock = now.duration_since(before).map_or_else(|back| -back.duration().as_secs_f64(), |on| on.as_secs_f64());
    judge(&Measured { now, by_clock, passed, latest })
}

fn judge(measured: &Measured) -> Diagnosis {
    let seconds = measured.now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let time = timestamp::of(measured.now).unwrap_or_else(|| "before 1970".to_owned());
    let difference = (measured.by_clock - measured.passed.as_secs_f64()).abs();
    if !(EARLIEST..LATEST).contains(&seconds) {
        let found = format!(
            "the clock of this machine says {time}: certificates and waivers then look expired, or not yet valid"
        );
        return Diagnosis::warning(CHECK, found, "set the clock of this machine");
    }
    if difference > JUMP.as_secs_f64() {
        let found = format!(
            "the clock of this machine moved by {:.2} s while {:.2} s passed",
            measured.by_clock,
            measured.passed.as_secs_f64()
        );
        return Diagnosis::warning(
            CHECK,
            found,
            "run Vouch where nothing sets the clock; it may be set again during a run",
        );
    }
    if measured.latest > LATE {
        let found = format!("a pause of {PAUSE:?} took {:?} longer: this machine is busy", measured.latest);
        return Diagnosis::warning(CHECK, found, "run fewer programs beside Vouch, or fewer cases at once (`--jobs`)");
    }
    Diagnosis::ok(CHECK, time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seconds: u64, by_clock: f64, latest_ms: u64) -> Diagnosis {
        let now = UNIX_EPOCH + Duration::from_secs(seconds);
        let passed = Duration::from_millis(200);
        judge(&Measured { now, by_clock, passed, latest: Duration::from_millis(latest_ms) })
    }

    #[test]
    fn a_clock_of_another_decade_or_one_that_jumps_is_a_warning() {
        assert_eq!(of(EARLIEST + 1, 0.2, 1).state, super::super::State::Ok);
        for (diagnosis, words) in [
            (of(0, 0.2, 1), "1970-01-01"),
            (of(LATEST, 0.2, 1), "2100-01-01"),
            (of(EARLIEST, 3600.2, 1), "moved by 3600.20 s"),
            (of(EARLIEST, -5.0, 1), "moved by -5.00 s"),
            (of(EARLIEST, 0.2, 900), "busy"),
        ] {
            assert!(diagnosis.found.contains(words) && diagnosis.state.word() == "warning", "{diagnosis:?}");
        }
    }
}
