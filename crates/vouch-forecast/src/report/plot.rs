//! The comparison as a plot: a bar for each forecast, stacked by cause, with the confidence interval of the whole.

use super::{interval, occurs, short, text};
use crate::cause::Cause;
use crate::forecast::Forecast;
use maud::{DOCTYPE, Markup, html};
use vouch_spec::text::OutsideText;

/// Sizes in SVG units; a page scales the drawing.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 220.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 34.0;
const ROW: f64 = 34.0;
const BAR: f64 = 18.0;
const LEGEND_ROW: f64 = 18.0;

/// The longest name beside a bar, in characters.
const LONGEST_NAME: usize = 36;

/// A colour for each cause, in the order of [`Cause::ALL`]: those of Okabe and Ito first, which colour-blind readers can tell apart.
const COLOURS: [&str; 13] = [
    "#0072b2", "#e69f00", "#56b4e9", "#f0e442", "#cc79a7", "#009e73", "#d55e00", "#8da0cb", "#7f7f7f", "#222222",
    "#a6761d", "#b3b3b3", "#dddddd",
];

const NO_FIGURE: &str = "no figure: no device lived to the end";
const TITLE: &str = "Involuntary sign-outs and forced re-authentications";
const UNIT: &str = "events per 1,000 devices and month of 30 days, with 95 % confidence intervals";

/// A file of its own in SVG.
pub fn svg(forecasts: &[Forecast]) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", drawing(forecasts).into_string())
}

/// A page with the plot and the tables.
pub fn html(forecasts: &[Forecast]) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (TITLE) }
                style { "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}svg{width:100%;height:auto}pre{overflow-x:auto;font-size:13px}" }
            }
            body {
                main {
                    h1 { (TITLE) }
                    (drawing(forecasts))
                    h2 { "Tables" }
                    pre tabindex="0" { (text(forecasts)) }
                    p { "Most rates of the life model are assumptions unless the policy file replaces them: the figures compare policies and builds, and do not predict." }
                }
            }
        }
    }
    .into_string()
}

fn colour(cause: Cause) -> &'static str {
    Cause::ALL.into_iter().zip(COLOURS).find(|(known, _)| *known == cause).map_or("#dddddd", |(_, colour)| colour)
}

/// What a bar is called.
fn name(forecast: &Forecast) -> String {
    let name = OutsideText::line(&format!("{}, {}", forecast.build, forecast.policy.name)).into_string();
    if name.chars().count() <= LONGEST_NAME {
        return name;
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

fn drawing(forecasts: &[Forecast]) -> Markup {
    let most = forecasts.iter().filter_map(|forecast| Some(forecast.all()?.high)).fold(1.0, f64::max);
    let (step, most) = ticks(most);
    let x = |rate: f64| LEFT + (rate / most).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
    let causes: Vec<Cause> = Cause::ALL.into_iter().filter(|cause| occurs(forecasts, *cause)).collect();
    let bottom = TOP + ROW * count(forecasts.len());
    let height = bottom + 44.0 + LEGEND_ROW * (count(causes.len()) / 2.0).ceil() + 8.0;
    let marks: Vec<f64> =
        (0..=20).map(|number| step * f64::from(number)).take_while(|at| *at <= most * 1.001).collect();
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(label(forecasts)) font-family="system-ui, sans-serif" font-size="12" {
            title { (TITLE) }
            rect width=(WIDTH) height=(height) fill="#ffffff" {}
            text x=(LEFT) y="16" fill="#1a1a1a" font-size="13" { (TITLE) }
            @for at in &marks {
                line x1=(x(*at)) x2=(x(*at)) y1=(TOP) y2=(bottom) stroke="#e0e0e0" {}
                text x=(x(*at)) y=(bottom + 16.0) text-anchor="middle" fill="#444444" { (short(*at)) }
            }
            text x=(LEFT) y=(bottom + 34.0) fill="#444444" { (UNIT) }
            @for (number, forecast) in forecasts.iter().enumerate() {
                (bar(forecast, TOP + ROW * count(number), &x))
            }
            @for (number, cause) in causes.iter().enumerate() {
                @let (column, line) = (count(number % 2), count(number / 2));
                @let (left, top) = (LEFT + column * 250.0, bottom + 44.0 + line * LEGEND_ROW);
                rect x=(left) y=(top) width="12" height="12" fill=(colour(*cause)) stroke="#444444" stroke-width="0.5" {}
                text x=(left + 18.0) y=(top + 10.5) fill="#1a1a1a" { (cause.words()) }
            }
        }
    }
}

fn bar(forecast: &Forecast, top: f64, x: &impl Fn(f64) -> f64) -> Markup {
    let (middle, upper) = (top + ROW / 2.0, top + (ROW - BAR) / 2.0);
    let mut parts = Vec::new();
    let mut from = 0.0;
    for (cause, rate) in forecast.causes() {
        parts.push((cause, from, from + rate.rate));
        from += rate.rate;
    }
    html! {
        text x=(LEFT - 8.0) y=(middle + 4.0) text-anchor="end" fill="#1a1a1a" { (name(forecast)) }
        @for (cause, from, to) in parts {
            rect x=(x(from)) y=(upper) width=((x(to) - x(from)).max(0.0)) height=(BAR) fill=(colour(cause)) stroke="#444444" stroke-width="0.5" {
                title { (cause.words()) ": " (short(to - from)) }
            }
        }
        @match forecast.all() {
            Some(all) => {
                line x1=(x(all.low)) x2=(x(all.high)) y1=(middle) y2=(middle) stroke="#1a1a1a" stroke-width="1.5" {}
                @for end in [all.low, all.high] {
                    line x1=(x(end)) x2=(x(end)) y1=(middle - 5.0) y2=(middle + 5.0) stroke="#1a1a1a" stroke-width="1.5" {}
                }
                text x=(x(all.high) + 6.0) y=(middle + 4.0) fill="#1a1a1a" { (short(all.rate)) }
            }
            None => text x=(LEFT + 6.0) y=(middle + 4.0) fill="#1a1a1a" { (NO_FIGURE) }
        }
    }
}

/// What a reader hears who does not see the plot.
fn label(forecasts: &[Forecast]) -> String {
    let bars = forecasts.iter().map(|forecast| match forecast.all() {
        Some(all) => format!("{}: {} ({})", name(forecast), short(all.rate), interval(&all)),
        None => format!("{}: {NO_FIGURE}", name(forecast)),
    });
    format!("{TITLE}, {UNIT}. {}", bars.collect::<Vec<_>>().join("; "))
}

/// The distance of the marks, and the end of the axis.
fn ticks(most: f64) -> (f64, f64) {
    let rough = most.max(1e-9) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough).unwrap_or(power * 10.0);
    (step, (most / step).ceil() * step)
}

#[allow(clippy::cast_precision_loss, reason = "a number of bars")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::forecast;
    use crate::report::json;

    #[test]
    fn a_build_of_which_no_device_lived_to_the_end_has_no_bar_and_no_figure() {
        let forecasts = [forecast("whole", 5), forecast("nothing", 0)];
        let drawn = svg(&forecasts);
        assert!(drawn.contains("nothing, default: no figure"), "{drawn}");
        // The interval of the whole one has a line and two ends; beside them there are the marks of the axis.
        assert_eq!(drawn.matches("stroke-width=\"1.5\"").count(), 3, "{drawn}");
        let written = json(&forecasts);
        let of = |number: usize, what: &str| written["forecasts"][number][what].clone();
        for what in ["all", "notOrderedByProvider", "reauthentications", "signOuts"] {
            assert_eq!((of(0, what)["rate"].clone(), of(1, what)), (0.0.into(), serde_json::Value::Null), "{what}");
        }
        assert_eq!((of(1, "devices"), of(1, "devicesAsked")), (0.into(), 5.into()));
    }
}
