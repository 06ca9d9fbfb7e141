//! `clientBroken`: the harness's own client sends the identity provider what no client should.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_sim::wire::{Party, Received};
use vouch_spec::profile::{Encoding, IdpCall, Values};
use vouch_spec::protocol::ErrorKind;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientMalformed {
    how: How,
    /// Which call it would have been.
    #[serde(default)]
    call: Which,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Which {
    #[default]
    Exchange,
    Refresh,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum How {
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

impl How {
    fn words(self) -> &'static str {
        match self {
            How::EmptyBody => "an empty body",
            How::EmptyToken => "an empty token",
            How::UnknownToken => "a token that nobody issued",
            How::Garbage => "a body that is garbage",
            How::WrongContentType => "the wrong content type",
            How::WrongMethod => "the wrong method",
            How::WrongConstant => "a wrong constant field",
            How::HugeToken => "a token of half a megabyte",
        }
    }
}

pub(super) const KIND: StepKind =
    StepKind::new::<ClientMalformed>("clientMalformed", "The harness's own client sends a request that is wrong.")
        .answers();

#[async_trait]
impl Step for ClientMalformed {
    fn words(&self) -> String {
        let call = match self.call {
            Which::Exchange => "an exchange",
            Which::Refresh => "a refresh",
        };
        format!("the client sends {call} with {}", self.how.words())
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let call = match self.call {
            Which::Exchange => IdpCall::Exchange,
            Which::Refresh => IdpCall::Refresh,
        };
        let realm = world.given.realm();
        let huge = "x".repeat(512 * 1024);
        let token = match self.how {
            How::EmptyToken => "",
            How::HugeToken => &huge,
            _ => "nobody.issued.this",
        };
        let key = world.vendor.public_key(realm);
        let values = Values { token, refresh_token: token, public_key: &key, tenant: "nobody" };
        let request = world.profile.request(call, &values);
        let mut content_type = request.content_type;
        let (mut method, mut body) = (Method::POST, request.body);
        match self.how {
            How::EmptyBody => body.clear(),
            How::Garbage => body = "\u{1}{{{&&&%%%=".into(),
            How::WrongContentType => content_type = "text/plain",
            How::WrongMethod => method = Method::GET,
            How::WrongConstant => body = wrong_constant(world, call, &body),
            How::EmptyToken | How::UnknownToken | How::HugeToken => {}
        }
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let received = Received { method, path: request.path, headers, body: Bytes::from(body) };
        Ok(match world.client_call(Party::Auth, realm, received).await {
            Some(reply) => StepResult::Http { status: reply.status.as_u16() },
            None => StepResult::Refused { kind: ErrorKind::Network, text: "no answer".into() },
        })
    }
}

/// The first constant of the body with another value; a body without constants loses its first field.
fn wrong_constant(world: &World, call: IdpCall, body: &str) -> String {
    let shape = world.profile.shape(call);
    let constant =
        shape.fields.iter().find_map(|(key, value)| value.as_str().filter(|v| !v.starts_with('$')).map(|_| key));
    match shape.encoding {
        Encoding::Form => {
            let fields = form_urlencoded::parse(body.as_bytes()).into_owned();
            let changed =
                fields.map(|(key, value)| if Some(&key) == constant { (key, "password".into()) } else { (key, value) });
            form_urlencoded::Serializer::new(String::new()).extend_pairs(changed).finish()
        }
        Encoding::Json => "{\"grant\": \"password\"}".into(),
    }
}
