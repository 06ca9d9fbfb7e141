//! The wire profile that the SDK speaks: an update can bring another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vouch_spec::profile::Profile;

/// The wire profile that the SDK speaks at present. A clone refers to the same.
#[derive(Clone)]
pub struct SpokenProfile(Arc<Profiles>);

struct Profiles {
    current: Arc<Profile>,
    /// That of releases before, where it is another one.
    earlier: Option<Arc<Profile>>,
    speaks_earlier: AtomicBool,
}

/// A time in the life of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireEra {
    Earlier,
    Current,
}

impl SpokenProfile {
    /// The profile of the current releases and, where they have another one, that of the releases before.
    pub fn new(current: Arc<Profile>, earlier: Option<Arc<Profile>>) -> Self {
        let earlier = earlier.filter(|earlier| **earlier != *current);
        Self(Arc::new(Profiles { current, earlier, speaks_earlier: AtomicBool::new(false) }))
    }

    /// The one that is spoken now.
    pub fn now(&self) -> &Arc<Profile> {
        match &self.0.earlier {
            Some(earlier) if self.0.speaks_earlier.load(Ordering::Acquire) => earlier,
            _ => &self.0.current,
        }
    }

    /// That of earlier releases, where it differs.
    pub fn earlier(&self) -> Option<&Arc<Profile>> {
        self.0.earlier.as_ref()
    }

    /// From now on the profile of this era is spoken.
    pub fn enter(&self, era: WireEra) {
        self.0.speaks_earlier.store(era == WireEra::Earlier, Ordering::Release);
    }
}

impl From<Arc<Profile>> for SpokenProfile {
    fn from(profile: Arc<Profile>) -> Self {
        Self::new(profile, None)
    }
}
