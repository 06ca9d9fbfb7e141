//! When requests start. An arrival is due at a moment that is settled before the run, however slow the server is (an open
//! model), so that a stall shows in every request that it held up.
//!
//! ```
//! use vouch_load::arrivals::Arrivals;
//! use std::time::Duration;
//! let ramp: Arrivals = "ramp 10/s to 100/s".parse().unwrap();
//! assert_eq!(ramp.expected(Duration::from_secs(10)), 550.0);
//! assert!("ramp 10/s".parse::<Arrivals>().unwrap_err().contains("ramp FROM/s to TO/s"));
//! ```

use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The shape of a load over time.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// So many a second, evenly.
    Constant(f64),
    /// From one rate to another, in a straight line over the whole run.
    Ramp { from: f64, to: f64 },
    /// Rates one after the other, each for the same time.
    Steps(Vec<f64>),
    /// So many a second on average, with exponential gaps: what independent users do.
    Poisson(f64),
    /// A crowd of `extra` arrivals that begins at `at` and lasts `within`, over a constant rate.
    Spike { base: f64, extra: f64, at: Duration, within: Duration },
    /// As fast as the connections allow: a closed model, for finding what a server can do. Latency counts from the sending.
    Max,
}

/// The highest rate that makes sense for one machine, in arrivals a second.
const MOST: f64 = 10_000_000.0;

impl Arrivals {
    /// When a spike is over; none where there is none.
    pub fn spike_end(&self) -> Option<Duration> {
        match self {
            Arrivals::Spike { at, within, .. } => Some(at.saturating_add(*within)),
            _ => None,
        }
    }

    /// How many arrivals a run of this duration has. Infinite for a max.
    pub fn expected(&self, duration: Duration) -> f64 {
        match self {
            Arrivals::Max => f64::INFINITY,
            _ => ArrivalSchedule::new(self, duration).total(),
        }
    }

    /// The highest rate on the way, in arrivals a second.
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

impl FromStr for Arrivals {
    type Err = String;

    /// Reads for example `constant 500/s`, `spike 10000 at 2s within 1s over 100/s` or just `500/s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["constant", one] | [one] if one.contains('/') => Ok(Arrivals::Constant(rate(one)?)),
            ["poisson", one] => Ok(Arrivals::Poisson(rate(one)?)),
            ["ramp", from, "to", to] => Ok(Arrivals::Ramp { from: rate_or_none(from)?, to: rate_or_none(to)? }),
            ["ramp", ..] => Err(format!("`{text}` is no ramp; write `ramp FROM/s to TO/s`")),
            ["steps", rates @ ..] if !rates.is_empty() => {
                Ok(Arrivals::Steps(rates.iter().map(|one| rate_or_none(one)).collect::<Result<_, _>>()?))
            }
            ["spike", count, "at", at, "within", within, "over", base] => spike(count, at, within, base),
            ["spike", count, "at", at, "within", within] => spike(count, at, within, "0/s"),
            ["spike", ..] => Err(format!(
                "`{text}` is no spike; write `spike COUNT at TIME within TIME`, and `over RATE/s` if you like"
            )),
            ["max"] => Ok(Arrivals::Max),
            _ => Err(format!("`{text}` says no arrivals; write {FORMS}")),
        }
    }
}

fn rate_or_none(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").and_then(|number| number.replace('_', "").parse::<f64>().ok());
    let number = number.filter(|rate| rate.is_finite() && *rate >= 0.0);
    let number = number.ok_or_else(|| format!("`{text}` is no rate; write for example `200/s`"))?;
    if number > MOST {
        return Err(format!("`{text}` is more than one machine can send; the most is {MOST:.0}/s"));
    }
    Ok(number)
}

fn rate(text: &str) -> Result<f64, String> {
    match rate_or_none(text)? {
        0.0 => Err("a rate of 0/s sends nothing".into()),
        rate => Ok(rate),
    }
}

fn spike(count: &str, at: &str, within: &str, base: &str) -> Result<Arrivals, String> {
    let time = |text: &str| {
        humantime::parse_duration(text).map_err(|_| format!("`{text}` is not a duration; write for example `2s`"))
    };
    let extra = count.replace('_', "").parse::<u32>().ok().filter(|count| *count > 0);
    let extra = extra.ok_or_else(|| format!("`{count}` is no count of arrivals"))?;
    let within = Some(time(within)?).filter(|duration| !duration.is_zero());
    let within = within.ok_or("a spike within no time at all has no rate; write for example `within 1s`")?;
    let spike = Arrivals::Spike { base: rate_or_none(base)?, extra: f64::from(extra), at: time(at)?, within };
    if spike.peak() > MOST {
        return Err(format!("that spike is more than one machine can send; the most is {MOST:.0}/s"));
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

/// A time with a straight line from one rate to another. Times in seconds, rates in arrivals a second.
#[derive(Clone, Copy, Debug)]
struct Piece {
    duration: f64,
    from: f64,
    to: f64,
}

impl Piece {
    fn arrivals(&self) -> f64 {
        self.duration * (self.from + self.to) / 2.0
    }

    /// When the piece has had `count` arrivals.
    fn moment(&self, count: f64) -> f64 {
        if count <= 0.0 {
            return 0.0;
        }
        let slope = (self.to - self.from) / self.duration;
        if slope.abs() < 1e-9 {
            return count / self.from;
        }
        // from·t + slope·t²/2 = count, in the form that loses no digits where the slope is small.
        let root = (self.from * self.from + 2.0 * slope * count).max(0.0).sqrt();
        2.0 * count / (self.from + root)
    }
}

/// The rate over one run.
#[derive(Clone, Debug)]
struct ArrivalSchedule(Vec<Piece>);

impl ArrivalSchedule {
    fn new(arrivals: &Arrivals, duration: Duration) -> Self {
        let whole = duration.as_secs_f64();
        let flat = |duration: f64, rate: f64| Piece { duration, from: rate, to: rate };
        let pieces = match arrivals {
            Arrivals::Constant(rate) | Arrivals::Poisson(rate) => vec![flat(whole, *rate)],
            Arrivals::Ramp { from, to } => vec![Piece { duration: whole, from: *from, to: *to }],
            Arrivals::Steps(rates) => {
                #[allow(clippy::cast_precision_loss, reason = "a handful of steps")]
                let each = whole / rates.len() as f64;
                rates.iter().map(|rate| flat(each, *rate)).collect()
            }
            Arrivals::Spike { base, extra, at, within } => {
                let start = at.as_secs_f64().min(whole);
                let end = (start + within.as_secs_f64()).min(whole);
                let high = base + extra / within.as_secs_f64();
                vec![flat(start, *base), flat(end - start, high), flat(whole - end, *base)]
            }
            Arrivals::Max => vec![],
        };
        Self(pieces)
    }

    fn total(&self) -> f64 {
        self.0.iter().map(Piece::arrivals).sum()
    }

    /// When the run has had `count` arrivals, in seconds; None when it never has.
    fn moment(&self, mut count: f64) -> Option<f64> {
        let mut passed = 0.0;
        for piece in &self.0 {
            let here = piece.arrivals();
            if count < here {
                return Some(passed + piece.moment(count));
            }
            count -= here;
            passed += piece.duration;
        }
        None
    }
}

/// The moments of one worker's arrivals, in order. Several workers share one load: each takes every n-th arrival, and of a
/// Poisson load a stream of its own, since such streams add up.
pub struct Schedule {
    course: ArrivalSchedule,
    /// Counts arrivals of the whole load.
    next: f64,
    stride: f64,
    random: Option<SmallRng>,
}

impl Schedule {
    /// The schedule of worker `worker` of `workers`. A max has none: ask the connections.
    pub fn new(arrivals: &Arrivals, duration: Duration, worker: u32, workers: u32, seed: u64) -> Option<Self> {
        let course = match arrivals {
            Arrivals::Max => return None,
            _ => ArrivalSchedule::new(arrivals, duration),
        };
        let poisson = matches!(arrivals, Arrivals::Poisson(_));
        let random = poisson.then(|| SmallRng::seed_from_u64(seed ^ (u64::from(worker) << 32)));
        let mut schedule = Self { course, next: f64::from(worker), stride: f64::from(workers), random };
        if poisson {
            schedule.next = 0.0;
            schedule.step();
        }
        Some(schedule)
    }

    fn step(&mut self) {
        self.next += match &mut self.random {
            // Of a load that is shared by n, each has an n-th: gaps are n times as long.
            Some(random) => -(1.0 - random.random::<f64>()).ln() * self.stride,
            None => self.stride,
        };
    }
}

impl Iterator for Schedule {
    /// From the start of the run.
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let moment = self.course.moment(self.next)?;
        self.step();
        Duration::try_from_secs_f64(moment).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(text: &str, seconds: u64, worker: u32, workers: u32) -> Vec<f64> {
        let arrivals = text.parse().expect(text);
        let schedule = Schedule::new(&arrivals, Duration::from_secs(seconds), worker, workers, 7).expect("a schedule");
        schedule.map(|moment| moment.as_secs_f64()).collect()
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
        let early = ramp.iter().filter(|moment| **moment < 5.0).count();
        assert_eq!(early, 125);
        assert_eq!(moments("ramp 100/s to 0/s", 10, 0, 1).iter().filter(|moment| **moment < 5.0).count(), 375);
    }

    #[test]
    fn steps_change_the_rate_and_spikes_add_a_crowd() {
        let steps = moments("steps 10/s 0/s 30/s", 3, 0, 1);
        let in_second = |second: f64| steps.iter().filter(|m| **m >= second && **m < second + 1.0).count();
        assert_eq!((in_second(0.0), in_second(1.0), in_second(2.0)), (10, 0, 30));
        let spike = moments("spike 1000 at 2s within 500ms over 10/s", 4, 0, 1);
        assert_eq!(spike.iter().filter(|moment| (2.0..2.5).contains(*moment)).count(), 1005);
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
    fn what_says_no_arrivals_is_told() {
        for (text, part) in [
            ("fast", "says no arrivals"),
            ("constant 0/s", "sends nothing"),
            ("constant -3/s", "is no rate"),
            ("poisson 5", "is no rate"),
            ("spike 0 at 1s within 1s", "no count"),
            ("spike 5 at 1s within 0s", "no rate"),
            ("steps", "says no arrivals"),
            ("constant 1e12/s", "more than one machine"),
        ] {
            let error = text.parse::<Arrivals>().expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
        assert_eq!(
            "spike 5 at 1s within 2s".parse::<Arrivals>().map(|a| a.to_string()).as_deref(),
            Ok("spike 5 at 1s within 2s over 0/s")
        );
    }
}
