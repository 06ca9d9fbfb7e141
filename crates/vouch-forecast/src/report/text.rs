//! Tables for the console, at most 80 columns wide.

use super::{interval, occurs, short};
use crate::cause::{Cause, Ending};
use crate::forecast::Forecast;
use crate::statistics::Rate;
use std::fmt::Write;
use vouch_spec::text::OutsideText;

/// The table of one forecast by cause, or the comparison of several.
pub fn text(forecasts: &[Forecast]) -> String {
    match forecasts {
        [] => String::new(),
        [forecast] => one(forecast),
        several => comparison(several),
    }
}

/// What was forecast.
fn heading(forecast: &Forecast) -> String {
    let (devices, days) = (forecast.devices.len(), forecast.days);
    let of = if forecast.is_whole() { String::new() } else { format!(" of {}", forecast.asked) };
    format!("{devices}{of} devices × {days} days, seed {}", forecast.seed)
}

const UNIT: &str = "per 1,000 devices and month of 30 days, with 95 % confidence intervals";

fn one(forecast: &Forecast) -> String {
    let mut out = String::new();
    let (build, policy) = (OutsideText::line(&forecast.build), OutsideText::line(&forecast.policy.name));
    let _ = writeln!(out, "{build} under the policy {policy}: {}", heading(forecast));
    let figures = (forecast.involuntary(), forecast.all());
    let endings = (forecast.of_ending(Ending::Reauthentication), forecast.of_ending(Ending::SignOut));
    let ((Some(involuntary), Some(all)), (Some(reauthentications), Some(sign_outs))) = (figures, endings) else {
        let _ = writeln!(out, "no device lived to the end, so there are no figures");
        return out;
    };
    let _ = writeln!(out, "{UNIT}\n");
    let _ = writeln!(out, "  {:<36}{:>8}  {:>18}{:>7}{:>8}", "cause", "rate", "interval", "count", "devices");
    let mut row = |name: &str, rate: &Rate| {
        let _ = writeln!(
            out,
            "  {name:<36}{:>8}  {:>18}{:>7}{:>8}",
            short(rate.rate),
            interval(rate),
            rate.events,
            rate.devices
        );
    };
    let causes = forecast.causes();
    for (cause, rate) in causes.iter().filter(|(cause, _)| !cause.is_ordered()) {
        row(cause.words(), rate);
    }
    row("all that the provider did not order", &involuntary);
    for (cause, rate) in causes.iter().filter(|(cause, _)| cause.is_ordered()) {
        row(cause.words(), rate);
    }
    row("all", &all);
    row("  re-authentications", &reauthentications);
    row("  sign-outs", &sign_outs);
    let _ = writeln!(
        out,
        "\n{} calls, {} of them without an answer of 200; {} refreshes, {} sign-ins",
        forecast.calls, forecast.failed_calls, forecast.refreshes, forecast.sign_ins
    );
    out
}

/// The widths of the columns: a name, and two rates with their intervals.
const NAME: usize = 26;
const OWN: usize = 24;
const ALL: usize = 25;

fn comparison(forecasts: &[Forecast]) -> String {
    let mut out = String::new();
    if let Some(first) = forecasts.first() {
        let _ = writeln!(out, "{}", heading(first));
    }
    let _ = writeln!(out, "{UNIT}\n");
    let _ = writeln!(out, "     {:<NAME$}{:>OWN$}", "", "not ordered by");
    let _ = writeln!(out, "     {:<NAME$}{:>OWN$}{:>ALL$}", "build, policy", "the provider", "all");
    for (number, forecast) in forecasts.iter().enumerate() {
        let name = OutsideText::line(&format!("{}, {}", forecast.build, forecast.policy.name)).into_string();
        let devices = forecast.devices.len();
        let name = if forecast.is_whole() { name } else { format!("{name} ({devices} of {} devices)", forecast.asked) };
        let cell = |rate: Option<Rate>| match rate {
            None => "-".to_owned(),
            Some(rate) => format!("{} ({})", short(rate.rate), interval(&rate)),
        };
        let (own, all) = (cell(forecast.involuntary()), cell(forecast.all()));
        // The figures of a long name stand below it.
        let name =
            if name.chars().count() > NAME { format!("{name}\n     {:NAME$}", "") } else { format!("{name:<NAME$}") };
        let _ = writeln!(out, "{:>4} {name}{own:>OWN$}{all:>ALL$}", number + 1);
    }
    for (part, group) in forecasts.chunks(5).enumerate() {
        by_cause(&mut out, part * 5, group);
    }
    out
}

/// The rates of each cause, a column for each forecast.
fn by_cause(out: &mut String, before: usize, forecasts: &[Forecast]) {
    let numbers: String = (1..=forecasts.len()).map(|number| format!("{:>9}", before + number)).collect();
    let _ = writeln!(out, "\n  {:<30}{numbers}", "cause");
    for cause in Cause::ALL.into_iter().filter(|cause| occurs(forecasts, *cause)) {
        let rate = |forecast: &Forecast| forecast.rate(|loss| loss.cause == cause);
        let rates = forecasts.iter().map(|forecast| rate(forecast).map_or("-".to_owned(), |rate| short(rate.rate)));
        let _ = writeln!(out, "  {:<30}{}", cause.words(), rates.map(|rate| format!("{rate:>9}")).collect::<String>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::forecast;

    #[test]
    fn a_build_of_which_no_device_lived_to_the_end_has_no_figure() {
        let table = text(&[forecast("whole", 5), forecast("part", 2), forecast("nothing", 0)]);
        let line = |name: &str| table.lines().position(|line| line.contains(name)).expect("a row");
        assert!(!table.contains("whole, default ("), "{table}");
        assert!(table.contains("part, default (2 of 5 devices)"), "{table}");
        let figures = table.lines().nth(line("nothing, default (0 of 5 devices)") + 1).expect("its figures");
        assert_eq!(figures.split_whitespace().collect::<Vec<_>>(), ["-", "-"], "{table}");
        assert!(text(&[forecast("nothing", 0)]).contains("there are no figures"));
    }

    #[test]
    fn a_name_from_outside_cannot_steer_the_terminal() {
        let named = forecast("Acme \u{1b}[31m\u{202e}SDK", 5);
        for table in [text(std::slice::from_ref(&named)), text(&[named.clone(), named.clone()])] {
            assert!(!table.contains(['\u{1b}', '\u{202e}']) && table.contains("Acme"), "{table}");
        }
    }
}
