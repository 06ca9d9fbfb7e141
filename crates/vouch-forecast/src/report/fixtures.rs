//! Forecasts for tests.

use crate::forecast::Forecast;
use crate::policy::Policy;

/// A forecast of five devices, of which this many lived to the end. Nothing was lost.
pub fn forecast(build: &str, devices: u32) -> Forecast {
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
