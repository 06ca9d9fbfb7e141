//! The OAuth client that sends the requests of a profile, and how it authenticates (RFC 6749 section 2.3).

use super::{IdpCall, Profile};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use std::fmt;

/// An OAuth client, registered at the identity provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OauthClient {
    pub id: String,
    /// Its secret. A public client has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<ClientSecret>,
    /// In place of `secret`: the environment variable of Vouch that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_env: Option<String>,
}

/// The secret of an OAuth client. It can be sent, but neither printed nor written into a file.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ClientSecret(String);

impl ClientSecret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What stands for a client secret where it must not be shown.
const HIDDEN: &str = "[client secret]";

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for ClientSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// User and password of HTTP Basic. Each is form-encoded before Base64 (RFC 6749 section 2.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// Usually `$clientId`.
    pub user: String,
    /// Usually `$clientSecret`; empty for a public client.
    pub password: String,
}

/// Why a header cannot be in a mapping, or None if it can.
pub(super) fn reserved(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "content-type" => Some("follows from `encoding`"),
        "host" | "content-length" | "transfer-encoding" | "connection" | "upgrade" | "te" | "trailer" | "expect" => {
            Some("is made by the HTTP client")
        }
        _ => None,
    }
}

impl Profile {
    /// What `$clientId` or `$clientSecret` stands for; empty where the mapping does not say.
    pub fn client_value(&self, placeholder: &str) -> Option<&str> {
        let client = self.client.as_ref();
        match placeholder {
            "$clientId" => Some(client.map(|client| client.id.as_str()).unwrap_or_default()),
            "$clientSecret" => {
                Some(client.and_then(|client| client.secret.as_ref()).map(ClientSecret::expose).unwrap_or_default())
            }
            _ => None,
        }
    }

    /// A text in which `$clientId` and `$clientSecret` are replaced, wherever they stand.
    fn with_client(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for placeholder in ["$clientId", "$clientSecret"] {
            if out.contains(placeholder) {
                out = out.replace(placeholder, self.client_value(placeholder).unwrap_or_default());
            }
        }
        out
    }

    /// The headers of a call, without its content type.
    pub fn headers(&self, call: IdpCall) -> Vec<(String, String)> {
        let shape = self.shape(call);
        let written = shape.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), self.with_client(value)));
        let basic = shape.basic_auth.as_ref().map(|basic| {
            let (user, password) = (self.with_client(&basic.user), self.with_client(&basic.password));
            (AUTHORIZATION.as_str().to_owned(), format!("Basic {}", credentials(&user, &password)))
        });
        written.chain(basic).collect()
    }

    /// Whether the headers are those that a call must have.
    pub(super) fn has_headers(&self, call: IdpCall, headers: &HeaderMap) -> HeaderCheck {
        let shape = self.shape(call);
        let sent = |name: &str| headers.get_all(name).into_iter().collect::<Vec<_>>();
        if let Some(basic) = &shape.basic_auth {
            let wanted = (self.with_client(&basic.user), self.with_client(&basic.password));
            let got = sent(AUTHORIZATION.as_str());
            let [one] = got.as_slice() else { return HeaderCheck::WrongClient };
            if one.to_str().ok().and_then(read_credentials) != Some(wanted) {
                return HeaderCheck::WrongClient;
            }
        }
        for (name, template) in &shape.headers {
            let wanted = self.with_client(template);
            if !sent(name).iter().any(|value| value.as_bytes() == wanted.trim().as_bytes()) {
                let is_client = name.eq_ignore_ascii_case("authorization") || template.contains("$client");
                return if is_client { HeaderCheck::WrongClient } else { HeaderCheck::Wrong };
            }
        }
        HeaderCheck::Right
    }

    /// The texts of this profile that no report may show, the client secret first.
    pub fn secret_texts(&self) -> Vec<String> {
        let secret = self.client.as_ref().and_then(|client| client.secret.as_ref()).map(ClientSecret::expose);
        let mut texts: Vec<String> = secret.map(str::to_owned).into_iter().collect();
        texts.extend(secret.map(form_encoded));
        for call in [IdpCall::Exchange, IdpCall::Refresh] {
            for (_, value) in self.headers(call).into_iter().filter(|(name, _)| name == AUTHORIZATION.as_str()) {
                texts.push(value.split_once(' ').map_or(value.as_str(), |(_, credential)| credential).to_owned());
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        texts.retain(|text| !text.is_empty() && seen.insert(text.clone()));
        texts
    }

    /// The mapping as an SDK gets it in `start`: with the client secret, which the server behind it wants.
    pub fn for_sdk(&self) -> Option<Value> {
        let mut mapping = serde_json::to_value(self).ok()?;
        let secret = self.client.as_ref().and_then(|client| client.secret.as_ref());
        if let (Some(secret), Some(place)) = (secret, mapping.pointer_mut("/client/secret")) {
            *place = secret.expose().into();
        }
        Some(mapping)
    }

    /// The profile as the beginning of a target file: its name or its mapping, which has the client secret. The file must be
    /// for its owner alone.
    pub fn target_file(&self) -> String {
        let is_built_in = Self::built_in(&self.name).is_some_and(|known| *known == *self);
        let mapping = if is_built_in { None } else { self.for_sdk() };
        let text = mapping.map(|mapping| toml::to_string(&json!({ "profile": "custom", "custom": mapping })));
        text.and_then(Result::ok).unwrap_or_else(|| format!("profile = {:?}\n", self.name))
    }
}

/// What the headers of a request are to a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderCheck {
    Right,
    /// A header is missing, or has another value.
    Wrong,
    /// The client does not authenticate as it must.
    WrongClient,
}

fn form_encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// The credentials of HTTP Basic (RFC 7617), as RFC 6749 section 2.3.1 has them made.
fn credentials(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{}:{}", form_encoded(user), form_encoded(password)))
}

/// User and password of a value of `Authorization`. Schemes know no letter case (RFC 9110 section 11.1).
fn read_credentials(value: &str) -> Option<(String, String)> {
    let (scheme, credentials) = value.trim().split_once(' ')?;
    let bytes = STANDARD.decode(credentials.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    let decoded = |text: &str| {
        let form = format!("value={}", text.replace('&', "%26"));
        form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((decoded(user)?, decoded(password)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{RequestMismatch, RequestValues};
    use std::sync::Arc;

    fn with_basic(id: &str, secret: &str) -> Profile {
        let mut profile = Arc::unwrap_or_clone(Profile::junction());
        profile.client = Some(OauthClient { id: id.into(), secret: Some(ClientSecret::new(secret)), secret_env: None });
        let basic = BasicAuth { user: "$clientId".into(), password: "$clientSecret".into() };
        profile.refresh.basic_auth = Some(basic);
        profile.refresh.headers.insert("X-Api-Version".into(), "2".into());
        profile
    }

    #[test]
    fn id_and_secret_are_form_encoded_before_base64() {
        let profile = with_basic("a:b c", "p%+/=&\u{e4}");
        let headers = profile.headers(IdpCall::Refresh);
        let expected = STANDARD.encode("a%3Ab+c:p%25%2B%2F%3D%26%C3%A4");
        assert_eq!(headers[1], ("authorization".to_owned(), format!("Basic {expected}")));
        assert_eq!(headers[0], ("x-api-version".to_owned(), "2".to_owned()));
        assert!(profile.headers(IdpCall::Exchange).is_empty());
        let read = read_credentials(&format!("bAsIc  {expected}"));
        assert_eq!(read, Some(("a:b c".into(), "p%+/=&\u{e4}".into())));
    }

    #[test]
    fn a_request_without_the_right_headers_does_not_fit() {
        let profile = with_basic("app", "s3cr3t-of-the-app");
        let request = profile.request(IdpCall::Refresh, &RequestValues { refresh_token: "r", ..Default::default() });
        let check = |headers: &HeaderMap| profile.mismatch(IdpCall::Refresh, headers, request.body.as_bytes());
        let right = request.header_map();
        assert_eq!(check(&right), None);
        for wrong in ["Basic YXBwOndyb25n", "Bearer x", "Basic ???", "Basic"] {
            let mut headers = right.clone();
            headers.insert(AUTHORIZATION, wrong.parse().expect("a value"));
            assert_eq!(check(&headers), Some(RequestMismatch::Client), "{wrong}");
        }
        let mut headers = right.clone();
        headers.append(AUTHORIZATION, "Bearer x".parse().expect("a value"));
        assert_eq!(check(&headers), Some(RequestMismatch::Client), "two credentials");
        headers.remove(AUTHORIZATION);
        assert_eq!(check(&headers), Some(RequestMismatch::Client));
        let mut headers = right.clone();
        headers.insert("x-api-version", "3".parse().expect("a value"));
        assert_eq!(check(&headers), Some(RequestMismatch::Header));
        // A client may encode more than it must, and send more headers.
        let mut headers = right;
        let lavish = STANDARD.encode("%61pp:s3cr3t%2Dof%2dthe-app");
        headers.insert(AUTHORIZATION, format!("basic {lavish}").parse().expect("a value"));
        headers.insert("x-more", "1".parse().expect("a value"));
        assert_eq!(check(&headers), None);
    }

    #[test]
    fn the_secret_is_sent_and_never_printed_or_written() {
        let profile = with_basic("app", "s3cr3t/of");
        let printed = format!("{profile:?} {}", serde_json::to_string(&profile).expect("JSON"));
        assert!(!printed.contains("s3cr3t") && printed.contains(HIDDEN), "{printed}");
        assert_eq!(profile.for_sdk().expect("JSON")["client"]["secret"], "s3cr3t/of");
        let basic = STANDARD.encode("app:s3cr3t%2Fof");
        assert_eq!(profile.secret_texts(), ["s3cr3t/of".to_owned(), "s3cr3t%2Fof".into(), basic]);
        assert!(Profile::junction().secret_texts().is_empty());
    }
}
