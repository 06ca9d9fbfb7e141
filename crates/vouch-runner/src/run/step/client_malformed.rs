//! Executes `client_malformed`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::{HeaderMap, Method};
use serde_json::{Map, Value};
use std::sync::Arc;
use vouch_sim::sign_in_token::TokenParts;
use vouch_sim::wire::{Party, WireRequest};
use vouch_spec::profile::{Encoding, IdpCall, IdpRequest, RequestValues};
use vouch_spec::protocol::ErrorKind;
use vouch_spec::step::{ClientMalformed, Malformation, MalformedCall};

/// A token that nobody issued.
const UNKNOWN: &str = "nobody.issued.this";

#[async_trait]
impl Execute for ClientMalformed {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let call = match self.call {
            MalformedCall::Exchange => IdpCall::Exchange,
            MalformedCall::Refresh => IdpCall::Refresh,
        };
        let given = self.token.as_ref().map(|token| world.text(token)).transpose()?;
        let good = GoodRequest::new(world, call, given.as_deref().unwrap_or(UNKNOWN));
        let requests = good.malformed(self.how);
        if requests.is_empty() {
            return Err(StepError::NotApplicable(
                "requests of the wire profile cannot be malformed in this way".into(),
            ));
        }
        let mut result = StepResult::Done;
        for Malformed { method, content_type, body } in requests {
            let headers = good.headers(content_type);
            let request = WireRequest { method, path: good.path.clone(), headers, body: Bytes::from(body) };
            result = match world.client_call(Party::Auth, world.given.realm(), request).await {
                Some(reply) => StepResult::Http { status: reply.status.as_u16() },
                None => StepResult::Refused { kind: ErrorKind::Network, text: "no answer".into() },
            };
            // The first that is not refused is what the step is about.
            if !matches!(result, StepResult::Http { status: 400..=499 }) {
                break;
            }
        }
        Ok(result)
    }
}

/// What is sent in place of a good request.
struct Malformed {
    method: Method,
    content_type: &'static str,
    body: Vec<u8>,
}

/// A field of a good request.
#[derive(Clone)]
struct Field {
    name: String,
    value: Value,
    kind: FieldKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FieldKind {
    Token,
    /// A word that every request of this call must have.
    Constant,
    Other,
}

/// A request as it should be.
struct GoodRequest {
    encoding: Encoding,
    path: String,
    /// The headers besides the content type: what is malformed must be the only fault.
    headers: Vec<(String, String)>,
    fields: Vec<Field>,
}

/// Whether a request without this field is none: RFC 6749 sections 4.1.3 and 6, RFC 8693 section 2.1.
fn is_demanded(field: &str) -> bool {
    matches!(field.to_ascii_lowercase().replace(['_', '-'], "").as_str(), "granttype" | "subjecttokentype")
}

impl GoodRequest {
    fn new(world: &World, call: IdpCall, token: &str) -> Self {
        let parts = TokenParts::of(token);
        let key = match parts.public_key.is_empty() {
            true => world.vendor.public_key(world.given.realm()),
            false => parts.public_key,
        };
        let tenant = if parts.tenant.is_empty() { "nobody" } else { &parts.tenant };
        let values = RequestValues { token: &parts.jwt, refresh_token: token, public_key: &key, tenant };
        let shape = world.profile.shape(call);
        let fields = shape.fields.iter().flat_map(|(name, value)| {
            let (value, kind) = match value.as_str() {
                Some("$token") => (parts.jwt.as_str().into(), FieldKind::Token),
                Some("$refreshToken") => (token.into(), FieldKind::Token),
                Some("$publicKey") => (key.as_str().into(), FieldKind::Other),
                Some("$tenant") => (tenant.into(), FieldKind::Other),
                // Whether they are missed depends on how the client authenticates besides.
                Some("$clientId" | "$clientSecret") => {
                    (world.profile.client_value(value.as_str().unwrap_or_default()).into(), FieldKind::Other)
                }
                Some(_) if is_demanded(name) => (value.clone(), FieldKind::Constant),
                // Such as `scope`: a server that does not need a field may ignore it (RFC 6749 section 3.2).
                _ => (value.clone(), FieldKind::Other),
            };
            let sent = if value.is_string() { vec![value] } else { world.profile.sent_values(call, &value) };
            sent.into_iter().map(move |value| Field { name: name.clone(), value, kind })
        });
        let fields = fields.collect();
        let IdpRequest { path, headers, .. } = world.profile.request(call, &values);
        Self { encoding: shape.encoding, fields, path, headers }
    }

    fn malformed(&self, how: Malformation) -> Vec<Malformed> {
        let one = |fields: Vec<Field>| vec![self.post(self.body(&fields))];
        let each = |chosen: FieldKind, edit: fn(&Field) -> Vec<Field>| -> Vec<Malformed> {
            let places = (0..self.fields.len()).filter(|at| self.fields[*at].kind == chosen);
            let edited = places.map(|at| {
                let mut fields = self.fields.clone();
                fields.splice(at..=at, edit(&self.fields[at]));
                fields
            });
            edited.map(|fields| self.post(self.body(&fields))).collect()
        };
        let tokens = |edit: &dyn Fn(&str) -> String| {
            let edited = self.fields.iter().map(|field| match field.kind {
                FieldKind::Token => field.with(edit(field.value.as_str().unwrap_or_default())),
                _ => field.clone(),
            });
            one(edited.collect())
        };
        match how {
            Malformation::EmptyBody => vec![self.post(vec![])],
            Malformation::Garbage => vec![self.post(b"\x01{{{&&&%%%=".to_vec())],
            Malformation::JsonValues => {
                ["[]", "[{}]", "null", "7", "\"token\""].map(|body| self.post(body.into())).into()
            }
            Malformation::EmptyToken => tokens(&|_| String::new()),
            Malformation::UnknownToken => tokens(&|_| UNKNOWN.into()),
            Malformation::HugeToken => tokens(&|_| "x".repeat(512 * 1024)),
            Malformation::NulCharacter => tokens(&|token| format!("{token}\0")),
            Malformation::OddTokens => {
                [".", "..", "...", "a.b", "e30.e30.", "a.b.c.d.e", "\u{e4}\u{1f600}", " ", "null", "{}"]
                    .into_iter()
                    .flat_map(|odd| tokens(&|_| odd.into()))
                    .collect()
            }
            Malformation::MissingToken => each(FieldKind::Token, |_| vec![]),
            Malformation::MissingConstant => each(FieldKind::Constant, |_| vec![]),
            Malformation::WrongConstant => each(FieldKind::Constant, |field| vec![field.with("password".into())]),
            Malformation::RepeatedField if self.encoding == Encoding::Json => vec![],
            Malformation::RepeatedField => [FieldKind::Token, FieldKind::Constant]
                .into_iter()
                .flat_map(|kind| {
                    let mut first = each(kind, |field| vec![field.with(UNKNOWN.into()), field.clone()]);
                    first.extend(each(kind, |field| vec![field.clone(), field.with(UNKNOWN.into())]));
                    first
                })
                .collect(),
            Malformation::InvalidUtf8 => {
                let marked = self.fields.iter().map(|field| match field.kind {
                    FieldKind::Token => field.with(format!("{}{MARK}", field.value.as_str().unwrap_or_default())),
                    _ => field.clone(),
                });
                let body = self.body(&marked.collect::<Vec<_>>());
                let with = |bytes: &[u8]| self.post(replaced(&body, MARK.as_bytes(), bytes));
                let mut requests = vec![with(b"\xff\xfe"), with(b"\xc3\x28")];
                if self.encoding == Encoding::Form {
                    requests.push(with(b"%FF%FE"));
                }
                requests
            }
            Malformation::BrokenEscape if self.encoding == Encoding::Json => vec![],
            Malformation::BrokenEscape => {
                let body = self.body(&self.fields);
                let token = self.fields.iter().find(|field| field.kind == FieldKind::Token);
                // The token stands last, so that the escape is part of it.
                let Some(token) = token else { return vec![] };
                let others: Vec<_> = self.fields.iter().filter(|field| field.name != token.name).cloned().collect();
                let others = self.body(&others);
                let last = [others.as_slice(), b"&", self.body(std::slice::from_ref(token)).as_slice()].concat();
                debug_assert_eq!(last.len(), body.len(), "the same fields in another order");
                ["%", "%zz", "%F"].map(|end| self.post([last.as_slice(), end.as_bytes()].concat())).into()
            }
            Malformation::WrongContentType => {
                vec![Malformed { content_type: "text/plain", ..self.post(self.body(&self.fields)) }]
            }
            Malformation::WrongMethod => vec![Malformed { method: Method::GET, ..self.post(self.body(&self.fields)) }],
        }
    }

    fn headers(&self, content_type: &'static str) -> HeaderMap {
        let (path, body) = (String::new(), String::new());
        IdpRequest { path, content_type, headers: self.headers.clone(), body }.header_map()
    }

    fn post(&self, body: Vec<u8>) -> Malformed {
        Malformed { method: Method::POST, content_type: self.encoding.content_type(), body }
    }

    fn body(&self, fields: &[Field]) -> Vec<u8> {
        match self.encoding {
            Encoding::Form => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for field in fields {
                    let text = field.value.as_str().map_or_else(|| field.value.to_string(), str::to_owned);
                    form.append_pair(&field.name, &text);
                }
                form.finish().into_bytes()
            }
            Encoding::Json => {
                let object: Map<_, _> = fields.iter().map(|field| (field.name.clone(), field.value.clone())).collect();
                Value::Object(object).to_string().into_bytes()
            }
        }
    }
}

impl Field {
    fn with(&self, value: String) -> Self {
        Self { value: value.into(), ..self.clone() }
    }
}

/// Stands for bytes that no text can hold.
const MARK: &str = "bytes-come-here";

/// The body with other bytes in place of a mark.
fn replaced(body: &[u8], mark: &[u8], bytes: &[u8]) -> Vec<u8> {
    match body.windows(mark.len()).position(|window| window == mark) {
        Some(at) => [&body[..at], bytes, &body[at + mark.len()..]].concat(),
        None => body.to_vec(),
    }
}
