//! Who is explored, and what a mismatch is.

use crate::cloud::{Keys, Rules as CloudRules};
use crate::profile::Profile;
use crate::reference::adapter::Assembly;
use crate::reference::app::Rules as AppRules;
use crate::reference::backend::Rules as BackendRules;
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
