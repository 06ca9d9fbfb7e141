//! The target of a load: its hosts, its credentials, and a request template for every call.

use super::request_template::{Placeholder, RequestTemplate};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::{fmt, io};
use vouch_runner::sut::{Credential, TokenCall};
use vouch_spec::base_url::{BaseUrl, UrlError};
use vouch_spec::profile::{self, Profile};
use vouch_spec::protocol::Realm;

/// A kind of HTTP call that a load makes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum LoadCall {
    /// Creates a user with the team's API key.
    CreateUser,
    /// Requests a sign-in token, through the backend or with the team's API key.
    Issue,
    Exchange,
    Refresh,
    /// Reads the user's own record with the access token.
    Resource,
    /// Deletes a user with the team's API key.
    DeleteUser,
}

impl LoadCall {
    pub const ALL: [LoadCall; 6] = [
        LoadCall::CreateUser,
        LoadCall::Issue,
        LoadCall::Exchange,
        LoadCall::Refresh,
        LoadCall::Resource,
        LoadCall::DeleteUser,
    ];

    /// The name in load files and reports.
    pub fn name(self) -> &'static str {
        match self {
            LoadCall::CreateUser => "createUser",
            LoadCall::Issue => "issue",
            LoadCall::Exchange => "exchange",
            LoadCall::Refresh => "refresh",
            LoadCall::Resource => "resource",
            LoadCall::DeleteUser => "deleteUser",
        }
    }
}

impl fmt::Display for LoadCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<profile::IdpCall> for LoadCall {
    fn from(call: profile::IdpCall) -> Self {
        match call {
            profile::IdpCall::Exchange => LoadCall::Exchange,
            profile::IdpCall::Refresh => LoadCall::Refresh,
        }
    }
}

/// A load target that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadTargetError {
    #[error("`{url}` {problem}; write for example `https://api.example.com`")]
    Url { url: String, problem: UrlError },
    #[error("cannot resolve the host {host}: {cause}")]
    Resolve { host: String, cause: io::Error },
    #[error("the host {0} has no address")]
    NoAddress(String),
}

/// A server to connect to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub base: BaseUrl,
    pub address: SocketAddr,
    /// The value of the Host header.
    pub authority: String,
}

impl Endpoint {
    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.base.tls { "https" } else { "http" }, self.authority)
    }
}

/// A backend that issues sign-in tokens.
#[derive(Clone, Debug)]
pub struct TokenIssuer {
    pub base: BaseUrl,
    pub call: TokenCall,
}

/// The parts of a [`LoadTarget`].
pub struct LoadTargetParts<'a> {
    pub realm: Realm,
    pub profile: Arc<Profile>,
    pub api: &'a str,
    pub auth: &'a str,
    pub api_key: &'a str,
    pub issuer: Option<TokenIssuer>,
}

/// One realm under load. It holds secrets, so it does not implement `Debug`.
pub struct LoadTarget {
    pub realm: Realm,
    pub profile: Arc<Profile>,
    pub endpoints: Vec<Endpoint>,
    templates: [(usize, RequestTemplate); 6],
    /// The team's key, which no report shows.
    pub api_key: String,
    /// Sign-in tokens are requested from a backend.
    pub uses_backend: bool,
}

impl LoadTarget {
    /// Resolves the hosts and builds the request templates.
    pub fn new(parts: LoadTargetParts<'_>) -> Result<Self, LoadTargetError> {
        let (api, auth) = (parse_url(parts.api)?, parse_url(parts.auth)?);
        let mut endpoints: Vec<Endpoint> = Vec::new();
        let mut endpoint = |base: &BaseUrl| -> Result<usize, LoadTargetError> {
            if let Some(known) = endpoints.iter().position(|known| known.base.same_server(base)) {
                return Ok(known);
            }
            let (address, authority) = (resolve_address(base)?, base.authority());
            endpoints.push(Endpoint { base: base.clone(), address, authority });
            Ok(endpoints.len() - 1)
        };
        let (to_api, to_auth) = (endpoint(&api)?, endpoint(&auth)?);
        let key = [("x-vital-api-key", parts.api_key)];
        let bearer = format!("Bearer {}", Placeholder::AccessToken.marker());
        let user = format!("{}/v2/user/{}", api.prefix, Placeholder::User.marker());
        let create = format!("{{\"client_user_id\":\"{}\"}}", Placeholder::User.marker());
        let issue = match &parts.issuer {
            None => (to_api, RequestTemplate::new("POST", &format!("{user}/sign_in_token"), &key, None)),
            Some(issuer) => (endpoint(&issuer.base)?, backend_template(issuer)),
        };
        let grant = |call| RequestTemplate::grant(&parts.profile, call, &auth.prefix);
        let templates = [
            (to_api, RequestTemplate::new("POST", &format!("{}/v2/user", api.prefix), &key, Some(&create))),
            issue,
            (to_auth, grant(profile::IdpCall::Exchange)),
            (to_auth, grant(profile::IdpCall::Refresh)),
            (to_api, RequestTemplate::new("GET", &user, &[("authorization", &bearer)], None)),
            (to_api, RequestTemplate::new("DELETE", &user, &key, None)),
        ];
        let uses_backend = parts.issuer.is_some();
        Ok(Self {
            realm: parts.realm,
            profile: parts.profile,
            endpoints,
            templates,
            api_key: parts.api_key.to_owned(),
            uses_backend,
        })
    }

    /// The endpoint index and the request template of a call.
    pub fn template(&self, call: LoadCall) -> (usize, &RequestTemplate) {
        let (endpoint, template) = &self.templates[call as usize];
        (*endpoint, template)
    }
}

/// Parses the base URL of a target.
pub(super) fn parse_url(url: &str) -> Result<BaseUrl, LoadTargetError> {
    url.parse().map_err(|problem| LoadTargetError::Url { url: url.to_owned(), problem })
}

fn backend_template(issuer: &TokenIssuer) -> RequestTemplate {
    let call = issuer.call.call(Credential::This(Placeholder::Credential.marker()), Placeholder::User.marker());
    let method = match call.method {
        hyper::Method::GET => "GET",
        hyper::Method::PUT => "PUT",
        hyper::Method::PATCH => "PATCH",
        _ => "POST",
    };
    let fields: Vec<_> = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = call.body.map(|body| body.to_string());
    RequestTemplate::new(method, &format!("{}{}", issuer.base.prefix, call.path), &fields, body.as_deref())
}

fn resolve_address(base: &BaseUrl) -> Result<SocketAddr, LoadTargetError> {
    let found = (base.host.as_str(), base.port).to_socket_addrs();
    let found = found.map_err(|cause| LoadTargetError::Resolve { host: base.host.clone(), cause })?;
    // IPv4 first: servers on `localhost` often listen on IPv4 only.
    let mut all: Vec<_> = found.collect();
    all.sort_by_key(SocketAddr::is_ipv6);
    all.first().copied().ok_or_else(|| LoadTargetError::NoAddress(base.host.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_found_by_their_call() {
        let parts = LoadTargetParts {
            realm: Realm {
                environment: vouch_spec::protocol::Environment::Production,
                region: vouch_spec::protocol::Region::Us,
            },
            profile: Profile::junction(),
            api: "http://127.0.0.1:1/api",
            auth: "http://127.0.0.1:2/auth",
            api_key: "k",
            issuer: None,
        };
        let load_target = LoadTarget::new(parts).expect("a load target");
        let mut buffer = super::super::request_template::RequestBuffer::default();
        let expected = [
            "/api/v2/user",
            "/api/v2/user/ada/sign_in_token",
            "/auth/v1/token",
            "/auth/v1/token",
            "/api/v2/user/ada",
            "/api/v2/user/ada",
        ];
        for (call, path) in LoadCall::ALL.into_iter().zip(expected) {
            let (endpoint, template) = load_target.template(call);
            template.fill(|_| "ada", &mut buffer);
            assert_eq!(String::from_utf8_lossy(&buffer.path), path, "{call}");
            assert_eq!(endpoint, usize::from(path.starts_with("/auth")), "{call}");
        }
    }
}
