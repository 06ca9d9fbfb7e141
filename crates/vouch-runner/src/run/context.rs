//! The handles that the parts of one case share, so that no part needs the whole case.

use super::vendor::Vendor;
use std::sync::Arc;
use vouch_sim::clock::Clock;
use vouch_sim::wire::redact::Redactor;
use vouch_sim::wire::{RecordingProxy, SpokenProfile, Transcript};
use vouch_spec::profile::Profile;
use vouch_spec::scenario::Given;

/// Shared handles of one case. A clone refers to the same case.
#[derive(Clone)]
pub(super) struct CaseContext {
    pub given: Arc<Given>,
    pub clock: Clock,
    pub redactor: Redactor,
    /// Of the run.
    pub profile: Arc<Profile>,
    /// Of the installed build.
    pub spoken: SpokenProfile,
    pub transcript: Transcript,
    pub vendor: Arc<Vendor>,
    pub proxy: Arc<RecordingProxy>,
}
