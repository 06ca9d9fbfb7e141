//! `vendorUsers`: how many vendor users a person has (ISS-2).

use super::StepFields;
use crate::protocol::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VendorUsers {
    /// How many users the team has at the vendor, deleted ones left out.
    pub count: usize,
}

impl StepFields for VendorUsers {
    const NAME: &str = "vendorUsers";
    const ABOUT: &str = "Counts the team's users at the vendor.";
    const DEMANDS: &[Control] = &[Control::Shape];

    fn describe(&self) -> String {
        format!("the team has {} users at the vendor", self.count)
    }
}
