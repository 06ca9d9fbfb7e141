//! Converts results of SDK and server to step results, which a scenario's expectations are checked against.

use super::http_client::Response;
use vouch_sim::reference::sdk::SdkError;
use vouch_spec::protocol::ErrorKind;
use vouch_spec::step::StepResult;

/// Why an action has no result: a message for the report.
pub struct ActionError(pub String);

/// The result of a call that the SDK refused.
pub fn sdk_refusal(error: SdkError) -> StepResult {
    StepResult::Refused { kind: error.kind, text: error.text }
}

/// The result of a call of the SDK.
pub fn sdk_result(result: Result<(), SdkError>) -> StepResult {
    result.map_or_else(sdk_refusal, |()| StepResult::Ok)
}

/// The result of an HTTP request.
pub fn http_result(response: Option<Response>) -> StepResult {
    match response {
        Some(response) => StepResult::Http { status: response.status },
        None => StepResult::Refused { kind: ErrorKind::Network, text: "no response".into() },
    }
}

/// Splits a call into method and path.
pub fn method_and_path(call: &str) -> Result<(&str, &str), ActionError> {
    let parts = vouch_spec::step::method_and_path(call);
    parts.ok_or_else(|| ActionError(format!("`{call}` is not a method and a path")))
}
