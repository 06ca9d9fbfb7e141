//! Progress on standard error: a line that changes on a terminal, plain lines elsewhere.

use std::io::Write as _;
use std::time::{Duration, Instant};

/// The time between two lines where standard error is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
/// The time between two changes of the line on a terminal.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(100);
/// Before that, an estimate of what is left says little.
const FIRST_ESTIMATE: Duration = Duration::from_secs(1);

/// How far a run is.
pub(super) struct Progress {
    term: console::Term,
    started: Instant,
    last: Instant,
    cases: usize,
}

impl Progress {
    /// Progress on standard error.
    pub fn new() -> Self {
        let now = Instant::now();
        Self { term: console::Term::stderr(), started: now, last: now, cases: 0 }
    }

    /// The run begins.
    pub fn begin(&mut self, cases: usize) {
        self.started = Instant::now();
        self.cases = cases;
    }

    /// So many cases have ended, and so many of them failed.
    pub fn update(&mut self, ended: usize, failed: usize) {
        let on_terminal = self.term.is_term();
        let interval = if on_terminal { TERMINAL_INTERVAL } else { PLAIN_INTERVAL };
        if self.last.elapsed() < interval || ended == self.cases {
            return;
        }
        self.last = Instant::now();
        let line = describe(ended, self.cases, failed, self.started.elapsed());
        // A closed standard error must not end the run.
        if on_terminal {
            let _ = self.term.clear_line();
            let _ = self.term.write_str(&line);
        } else {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    /// Removes the line from the terminal.
    pub fn end(&self) {
        if self.term.is_term() {
            let _ = self.term.clear_line();
        }
    }
}

fn describe(ended: usize, cases: usize, failed: usize, elapsed: Duration) -> String {
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let left = match (elapsed > FIRST_ESTIMATE, u32::try_from(ended), u32::try_from(cases.saturating_sub(ended))) {
        (true, Ok(ended), Ok(left)) if ended > 0 => {
            format!(", about {} s left", (elapsed * left / ended).as_secs().max(1))
        }
        _ => String::new(),
    };
    format!("{ended} of {cases} cases{failed}{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_failures_and_an_estimate_when_there_are_any() {
        let line = |ended, failed, seconds| describe(ended, 400, failed, Duration::from_secs(seconds));
        assert_eq!(line(0, 0, 0), "0 of 400 cases");
        assert_eq!(line(100, 0, 10), "100 of 400 cases, about 30 s left");
        assert_eq!(line(100, 3, 10), "100 of 400 cases, 3 failed, about 30 s left");
    }
}
