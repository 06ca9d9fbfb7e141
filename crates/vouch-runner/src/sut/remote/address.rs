//! The address that Vouch connects to: `tcp://HOST:PORT`, `ws://HOST:PORT/PATH` or `http://HOST:PORT/PATH`.

use super::http_messages;
use super::streams::Streams;
use super::web_socket;
use std::str::FromStr;
use std::time::Duration;
use tokio::net::TcpStream;
use vouch_spec::base_url::{BaseUrl, UrlError};

/// The longest time that one try to connect takes.
const ATTEMPT: Duration = Duration::from_secs(5);

/// How the lines of the protocol travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Tcp,
    WebSocket,
    Http,
}

/// A parsed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectAddress {
    scheme: Scheme,
    base: BaseUrl,
}

/// Why a text is no address to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("has none of the schemes tcp, ws and http")]
    Scheme,
    #[error("has a path, which tcp does not know")]
    Path,
    #[error("has no port")]
    NoPort,
    #[error(transparent)]
    Url(#[from] UrlError),
}

impl FromStr for ConnectAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (word, rest) = text.split_once("://").ok_or(UrlError::Form)?;
        let scheme = match word {
            "tcp" => Scheme::Tcp,
            "ws" => Scheme::WebSocket,
            "http" => Scheme::Http,
            _ => return Err(AddressError::Scheme),
        };
        let base: BaseUrl = format!("http://{rest}").parse()?;
        let authority = rest.split('/').next().unwrap_or_default();
        let last = authority.rsplit(']').next().unwrap_or_default();
        if scheme == Scheme::Tcp && !last.contains(':') {
            return Err(AddressError::NoPort);
        }
        if scheme == Scheme::Tcp && !base.prefix.is_empty() {
            return Err(AddressError::Path);
        }
        Ok(Self { scheme, base })
    }
}

impl ConnectAddress {
    /// Its port.
    pub(super) fn port(&self) -> u16 {
        self.base.port
    }

    /// Connects once.
    pub async fn connect(&self) -> Result<Streams, std::io::Error> {
        let attempt = async {
            let stream = TcpStream::connect((self.base.host.as_str(), self.base.port)).await?;
            stream.set_nodelay(true)?;
            match self.scheme {
                Scheme::Tcp => Ok(Streams::of(stream)),
                Scheme::WebSocket => web_socket::connect(&self.url("ws"), stream).await,
                Scheme::Http => http_messages::connect(self.url("http")),
            }
        };
        let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
        tokio::time::timeout(ATTEMPT, attempt).await.map_err(late)?
    }

    fn url(&self, scheme: &str) -> String {
        let BaseUrl { host, port, prefix, .. } = &self.base;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let path = if prefix.is_empty() { "/" } else { prefix };
        format!("{scheme}://{host}:{port}{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_known_scheme_and_tcp_has_a_port_and_no_path() {
        let parse = |text: &str| text.parse::<ConnectAddress>().map(|address| address.url("x"));
        assert_eq!(parse("tcp://127.0.0.1:9777"), Ok("x://127.0.0.1:9777/".into()));
        assert_eq!(parse("ws://localhost:9777/vouch"), Ok("x://localhost:9777/vouch".into()));
        assert_eq!(parse("http://[::1]:80"), Ok("x://[::1]:80/".into()));
        assert_eq!(parse("tcp://127.0.0.1"), Err(AddressError::NoPort));
        assert_eq!(parse("tcp://127.0.0.1:9777/a"), Err(AddressError::Path));
        assert_eq!(parse("ftp://127.0.0.1:9777"), Err(AddressError::Scheme));
        assert_eq!(parse("tcp://127.0.0.1:99999"), Err(AddressError::Url(UrlError::Port)));
        assert_eq!(parse("127.0.0.1:9777"), Err(AddressError::Url(UrlError::Form)));
    }
}
