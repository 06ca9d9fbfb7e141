//! `clientMalformed`: the harness's own client sends the identity provider what no client should.

use super::StepFields;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientMalformed {
    pub how: Malformation,
    /// The call that it would have been.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub call: MalformedCall,
    /// The sign-in token or refresh token that the request carries; left out, one that nobody issued. With a good one, only the
    /// malformation can be the reason for a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Text>,
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
    /// Each constant field, such as the grant type, has another value, in a request of its own.
    WrongConstant,
    /// A token of half a megabyte.
    HugeToken,
    /// The token's field is left out.
    MissingToken,
    /// Each constant field is left out, in a request of its own.
    MissingConstant,
    /// Each field stands there twice, with another value first or last, in requests of their own (RFC 6749 section 3.2).
    RepeatedField,
    /// Bytes in the token that are no UTF-8, raw and percent-encoded.
    InvalidUtf8,
    /// A NUL character after the token.
    NulCharacter,
    /// A percent sign that begins no escape, after the token.
    BrokenEscape,
    /// Tokens that have the form of no token, with dots in odd numbers.
    OddTokens,
    /// Bodies that are JSON, but not an object.
    JsonValues,
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
            Malformation::MissingToken => "no token",
            Malformation::MissingConstant => "a constant field left out",
            Malformation::RepeatedField => "a field that is there twice",
            Malformation::InvalidUtf8 => "bytes that are no UTF-8",
            Malformation::NulCharacter => "a NUL character",
            Malformation::BrokenEscape => "a broken percent escape",
            Malformation::OddTokens => "a token of an odd form",
            Malformation::JsonValues => "a JSON value as its body",
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
