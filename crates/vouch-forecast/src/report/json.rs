//! Forecasts as JSON.

use crate::cause::Ending;
use crate::forecast::Forecast;
use serde_json::{Value, json};

/// The version of this format. It grows with each change that a reader must know of.
const FORMAT: u32 = 1;

/// All forecasts with their rates, in events per 1,000 devices and month of 30 days. A rate is null if no device lived to the end.
pub fn json(forecasts: &[Forecast]) -> Value {
    json!({
        "format": FORMAT,
        "unit": "events per 1,000 devices and month of 30 days",
        "confidence": 0.95,
        "forecasts": forecasts.iter().map(one).collect::<Vec<_>>(),
    })
}

fn one(forecast: &Forecast) -> Value {
    let cause = |(cause, rate)| json!({ "cause": cause, "rate": rate });
    json!({
        "build": forecast.build,
        "policy": forecast.policy.name,
        "devices": forecast.devices.len(),
        "devicesAsked": forecast.asked,
        "days": forecast.days,
        "seed": forecast.seed,
        "all": forecast.all(),
        "notOrderedByProvider": forecast.involuntary(),
        "reauthentications": forecast.of_ending(Ending::Reauthentication),
        "signOuts": forecast.of_ending(Ending::SignOut),
        "causes": forecast.causes().into_iter().map(cause).collect::<Vec<_>>(),
        "calls": forecast.calls,
        "failedCalls": forecast.failed_calls,
        "refreshes": forecast.refreshes,
        "signIns": forecast.sign_ins,
    })
}
