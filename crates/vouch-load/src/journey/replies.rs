//! From what SDK and server say to the answer that a scenario judges.

use super::wire::Reply;
use vouch_spec::protocol::ErrorKind;
use vouch_sim::reference::sdk::SdkError;
use vouch_runner::run::step::Answer;
use vouch_runner::run::step::request::line;

/// Why a move has no answer: the text is for the report.
pub struct Impossible(pub String);

/// A call that the SDK refused.
pub fn refused(error: SdkError) -> Answer {
    Answer::Refused { kind: error.kind, text: error.text }
}

/// A call of the SDK.
pub fn told(done: Result<(), SdkError>) -> Answer {
    done.map_or_else(refused, |()| Answer::Ok)
}

/// A call of the client.
pub fn http(reply: Option<Reply>) -> Answer {
    match reply {
        Some(reply) => Answer::Http { status: reply.status },
        None => Answer::Refused { kind: ErrorKind::Network, text: "no answer".into() },
    }
}

/// Method and path of a call.
pub fn split(call: &str) -> Result<(&str, &str), Impossible> {
    line(call).ok_or_else(|| Impossible(format!("`{call}` is no method and path")))
}
