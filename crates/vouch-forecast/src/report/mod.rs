//! Views of forecasts.

#[cfg(test)]
mod fixtures;
mod json;
mod plot;
mod text;

pub use json::json;
pub use plot::{html, svg};
pub use text::text;

use crate::cause::Cause;
use crate::forecast::Forecast;
use crate::statistics::Rate;

/// A rate with as many digits as a reader needs.
fn short(rate: f64) -> String {
    match rate {
        rate if !rate.is_finite() => "?".into(),
        0.0 => "0".into(),
        rate if rate < 10.0 => format!("{rate:.2}"),
        rate if rate < 100.0 => format!("{rate:.1}"),
        rate => format!("{rate:.0}"),
    }
}

/// The 95 % interval.
fn interval(rate: &Rate) -> String {
    format!("{} to {}", short(rate.low), short(rate.high))
}

/// Whether a device of one of them has a loss of this cause.
fn occurs(forecasts: &[Forecast], cause: Cause) -> bool {
    let mut losses = forecasts.iter().flat_map(|forecast| &forecast.devices).flat_map(|(_, losses)| losses);
    losses.any(|loss| loss.cause == cause)
}
