//! The discovery document of an identity provider: where its token endpoint and its public keys are. Source: RFC 8414, and `OpenID`
//! Connect Discovery 1.0.

use super::super::http::{HttpCall, HttpError};
use super::ExternalCloud;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;
use vouch_sim::wire::{TlsConfig, client_over};
use vouch_spec::profile::Profile;

/// The longest that a document may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a discovery document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// The URL of the document.
    pub document: String,
    pub token_endpoint: String,
    /// The URL of the JWK Set with the public keys.
    pub jwks: Option<String>,
    /// What stands before the paths of the wire profile.
    auth: String,
}

impl Discovered {
    /// Whether the token endpoint is at another host or port than the document.
    pub fn is_elsewhere(&self) -> bool {
        let origin = |url: &str| Url::parse(url).map(|url| url.origin()).ok();
        origin(&self.document) != origin(&self.token_endpoint)
    }
}

/// Why a discovery document is of no use.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    #[error("cannot read the discovery document {url}: {error}; correct `discovery` of [cloud]")]
    NoAnswer { url: String, error: HttpError },
    #[error("cannot read the discovery document {url}: no HTTP client: {why}")]
    NoClient { url: String, why: String },
    #[error("{url} answers with status {status}, not with a discovery document; correct `discovery` of [cloud]")]
    Status { url: String, status: u16 },
    #[error("{0} is not a discovery document: it is not a JSON object with texts for `token_endpoint` and `jwks_uri`")]
    NotADocument(String),
    #[error(
        "the discovery document {0} has no `token_endpoint`; leave out `discovery`, and write the path of the token endpoint in the mapping"
    )]
    NoTokenEndpoint(String),
    #[error("the `{field}` of the discovery document {url} is not an http or https URL without user and fragment")]
    NotAUrl { url: String, field: &'static str },
    #[error("the discovery document {url} is read over https and names {endpoint}, which is not")]
    NotEncrypted { url: String, endpoint: String },
    #[error(
        "the discovery document {url} is that of the issuer {expected} and says that its issuer is {issuer}: it must not be used (RFC 8414 section 3.3). Correct `discovery`, or leave it out and write the paths in the mapping"
    )]
    OtherIssuer { url: String, expected: String, issuer: String },
    #[error(
        "the token endpoint {endpoint} of the discovery document {url} does not end with `{path}`, the path of the wire profile: write the end of its path there; a query belongs in `query` of the mapping, without `discovery`"
    )]
    OtherPath { url: String, endpoint: String, path: String },
    #[error(
        "a discovery document names one token endpoint; the wire profile has the paths `{0}` and `{1}`: leave out `discovery`"
    )]
    TwoPaths(String, String),
}

/// The fields that are read.
#[derive(Deserialize)]
struct Document {
    issuer: Option<String>,
    token_endpoint: Option<String>,
    jwks_uri: Option<String>,
}

impl ExternalCloud {
    /// Reads the discovery documents that the target file names, and uses what they say: the token endpoints from now on, and
    /// the public keys where the target file does not say where they are.
    ///
    /// # Errors
    /// If one cannot be read, or cannot be used with this wire profile.
    pub async fn discover(&mut self, profile: &Profile) -> Result<Vec<Discovered>, DiscoveryError> {
        let Some(place) = self.spec.discovery.as_ref().map(|place| self.fill(place)) else { return Ok(vec![]) };
        let mut known: BTreeMap<String, Discovered> = BTreeMap::new();
        for realm in self.realms.values_mut() {
            let url = if place.starts_with('/') { format!("{}{place}", realm.auth) } else { place.clone() };
            let found = match known.get(&url) {
                Some(found) => found.clone(),
                None => read(&url, profile, self.tls.as_ref()).await?,
            };
            realm.auth.clone_from(&found.auth);
            if let Some(jwks) = found.jwks.as_ref().filter(|_| self.spec.jwks.is_none()) {
                realm.jwks.clone_from(jwks);
            }
            known.insert(url, found);
        }
        Ok(known.into_values().collect())
    }
}

async fn read(url: &str, profile: &Profile, tls: Option<&TlsConfig>) -> Result<Discovered, DiscoveryError> {
    let client = client_over(url, TIMEOUT, tls)
        .map_err(|error| DiscoveryError::NoClient { url: url.to_owned(), why: error.to_string() })?;
    let reply = HttpCall::get("").send(&client, url, TIMEOUT).await;
    let reply = reply.map_err(|error| DiscoveryError::NoAnswer { url: url.to_owned(), error })?;
    if reply.status != 200 {
        return Err(DiscoveryError::Status { url: url.to_owned(), status: reply.status });
    }
    interpret(url, &reply.body, profile)
}

fn interpret(url: &str, body: &[u8], profile: &Profile) -> Result<Discovered, DiscoveryError> {
    let not_a_document = |_| DiscoveryError::NotADocument(url.to_owned());
    let document: Document = serde_json::from_slice(body).map_err(not_a_document)?;
    check_issuer(url, document.issuer.as_deref())?;
    let endpoint = document.token_endpoint.ok_or_else(|| DiscoveryError::NoTokenEndpoint(url.to_owned()))?;
    let endpoint = named_url(url, "token_endpoint", &endpoint)?;
    let jwks = document.jwks_uri.map(|jwks| named_url(url, "jwks_uri", &jwks)).transpose()?;
    let (path, other) = (&profile.exchange.path, &profile.refresh.path);
    if path != other {
        return Err(DiscoveryError::TwoPaths(path.clone(), other.clone()));
    }
    let auth = endpoint.strip_suffix(path.as_str()).map(str::to_owned).ok_or_else(|| DiscoveryError::OtherPath {
        url: url.to_owned(),
        endpoint: endpoint.clone(),
        path: path.clone(),
    })?;
    Ok(Discovered { document: url.to_owned(), token_endpoint: endpoint, jwks, auth })
}

/// A URL of a document. What is read over https must not lead to http.
fn named_url(document: &str, field: &'static str, text: &str) -> Result<String, DiscoveryError> {
    let parsed = Url::parse(text).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        plain && url.has_host() && matches!(url.scheme(), "http" | "https")
    });
    let found = parsed.ok_or_else(|| DiscoveryError::NotAUrl { url: document.to_owned(), field })?;
    if document.starts_with("https:") && found.scheme() != "https" {
        return Err(DiscoveryError::NotEncrypted { url: document.to_owned(), endpoint: found.into() });
    }
    Ok(found.into())
}

/// The issuer must be the one whose document was asked for. A document at another place than a well-known one is not compared,
/// nor is one that does not say its issuer.
fn check_issuer(url: &str, issuer: Option<&str>) -> Result<(), DiscoveryError> {
    let (Some(expected), Some(issuer)) = (Url::parse(url).ok().and_then(|url| issuer_of(&url)), issuer) else {
        return Ok(());
    };
    let issuer = Url::parse(issuer).map_or_else(|_| "no URL".to_owned(), String::from);
    // A slash at the end is left out before the well-known path is added (OpenID Connect Discovery section 4.1).
    if issuer.trim_end_matches('/') == expected.trim_end_matches('/') {
        return Ok(());
    }
    Err(DiscoveryError::OtherIssuer { url: url.to_owned(), expected, issuer })
}

/// The issuer of a document at a well-known place: `OpenID` Connect adds the place to the path of the issuer, RFC 8414 section 3.1
/// puts it before the path.
fn issuer_of(url: &Url) -> Option<String> {
    let (before, rest) = url.path().split_once("/.well-known/")?;
    let (name, after) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let is_known = ["openid-configuration", "oauth-authorization-server"].contains(&name);
    if !is_known || (!before.is_empty() && !after.is_empty()) {
        return None;
    }
    let mut issuer = url.clone();
    issuer.set_query(None);
    issuer.set_path(&format!("{before}{after}"));
    Some(issuer.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENID: &str = "https://id.example/acme/.well-known/openid-configuration";

    fn refused(url: &str, document: &str) -> String {
        match interpret(url, document.as_bytes(), &Profile::junction()) {
            Ok(found) => panic!("{found:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_token_endpoint_gives_the_base_of_the_wire_profile_also_at_another_host() {
        let document = r#"{
            "issuer": "https://id.example/acme/", "token_endpoint": "https://tokens.example/t-1/v1/token",
            "jwks_uri": "https://id.example/acme/keys", "scopes_supported": ["openid"]
        }"#;
        let found = interpret(OPENID, document.as_bytes(), &Profile::junction()).expect("a document");
        assert_eq!(found.auth, "https://tokens.example/t-1");
        assert_eq!(found.jwks.as_deref(), Some("https://id.example/acme/keys"));
        assert!(found.is_elsewhere());
    }

    #[test]
    fn each_fault_of_a_document_is_named() {
        let same = r#""issuer": "https://id.example/acme""#;
        for (document, part) in [
            ("<html>".to_owned(), "is not a discovery document"),
            ("[]".to_owned(), "is not a discovery document"),
            (format!("{{{same}, \"token_endpoint\": 7}}"), "is not a discovery document"),
            (format!("{{{same}}}"), "has no `token_endpoint`"),
            (format!("{{{same}, \"token_endpoint\": \"/v1/token\"}}"), "`token_endpoint`"),
            (format!("{{{same}, \"token_endpoint\": \"http://id.example/v1/token\"}}"), "read over https and names"),
            (format!("{{{same}, \"token_endpoint\": \"https://id.example/oauth\"}}"), "does not end with `/v1/token`"),
            (format!("{{{same}, \"token_endpoint\": \"https://id.example/v1/token?p=1\"}}"), "a query belongs"),
            (
                format!("{{{same}, \"token_endpoint\": \"https://id.example/v1/token\", \"jwks_uri\": \"keys\"}}"),
                "`jwks_uri`",
            ),
            ("{\"issuer\": \"https://id.example/other\"}".to_owned(), "RFC 8414 section 3.3"),
        ] {
            let said = refused(OPENID, &document);
            assert!(said.contains(part) && said.contains(OPENID), "{document}: {said}");
        }
        let two = interpret(OPENID, br#"{"token_endpoint": "https://id.example/v1/token"}"#, &Profile::gcip());
        assert!(two.is_err_and(|error| error.to_string().contains("one token endpoint")));
    }

    #[test]
    fn the_issuer_follows_from_a_well_known_place() {
        let issuer = |url: &str| issuer_of(&Url::parse(url).expect("a URL"));
        let acme = Some("https://id.example/acme".to_owned());
        assert_eq!(issuer(OPENID), acme);
        assert_eq!(issuer("https://id.example/.well-known/oauth-authorization-server/acme"), acme);
        assert_eq!(issuer("https://id.example/.well-known/openid-configuration"), Some("https://id.example/".into()));
        assert_eq!(issuer("https://id.example/metadata.json"), None);
    }
}
