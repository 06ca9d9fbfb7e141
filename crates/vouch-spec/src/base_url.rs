//! Base URLs of servers. Target files, load files and options all read them here, so that one text is valid or invalid everywhere.
//!
//! ```
//! use vouch_spec::base_url::BaseUrl;
//! let url: BaseUrl = "https://api.example.com:8443/v2/".parse().unwrap();
//! assert_eq!((url.host.as_str(), url.port, url.prefix.as_str()), ("api.example.com", 8443, "/v2"));
//! assert!("http://127.0.0.1:99999".parse::<BaseUrl>().is_err());
//! ```

use std::str::FromStr;
use url::{Host, ParseError, Url};

/// A parsed base URL: requests append their path to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// The scheme is `https`.
    pub tls: bool,
    /// A host name or address; IPv6 addresses are without brackets.
    pub host: String,
    pub port: u16,
    /// The path prefix, without a trailing slash.
    pub prefix: String,
}

/// Why a text is not a base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("is not a URL")]
    Form,
    #[error("has neither the scheme http nor https")]
    Scheme,
    #[error("has no host")]
    NoHost,
    #[error("has an invalid host name or address")]
    Host,
    #[error("has an invalid port; ports are 1 to 65535")]
    Port,
    #[error("contains a user name or password")]
    Credentials,
    #[error("has a query or fragment; a base URL ends with its path")]
    Query,
}

impl FromStr for BaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Form)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(UrlError::Scheme),
        };
        // The parser of browsers, which `url` is, skips further slashes and removes white space.
        if rest.is_empty() || rest.starts_with(['/', '\\', ':', '?', '#']) {
            return Err(UrlError::NoHost);
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(UrlError::Form);
        }
        let url = Url::parse(text).map_err(|error| match error {
            ParseError::InvalidPort => UrlError::Port,
            ParseError::EmptyHost => UrlError::NoHost,
            ParseError::InvalidIpv4Address
            | ParseError::InvalidIpv6Address
            | ParseError::InvalidDomainCharacter
            | ParseError::IdnaError => UrlError::Host,
            _ => UrlError::Form,
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(UrlError::Query);
        }
        let host = match url.host().ok_or(UrlError::NoHost)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(UrlError::Port)?;
        Ok(Self { tls, host, port, prefix: url.path().trim_end_matches('/').to_owned() })
    }
}

impl BaseUrl {
    /// Whether two base URLs lead to the same server.
    pub fn same_server(&self, other: &Self) -> bool {
        (self.tls, &self.host, self.port) == (other.tls, &other.host, other.port)
    }

    /// The value of the Host header.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }
}

/// Whether a text can stand behind a base URL: it begins with `/`, and has no white space and no fragment.
pub fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_parsed() {
        let base: BaseUrl = "https://[::1]:8443/a/b/".parse().expect("a URL");
        assert_eq!((base.tls, base.host.as_str(), base.port, base.prefix.as_str()), (true, "::1", 8443, "/a/b"));
        assert_eq!(base.authority(), "[::1]:8443");
        for (text, authority) in [
            ("http://localhost", "localhost"),
            ("HTTP://LocalHost:80/", "localhost"),
            ("https://api.example.com:443", "api.example.com"),
            ("http://127.0.0.1:65535", "127.0.0.1:65535"),
        ] {
            assert_eq!(text.parse::<BaseUrl>().map(|base| base.authority()).as_deref(), Ok(authority), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_base_url_is_rejected_with_its_reason() {
        for (text, why) in [
            ("not a url", UrlError::Form),
            ("localhost:80", UrlError::Form),
            ("http:/localhost", UrlError::Form),
            ("http://a b", UrlError::Form),
            ("ftp://x", UrlError::Scheme),
            ("http://", UrlError::NoHost),
            ("http:///path", UrlError::NoHost),
            ("http://:80", UrlError::NoHost),
            ("http://127.0.0.1:99999", UrlError::Port),
            ("http://127.0.0.1:0", UrlError::Port),
            ("http://127.0.0.1:-1", UrlError::Port),
            ("http://127.0.0.1:http", UrlError::Port),
            ("http://256.0.0.1", UrlError::Host),
            ("http://[::1", UrlError::Host),
            ("http://ada:secret@example.com", UrlError::Credentials),
            ("http://example.com/?a=b", UrlError::Query),
            ("http://example.com/#top", UrlError::Query),
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_path_begins_with_a_slash_and_has_no_fragment() {
        assert!(is_path("/a/b?c=d") && is_path("/"));
        assert!(!is_path("a") && !is_path("/a b") && !is_path("/a#b") && !is_path(""));
    }
}
