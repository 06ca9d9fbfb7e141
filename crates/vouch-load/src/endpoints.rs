//! Where the load goes: hosts, credentials and the requests of every call, ready but for tokens and users.

use super::request_template::{Slot, Template};
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use vouch_runner::sut::{Credential, TokenCall};
use vouch_spec::profile::{self, Profile};
use vouch_spec::protocol::Realm;

/// A call that a load makes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum LoadCall {
    /// A new user, by the team's API key.
    CreateUser,
    /// A sign-in token, through the backend on the role, or by the team's API key.
    Issue,
    Exchange,
    Refresh,
    /// The user's own record, with the access token.
    Resource,
    /// Takes a user away again, by the team's API key.
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

    pub fn word(self) -> &'static str {
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
        f.write_str(self.word())
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

/// A base URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub tls: bool,
    /// Without brackets.
    pub host: String,
    pub port: u16,
    /// Without a slash at its end.
    pub prefix: String,
}

impl Base {
    /// Reads an `http` or `https` URL.
    pub fn parse(url: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{url}` {what}; write for example `https://api.example.com`");
        let uri: hyper::Uri = url.parse().map_err(|_| wrong("is no URL"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("has no scheme that is known")),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("names no host"))?;
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { tls, host: host.trim_matches(['[', ']']).to_owned(), port, prefix })
    }

    fn same_server(&self, other: &Base) -> bool {
        (self.tls, &self.host, self.port) == (other.tls, &other.host, other.port)
    }

    /// What the Host header says.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }
}

/// A server to connect to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub base: Base,
    pub address: SocketAddr,
    /// What the Host header says.
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
pub struct Issuer {
    pub base: Base,
    pub call: TokenCall,
}

/// What a site is made of.
pub struct SiteParts<'a> {
    pub realm: Realm,
    pub profile: Arc<Profile>,
    pub api: &'a str,
    pub auth: &'a str,
    pub api_key: &'a str,
    pub issuer: Option<Issuer>,
}

/// One realm under load. No part of it prints a secret.
pub struct Site {
    pub realm: Realm,
    pub profile: Arc<Profile>,
    pub endpoints: Vec<Endpoint>,
    templates: [(usize, Template); 6],
    /// Sign-in tokens come from a backend.
    pub through_backend: bool,
}

impl Site {
    /// Looks the hosts up and makes the requests ready.
    pub fn new(parts: SiteParts<'_>) -> Result<Self, String> {
        let (api, auth) = (Base::parse(parts.api)?, Base::parse(parts.auth)?);
        let mut endpoints: Vec<Endpoint> = Vec::new();
        let mut endpoint = |base: &Base| -> Result<usize, String> {
            if let Some(known) = endpoints.iter().position(|known| known.base.same_server(base)) {
                return Ok(known);
            }
            let (address, authority) = (look_up(base)?, base.authority());
            endpoints.push(Endpoint { base: base.clone(), address, authority });
            Ok(endpoints.len() - 1)
        };
        let (to_api, to_auth) = (endpoint(&api)?, endpoint(&auth)?);
        let key = [("x-vital-api-key", parts.api_key)];
        let bearer = format!("Bearer {}", Slot::AccessToken.mark());
        let user = format!("{}/v2/user/{}", api.prefix, Slot::User.mark());
        let create = format!("{{\"client_user_id\":\"{}\"}}", Slot::User.mark());
        let issue = match &parts.issuer {
            None => (to_api, Template::new("POST", &format!("{user}/sign_in_token"), &key, None)),
            Some(issuer) => (endpoint(&issuer.base)?, through(issuer)),
        };
        let grant = |call| Template::grant(&parts.profile, call, &auth.prefix);
        let templates = [
            (to_api, Template::new("POST", &format!("{}/v2/user", api.prefix), &key, Some(&create))),
            issue,
            (to_auth, grant(profile::IdpCall::Exchange)),
            (to_auth, grant(profile::IdpCall::Refresh)),
            (to_api, Template::new("GET", &user, &[("authorization", &bearer)], None)),
            (to_api, Template::new("DELETE", &user, &key, None)),
        ];
        let through_backend = parts.issuer.is_some();
        Ok(Self { realm: parts.realm, profile: parts.profile, endpoints, templates, through_backend })
    }

    /// The endpoint and request of a call.
    pub fn template(&self, call: LoadCall) -> (usize, &Template) {
        let (endpoint, template) = &self.templates[call as usize];
        (*endpoint, template)
    }
}

fn through(issuer: &Issuer) -> Template {
    let call = issuer.call.call(Credential::This(Slot::Credential.mark()), Slot::User.mark());
    let method = match call.method {
        hyper::Method::GET => "GET",
        hyper::Method::PUT => "PUT",
        hyper::Method::PATCH => "PATCH",
        _ => "POST",
    };
    let fields: Vec<_> = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = call.body.map(|body| body.to_string());
    Template::new(method, &format!("{}{}", issuer.base.prefix, call.path), &fields, body.as_deref())
}

fn look_up(base: &Base) -> Result<SocketAddr, String> {
    let found = (base.host.as_str(), base.port).to_socket_addrs();
    let found = found.map_err(|error| format!("cannot find the host {}: {error}", base.host))?;
    // IPv4 first: what listens on `localhost` often does so there only.
    let mut all: Vec<_> = found.collect();
    all.sort_by_key(SocketAddr::is_ipv6);
    all.first().copied().ok_or_else(|| format!("the host {} has no address", base.host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_taken_apart_or_refused() {
        let base = Base::parse("https://[::1]:8443/a/b/").expect("a URL");
        assert_eq!((base.tls, base.host.as_str(), base.port, base.prefix.as_str()), (true, "::1", 8443, "/a/b"));
        assert_eq!(base.authority(), "[::1]:8443");
        assert_eq!(Base::parse("http://localhost").map(|base| base.authority()).as_deref(), Ok("localhost"));
        for url in ["ftp://x", "localhost:80", "http://", "not a url"] {
            assert!(Base::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn templates_are_found_by_their_call() {
        let parts = SiteParts {
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
        let site = Site::new(parts).expect("a site");
        let mut draft = super::super::request_template::Draft::default();
        let expected = [
            "/api/v2/user",
            "/api/v2/user/ada/sign_in_token",
            "/auth/v1/token",
            "/auth/v1/token",
            "/api/v2/user/ada",
            "/api/v2/user/ada",
        ];
        for (call, path) in LoadCall::ALL.into_iter().zip(expected) {
            let (endpoint, template) = site.template(call);
            template.fill(|_| "ada", &mut draft);
            assert_eq!(String::from_utf8_lossy(&draft.path), path, "{call}");
            assert_eq!(endpoint, usize::from(path.starts_with("/auth")), "{call}");
        }
    }
}
