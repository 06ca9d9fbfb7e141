//! `clientBroken`: the harness's own client sends the identity provider what no client should.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientMalformed {
    pub how: Malformation,
    /// `MalformedCall` call it would have been.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub call: MalformedCall,
}

#[derive(Clone, Debug, PartialEq, Eq, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MalformedCall {
    #[default]
    Exchange,
    Refresh,
}

#[derive(Clone, Debug, PartialEq, Eq, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Malformation {
    EmptyBody,
    /// The token's field is there and empty.
    EmptyToken,
    /// A token that nobody issued.
    UnknownToken,
    Garbage,
    WrongContentType,
    WrongMethod,
    /// A constant field, such as the grant type, has another value.
    WrongConstant,
    /// A token of half a megabyte.
    HugeToken,
}

impl Malformation {
    pub fn words(self) -> &'static str {
        match self {
            Malformation::EmptyBody => "an empty body",
            Malformation::EmptyToken => "an empty token",
            Malformation::UnknownToken => "a token that nobody issued",
            Malformation::Garbage => "a body that is garbage",
            Malformation::WrongContentType => "the wrong content type",
            Malformation::WrongMethod => "the wrong method",
            Malformation::WrongConstant => "a wrong constant field",
            Malformation::HugeToken => "a token of half a megabyte",
        }
    }
}

impl StepFields for ClientMalformed {
    const NAME: &str = "clientMalformed";
    const ABOUT: &str = "The harness's own client sends a request that is wrong.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        let call = match self.call {
            MalformedCall::Exchange => "an exchange",
            MalformedCall::Refresh => "a refresh",
        };
        format!("the client sends {call} with {}", self.how.words())
    }
}
