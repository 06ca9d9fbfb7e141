//! From what SDK and server say to the answer that a scenario judges.

use super::http_client::Reply;
use vouch_sim::reference::sdk::SdkError;
use vouch_spec::protocol::ErrorKind;
use vouch_spec::step::StepResult;
use vouch_spec::step::method_and_path;

/// Why a move has no answer: the text is for the report.
pub struct Impossible(pub String);

/// A call that the SDK refused.
pub fn refused(error: SdkError) -> StepResult {
    StepResult::Refused { kind: error.kind, text: error.text }
}

/// A call of the SDK.
pub fn told(done: Result<(), SdkError>) -> StepResult {
    done.map_or_else(refused, |()| StepResult::Ok)
}

/// A call of the client.
pub fn http(reply: Option<Reply>) -> StepResult {
    match reply {
        Some(reply) => StepResult::Http { status: reply.status },
        None => StepResult::Refused { kind: ErrorKind::Network, text: "no answer".into() },
    }
}

/// Method and path of a call.
pub fn split(call: &str) -> Result<(&str, &str), Impossible> {
    method_and_path(call).ok_or_else(|| Impossible(format!("`{call}` is no method and path")))
}
