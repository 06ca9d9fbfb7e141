//! What the proxy saw that a person should know, and what it means.

use std::fmt;
use std::io;
use tokio_rustls::rustls::{AlertDescription, Error, InvalidMessage};

/// What happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProxyEvent {
    /// The host that the client asked for. Text from outside.
    pub host: String,
    pub kind: ProxyEventKind,
}

/// See [`ProxyEvent`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProxyEventKind {
    /// The first request for a host that is answered.
    Answered,
    /// The first connection that is passed on.
    Passed,
    /// The host is not answered and not passed on, with the reason.
    Refused(String),
    /// The client asked for `http://`.
    PlainHttp,
    /// What the client sent in the tunnel is not TLS.
    NotTls,
    /// The client ended the handshake with an alert about the certificate (RFC 8446, section 6.2).
    CertificateRefused(CertificateAlert),
    /// The client ended the connection after it saw the certificate, without an alert.
    ClosedAfterCertificate,
    /// The handshake succeeded, and the client ended the connection before its first request.
    ClosedBeforeRequest,
    /// The handshake failed in another way.
    HandshakeFailed(String),
    /// The host is passed on but cannot be reached.
    Unreachable(String),
}

/// The alerts by which clients refuse a certificate, by the names of RFC 8446.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateAlert {
    UnknownCa,
    BadCertificate,
    CertificateUnknown,
    CertificateExpired,
}

impl CertificateAlert {
    fn of(alert: AlertDescription) -> Option<Self> {
        match alert {
            AlertDescription::UnknownCA => Some(Self::UnknownCa),
            AlertDescription::BadCertificate => Some(Self::BadCertificate),
            AlertDescription::CertificateUnknown => Some(Self::CertificateUnknown),
            AlertDescription::CertificateExpired => Some(Self::CertificateExpired),
            _ => None,
        }
    }

    /// The name in RFC 8446.
    pub fn word(self) -> &'static str {
        match self {
            Self::UnknownCa => "unknown_ca",
            Self::BadCertificate => "bad_certificate",
            Self::CertificateUnknown => "certificate_unknown",
            Self::CertificateExpired => "certificate_expired",
        }
    }
}

impl ProxyEventKind {
    /// What a failed handshake means. None if the client left before it sent anything.
    pub(super) fn of_handshake(error: &io::Error, certificate_sent: bool) -> Option<Self> {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::AlertReceived(alert)) => Some(match CertificateAlert::of(*alert) {
                Some(alert) => Self::CertificateRefused(alert),
                None => Self::HandshakeFailed(format!("the client sent the TLS alert {alert:?}")),
            }),
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) if !certificate_sent => Some(Self::NotTls),
            Some(error) => Some(Self::HandshakeFailed(error.to_string())),
            None if certificate_sent => Some(Self::ClosedAfterCertificate),
            None => None,
        }
    }

    /// Whether the client and the proxy did not come to terms: its requests for the host cannot be seen.
    pub fn is_problem(&self) -> bool {
        !matches!(self, Self::Answered | Self::Passed | Self::Refused(_))
    }
}

impl fmt::Display for ProxyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match &self.kind {
            ProxyEventKind::Answered => write!(f, "{host}: answered by the mock cloud"),
            ProxyEventKind::Passed => write!(f, "{host}: passed on as it is, not looked into"),
            ProxyEventKind::Refused(reason) => write!(f, "{host}: refused: {reason}"),
            ProxyEventKind::PlainHttp => write!(
                f,
                "{host}: the client asked for it over plain HTTP, so that everybody on the way could read its tokens; refused: \
                 the proxy takes HTTPS only. Let the client use https:// URLs and CONNECT"
            ),
            ProxyEventKind::NotTls => write!(
                f,
                "{host}: what the client sent through the tunnel is not TLS but perhaps plain HTTP; let it use https://"
            ),
            ProxyEventKind::CertificateRefused(CertificateAlert::CertificateExpired) => write!(
                f,
                "{host}: the client says that the certificate is not valid now (TLS alert certificate_expired); compare the \
                 clock of the device with that of this machine"
            ),
            ProxyEventKind::CertificateRefused(alert) => write!(
                f,
                "{host}: the client does not trust the CA of the proxy (TLS alert {}). Give it the CA certificate; if it \
                 trusts the CA for other hosts, it pins the certificate of this one",
                alert.word()
            ),
            ProxyEventKind::ClosedAfterCertificate => write!(
                f,
                "{host}: the client ended the connection when it saw the certificate, without a TLS alert: it probably pins \
                 certificates (turn pinning off in the build under test), or does not trust the CA (Node leaves so)"
            ),
            ProxyEventKind::ClosedBeforeRequest => write!(
                f,
                "{host}: the client ended the connection after the TLS handshake, before its first request: it probably \
                 pins certificates, or does not trust the CA. If it sends requests later, this was a connection opened in \
                 advance"
            ),
            ProxyEventKind::HandshakeFailed(why) => write!(f, "{host}: the TLS handshake failed: {why}"),
            ProxyEventKind::Unreachable(why) => write!(f, "{host}: is to be passed on but cannot be reached: {why}"),
        }
    }
}
