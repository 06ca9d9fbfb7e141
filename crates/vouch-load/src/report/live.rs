//! The progress display of a load: on a terminal a progress bar, elsewhere one line per second.

use crate::threshold::{short, time};
use crate::{IntervalStats, ProgressEvent};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};
use vouch_runner::report::print_stderr;

/// The progress display. It writes to standard error, because standard output is for the report.
pub struct ProgressDisplay {
    live: bool,
    visible: bool,
    bar: Option<ProgressBar>,
    what: &'static str,
    printed_at: Instant,
    seconds: u64,
}

/// The interval of progress lines during the preparation, without a terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(2);

impl ProgressDisplay {
    /// `duration`: the duration of the run. `live`: use a progress bar on a terminal. `visible`: show progress at all.
    pub fn new(duration: Duration, live: bool, visible: bool) -> Self {
        let live = live && console::Term::stderr().is_term();
        Self { live, visible, bar: None, what: "", printed_at: Instant::now(), seconds: duration.as_secs() }
    }

    pub fn on_event(&mut self, event: &ProgressEvent<'_>) {
        if !self.visible {
            return;
        }
        match event {
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
            ProgressEvent::Second(interval) => self.second(interval),
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
        } else if done == of && self.what != what || self.printed_at.elapsed() >= PLAIN_INTERVAL {
            self.printed_at = Instant::now();
            print_stderr(format!("{what}: {done} of {of}"));
        }
        if self.live || done == of {
            self.what = what;
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "for readers")]
    fn second(&self, interval: &IntervalStats) {
        let [p50, p99, max] = [interval.p50_ns, interval.p99_ns, interval.max_ns]
            .map(|ns| if ns == 0 { "-".into() } else { time(ns as f64) });
        if let Some(bar) = &self.bar {
            bar.set_position(interval.second + 1);
            let errors = if interval.errors > 0 { format!("  {} errors", interval.errors) } else { String::new() };
            bar.set_message(format!("{}/s  p50 {p50}  p99 {p99}  max {max}{errors}", short(interval.good as f64)));
        } else if !self.live {
            print_stderr(format!(
                "{:>6} {:>9} {p50:>9} {p99:>9} {max:>9} {:>8}",
                interval.second + 1,
                interval.good,
                interval.errors
            ));
        }
    }

    /// Removes the progress bar.
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
