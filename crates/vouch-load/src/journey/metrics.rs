//! What all users of a load have measured, and what is known of tokens and users: one book for all, so that a token that
//! two users were given is noticed.

use super::definition::Journey;
use crate::check::{Checker, Verdict};
use crate::client::nanoseconds;
use crate::endpoints::LoadCall;
use crate::failure::{Failure, Wrong};
use crate::installations::Fleet;
use crate::measure::{Second, Series};
use crate::measurement_window::Window;
use crate::round::Round;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// One call that was made.
pub struct Made {
    pub call: LoadCall,
    pub sent: Instant,
    /// From the sending to the whole answer, in nanoseconds.
    pub latency_ns: u64,
    pub verdict: Verdict,
}

/// How a step ended.
pub enum End {
    /// As the scenario expects, with a good answer.
    Good,
    /// As the scenario expects, with a refusal: the calls that were refused are right.
    Refused,
    /// Otherwise: what was expected, what came, and whether what came was a good answer.
    Unmet(String),
    /// The load was over before it could.
    Cut,
}

/// The book of all users.
pub struct JourneyMetrics {
    books: Mutex<JourneyTotals>,
    clock: OnceLock<Instant>,
    duration: Duration,
    ended: OnceLock<Instant>,
}

/// What is in it.
pub struct JourneyTotals {
    pub fleet: Fleet,
    pub checker: Checker,
    journeys: Vec<OfJourney>,
    whole: Series,
    second: Second,
    started: u64,
    /// Users who waited for an answer at the end, and got none.
    stuck: u64,
}

struct OfJourney {
    names: Vec<String>,
    lifecycle: Series,
    calls: Vec<(LoadCall, Series)>,
}

impl JourneyMetrics {
    /// `duration`: what begins later does not count.
    pub fn new(scripts: &[Arc<Journey>], fleet: Fleet, checker: Checker, duration: Duration) -> Self {
        let of = |script: &Arc<Journey>| OfJourney {
            names: script.series(),
            lifecycle: Series::default(),
            calls: script.calls.iter().map(|call| (*call, Series::default())).collect(),
        };
        let journeys = scripts.iter().map(of).collect();
        let books = JourneyTotals {
            fleet,
            checker,
            journeys,
            whole: Series::default(),
            second: Second::default(),
            started: 0,
            stuck: 0,
        };
        Self { books: Mutex::new(books), clock: OnceLock::new(), duration, ended: OnceLock::new() }
    }

    pub fn lock(&self) -> MutexGuard<'_, JourneyTotals> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the clock: from now on it counts.
    pub fn start(&self) {
        let _ = self.clock.set(Instant::now());
    }

    /// Ends it: what begins later does not count, and no user goes on.
    pub fn end(&self) {
        let _ = self.ended.set(Instant::now());
    }

    /// Whether users go on.
    pub fn goes_on(&self) -> bool {
        self.holds(Instant::now())
    }

    /// Whether a moment is within the measured time. A call that was sent in it counts, however long its answer takes.
    fn holds(&self, moment: Instant) -> bool {
        let before_end = self.ended.get().is_none_or(|end| moment <= *end);
        before_end && self.clock.get().is_some_and(|start| (*start..=*start + self.duration).contains(&moment))
    }

    /// The measured time, and how far into it a moment is, in nanoseconds since the start of the clock.
    fn at(&self, moment: Instant) -> (Window, u64) {
        let since = |moment: Instant| self.clock.get().map_or(0, |start| nanoseconds(moment.duration_since(*start)));
        let end = self.ended.get().map_or(u64::MAX, |end| since(*end));
        (0..end.min(nanoseconds(self.duration)), since(moment))
    }

    /// Notes the calls of one step. Why the journey cannot go on, if it cannot.
    pub fn resolve(&self, journey: usize, mut made: Vec<Made>, end: &End) -> Result<(), (Failure, String)> {
        let stop = match end {
            End::Unmet(what) => Some((Failure::Wrong(Wrong::Unexpected), what.clone())),
            End::Good | End::Refused | End::Cut => None,
        };
        // The answer that seemed right is the one that made the step end otherwise.
        if let (Some(unmet), Some(last)) = (&stop, made.last_mut().filter(|last| last.verdict.is_ok())) {
            last.verdict = Err(unmet.clone());
        }
        let mut books = self.lock();
        let mut found = None;
        for Made { call, sent, latency_ns, verdict } in made {
            // Whether the scenario expects this refusal will never be known.
            if matches!((&verdict, end), (Err((Failure::Status(..500), _)), End::Cut)) {
                continue;
            }
            let verdict = match (verdict, end) {
                (Err((Failure::Status(_), _)), End::Refused) => Ok(()),
                (other, _) => other,
            };
            if let Err((failure, example)) = &verdict {
                let ends = failure.is_wrong() || !matches!(end, End::Good | End::Refused);
                found = ends.then(|| (*failure, example.clone())).or(found);
            }
            if self.holds(sent) {
                let came = self.at(sent + Duration::from_nanos(latency_ns));
                books.stuck += u64::from(verdict.is_err() && !came.0.contains(&came.1));
                books.note(journey, call, latency_ns, &verdict, &came);
            }
        }
        found.or(stop).map_or(Ok(()), Err)
    }

    /// Notes a whole lifecycle: the time that its calls took together, or why it was broken off; if that was `decided` within
    /// the measured time: by a last step that ended then, or by a step that began then and failed.
    pub fn lived(&self, journey: usize, outcome: &Result<u64, (Failure, String)>, decided: Instant) {
        if !self.holds(decided) {
            return;
        }
        let mut books = self.lock();
        let Some(of) = books.journeys.get_mut(journey) else { return };
        match outcome {
            Ok(taken_ns) => of.lifecycle.good(*taken_ns, *taken_ns),
            Err((failure, example)) => of.lifecycle.failed(*failure, 0, || example.clone()),
        }
    }

    /// The figures since they were last taken.
    pub fn take_second(&self) -> Second {
        std::mem::take(&mut self.lock().second)
    }

    /// What was measured in all.
    pub fn close(&self, measured: Duration) -> Round {
        let mut books = self.lock();
        let late = books.checker.identity.conclude();
        for wrong in late {
            books.whole.belie(wrong, "");
            let grants = |(call, _): &&mut (LoadCall, Series)| matches!(call, LoadCall::Exchange | LoadCall::Refresh);
            if let Some((_, series)) = books.journeys.iter_mut().flat_map(|of| &mut of.calls).find(grants) {
                series.belie(wrong, "");
            }
        }
        // What came after the end is good, and no throughput.
        let calls = books.journeys.iter_mut().flat_map(|of| of.calls.iter_mut().map(|(_, series)| series));
        calls.for_each(|series| limit_rate(series, measured));
        limit_rate(&mut books.whole, measured);
        let series = books.journeys.iter().flat_map(|of| {
            let all = std::iter::once(&of.lifecycle).chain(of.calls.iter().map(|(_, series)| series));
            of.names.iter().cloned().zip(all.cloned())
        });
        Round {
            started: books.started,
            stuck: books.stuck,
            opaque: books.checker.opaque,
            learned: books.checker.learned(),
            one_in: books.checker.seen.one_in(),
            ..Round::new(series.collect(), books.whole.clone(), measured)
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn limit_rate(series: &mut Series, measured: Duration) {
    let within = series.came.within().min(series.good);
    if within < series.good && !measured.is_zero() {
        series.rate = Some(within as f64 / measured.as_secs_f64());
    }
}

impl JourneyTotals {
    fn note(&mut self, journey: usize, call: LoadCall, latency_ns: u64, verdict: &Verdict, came: &(Window, u64)) {
        self.started += 1;
        let of_call =
            self.journeys.get_mut(journey).and_then(|of| of.calls.iter_mut().find(|(known, _)| *known == call));
        for series in of_call.map(|(_, series)| series).into_iter().chain([&mut self.whole]) {
            series.note(verdict, latency_ns, latency_ns);
            if verdict.is_ok() {
                series.came.note(&came.0, true, came.1);
            }
        }
        self.second.started += 1;
        self.second.note(verdict, latency_ns);
    }
}
