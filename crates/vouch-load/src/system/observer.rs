//! Measures the system under test during the rounds of a load.

use super::sampler::{OnSample, Sampler};
use super::usage::SystemUsage;
use crate::arrivals::Arrivals;
use crate::{LoadError, ProgressEvent, Round, Workers};
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::runtime::Handle;
use vouch_runner::sut::MetricsProbe;

/// Runs rounds, and reads meanwhile what the system under test uses.
#[derive(Clone, Default)]
pub struct Observer {
    /// `None`: nothing can be read, so rounds have no usage.
    pub probe: Option<MetricsProbe>,
    pub on_sample: Option<OnSample>,
}

impl Observer {
    /// Runs one round, as [`Workers::round`] does. The readings start with the round, and not with the tokens that are issued
    /// before it. With a probe it blocks on the current tokio runtime: call it on a thread where that is allowed.
    ///
    /// # Errors
    /// If the round cannot be run. A reading that fails is no error: the usage counts it.
    pub fn round(
        &self,
        workers: &mut Workers,
        arrivals: &Arrivals,
        (duration, warm_up): (Duration, Duration),
        stop: &AtomicBool,
        on_event: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<(Round, Option<SystemUsage>), LoadError> {
        let mut sampler = None;
        let round = workers.round(arrivals, duration, warm_up, stop, &mut |event| {
            if let (ProgressEvent::Started, Some(probe)) = (&event, &self.probe) {
                sampler = Some(Sampler::start(probe.clone(), self.on_sample.clone()));
            }
            on_event(event);
        })?;
        let usage = sampler.map(|sampler| Handle::current().block_on(sampler.finish()));
        Ok((round, usage))
    }

    /// Why nothing is known of what the system uses, where there is no probe.
    pub fn unknown(&self) -> &'static str {
        "its target file has no [cloud.metrics], and Vouch measures by itself only processes that it starts, on Linux"
    }
}
