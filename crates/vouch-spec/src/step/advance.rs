//! `advance`: time passes.

use super::{Reading, StepFields};
use crate::duration;
use crate::protocol::Capability;
use crate::protocol::Control;
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Advance {
    /// For example `90s`, `10m`, `1h`, `30d`. At most a century.
    pub by: String,
    /// The app stays in the foreground, so that the SDK's timers fire on the way. Otherwise the device is not in use, and the
    /// SDK notices at its next call how late it is.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub foreground: bool,
}

impl Advance {
    /// Time passes while the device is not in use. `by` is for example `90s` or `1h`.
    pub fn unused(by: impl Into<String>) -> Self {
        Self { by: by.into(), foreground: false }
    }
}

/// One act each four minutes has room for the three requests a minute that REF-13 allows while the identity provider is down.
const SECONDS_PER_ACT: u64 = 4 * 60;

impl StepFields for Advance {
    const NAME: &str = "advance";
    const ABOUT: &str = "Time passes.";
    const NEEDS: &[Capability] = &[Capability::Clock];
    const DEMANDS: &[Control] = &[Control::Advance];

    /// An SDK in the foreground acts by its own timers.
    fn calls(&self) -> usize {
        let by = duration::parse_positive(&self.by).unwrap_or_default();
        let acts = if self.foreground { by.as_secs() / SECONDS_PER_ACT } else { 0 };
        usize::try_from(acts).unwrap_or(usize::MAX).saturating_add(1)
    }

    fn describe(&self) -> String {
        format!("{} pass{}", self.by, if self.foreground { " with the app in the foreground" } else { "" })
    }
}

impl Advance {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let step: Self = reading.decoder.decode(node)?;
        if let Err(why) = duration::parse_positive(&step.by) {
            let place = node.get("by").unwrap_or(node).span;
            reading.decoder.wrong(place, why.to_string(), "write for example `advance: 1h`");
            return None;
        }
        Some(step)
    }
}
