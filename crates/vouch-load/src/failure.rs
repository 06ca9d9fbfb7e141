//! Why a request of a load failed, in kinds that can be counted.

use serde::Serialize;
use std::fmt;
use std::io::{self, ErrorKind};

/// What became of a request that has no good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    Refused,
    /// No connection for another reason, such as no route.
    Unreachable,
    Tls,
    /// The connection ended without a whole answer.
    Lost,
    TimedOut,
    /// What came is no HTTP.
    NoHttp,
    /// This machine ran out of file descriptors or local ports: the generator's fault, not the server's.
    OutOfSockets,
    Status(u16),
    /// A good status, and yet not what was asked for.
    Wrong(Wrong),
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Wrong {
    NotJson,
    /// A field is missing: a token, a lifetime, an id.
    Field,
    OtherUser,
    OtherEnvironment,
    /// The refresh token that was used came back.
    NotRotated,
    HandedOutTwice,
    /// A refusal without the identity provider's error word.
    ErrorShape,
    /// A journey's step ended otherwise than its scenario expects, for example with a 200 where a refusal is due.
    Unexpected,
}

impl Failure {
    /// What kind an error of input and output is, whatever was being done; None where that depends.
    pub fn of(error: &io::Error) -> Option<Self> {
        Some(match error.kind() {
            ErrorKind::ConnectionRefused => Failure::Refused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => Failure::Lost,
            ErrorKind::TimedOut => Failure::TimedOut,
            ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => Failure::OutOfSockets,
            _ if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS)) => {
                Failure::OutOfSockets
            }
            _ => return None,
        })
    }

    /// Whether the server said something that is not so: worse than an error.
    pub fn is_wrong(self) -> bool {
        matches!(self, Failure::Wrong(_))
    }

    /// Whether somebody waited, and for nothing: such a wait counts among the latencies, at least so long.
    pub fn was_waited_for(self) -> bool {
        self == Failure::TimedOut
    }

    /// Whether more of the same is sure to follow, so that a run may end at once: nobody listens, credentials are refused.
    pub fn is_lasting(self) -> bool {
        matches!(self, Failure::Refused | Failure::Unreachable | Failure::Tls | Failure::NoHttp | Failure::OutOfSockets)
            || matches!(self, Failure::Status(401 | 403 | 404 | 405))
    }

    /// What to do about it, where that is clear; `example` is what was said of one such failure.
    pub fn help(self, example: &str) -> Option<&'static str> {
        Some(match self {
            Failure::Refused => "is the server running, and are host and port of the target file right?",
            Failure::Unreachable => "is the address of the target file right, and is there a route to it?",
            Failure::Tls if example.contains("UnknownIssuer") => {
                "for a certificate of your own, give its CA by --ca FILE"
            }
            Failure::Tls if example.contains("NoApplicationProtocol") => {
                "the server does not offer this version of HTTP: give another --protocol"
            }
            Failure::Tls if example.contains("certificate") => {
                "is the server's certificate for this host, and for today?"
            }
            Failure::Tls => "does the port speak TLS?",
            Failure::NoHttp => "does the address speak HTTP, and not TLS or another protocol?",
            Failure::OutOfSockets => "give fewer --connections, or raise `ulimit -n` and the range of local ports",
            Failure::Status(401 | 403) => "is the API key of the target file right for this environment and region?",
            Failure::Status(404 | 405) => "are base URLs and wire profile of the target file right?",
            Failure::Status(429) => "the server limits the rate: ask for less, or raise the limit for this team",
            _ => return None,
        })
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wrong::NotJson => "an answer that is not JSON",
            Wrong::Field => "an answer without a token, lifetime or id",
            Wrong::OtherUser => "tokens of another user",
            Wrong::OtherEnvironment => "tokens of another environment, region or issuer",
            Wrong::NotRotated => "the used refresh token came back",
            Wrong::HandedOutTwice => "a refresh token was handed out twice",
            Wrong::ErrorShape => "a refusal without an error word",
            Wrong::Unexpected => "another outcome than the scenario expects",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused => f.write_str("connection refused"),
            Failure::Unreachable => f.write_str("no connection"),
            Failure::Tls => f.write_str("TLS failed"),
            Failure::Lost => f.write_str("connection lost before an answer"),
            Failure::TimedOut => f.write_str("no answer in time"),
            Failure::NoHttp => f.write_str("an answer that is no HTTP"),
            Failure::OutOfSockets => f.write_str("out of sockets on this machine"),
            Failure::Status(status) => write!(f, "status {status}"),
            Failure::Wrong(wrong) => write!(f, "wrong: {wrong}"),
        }
    }
}
