//! Who is explored, and what a mismatch is.

use vouch_sim::cloud::{Keys, Rules as CloudRules};
use vouch_spec::profile::Profile;
use vouch_sim::reference::adapter::Assembly;
use vouch_sim::reference::app::Rules as AppRules;
use vouch_sim::reference::backend::Rules as BackendRules;
use std::sync::Arc;

/// The parts of the walk; one of them may be a mutant.
#[derive(Clone)]
pub struct Cast {
    pub sdk: Arc<dyn Assembly>,
    pub app: Arc<dyn AppRules>,
    pub cloud: Arc<dyn CloudRules>,
    pub backend: Arc<dyn BackendRules>,
    pub keys: Arc<Keys>,
    pub junction: Arc<Profile>,
    pub standard: Arc<Profile>,
}

/// Something that the model or an invariant does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The clause of a broken invariant; a difference from the model names none.
    pub clause: Option<&'static str>,
    pub expected: String,
    pub got: String,
}
