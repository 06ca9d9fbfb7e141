//! The HTML report: one file that loads no other files, runs no script, and can be printed.

use super::PERCENTILES;
use super::escape::escape;
use super::plot::{Axis, Plot, PlotLine, nines};
use super::timeline::{seconds_per_point, timeline_points};
use crate::record::LoadRecord;
use crate::threshold::{short, time};
use crate::{Latencies, LoadVerdict, Series};
use std::fmt::Write;

const STYLE: &str = include_str!("html.css");
/// The number of points of a line over percentiles.
const STEPS: u32 = 240;

impl LoadRecord {
    /// The results as a complete HTML page.
    pub fn html(&self) -> String {
        let title = escape(&self.settings.title);
        let (mark, word, class) = self.verdict_words();
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{word}: {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
             <p><span class=\"verdict {class}\">{mark} {word}</span></p>\n"
        );
        self.write_facts(&mut out);
        self.write_thresholds(&mut out);
        self.write_system_table(&mut out);
        self.write_notes(&mut out);
        self.write_tables(&mut out);
        self.write_failures(&mut out);
        self.write_faults_html(&mut out);
        self.write_distribution(&mut out);
        self.write_timeline(&mut out);
        let _ = writeln!(out, "<p class=\"dim\">vouch {}</p>\n</main>\n</body>\n</html>", env!("CARGO_PKG_VERSION"));
        out
    }

    fn verdict_words(&self) -> (&'static str, &'static str, &'static str) {
        match self.result.evaluation.verdict {
            _ if self.result.round.interrupted => ("!", "interrupted: results until then", "inconclusive"),
            LoadVerdict::Passed => ("✓", "passed", "passed"),
            LoadVerdict::Failed => ("✗", "failed", "failed"),
            LoadVerdict::Inconclusive => ("?", "inconclusive", "inconclusive"),
        }
    }

    fn write_facts(&self, out: &mut String) {
        let (load, round) = (&self.settings, &self.result.round);
        let word = |value: Result<serde_json::Value, _>| {
            value.ok().and_then(|value: serde_json::Value| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let realm = (serde_json::to_value(load.realm.environment), serde_json::to_value(load.realm.region));
        let handshakes = match round.handshakes {
            (0, _) => "none".into(),
            (all, resumed) => format!("{all}, of them {resumed} resumed a session"),
        };
        let sent = match &load.closed_model {
            Some(closed) => ("journeys", closed.to_string()),
            None => ("arrivals", load.arrivals.clone()),
        };
        let write_facts = [
            ("loaded", load.loaded.clone().unwrap_or_else(|| load.target.clone())),
            ("started", load.started_at.clone()),
            ("load generator", load.host.describe()),
            ("realm", format!("{} {}", word(realm.0), word(realm.1))),
            sent,
            ("measured", format!("{} s", short(round.seconds()))),
            ("warm-up", format!("{} s", short(load.warm_up.as_secs_f64()))),
            ("users, installations", format!("{}, {}", load.users, load.installations)),
            ("connections, threads", format!("{}, {}", load.connections, load.threads)),
            ("protocol", word(serde_json::to_value(load.protocol))),
            ("TLS handshakes", handshakes),
            ("seed", load.seed.to_string()),
        ];
        out.push_str("<dl>\n");
        for (name, value) in write_facts {
            let _ = writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value));
        }
        out.push_str("</dl>\n");
    }

    fn write_thresholds(&self, out: &mut String) {
        out.push_str(
            "<h2>Thresholds</h2>\n<table>\n<thead><tr><th>must hold</th><th>measured</th><th></th></tr></thead>\n",
        );
        for result in &self.result.evaluation.thresholds {
            let value = result.measured();
            let (class, word) = if result.passed { ("passed", "✓ passed") } else { ("failed", "✗ failed") };
            let threshold = escape(&result.threshold.to_string());
            let _ = writeln!(out, "<tr><td>{threshold}</td><td>{value}</td><td class=\"{class}\">{word}</td></tr>");
        }
        out.push_str("</table>\n");
    }

    fn write_notes(&self, out: &mut String) {
        let list = |out: &mut String, head: &str, class: &str, series: &[String]| {
            if !series.is_empty() {
                let _ = writeln!(out, "<h2>{head}</h2>\n<ul class=\"{class}\">");
                for line in series {
                    let _ = writeln!(out, "<li>{}</li>", escape(line));
                }
                out.push_str("</ul>\n");
            }
        };
        list(out, "The load generator was the limit", "inconclusive", &self.result.evaluation.generator_limits);
        let left = (self.result.undeleted_users > 0)
            .then(|| format!("{} created users could not be deleted", self.result.undeleted_users));
        let notes: Vec<_> = self.notes().chain(left).collect();
        list(out, "Notes", "", &notes);
    }

    /// The rows of a table and the lines of a plot: each series, and the total if there are several workloads.
    fn series(&self) -> impl Iterator<Item = (&str, &Series)> {
        let all = (self.settings.workloads.len() > 1).then_some(("all", &self.result.round.total));
        self.result.round.series.iter().map(|(name, series)| (name.as_str(), series)).chain(all)
    }

    fn write_tables(&self, out: &mut String) {
        out.push_str("<h2>Latency, from the intended start</h2>\n<p class=\"dim\">The time that a user waits. Covers good responses and timeouts; refusals are only counted.</p>\n");
        self.write_table(out, |series| &series.latency);
        out.push_str(
            "<h2>Service time, from the send</h2>\n<p class=\"dim\">The time that the server takes for good responses. For a workload with several calls it is their sum.</p>\n",
        );
        self.write_table(out, |series| &series.service);
    }

    #[allow(clippy::cast_precision_loss, reason = "for readers")]
    fn write_table(&self, out: &mut String, of: fn(&Series) -> &Latencies) {
        let head: String = PERCENTILES.iter().map(|p| format!("<th>p{p}</th>")).collect();
        let _ = writeln!(
            out,
            "<div class=\"wide\"><table class=\"figures\">\n<thead><tr><th></th><th>good</th><th>good/s</th><th>mean</th>{head}\
             <th>max</th><th>errors</th></tr></thead>"
        );
        for (name, series) in self.series() {
            let (values, figures) = (of(series), series.figures(self.result.round.seconds()));
            let show = |ns: f64| if values.is_empty() { "–".into() } else { time(ns) };
            let cells: String = PERCENTILES
                .iter()
                .map(|p| format!("<td>{}</td>", show(values.value_at_percentile(*p) as f64)))
                .collect();
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td>{cells}<td>{}</td><td>{}</td></tr>",
                escape(name),
                series.good,
                short(figures.rate),
                show(values.mean()),
                show(values.max() as f64),
                figures.errors
            );
        }
        out.push_str("</table></div>\n");
    }

    fn write_failures(&self, out: &mut String) {
        if self.result.round.series.iter().all(|(_, series)| series.failures.is_empty()) {
            return;
        }
        out.push_str(
            "<h2>Failures</h2>\n<table>\n<thead><tr><th>series</th><th>count</th><th>what</th></tr></thead>\n",
        );
        for (name, series) in &self.result.round.series {
            let mut failures: Vec<_> = series.failures.iter().collect();
            failures.sort_by_key(|(failure, write_failures)| {
                (!failure.is_wrong(), std::cmp::Reverse(write_failures.count))
            });
            for (failure, write_failures) in failures {
                let (name, failure_text) = (escape(name), escape(&failure.to_string()));
                let _ = write!(out, "<tr><td>{name}</td><td>{}</td><td>{failure_text}", write_failures.count);
                if !write_failures.example.is_empty() {
                    let _ = write!(out, "<br><code>{}</code>", escape(&write_failures.example));
                }
                if let Some(help) = failure.help(&write_failures.example) {
                    let _ = write!(out, "<br><span class=\"dim\">{}</span>", escape(help));
                }
                out.push_str("</td></tr>\n");
            }
        }
        out.push_str("</table>\n");
    }

    #[allow(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
    fn write_distribution(&self, out: &mut String) {
        out.push_str("<h2>Distribution of latency</h2>\n");
        let measured: Vec<_> = self.series().filter(|(_, series)| !series.latency.is_empty()).collect();
        let least = measured.iter().map(|(_, series)| series.latency.min()).min();
        let (Some(least), Some(most)) = (least, measured.iter().map(|(_, series)| series.latency.max()).max()) else {
            out.push_str("<p>Nothing was measured.</p>\n");
            return;
        };
        let count = measured.iter().map(|(_, series)| series.latency.len()).max().unwrap_or(1);
        let plot = Plot {
            title: "Latency over percentile, one line per series".into(),
            x_axis: Axis::percentiles(count as f64),
            y_axis: Axis::latencies(least as f64, most as f64, "latency"),
            lines: measured
                .iter()
                .map(|(name, series)| PlotLine { name: (*name).into(), points: curve(&series.latency) })
                .collect(),
            band: vec![],
            warm_up: 0.0,
            tinted: vec![],
        };
        write_figure(
            out,
            &plot,
            "A line ends at its slowest request: a thousand requests have no percentile above 99.9%.",
        );
    }

    fn write_timeline(&self, out: &mut String) {
        out.push_str("<h2>Over time</h2>\n");
        let (timeline_points, each) =
            (timeline_points(&self.result.round.intervals), seconds_per_point(&self.result.round.intervals));
        if timeline_points.is_empty() {
            out.push_str("<p>Nothing was measured.</p>\n");
            return;
        }
        #[allow(clippy::cast_precision_loss, reason = "seconds of a run")]
        let duration = self.result.round.intervals.last().map_or(1, |interval| interval.second + 1) as f64;
        let warm_up = self.settings.warm_up.as_secs_f64().min(duration);
        let line = |name: &str, of: fn(&super::timeline::TimelinePoint) -> Option<f64>| PlotLine {
            name: name.into(),
            points: timeline_points.iter().map(|span| (span.at, of(span))).collect(),
        };
        let most =
            |lines: &[PlotLine]| lines.iter().flat_map(|line| &line.points).filter_map(|p| p.1).fold(0.0, f64::max);
        let least = |lines: &[PlotLine]| {
            lines.iter().flat_map(|line| &line.points).filter_map(|p| p.1).fold(f64::MAX, f64::min)
        };
        let draw = |out: &mut String, title: &str, y_axis: Axis, lines, band, text: String| {
            let (x_axis, tinted) = (Axis::seconds(duration), self.fault_times(duration));
            let plot = Plot { title: title.into(), x_axis, y_axis, lines, band, warm_up, tinted };
            write_figure(out, &plot, &text);
        };
        let thinned =
            |text: &str| if each > 1 { format!(" Each point covers {each} s: {text}.") } else { String::new() };
        let warm = if warm_up > 0.0 { " The grey part is the warm-up, which is not measured." } else { "" };
        let faults = if self.fault_times(duration).is_empty() { "" } else { " The tinted parts are faults." };

        let rates = vec![line("good responses", |span| Some(span.good)), line("errors", |span| Some(span.errors))];
        let best = timeline_points.iter().map(|span| span.good_most).fold(most(&rates), f64::max);
        let band =
            if each > 1 { timeline_points.iter().map(|s| (s.at, s.good_least, s.good_most)).collect() } else { vec![] };
        let text = thinned(
            "the average of good responses, with a band from the worst to the best second, and the errors of the worst second",
        );
        let text = format!("Responses by second of arrival; the last second may be incomplete.{warm}{faults}{text}");
        draw(
            out,
            "Good responses and errors per second",
            Axis::counts(best, "responses per second"),
            rates,
            band,
            text,
        );

        let latency = vec![line("max", |s| s.max_ns), line("p99", |s| s.p99_ns), line("p50", |s| s.p50_ns)];
        if most(&latency) > 0.0 {
            let y = Axis::latencies(least(&latency), most(&latency), "latency");
            let text = thinned("the highest p99 and max, and the average p50");
            draw(
                out,
                "Latency in each second: p50, p99 and max",
                y,
                latency,
                vec![],
                format!("Latency from the intended start.{text}"),
            );
        } else {
            out.push_str("<p>No latency was measured.</p>\n");
        }

        let lag = vec![line("start delay", |s| Some(s.lag_ns))];
        let y = Axis::latencies(1.0_f64.max(most(&lag) / 2.0), most(&lag), "lag");
        let text = thinned("the highest value");
        let text = format!(
            "The longest delay of an arrival although a connection was free. A delay below 1 ms is negligible.{text}"
        );
        draw(out, "Start delay of the generator", y, lag, vec![], text);
        self.write_system_plots(out, &timeline_points, duration, warm_up);
    }
}

pub(super) fn write_figure(out: &mut String, plot: &Plot, text: &str) {
    let (title, drawn) = (escape(&plot.title), plot.draw());
    let _ = writeln!(
        out,
        "<figure>\n<strong>{title}</strong>\n{drawn}<figcaption>{}</figcaption>\n</figure>",
        escape(text)
    );
}

/// The points of latency by percentile, up to the slowest request.
#[allow(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
fn curve(values: &Latencies) -> Vec<(f64, Option<f64>)> {
    let end = (values.len() as f64).log10();
    let mut points: Vec<(f64, Option<f64>)> = Vec::new();
    for step in 0..=STEPS {
        let at = end * f64::from(step) / f64::from(STEPS);
        let value = if step == STEPS { values.max() } else { values.value_at_quantile(1.0 - 10f64.powf(-at)) };
        points.push((at.max(nines(0.0)), Some(value as f64)));
    }
    points.dedup();
    points
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{failing, nothing, record, steady};
    use super::*;
    use crate::IntervalStats;

    #[test]
    fn what_servers_and_files_say_is_shown_and_never_run() {
        let page = record(failing()).html();
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; more"), "{page}");
        assert!(page.contains("of\n&lt;script&gt;two") && page.contains("a &lt;b&gt;cloud&lt;/b&gt;"), "{page}");
        assert!(!page.contains("<script") && !page.contains('\u{0}') && !page.contains('\u{1b}'), "{page}");
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="), "{page}");
    }

    #[test]
    fn a_page_has_every_part() {
        let page = record(steady()).html();
        for part in ["✓ passed", "p99&lt;20ms", "Distribution of latency", "p99.99", "Start delay of the generator"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert_eq!(page.matches("class=\"plot\"").count(), 5);
        assert!(!page.contains("<h2>Failures") && !page.contains("NaN") && !page.contains("inf"), "{page}");
        let page = record(failing()).html();
        assert!(
            page.contains("✗ failed") && page.contains("launch/refresh") && page.contains("<h2>Failures"),
            "{page}"
        );
        assert!(page.contains("c1\" stroke-dasharray=\"7 4\""), "{page}");
    }

    #[test]
    fn a_run_without_answers_has_a_page() {
        let page = record(nothing()).html();
        assert!(page.contains("Nothing was measured.") && page.contains("No latency was measured."), "{page}");
        assert!(page.contains("nothing was measured</td>") && !page.contains("NaN"), "{page}");
    }

    #[test]
    fn a_long_run_is_thinned_and_says_so() {
        let mut round = steady();
        round.intervals = (0..10_800).map(|second| IntervalStats { second, ..round.intervals[0].clone() }).collect();
        let page = record(round).html();
        assert!(page.contains("Each point covers 18 s") && page.contains("class=\"band\"") && page.len() < 200_000);
    }

    #[test]
    fn a_line_of_percentiles_ends_at_the_slowest() {
        let mut series = Series::default();
        (1..=1000).for_each(|n| series.good(n * 1_000_000, 1));
        let points = curve(&series.latency);
        let last = points.last().copied().unwrap_or_default();
        assert!((last.0 - 3.0).abs() < 1e-9 && last.1.is_some_and(|value| value >= 1e9), "{last:?}");
        assert!(points.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{points:?}");
    }
}
