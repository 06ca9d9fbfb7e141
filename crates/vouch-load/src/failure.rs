//! The kinds of failures of a load's requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, ErrorKind};

/// Why a request has no good response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Failure {
    Refused,
    /// No connection for another reason, for example no route.
    Unreachable,
    Tls,
    /// The connection ended before a complete response.
    ConnectionLost,
    TimedOut,
    /// The response is not HTTP.
    NotHttp,
    /// The response is HTTP that RFC 9112 or RFC 9113 does not allow, for example with two different lengths.
    InvalidHttp,
    /// The response is longer than Vouch reads.
    TooLarge,
    /// The server refused the stream of the request and did not process it (RFC 9113, section 8.7: `REFUSED_STREAM`).
    StreamRefused,
    /// This machine ran out of file descriptors or local ports: a limit of the generator, not of the server.
    OutOfSockets,
    Status(u16),
    /// A successful status with wrong content.
    Wrong(WrongResponse),
}

/// What is wrong with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WrongResponse {
    NotJson,
    /// Its body has a content encoding (RFC 9110, section 8.4), although the request allows none.
    Encoded,
    /// The connection has bytes after its end, where no further response is due (RFC 9112, section 9.2).
    ExcessBytes,
    /// A field is missing: a token, a lifetime, an id.
    MissingField,
    OtherUser,
    OtherEnvironment,
    /// A refresh returned the refresh token that was used.
    NotRotated,
    DuplicateToken,
    /// A refusal without the identity provider's error code.
    MissingErrorCode,
    /// A journey's step had another result than its scenario expects, for example a 200 instead of a refusal.
    Unexpected,
}

impl Failure {
    /// The kind of an I/O error, if it does not depend on the operation.
    pub fn of(error: &io::Error) -> Option<Self> {
        Some(match error.kind() {
            ErrorKind::ConnectionRefused => Failure::Refused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                Failure::ConnectionLost
            }
            ErrorKind::TimedOut => Failure::TimedOut,
            ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => Failure::OutOfSockets,
            _ if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS)) => {
                Failure::OutOfSockets
            }
            _ => return None,
        })
    }

    /// Whether the server returned wrong content with a successful status.
    pub fn is_wrong(self) -> bool {
        matches!(self, Failure::Wrong(_))
    }

    /// Whether the request timed out: its waiting time counts as a latency, as a lower bound.
    pub fn is_timeout(self) -> bool {
        self == Failure::TimedOut
    }

    /// Whether further requests will fail in the same way, so that the run can be aborted: for example a closed port or rejected
    /// credentials.
    pub fn is_permanent(self) -> bool {
        matches!(
            self,
            Failure::Refused
                | Failure::Unreachable
                | Failure::Tls
                | Failure::NotHttp
                | Failure::InvalidHttp
                | Failure::TooLarge
                | Failure::OutOfSockets
        ) || matches!(self, Failure::Status(401 | 403 | 404 | 405))
    }

    /// Whether an SDK tries again: the server did not answer, or asks for a later attempt (REF-6, REF-9).
    pub fn is_temporary(self) -> bool {
        matches!(
            self,
            Failure::Refused
                | Failure::Unreachable
                | Failure::ConnectionLost
                | Failure::TimedOut
                | Failure::StreamRefused
                | Failure::Status(429 | 500..=599)
        )
    }

    /// Advice for the user, if there is any. `example` is the message of one such failure.
    pub fn help(self, example: &str) -> Option<&'static str> {
        Some(match self {
            Failure::Refused => "check that the server is running, and host and port in the target file",
            Failure::Unreachable => "check the address in the target file, and the route to it",
            Failure::Tls if example.contains("UnknownIssuer") => {
                "for a certificate of a private CA, write `ca` in [cloud.tls] of the target file, or use --ca FILE"
            }
            Failure::Tls if example.contains("CertificateRequired") || example.contains("HandshakeFailure") => {
                "where the server wants a certificate of the client, write `clientCertificate` and `clientKey` in [cloud.tls]"
            }
            Failure::Tls if example.contains("NoApplicationProtocol") => {
                "the server does not offer this version of HTTP: choose another --protocol"
            }
            Failure::Tls if example.contains("certificate") => {
                "check the host name and the validity of the server's certificate"
            }
            Failure::Tls => "check that the port serves TLS",
            Failure::NotHttp => "check that the address serves plain HTTP, not TLS or another protocol",
            Failure::InvalidHttp => {
                "check the server, and the proxies in front of it: other clients may refuse its responses too"
            }
            Failure::TooLarge => {
                "check what the server returns: Vouch reads a body of at most 1 MiB, and 96 header fields"
            }
            Failure::StreamRefused => {
                "the server limits the concurrent streams: use fewer --connections, or raise its limit"
            }
            Failure::Wrong(WrongResponse::Encoded) => {
                "the requests have `accept-encoding: identity`: switch off the compression of responses that do not ask for it"
            }
            Failure::Wrong(WrongResponse::ExcessBytes) => {
                "another request on the connection can get them as its response: check the Content-Length of the server, and the proxies in front of it"
            }
            Failure::OutOfSockets => "use fewer --connections, or raise `ulimit -n` and the range of local ports",
            // RFC 6749 section 5.2.
            Failure::Status(400 | 401 | 403) if example.contains("invalid_client") => {
                "check the client in `[custom.client]` of the target file: its id, its secret, and how it authenticates"
            }
            Failure::Status(401 | 403) => "check the API key in the target file for this environment and region",
            Failure::Status(404 | 405) => "check base URLs and wire profile in the target file",
            Failure::Status(429) => "the server limits the rate: lower the rate, or raise the limit for this team",
            _ => return None,
        })
    }
}

impl fmt::Display for WrongResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WrongResponse::NotJson => "a response that is not JSON",
            WrongResponse::Encoded => "a response with a content encoding that was not asked for",
            WrongResponse::ExcessBytes => "more bytes after the response",
            WrongResponse::MissingField => "a response without a token, lifetime or id",
            WrongResponse::OtherUser => "tokens of another user",
            WrongResponse::OtherEnvironment => "tokens of another environment, region or issuer",
            WrongResponse::NotRotated => "the refresh token was not rotated",
            WrongResponse::DuplicateToken => "a refresh token was issued twice",
            WrongResponse::MissingErrorCode => "a refusal without an error code",
            WrongResponse::Unexpected => "another result than the scenario expects",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused => f.write_str("connection refused"),
            Failure::Unreachable => f.write_str("no connection"),
            Failure::Tls => f.write_str("TLS failed"),
            Failure::ConnectionLost => f.write_str("connection lost before a response"),
            Failure::TimedOut => f.write_str("timeout"),
            Failure::NotHttp => f.write_str("a response that is not HTTP"),
            Failure::InvalidHttp => f.write_str("a response that is invalid HTTP"),
            Failure::TooLarge => f.write_str("a response that is too large"),
            Failure::StreamRefused => f.write_str("HTTP/2 stream refused"),
            Failure::OutOfSockets => f.write_str("out of sockets on this machine"),
            Failure::Status(status) => write!(f, "status {status}"),
            Failure::Wrong(wrong) => write!(f, "wrong: {wrong}"),
        }
    }
}
