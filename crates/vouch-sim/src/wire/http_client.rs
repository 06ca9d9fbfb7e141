//! The HTTP client of a run: for the api, idp and backend roles, and for log-ins.

use super::client_tls::TlsConfig;
use hyper::body::Bytes;
use hyper::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use std::time::Duration;
use tokio_rustls::rustls::ClientConfig;

/// The longest body of a response, in bytes; the client of load tests has the same limit.
pub const MAX_RESPONSE_BODY: usize = 1 << 20;

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the body of the response is longer than {MAX_RESPONSE_BODY} bytes")]
    TooLong,
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

/// A client that connects anew for each call, follows nothing and knows no proxy. `timeout` is for a whole call, from the
/// connection to the end of the body.
pub fn client(base: &str, timeout: Duration) -> reqwest::Result<reqwest::Client> {
    client_over(base, timeout, None)
}

/// The same, with what the target file says of TLS.
pub fn client_over(base: &str, timeout: Duration, tls: Option<&TlsConfig>) -> reqwest::Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .no_gzip()
        // Without the header any encoding is acceptable, and checks and transcripts read bodies as they are.
        .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]))
        .no_proxy();
    // Reading the machine's root certificates takes longer than a whole case; only HTTPS needs them.
    match (base.starts_with("https:"), tls) {
        (false, _) => client.tls_certs_only([]).build(),
        (true, None) => client.build(),
        (true, Some(tls)) => client.tls_backend_preconfigured(ClientConfig::clone(tls)).build(),
    }
}

/// Reads the body of a response up to [`MAX_RESPONSE_BODY`].
///
/// # Errors
/// If it is longer, or the connection ends before it does.
pub async fn read_body(mut response: reqwest::Response) -> Result<Bytes, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_RESPONSE_BODY {
            return Err(BodyError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}
