//! `wake`: a device event, the launch of the app in the background (WAK-1, WAK-2).

use super::StepFields;
use crate::protocol::Capability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wake {}

impl StepFields for Wake {
    const NAME: &str = "wake";
    const ABOUT: &str = "Launches the app in the background after a kill, as a push message or a background task does: it has no user interface. A `launch` then brings it to the foreground.";
    const NEEDS: &[Capability] = &[Capability::Wake];

    fn describe(&self) -> String {
        "the app is launched in the background".into()
    }
}
