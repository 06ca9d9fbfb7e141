//! What all users of a load have measured, and what is known of tokens and users: one book for all, so that a token that
//! two users were given is noticed.

use super::script::Script;
use crate::load::check::{Checker, Verdict};
use crate::load::failure::{Failure, Wrong};
use crate::load::fleet::Fleet;
use crate::load::measure::{Second, Series};
use crate::load::round::Round;
use crate::load::site::Call;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// One call that was made.
pub struct Made {
    pub call: Call,
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
}

/// The book of all users.
pub struct Tally {
    books: Mutex<Books>,
    clock: OnceLock<Instant>,
    length: Duration,
    ended: AtomicBool,
}

/// What is in it.
pub struct Books {
    pub fleet: Fleet,
    pub checker: Checker,
    journeys: Vec<OfJourney>,
    whole: Series,
    second: Second,
    started: u64,
}

struct OfJourney {
    names: Vec<String>,
    lifecycle: Series,
    calls: Vec<(Call, Series)>,
}

impl Tally {
    /// `length`: what ends later does not count.
    pub fn new(scripts: &[Arc<Script>], fleet: Fleet, checker: Checker, length: Duration) -> Self {
        let of = |script: &Arc<Script>| OfJourney {
            names: script.series(),
            lifecycle: Series::default(),
            calls: script.calls.iter().map(|call| (*call, Series::default())).collect(),
        };
        let journeys = scripts.iter().map(of).collect();
        let books = Books { fleet, checker, journeys, whole: Series::default(), second: Second::default(), started: 0 };
        Self { books: Mutex::new(books), clock: OnceLock::new(), length, ended: AtomicBool::new(false) }
    }

    pub fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the clock: from now on it counts.
    pub fn start(&self) {
        let _ = self.clock.set(Instant::now());
    }

    /// Ends it: nothing counts any more, and no user goes on.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether users go on, and what they measure counts.
    pub fn counts(&self) -> bool {
        let in_time = self.clock.get().is_some_and(|start| start.elapsed() <= self.length);
        in_time && !self.ended.load(Ordering::Relaxed)
    }

    /// Notes the calls of one step. Why the journey cannot go on, if it cannot.
    pub fn settle(&self, journey: usize, mut made: Vec<Made>, end: &End) -> Result<(), (Failure, String)> {
        let stop = match end {
            End::Unmet(what) => Some((Failure::Wrong(Wrong::Unexpected), what.clone())),
            End::Good | End::Refused => None,
        };
        // The answer that seemed right is the one that made the step end otherwise.
        if let (Some(unmet), Some(last)) = (&stop, made.last_mut().filter(|last| last.verdict.is_ok())) {
            last.verdict = Err(unmet.clone());
        }
        let mut books = self.lock();
        let mut found = None;
        for Made { call, latency_ns, verdict } in made {
            let verdict = match (verdict, end) {
                (Err((Failure::Status(_), _)), End::Refused) => Ok(()),
                (other, _) => other,
            };
            if let Err((failure, example)) = &verdict {
                let ends = failure.is_wrong() || stop.is_some();
                found = ends.then(|| (*failure, example.clone())).or(found);
            }
            if self.counts() {
                books.note(journey, call, latency_ns, &verdict);
            }
        }
        found.or(stop).map_or(Ok(()), Err)
    }

    /// Notes a whole lifecycle: the time that its calls took together, or why it was broken off.
    pub fn lived(&self, journey: usize, outcome: &Result<u64, (Failure, String)>) {
        if !self.counts() {
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
            let grants = |(call, _): &&mut (Call, Series)| matches!(call, Call::Exchange | Call::Refresh);
            if let Some((_, series)) = books.journeys.iter_mut().flat_map(|of| &mut of.calls).find(grants) {
                series.belie(wrong, "");
            }
        }
        let series = books.journeys.iter().flat_map(|of| {
            let all = std::iter::once(&of.lifecycle).chain(of.calls.iter().map(|(_, series)| series));
            of.names.iter().cloned().zip(all.cloned())
        });
        Round {
            started: books.started,
            opaque: books.checker.opaque,
            learned: books.checker.learned(),
            one_in: books.checker.seen.one_in(),
            ..Round::new(series.collect(), books.whole.clone(), measured)
        }
    }
}

impl Books {
    fn note(&mut self, journey: usize, call: Call, latency_ns: u64, verdict: &Verdict) {
        self.started += 1;
        let of_call =
            self.journeys.get_mut(journey).and_then(|of| of.calls.iter_mut().find(|(known, _)| *known == call));
        for series in of_call.map(|(_, series)| series).into_iter().chain([&mut self.whole]) {
            series.note(verdict, latency_ns, latency_ns);
        }
        self.second.started += 1;
        self.second.note(verdict, latency_ns);
    }
}
