//! A server that runs already answers: its name has an address, its port is open, it speaks HTTP, its certificate is trusted
//! here, and its clock is that of this machine.

use super::Diagnosis;
use super::environment::Environment;
use super::proxies::https_proxy;
use std::error::Error;
use std::fmt::Write;
use std::io::ErrorKind;
use std::time::{Duration, Instant, SystemTime};
use vouch_sim::wire::{TlsConfig, client_over};
use vouch_spec::base_url::BaseUrl;

const CHECK: &str = "server";
/// How long a server may take to connect, and again to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Tokens live for minutes; clocks that differ by more make them expired, or not yet valid.
const CLOCKS_DIFFER: Duration = Duration::from_secs(30);

/// Whether two URLs lead to the same server.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    match (one.parse::<BaseUrl>(), other.parse::<BaseUrl>()) {
        (Ok(one), Ok(other)) => one.same_server(&other),
        _ => one == other,
    }
}

/// `key`: where the target file names the URL. `environments`: where Vouch's caller may have set a proxy, which Vouch does not use.
pub(super) async fn check(key: &str, url: &str, environments: &[Environment], tls: Option<&TlsConfig>) -> Diagnosis {
    match probe(url, tls).await {
        Ok(answer) => answer.judge(url),
        Err((what, mut advice)) => {
            if let Some(proxy) = environments.iter().find_map(https_proxy) {
                let _ = write!(advice, "; Vouch calls it directly, not through the proxy of {proxy}");
            }
            Diagnosis::problem(CHECK, format!("{url} ({key}) {what}"), advice)
        }
    }
}

/// What a server answered.
struct Answer {
    status: u16,
    took: Duration,
    /// By how much its clock differs from that of this machine, if it says the time.
    clock_difference: Option<Duration>,
}

impl Answer {
    fn judge(&self, url: &str) -> Diagnosis {
        let Self { status, took, .. } = self;
        let found = format!("{url} answers (status {status} after {} ms)", took.as_millis());
        match self.clock_difference.filter(|difference| *difference > CLOCKS_DIFFER) {
            Some(difference) => Diagnosis::warning(
                CHECK,
                format!("{found}, and its clock differs from that of this machine by {} s", difference.as_secs()),
                "set the clock that is wrong: tokens are expired, or not yet valid, by the other one",
            ),
            None => Diagnosis::ok(CHECK, found),
        }
    }
}

/// Asks for the base URL, whatever the status of the answer. The error is what is wrong, and what to do.
async fn probe(url: &str, tls: Option<&TlsConfig>) -> Result<Answer, (String, String)> {
    let fail = |what: &str, advice: &str| Err((what.to_owned(), advice.to_owned()));
    let base: BaseUrl = match url.parse() {
        Ok(base) => base,
        Err(error) => return Err((error.to_string(), "correct the URL".to_owned())),
    };
    let connected = tokio::time::timeout(TIMEOUT, connect(&base)).await;
    match connected {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => return Err(problem),
        Err(_) => {
            return fail(
                "does not accept a connection within 5 s",
                "check the address; a firewall may drop the connection",
            );
        }
    }
    let client = client_over(url, TIMEOUT, tls);
    let client = client.map_err(|error| (format!("cannot be called: {}", chain(&error)), CA_ADVICE.to_owned()))?;
    let began = Instant::now();
    match client.get(url).send().await {
        Ok(response) => Ok(Answer {
            status: response.status().as_u16(),
            took: began.elapsed(),
            clock_difference: difference(response.headers()),
        }),
        Err(error) => Err(explain(&error, base.tls)),
    }
}

const CA_ADVICE: &str =
    "let SSL_CERT_FILE, or `ca` of [cloud.tls], name a file in PEM form with the certificate of its authority";

async fn connect(base: &BaseUrl) -> Result<(), (String, String)> {
    let address = (base.host.as_str(), base.port);
    let addresses: Vec<_> = match tokio::net::lookup_host(address).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            return Err((format!("has no address: {error}"), "check the name, and the DNS of this machine".into()));
        }
    };
    match tokio::net::TcpStream::connect(addresses.as_slice()).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Err(("refuses connections: nothing listens there".into(), "start the server, or correct the port".into()))
        }
        Err(error) => Err((format!("cannot be reached: {error}"), "check the address and the network".into())),
    }
}

/// Why a server that accepts connections gave no answer.
fn explain(error: &reqwest::Error, tls: bool) -> (String, String) {
    let text = chain(error);
    let is_about = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let (what, advice) = if error.is_timeout() {
        ("accepts connections and does not answer within 5 s", "look at the server; a GET of its base URL hangs")
    } else if tls && is_about(&["InvalidContentType", "corrupt message", "wrong version"]) {
        ("speaks plain HTTP", "write http:// in the target file")
    } else if is_about(&["UnknownIssuer", "CaUsedAsEndEntity", "SelfSigned", "self-signed"]) {
        ("has a certificate of an authority that is not trusted here", CA_ADVICE)
    } else if is_about(&["CertificateRequired", "certificate required"]) {
        ("wants a certificate of the client", "write `clientCertificate` and `clientKey` in [cloud.tls]")
    } else if is_about(&["Expired", "NotValidYet", "expired", "not valid yet"]) {
        ("has a certificate that is not valid now", "renew it, or set the clock of this machine")
    } else if is_about(&["NotValidForName", "not valid for name"]) {
        ("has a certificate for another name", "write the name of the certificate in the target file")
    } else if tls {
        return (format!("makes no TLS connection: {text}"), CA_ADVICE.to_owned());
    } else {
        ("accepts connections and does not answer in HTTP", "check the port; if the server speaks TLS, write https://")
    };
    (what.to_owned(), advice.to_owned())
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

fn difference(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let theirs = httpdate::parse_http_date(headers.get("date")?.to_str().ok()?).ok()?;
    let ours = SystemTime::now();
    Some(ours.duration_since(theirs).unwrap_or_else(|error| error.duration()))
}
