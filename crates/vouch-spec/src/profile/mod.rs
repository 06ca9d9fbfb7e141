//! Wire profiles: how exchange and refresh look on the wire, as data. `junction`, `gcip` and `standard` are files beside this
//! one; `custom` is the same mapping in a target file. Cloud, recorder and reference SDK all read the one mapping.
//!
//! ```
//! use vouch_spec::profile::{IdpCall, Profile, RequestValues};
//! let junction = Profile::junction();
//! let request = junction.request(IdpCall::Refresh, &RequestValues { refresh_token: "a+b", ..RequestValues::default() });
//! assert_eq!(request.path, "/v1/token");
//! assert_eq!(request.body, "grant_type=refresh_token&refresh_token=a%2Bb");
//! ```
//!
//! A profile knows shapes. It knows neither the worth of tokens nor who sends them.

mod check;
mod client;
mod oauth_client;
mod phrases;
mod response_template;
mod server;

pub use check::MappingProblem;
pub use client::{IdpRequest, RequestValues, TokenAnswer, TokenGrant};
pub use oauth_client::{BasicAuth, ClientSecret, OauthClient};
pub use phrases::PHRASES;
pub use response_template::ResponseTemplate;
pub use server::{RequestMismatch, RequestTokens};

use crate::protocol::ErrorKind;
use crate::text::{Decoder, Diagnostic, Source, toml};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The two calls to an identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdpCall {
    Exchange,
    Refresh,
}

/// How an identity provider is spoken to. `$token`, `$publicKey`, `$tenant` and `$refreshToken` stand in requests, as do
/// `$clientId` and `$clientSecret`; `$accessToken`, `$refreshToken` and `$userId` in answers; `$word` and `$status` in the body of an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// What reports call it.
    pub name: String,
    /// Standards that the provider claims; their rules are checked then.
    #[serde(default)]
    pub claims: Vec<Standard>,
    /// One host serves every environment and region; the public key tells them apart.
    #[serde(default)]
    pub one_auth_host: bool,
    /// With `oneAuthHost`: the real host names of the provider, which the intercepting proxy answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auth_hosts: Vec<String>,
    /// Whether a refresh brings a new refresh token, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// The lifetime of an access token in seconds, where an answer does not say it (RFC 6749 section 5.1: the provider documents it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_expires_in: Option<u64>,
    /// The OAuth client that sends the requests: `$clientId` and `$clientSecret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<OauthClient>,
    pub exchange: CallShape,
    pub refresh: CallShape,
    pub errors: ErrorShapes,
}

/// Whether a refresh brings a new refresh token (RFC 6749 section 6 leaves it open).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Rotation {
    /// Every time.
    Required,
    /// Sometimes, or it is not known.
    Optional,
    /// The same one comes back every time.
    Never,
}

/// A standard that an identity provider can claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Standard {
    /// RFC 6749 section 5: token answers and error answers.
    Rfc6749,
    /// RFC 8693 section 2.2: `issued_token_type`.
    Rfc8693,
}

impl Standard {
    pub fn words(self) -> &'static str {
        match self {
            Standard::Rfc6749 => "RFC 6749",
            Standard::Rfc8693 => "RFC 8693",
        }
    }
}

/// One call: a POST and its good answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallShape {
    pub path: String,
    #[serde(default)]
    pub query: BTreeMap<String, QueryValue>,
    pub encoding: Encoding,
    /// Headers of the request, with `$clientId` and `$clientSecret` anywhere in their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Client authentication by HTTP Basic (RFC 6749 section 2.3.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
    /// The body. In a form, a list sends its field once for each item.
    pub fields: Map<String, Value>,
    pub answer: AnswerShape,
}

/// The value of a parameter of a query; a list sends the parameter once for each item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum QueryValue {
    One(String),
    Repeated(Vec<String>),
}

impl QueryValue {
    pub fn items(&self) -> &[String] {
        match self {
            QueryValue::One(item) => std::slice::from_ref(item),
            QueryValue::Repeated(items) => items,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Encoding {
    Form,
    Json,
}

impl Encoding {
    pub fn content_type(self) -> &'static str {
        match self {
            Encoding::Form => "application/x-www-form-urlencoded",
            Encoding::Json => "application/json",
        }
    }
}

/// Where the tokens stand in a good answer, as JSON pointers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerShape {
    pub access_token: String,
    /// The answer to a refresh need not have one: the old one stays valid then (RFC 6749 section 6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The lifetime in seconds, a number or digits; SDKs take both. Without it `defaultExpiresIn` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<String>,
    /// What every answer has, although RFC 6749 leaves it open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<AnswerMember>,
    /// How the mock cloud writes it.
    #[serde(default)]
    pub expires_in_is: NumberForm,
    /// Further fields of the mock cloud's answer.
    #[serde(default)]
    pub also: Map<String, Value>,
}

/// A member of a good answer that RFC 6749 section 5.1 lets a provider leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AnswerMember {
    RefreshToken,
    ExpiresIn,
}

/// How a number is written in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NumberForm {
    #[default]
    Number,
    Text,
}

/// What error answers look like and mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorShapes {
    /// Where the word stands, as a JSON pointer; empty where the whole body is the word, as JSON or as plain text. Of a text there
    /// that is no word of the mapping as a whole, what comes before the first space or `:` counts.
    pub word: String,
    /// The body of an error of the mock cloud.
    pub body: Value,
    /// The mock cloud's word for a request that it cannot read.
    pub bad_request: String,
    /// The body of an answer to such a request, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_request_body: Option<Value>,
    /// The mock cloud's word for a client that does not authenticate as it must. Default: `invalid_client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_client: Option<String>,
    pub exchange: Vec<ErrorMeaning>,
    pub refresh: Vec<ErrorMeaning>,
}

impl ErrorShapes {
    /// Whether an error is a word alone, with nothing around it.
    pub fn is_whole_body(&self) -> bool {
        self.word.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorMeaning {
    /// A word, or a whole text with spaces.
    pub word: String,
    pub means: ErrorKind,
    /// The whole text that the mock cloud writes, where it is more than the word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// The names of the profiles that need no mapping.
pub const BUILT_IN: [&str; 3] = ["junction", "gcip", "standard"];

impl Profile {
    pub fn junction() -> Arc<Self> {
        Self::embedded("junction.toml", include_str!("junction.toml"))
    }

    pub fn gcip() -> Arc<Self> {
        Self::embedded("gcip.toml", include_str!("gcip.toml"))
    }

    /// A profile that needs no mapping.
    pub fn built_in(name: &str) -> Option<Arc<Self>> {
        match name {
            "junction" => Some(Self::junction()),
            "gcip" => Some(Self::gcip()),
            "standard" => Some(Self::embedded("standard.toml", include_str!("standard.toml"))),
            _ => None,
        }
    }

    fn embedded(name: &str, text: &str) -> Arc<Self> {
        match Self::parse(&Source::new(name, text)) {
            Ok(profile) => Arc::new(profile),
            // Part of the program; a test reads both.
            Err(problems) => unreachable!("{name}: {problems:?}"),
        }
    }

    fn parse(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        let (tree, mut problems) = toml::parse(source);
        let decoder = Decoder::new(source);
        let profile = decoder.decode(&tree);
        problems.extend(decoder.finish());
        profile.filter(|_| problems.is_empty()).ok_or(problems)
    }

    pub fn shape(&self, call: IdpCall) -> &CallShape {
        match call {
            IdpCall::Exchange => &self.exchange,
            IdpCall::Refresh => &self.refresh,
        }
    }

    fn meanings(&self, call: IdpCall) -> &[ErrorMeaning] {
        match call {
            IdpCall::Exchange => &self.errors.exchange,
            IdpCall::Refresh => &self.errors.refresh,
        }
    }

    /// Whether a good answer must have a member. An exchange must bring a refresh token: without it there is no session.
    pub fn requires(&self, call: IdpCall, member: AnswerMember) -> bool {
        let by_call = member == AnswerMember::RefreshToken
            && (call == IdpCall::Exchange || self.rotation == Some(Rotation::Required));
        by_call || self.shape(call).answer.required.contains(&member)
    }

    /// Whether a refresh brings a new refresh token: what the mapping says, and never where it names none.
    pub fn rotation(&self) -> Option<Rotation> {
        self.rotation.or_else(|| self.refresh.answer.refresh_token.is_none().then_some(Rotation::Never))
    }

    /// The lifetime of access tokens in seconds, where no client can read it in every answer.
    pub fn unannounced_lifetime(&self) -> Option<u64> {
        let is_silent = [&self.exchange, &self.refresh].iter().any(|shape| shape.answer.expires_in.is_none());
        self.default_expires_in.filter(|_| is_silent)
    }

    /// Whether the refusal of a refresh can say that the user is gone.
    pub fn can_report_deletion(&self) -> bool {
        self.errors.refresh.iter().any(|meaning| meaning.means == ErrorKind::InvalidUser)
    }
}

#[cfg(test)]
mod tests;
