//! Hosts that the proxy passes on.

use std::str::FromStr;

/// A host that is passed on without a look into it: `HOST`, `HOST:PORT`, or `*.DOMAIN` for the names below a domain. Without
/// a port, 443.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedHost {
    /// In lower case; of a domain, with the dot before it.
    name: String,
    below: bool,
    port: u16,
}

impl PassedHost {
    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let fits = if self.below { host.ends_with(&self.name) } else { host == self.name };
        fits && port == self.port
    }
}

impl FromStr for PassedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a host; write for example example.com, example.com:8443 or *.example.com");
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, port.parse().map_err(|_| wrong())?),
            None => (text, 443),
        };
        let (name, below) = match name.strip_prefix('*') {
            Some(domain) if domain.starts_with('.') => (domain, true),
            Some(_) => return Err(wrong()),
            None => (name, false),
        };
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if !name.trim_start_matches('.').split('.').all(is_label) {
            return Err(wrong());
        }
        Ok(Self { name: name.to_ascii_lowercase(), below, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_covered_by_name_domain_and_port() {
        let of = |text: &str| text.parse::<PassedHost>().expect("a host");
        assert!(of("Example.com").covers("example.COM.", 443) && !of("example.com").covers("example.com", 80));
        assert!(of("127.0.0.1:8443").covers("127.0.0.1", 8443));
        assert!(of("*.example.com").covers("a.b.example.com", 443));
        assert!(!of("*.example.com").covers("example.com", 443) && !of("*.example.com").covers("badexample.com", 443));
        for wrong in ["", "https://example.com", "*example.com", "*", "a..b", "example.com:x", "example.com:99999"] {
            assert!(wrong.parse::<PassedHost>().is_err(), "{wrong}");
        }
    }
}
