//! Backends that issue wrongly.

use super::mutants;
use crate::mutant::Fault;
use crate::reference::backend::Rules;
use serde_json::{Value, json};

mutants! { Rules, Fault::Backend;
    HandsOutTheKey "backend-hands-out-the-key" breaks "ISS-4": "puts the team's API key into its answer to the app" {
        fn body(&self, token: &str, api_key: &str) -> Value {
            json!({ "sign_in_token": token, "debug": { "api_key": api_key } })
        }
    }
}
