//! From what SDK and server say to the answer that a scenario judges.

use super::wire::Reply;
use crate::protocol::ErrorKind;
use crate::reference::sdk::SdkError;
use crate::run::step::Answer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

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
    let (method, path) = call.split_once(' ').ok_or_else(|| Impossible(format!("`{call}` is no method and path")))?;
    Ok((method, path.trim()))
}

/// JWT, public key and tenant of a sign-in token, however broken it is.
pub fn parts(token: &str) -> (String, String, String) {
    let envelope: Value =
        STANDARD.decode(token).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    let field = |name: &str| envelope.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let jwt = if field("user_token").is_empty() { token.to_owned() } else { field("user_token") };
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(&jwt).unwrap_or_default();
    let tenant = claims.get("tenant_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    (jwt, field("public_key"), tenant)
}
