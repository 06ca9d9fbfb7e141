//! Executes `client_malformed`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method};
use std::sync::Arc;
use vouch_sim::wire::{Party, WireRequest};
use vouch_spec::profile::{Encoding, IdpCall, RequestValues};
use vouch_spec::protocol::ErrorKind;
use vouch_spec::step::{ClientMalformed, Malformation, MalformedCall};

#[async_trait]
impl Execute for ClientMalformed {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let call = match self.call {
            MalformedCall::Exchange => IdpCall::Exchange,
            MalformedCall::Refresh => IdpCall::Refresh,
        };
        let realm = world.given.realm();
        let huge = "x".repeat(512 * 1024);
        let token = match self.how {
            Malformation::EmptyToken => "",
            Malformation::HugeToken => &huge,
            _ => "nobody.issued.this",
        };
        let key = world.vendor.public_key(realm);
        let values = RequestValues { token, refresh_token: token, public_key: &key, tenant: "nobody" };
        let request = world.profile.request(call, &values);
        let mut content_type = request.content_type;
        let (mut method, mut body) = (Method::POST, request.body);
        match self.how {
            Malformation::EmptyBody => body.clear(),
            Malformation::Garbage => body = "\u{1}{{{&&&%%%=".into(),
            Malformation::WrongContentType => content_type = "text/plain",
            Malformation::WrongMethod => method = Method::GET,
            Malformation::WrongConstant => body = wrong_constant(world, call, &body),
            Malformation::EmptyToken | Malformation::UnknownToken | Malformation::HugeToken => {}
        }
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let received = WireRequest { method, path: request.path, headers, body: Bytes::from(body) };
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
