//! The system under test of an in-process walk, and its deviations from the model.

use std::sync::Arc;
use vouch_sim::mock_cloud::{CloudPolicy as CloudRules, Keys};
use vouch_sim::reference::adapter::SdkFactory;
use vouch_sim::reference::app::AppPolicy;
use vouch_sim::reference::backend::BackendPolicy;
use vouch_spec::profile::Profile;

/// The parts of the walk; one of them may be a mutant.
#[derive(Clone)]
pub struct Parts {
    pub sdk: Arc<dyn SdkFactory>,
    pub app: Arc<dyn AppPolicy>,
    pub cloud: Arc<dyn CloudRules>,
    pub backend: Arc<dyn BackendPolicy>,
    pub keys: Arc<Keys>,
    pub junction: Arc<Profile>,
    pub standard: Arc<Profile>,
}

/// A deviation from the model, or a violated invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The clause of a violated invariant; `None` for most deviations from the model.
    pub clause: Option<&'static str>,
    pub expected: String,
    pub got: String,
}
