//! `secondProcess`: a second process on the storage of the app, such as a widget, an app extension or a background service
//! (MUL-1, MUL-2, MUL-3).

use super::{Reading, ScenarioStep, Step, StepFields};
use crate::protocol::Capability;
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A call in the second process.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecondProcess {
    /// The call of the SDK to make there.
    pub step: ScenarioStep,
}

/// The fields, of which the step is read by itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    #[allow(dead_code, reason = "read as a step")]
    step: serde_json::Value,
}

impl StepFields for SecondProcess {
    const NAME: &str = "secondProcess";
    const ABOUT: &str = "Makes a call in a second process on the same storage. The first such step launches it; it ends with the case, or with a reboot, a reinstallation, an update or a restored backup.";
    const NEEDS: &'static [Capability] = &[Capability::SecondProcess];
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        format!("in a second process: {}", self.step.step.describe())
    }

    fn inner(&self) -> Vec<&ScenarioStep> {
        vec![&self.step]
    }
}

impl SecondProcess {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let Fields { .. } = reading.decoder.decode(node)?;
        let step = ScenarioStep::read(node.get("step")?, reading)?;
        if is_call(&step.step) {
            return Some(Self { step });
        }
        let message = format!("`{}` is not a call of the SDK", step.step.kind().name);
        let help =
            "a second process can do signIn, signOut, status, currentUser, request, refresh, configure, setUserId";
        reading.decoder.wrong(step.span, message, help);
        None
    }
}

/// Whether a step calls the SDK and does nothing else.
fn is_call(step: &Step) -> bool {
    matches!(
        step,
        Step::SignIn(_)
            | Step::SignOut(_)
            | Step::Status(_)
            | Step::CurrentUser(_)
            | Step::Request(_)
            | Step::Refresh(_)
            | Step::Configure(_)
            | Step::SetUserId(_)
    )
}
