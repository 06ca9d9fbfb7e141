//! The provider's policy as the mock cloud takes it.

use super::Provider;
use std::time::Duration;
use vouch_sim::mock_cloud::{CloudPolicy, Lifetimes};

/// A mock cloud that treats refresh tokens as a policy file says. Idle limit, session lifetime and revocations are events of the
/// device's life: the mock cloud has no such limits of its own.
pub struct ProviderPolicy {
    rotates: bool,
    grace: Duration,
    keeps_predecessor: bool,
    detects_reuse: bool,
}

impl ProviderPolicy {
    pub fn new(provider: &Provider) -> Self {
        let Provider { rotates, grace, keeps_predecessor, detects_reuse, .. } = *provider;
        Self { rotates, grace, keeps_predecessor, detects_reuse }
    }

    pub fn lifetimes(provider: &Provider) -> Lifetimes {
        Lifetimes { access_token: provider.access_token, ..Lifetimes::default() }
    }
}

impl CloudPolicy for ProviderPolicy {
    fn refresh_generation(&self, generation: u64) -> u64 {
        if self.rotates { generation } else { 0 }
    }

    fn reuse_interval(&self) -> Duration {
        self.grace
    }

    fn keeps_predecessor(&self) -> bool {
        self.keeps_predecessor
    }

    fn detects_reuse(&self) -> bool {
        self.detects_reuse
    }
}
