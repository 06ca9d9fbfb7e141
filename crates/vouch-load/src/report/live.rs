//! What is shown while a load runs: on a terminal a bar that stays in its place, elsewhere a line a second.

use crate::threshold::{short, time};
use crate::{IntervalStats, ProgressEvent};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};
use vouch_runner::report::print_stderr;

/// The live view, on standard error: standard output belongs to the report.
pub struct Console {
    live: bool,
    shown: bool,
    bar: Option<ProgressBar>,
    what: &'static str,
    told: Instant,
    seconds: u64,
}

/// How often preparation is told of where there is no terminal.
const SELDOM: Duration = Duration::from_secs(2);

impl Console {
    /// `duration`: of the run. `live`: on a terminal, a view that changes in place. `shown`: anything at all.
    pub fn new(duration: Duration, live: bool, shown: bool) -> Self {
        let live = live && console::Term::stderr().is_term();
        Self { live, shown, bar: None, what: "", told: Instant::now(), seconds: duration.as_secs() }
    }

    pub fn on_event(&mut self, happening: &ProgressEvent<'_>) {
        if !self.shown {
            return;
        }
        match happening {
            ProgressEvent::Preparing { what, done, of } => self.preparing(what, *done, *of),
            ProgressEvent::Started => {
                self.end();
                if self.live {
                    self.bar = Some(bar(self.seconds, "{elapsed:>4} {wide_bar:.cyan/dim} {msg}"));
                } else {
                    print_stderr(format!(
                        "{:>6} {:>9} {:>9} {:>9} {:>9} {:>8}",
                        "second", "good/s", "p50", "p99", "max", "errors"
                    ));
                }
            }
            ProgressEvent::Second(row) => self.second(row),
        }
    }

    fn preparing(&mut self, what: &'static str, done: u64, of: u64) {
        if self.live {
            if self.what != what {
                self.end();
                self.bar = Some(bar(of, "{msg} {wide_bar:.cyan/dim} {pos}/{len}"));
            }
            if let Some(bar) = &self.bar {
                bar.set_message(what);
                bar.set_position(done);
            }
        } else if done == of && self.what != what || self.told.elapsed() >= SELDOM {
            self.told = Instant::now();
            print_stderr(format!("{what}: {done} of {of}"));
        }
        if self.live || done == of {
            self.what = what;
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "for readers")]
    fn second(&self, row: &IntervalStats) {
        let [p50, p99, max] =
            [row.p50_ns, row.p99_ns, row.max_ns].map(|ns| if ns == 0 { "-".into() } else { time(ns as f64) });
        if let Some(bar) = &self.bar {
            bar.set_position(row.second + 1);
            let errors = if row.errors > 0 { format!("  {} errors", row.errors) } else { String::new() };
            bar.set_message(format!("{}/s  p50 {p50}  p99 {p99}  max {max}{errors}", short(row.good as f64)));
        } else if !self.live {
            print_stderr(format!("{:>6} {:>9} {p50:>9} {p99:>9} {max:>9} {:>8}", row.second + 1, row.good, row.errors));
        }
    }

    /// Takes the view away.
    pub fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.what = "";
    }
}

fn bar(duration: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(duration);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}
