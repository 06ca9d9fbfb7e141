//! Line plots as inline SVG, with a linear, a logarithmic or a percentile axis. It does not depend on loads.

use super::escape::escape;
use crate::threshold::{short, time};
use std::fmt::Write;

/// The size of the drawing in SVG units; the page scales it.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 64.0;

/// Lines differ by colour and by dashes, so that they can be distinguished without colours.
const DASHES: [&str; 6] = ["none", "7 4", "2 4", "12 4 2 4", "16 5", "1 7"];

/// One axis: its range, its ticks and its label.
pub struct Axis {
    from: f64,
    to: f64,
    log: bool,
    /// Value, text, and whether it is hidden on narrow screens.
    ticks: Vec<(f64, String, bool)>,
    label: String,
}

/// The highest value of an axis; higher ones are drawn at its end.
const MOST: f64 = 1e300;

impl Axis {
    /// A linear axis from zero to a round number of at least `most`.
    pub fn counts(most: f64, label: &str) -> Self {
        Self::linear(most, label, short)
    }

    /// An axis of latencies in nanoseconds: logarithmic for a wide range, else linear from zero.
    pub fn latencies(least: f64, most: f64, label: &str) -> Self {
        let least = least.max(1.0);
        if most < least * 20.0 {
            return Self::linear(most, label, |ns| if ns > 0.0 { time(ns) } else { "0".into() });
        }
        let (from, to) = (10f64.powf(least.log10().floor()), 10f64.powf(most.log10().ceil()));
        let decades = (to / from).log10().round();
        let mut ticks = Vec::new();
        let mut decade = from;
        while decade <= to * 1.001 {
            ticks.push((decade, time(decade), false));
            if decades <= 3.0 && decade < to * 0.999 {
                ticks.extend([2.0, 5.0].map(|n| (decade * n, time(decade * n), true)));
            }
            decade *= 10.0;
        }
        Self { from, to, log: true, ticks, label: format!("{label}, logarithmic") }
    }

    /// A time axis for a run of this duration, in seconds.
    pub fn seconds(duration: f64) -> Self {
        const STEPS: [f64; 14] =
            [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0];
        let duration = duration.max(1.0);
        let step =
            STEPS.into_iter().find(|step| duration / step <= 10.0).unwrap_or((duration / 36_000.0).ceil() * 3600.0);
        let (label, show): (_, fn(f64) -> String) = match duration {
            l if l <= 120.0 => ("seconds since the start", |s| format!("{s:.0}")),
            l if l <= 3600.0 => {
                ("minutes:seconds since the start", |s| format!("{:.0}:{:02.0}", (s / 60.0).floor(), s % 60.0))
            }
            _ => ("hours:minutes since the start", |s| {
                format!("{:.0}:{:02.0}", (s / 3600.0).floor(), (s % 3600.0 / 60.0).floor())
            }),
        };
        let ticks = ticks_at(duration, step, show);
        Self { from: 0.0, to: duration, log: false, ticks, label: label.into() }
    }

    /// A percentile axis for `count` values; each step to the right leaves a tenth of them. Positions come from [`nines`].
    pub fn percentiles(count: f64) -> Self {
        const TICKS: [(f64, &str, bool); 9] = [
            (0.0, "0%", false),
            (0.5, "50%", true),
            (0.9, "90%", false),
            (0.99, "99%", false),
            (0.999, "99.9%", false),
            (0.9999, "99.99%", false),
            (0.99999, "99.999%", true),
            (0.999_999, "99.9999%", false),
            (0.999_999_9, "99.99999%", true),
        ];
        let to = count.log10().clamp(1.0, 7.5);
        let ticks_at = TICKS.into_iter().filter(|(share, ..)| nines(*share) <= to + 0.001);
        let ticks = ticks_at.map(|(share, text, optional)| (nines(share), text.to_owned(), optional)).collect();
        Self { from: 0.0, to, log: false, ticks, label: "percentile: each step to the right leaves a tenth".into() }
    }

    fn linear(most: f64, label: &str, show: fn(f64) -> String) -> Self {
        // Space above the highest line. A record from outside may have any number.
        let most = if most > 0.0 { most.min(MOST) * 1.04 } else { 1.0 };
        let rough = most / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(power * 10.0);
        let to = (most / step - 0.001).ceil().max(1.0) * step;
        Self { from: 0.0, to, log: false, ticks: ticks_at(to, step, show), label: label.into() }
    }

    /// The position of a value, from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        share.clamp(0.0, 1.0)
    }
}

/// A tick at every step; every second one is optional.
fn ticks_at(to: f64, step: f64, show: fn(f64) -> String) -> Vec<(f64, String, bool)> {
    let mut all = Vec::new();
    let (mut at, mut optional) = (0.0, false);
    while at <= to * 1.000_1 {
        all.push((at, show(at), optional));
        (at, optional) = (at + step, !optional);
    }
    all
}

/// The position of a share on a percentile axis.
pub fn nines(share: f64) -> f64 {
    -(1.0 - share).log10()
}

/// One line. A missing value interrupts it.
pub struct PlotLine {
    pub name: String,
    pub points: Vec<(f64, Option<f64>)>,
}

/// A line plot.
pub struct Plot {
    /// The title, which is also the text for screen readers.
    pub title: String,
    pub x_axis: Axis,
    pub y_axis: Axis,
    pub lines: Vec<PlotLine>,
    /// A band from a lowest to a highest value, behind the first line.
    pub band: Vec<(f64, f64, f64)>,
    /// The end of the warm-up, which is drawn grey.
    pub warm_up: f64,
    /// Parts that are tinted: from, to, and what they are.
    pub tinted: Vec<(f64, f64, String)>,
}

impl Plot {
    /// The legend and the drawing, as HTML.
    pub fn draw(&self) -> String {
        let mut out = String::from("<p class=\"legend\">");
        for (index, line) in self.lines.iter().enumerate() {
            let _ = write!(
                out,
                "<span><svg width=\"40\" height=\"10\" viewBox=\"0 0 40 10\" aria-hidden=\"true\"><path class=\"{}\" \
                 stroke-dasharray=\"{}\" d=\"M0 5H40\"/></svg> {}</span>",
                color_class(index),
                DASHES[index % DASHES.len()],
                escape(&line.name)
            );
        }
        out.push_str("</p>\n");
        let title = escape(&self.title);
        let _ = writeln!(
            out,
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>"
        );
        self.frame(&mut out);
        if !self.band.is_empty() {
            let above = self.band.iter().map(|(x, _, high)| self.point(*x, *high));
            let below = self.band.iter().rev().map(|(x, low, _)| self.point(*x, *low));
            let outline: Vec<_> = above.chain(below).collect();
            let _ = writeln!(out, "<polygon class=\"band\" points=\"{}\"/>", outline.join(" "));
        }
        // The first line is solid, so that dashed lines on top of it are visible even if the values are equal.
        for (index, line) in self.lines.iter().enumerate() {
            self.line(&mut out, index, line);
        }
        out.push_str("</svg>\n");
        out
    }

    fn frame(&self, out: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        if self.warm_up > 0.0 {
            let width = self.x(self.warm_up) - LEFT;
            let height = bottom - TOP;
            let _ = writeln!(
                out,
                "<rect class=\"warm\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\"><title>warm-up, \
                 not measured</title></rect>"
            );
        }
        for (from, to, what) in &self.tinted {
            let (x, height, what) = (self.x(*from), bottom - TOP, escape(what));
            let width = (self.x(*to) - x).max(1.0);
            let _ = writeln!(
                out,
                "<rect class=\"tinted\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\"><title>{what}</title></rect>"
            );
        }
        for (value, text, optional) in &self.y_axis.ticks {
            let (y, optional) = (self.y(*value), if *optional { " fine" } else { "" });
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/><text class=\"up{optional}\" x=\"{:.1}\" y=\"{y:.1}\" \
                 dy=\".35em\">{text}</text>",
                LEFT - 8.0
            );
        }
        for (value, text, optional) in &self.x_axis.ticks {
            let (x, optional) = (self.x(*value), if *optional { " fine" } else { "" });
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/><text class=\"across{optional}\" x=\"{x:.1}\" y=\"{:.1}\">{text}</text>",
                bottom + 25.0
            );
        }
        let _ = writeln!(
            out,
            "<text class=\"across\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n<text class=\"across side\" transform=\"translate(18 {:.1}) \
             rotate(-90)\">{}</text>",
            f64::midpoint(LEFT, right),
            HEIGHT - 10.0,
            escape(&self.x_axis.label),
            f64::midpoint(TOP, bottom),
            escape(&self.y_axis.label)
        );
    }

    fn line(&self, out: &mut String, index: usize, line: &PlotLine) {
        let (class, dashes) = (color_class(index), DASHES[index % DASHES.len()]);
        for run in line.points.split(|(_, value)| value.is_none()) {
            let points: Vec<_> = run.iter().filter_map(|(x, value)| Some(self.point(*x, (*value)?))).collect();
            match points.as_slice() {
                [] => {}
                [only] => {
                    let (x, y) = only.split_once(',').unwrap_or((only, "0"));
                    let _ = writeln!(out, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"/>");
                }
                several => {
                    let _ = writeln!(
                        out,
                        "<polyline class=\"{class}\" stroke-dasharray=\"{dashes}\" points=\"{}\"/>",
                        several.join(" ")
                    );
                }
            }
        }
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x_axis.at(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y_axis.at(value) * (HEIGHT - TOP - BOTTOM)
    }

    fn point(&self, x: f64, y: f64) -> String {
        format!("{:.1},{:.1}", self.x(x), self.y(y))
    }
}

/// The colour of a line; after six lines the dashes repeat with other colours.
fn color_class(index: usize) -> String {
    format!("l c{}", (index + index / DASHES.len()) % 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text, _)| text.as_str()).collect()
    }

    #[test]
    fn axes_end_at_round_numbers_and_have_few_marks() {
        assert_eq!(texts(&Axis::counts(96.0, "")), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(texts(&Axis::counts(0.0, "")).last(), Some(&"1"));
        assert_eq!(texts(&Axis::seconds(1.0)), ["0", "1"]);
        assert_eq!(texts(&Axis::seconds(300.0))[..3], ["0:00", "0:30", "1:00"]);
        assert_eq!(texts(&Axis::seconds(10_800.0))[..3], ["0:00", "0:30", "1:00"]);
        assert_eq!(texts(&Axis::latencies(1e6, 9e9, "")), ["1ms", "10ms", "100ms", "1s", "10s"]);
        for most in [1.0, 3.0, 7.7, 1234.0, 99_999.0, 1e9] {
            let axis = Axis::counts(most, "");
            assert!(axis.to >= most && (3..=7).contains(&axis.ticks.len()), "{most}: {:?}", axis.ticks);
            assert!(Axis::seconds(most).ticks.len() <= 11, "{most}");
        }
    }

    #[test]
    fn percentiles_end_where_the_values_do() {
        assert_eq!(texts(&Axis::percentiles(1000.0)), ["0%", "50%", "90%", "99%", "99.9%"]);
        assert_eq!(texts(&Axis::percentiles(1.0)), ["0%", "50%", "90%"]);
        assert!((nines(0.99) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_line_breaks_off_where_nothing_was_measured() {
        let points = vec![(0.5, Some(1.0)), (1.5, Some(2.0)), (2.5, None), (3.5, Some(1.0))];
        let lines = vec![PlotLine { name: "<b>".into(), points }];
        let (x_axis, y_axis) = (Axis::seconds(4.0), Axis::counts(2.0, "n"));
        let drawn =
            Plot { title: "t".into(), x_axis, y_axis, lines, band: vec![], warm_up: 1.0, tinted: vec![] }.draw();
        assert_eq!((drawn.matches("<polyline").count(), drawn.matches("<circle").count()), (1, 1), "{drawn}");
        assert!(drawn.contains("&lt;b&gt;") && drawn.contains("warm-up") && !drawn.contains("NaN"), "{drawn}");
    }
}
