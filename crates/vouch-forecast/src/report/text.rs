//! Tables for the console, at most 80 columns wide.

use super::{interval, short};
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
    let name = OutsideText::line(&forecast.policy.name);
    let _ = writeln!(out, "{} under the policy {}: {}", forecast.build, name.as_str(), heading(forecast));
    if forecast.devices.is_empty() {
        let _ = writeln!(out, "no device lived to the end, so there are no figures");
        return out;
    }
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
    row("all that the provider did not order", &forecast.involuntary());
    for (cause, rate) in causes.iter().filter(|(cause, _)| cause.is_ordered()) {
        row(cause.words(), rate);
    }
    row("all", &forecast.all());
    row("  re-authentications", &forecast.of_ending(Ending::Reauthentication));
    row("  sign-outs", &forecast.of_ending(Ending::SignOut));
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
        let cell = |rate: Rate| match devices {
            0 => "-".to_owned(),
            _ => format!("{} ({})", short(rate.rate), interval(&rate)),
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
    let occurs = |cause: &Cause| forecasts.iter().any(|forecast| forecast.rate(|loss| loss.cause == *cause).events > 0);
    for cause in Cause::ALL.into_iter().filter(occurs) {
        let rates = forecasts.iter().map(|forecast| match forecast.devices.is_empty() {
            true => "-".to_owned(),
            false => short(forecast.rate(|loss| loss.cause == cause).rate),
        });
        let _ = writeln!(out, "  {:<30}{}", cause.words(), rates.map(|rate| format!("{rate:>9}")).collect::<String>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn forecast(build: &str, devices: u32) -> Forecast {
        Forecast {
            policy: Policy::default(),
            build: build.into(),
            days: 30,
            seed: 1,
            asked: 5,
            devices: (0..devices).map(|device| (device, vec![])).collect(),
            sign_ins: 0,
            refreshes: 0,
            calls: 0,
            failed_calls: 0,
        }
    }

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
}
