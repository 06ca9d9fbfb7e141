//! When requests start. The start times are computed before the run and do not depend on the server (an open model). A
//! server stall therefore shows in the latency of every request that it delayed.
//!
//! ```
//! use vouch_load::arrivals::Arrivals;
//! use std::time::Duration;
//! let ramp: Arrivals = "ramp 10/s to 100/s".parse().unwrap();
//! assert_eq!(ramp.expected(Duration::from_secs(10)), 550.0);
//! assert!("ramp 10/s".parse::<Arrivals>().unwrap_err().to_string().contains("ramp FROM/s to TO/s"));
//! ```

use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The arrival rate over time.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// Evenly spaced arrivals, in arrivals a second.
    Constant(f64),
    /// A linear change from one rate to another over the whole run.
    Ramp { from: f64, to: f64 },
    /// Several rates in sequence, each for an equal part of the run.
    Steps(Vec<f64>),
    /// A Poisson process with this average rate: the arrivals of independent users.
    Poisson(f64),
    /// `extra` arrivals that start at `at` and spread over `within`, in addition to a constant rate.
    Spike { base: f64, extra: f64, at: Duration, within: Duration },
    /// As fast as the connections allow: a closed model that finds the capacity of a server. Latency counts from the send.
    Max,
}

/// The highest rate that is accepted, in arrivals a second.
const MAX_RATE: f64 = 10_000_000.0;

impl Arrivals {
    /// The end of a spike; `None` for other shapes.
    pub fn spike_end(&self) -> Option<Duration> {
        match self {
            Arrivals::Spike { at, within, .. } => Some(at.saturating_add(*within)),
            _ => None,
        }
    }

    /// The number of arrivals in a run of this duration. Infinite for `max`.
    pub fn expected(&self, duration: Duration) -> f64 {
        match self {
            Arrivals::Max => f64::INFINITY,
            _ => RateCurve::new(self, duration).total(),
        }
    }

    /// The highest rate during the run, in arrivals a second.
    pub fn peak(&self) -> f64 {
        match self {
            Arrivals::Constant(rate) | Arrivals::Poisson(rate) => *rate,
            Arrivals::Ramp { from, to } => from.max(*to),
            Arrivals::Steps(rates) => rates.iter().copied().fold(0.0, f64::max),
            Arrivals::Spike { base, extra, within, .. } => base + extra / within.as_secs_f64(),
            Arrivals::Max => f64::INFINITY,
        }
    }
}

const FORMS: &str = "constant RATE/s, poisson RATE/s, ramp FROM/s to TO/s, steps RATE/s RATE/s …, \
                     spike COUNT at TIME within TIME over RATE/s, or max";

/// A text that does not describe arrivals.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseArrivalsError {
    #[error("`{0}` does not describe arrivals; write {FORMS}")]
    Form(String),
    #[error("`{0}` is not a ramp; write `ramp FROM/s to TO/s`")]
    Ramp(String),
    #[error("`{0}` is not a spike; write `spike COUNT at TIME within TIME`, optionally with `over RATE/s`")]
    Spike(String),
    #[error("`{0}` is not a rate; write for example `200/s`")]
    Rate(String),
    #[error("a rate of 0/s sends nothing")]
    ZeroRate,
    #[error("`{0}` is more than one machine can send; the maximum is {MAX_RATE:.0}/s")]
    RateTooHigh(String),
    #[error("`{0}` is not a duration; write for example `2s`")]
    Duration(String),
    #[error("a spike needs a duration above zero; write for example `within 1s`")]
    ZeroDuration,
    #[error("`{0}` is not a number of arrivals")]
    Count(String),
}

impl FromStr for Arrivals {
    type Err = ParseArrivalsError;

    /// Parses for example `constant 500/s`, `spike 10000 at 2s within 1s over 100/s` or `500/s`.
    fn from_str(text: &str) -> Result<Self, ParseArrivalsError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["constant", one] | [one] if one.contains('/') => Ok(Arrivals::Constant(rate(one)?)),
            ["poisson", one] => Ok(Arrivals::Poisson(rate(one)?)),
            ["ramp", from, "to", to] => Ok(Arrivals::Ramp { from: rate_or_zero(from)?, to: rate_or_zero(to)? }),
            ["ramp", ..] => Err(ParseArrivalsError::Ramp(text.to_owned())),
            ["steps", rates @ ..] if !rates.is_empty() => {
                Ok(Arrivals::Steps(rates.iter().map(|one| rate_or_zero(one)).collect::<Result<_, _>>()?))
            }
            ["spike", count, "at", at, "within", within, "over", base] => spike(count, at, within, base),
            ["spike", count, "at", at, "within", within] => spike(count, at, within, "0/s"),
            ["spike", ..] => Err(ParseArrivalsError::Spike(text.to_owned())),
            ["max"] => Ok(Arrivals::Max),
            _ => Err(ParseArrivalsError::Form(text.to_owned())),
        }
    }
}

fn rate_or_zero(text: &str) -> Result<f64, ParseArrivalsError> {
    let number = text.strip_suffix("/s").and_then(|number| number.replace('_', "").parse::<f64>().ok());
    let number = number.filter(|rate| rate.is_finite() && *rate >= 0.0);
    let number = number.ok_or_else(|| ParseArrivalsError::Rate(text.to_owned()))?;
    if number > MAX_RATE {
        return Err(ParseArrivalsError::RateTooHigh(text.to_owned()));
    }
    Ok(number)
}

fn rate(text: &str) -> Result<f64, ParseArrivalsError> {
    match rate_or_zero(text)? {
        0.0 => Err(ParseArrivalsError::ZeroRate),
        rate => Ok(rate),
    }
}

fn spike(count: &str, at: &str, within: &str, base: &str) -> Result<Arrivals, ParseArrivalsError> {
    let time =
        |text: &str| vouch_spec::duration::parse(text).map_err(|_| ParseArrivalsError::Duration(text.to_owned()));
    let extra = count.replace('_', "").parse::<u32>().ok().filter(|count| *count > 0);
    let extra = extra.ok_or_else(|| ParseArrivalsError::Count(count.to_owned()))?;
    let within = Some(time(within)?).filter(|duration| !duration.is_zero());
    let within = within.ok_or(ParseArrivalsError::ZeroDuration)?;
    let spike = Arrivals::Spike { base: rate_or_zero(base)?, extra: f64::from(extra), at: time(at)?, within };
    if spike.peak() > MAX_RATE {
        return Err(ParseArrivalsError::RateTooHigh(spike.to_string()));
    }
    Ok(spike)
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arrivals::Constant(rate) => write!(f, "constant {rate}/s"),
            Arrivals::Poisson(rate) => write!(f, "poisson {rate}/s"),
            Arrivals::Ramp { from, to } => write!(f, "ramp {from}/s to {to}/s"),
            Arrivals::Steps(rates) => {
                f.write_str("steps")?;
                rates.iter().try_for_each(|rate| write!(f, " {rate}/s"))
            }
            Arrivals::Spike { base, extra, at, within } => {
                let (at, within) = (humantime::format_duration(*at), humantime::format_duration(*within));
                write!(f, "spike {extra} at {at} within {within} over {base}/s")
            }
            Arrivals::Max => f.write_str("max"),
        }
    }
}

/// A period in which the rate changes linearly. Times in seconds, rates in arrivals a second.
#[derive(Clone, Copy, Debug)]
struct RateSegment {
    duration: f64,
    from: f64,
    to: f64,
}

impl RateSegment {
    fn arrivals(&self) -> f64 {
        self.duration * (self.from + self.to) / 2.0
    }

    /// The time of the arrival number `count`, from the start of the segment.
    fn time_of(&self, count: f64) -> f64 {
        if count <= 0.0 {
            return 0.0;
        }
        let slope = (self.to - self.from) / self.duration;
        if slope.abs() < 1e-9 {
            return count / self.from;
        }
        // Solves from·t + slope·t²/2 = count in the form that is numerically stable for a small slope.
        let root = (self.from * self.from + 2.0 * slope * count).max(0.0).sqrt();
        2.0 * count / (self.from + root)
    }
}

/// The arrival rate over one run.
#[derive(Clone, Debug)]
struct RateCurve(Vec<RateSegment>);

impl RateCurve {
    fn new(arrivals: &Arrivals, duration: Duration) -> Self {
        let total_s = duration.as_secs_f64();
        let flat = |duration: f64, rate: f64| RateSegment { duration, from: rate, to: rate };
        let segments = match arrivals {
            Arrivals::Constant(rate) | Arrivals::Poisson(rate) => vec![flat(total_s, *rate)],
            Arrivals::Ramp { from, to } => vec![RateSegment { duration: total_s, from: *from, to: *to }],
            Arrivals::Steps(rates) => {
                #[allow(clippy::cast_precision_loss, reason = "a handful of steps")]
                let each = total_s / rates.len() as f64;
                rates.iter().map(|rate| flat(each, *rate)).collect()
            }
            Arrivals::Spike { base, extra, at, within } => {
                let start = at.as_secs_f64().min(total_s);
                let end = (start + within.as_secs_f64()).min(total_s);
                let high = base + extra / within.as_secs_f64();
                vec![flat(start, *base), flat(end - start, high), flat(total_s - end, *base)]
            }
            Arrivals::Max => vec![],
        };
        Self(segments)
    }

    fn total(&self) -> f64 {
        self.0.iter().map(RateSegment::arrivals).sum()
    }

    /// The time of the arrival number `count`, in seconds from the start of the run; `None` beyond the last arrival.
    fn time_of(&self, mut count: f64) -> Option<f64> {
        let mut passed = 0.0;
        for segment in &self.0 {
            let here = segment.arrivals();
            if count < here {
                return Some(passed + segment.time_of(count));
            }
            count -= here;
            passed += segment.duration;
        }
        None
    }
}

/// The arrival times of one worker, in order. Each of n workers takes every n-th arrival. Of a Poisson process each worker has
/// an independent stream with an n-th of the rate; the streams add up to the whole process.
pub struct ArrivalSchedule {
    curve: RateCurve,
    /// The number of the next arrival, counted over all workers.
    next: f64,
    stride: f64,
    random: Option<SmallRng>,
}

impl ArrivalSchedule {
    /// The schedule of worker `worker` of `workers`. `None` for `max`, which has no schedule.
    pub fn new(arrivals: &Arrivals, duration: Duration, worker: u32, workers: u32, seed: u64) -> Option<Self> {
        let curve = match arrivals {
            Arrivals::Max => return None,
            _ => RateCurve::new(arrivals, duration),
        };
        let poisson = matches!(arrivals, Arrivals::Poisson(_));
        let random = poisson.then(|| SmallRng::seed_from_u64(seed ^ (u64::from(worker) << 32)));
        let mut schedule = Self { curve, next: f64::from(worker), stride: f64::from(workers), random };
        if poisson {
            schedule.next = 0.0;
            schedule.advance();
        }
        Some(schedule)
    }

    fn advance(&mut self) {
        self.next += match &mut self.random {
            // Each of n workers has an n-th of the rate: gaps are n times as long.
            Some(random) => -(1.0 - random.random::<f64>()).ln() * self.stride,
            None => self.stride,
        };
    }
}

impl Iterator for ArrivalSchedule {
    /// The time since the start of the run.
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let time_of = self.curve.time_of(self.next)?;
        self.advance();
        Duration::try_from_secs_f64(time_of).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(text: &str, seconds: u64, worker: u32, workers: u32) -> Vec<f64> {
        let arrivals = text.parse().expect(text);
        let schedule =
            ArrivalSchedule::new(&arrivals, Duration::from_secs(seconds), worker, workers, 7).expect("a schedule");
        schedule.map(|time_of| time_of.as_secs_f64()).collect()
    }

    #[test]
    fn a_constant_load_is_even_and_is_shared_without_overlap() {
        assert_eq!(moments("4/s", 1, 0, 1), [0.0, 0.25, 0.5, 0.75]);
        assert_eq!(moments("constant 4/s", 1, 0, 2), [0.0, 0.5]);
        assert_eq!(moments("constant 4/s", 1, 1, 2), [0.25, 0.75]);
    }

    #[test]
    fn a_ramp_has_as_many_arrivals_as_its_area_and_grows_denser() {
        let ramp = moments("ramp 0/s to 100/s", 10, 0, 1);
        assert_eq!(ramp.len(), 500);
        let early = ramp.iter().filter(|time_of| **time_of < 5.0).count();
        assert_eq!(early, 125);
        assert_eq!(moments("ramp 100/s to 0/s", 10, 0, 1).iter().filter(|time_of| **time_of < 5.0).count(), 375);
    }

    #[test]
    fn steps_change_the_rate_and_a_spike_adds_arrivals() {
        let steps = moments("steps 10/s 0/s 30/s", 3, 0, 1);
        let in_second = |second: f64| steps.iter().filter(|m| **m >= second && **m < second + 1.0).count();
        assert_eq!((in_second(0.0), in_second(1.0), in_second(2.0)), (10, 0, 30));
        let spike = moments("spike 1000 at 2s within 500ms over 10/s", 4, 0, 1);
        assert_eq!(spike.iter().filter(|time_of| (2.0..2.5).contains(*time_of)).count(), 1005);
        assert_eq!(spike.len(), 1040);
    }

    #[test]
    fn poisson_gaps_are_exponential_and_streams_add_up() {
        let all: Vec<_> = (0..2).flat_map(|worker| moments("poisson 1000/s", 20, worker, 2)).collect();
        assert!((19_400..20_600).contains(&all.len()), "{}", all.len());
        let one = moments("poisson 1000/s", 20, 0, 1);
        let gaps: Vec<_> = one.windows(2).map(|pair| pair[1] - pair[0]).collect();
        #[allow(clippy::cast_precision_loss)]
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let longer = gaps.iter().filter(|gap| **gap > mean).count() * 1000 / gaps.len();
        assert!((350..386).contains(&longer), "1/e of exponential gaps are longer than their mean, not {longer} ‰");
    }

    #[test]
    fn a_text_that_does_not_describe_arrivals_is_an_error() {
        for (text, part) in [
            ("fast", "does not describe arrivals"),
            ("constant 0/s", "sends nothing"),
            ("constant -3/s", "is not a rate"),
            ("poisson 5", "is not a rate"),
            ("spike 0 at 1s within 1s", "not a number of arrivals"),
            ("spike 5 at 1s within 0s", "duration above zero"),
            ("steps", "does not describe arrivals"),
            ("constant 1e12/s", "more than one machine"),
        ] {
            let error = text.parse::<Arrivals>().expect_err(text);
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
        assert_eq!(
            "spike 5 at 1s within 2s".parse::<Arrivals>().map(|a| a.to_string()).as_deref(),
            Ok("spike 5 at 1s within 2s over 0/s")
        );
    }
}
