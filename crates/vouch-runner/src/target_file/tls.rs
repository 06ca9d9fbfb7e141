//! The part of `[cloud]` about TLS: authorities, and the certificate of the client.

use super::resolve::Resolver;
use schemars::JsonSchema;
use serde::Deserialize;
use vouch_sim::wire::{ClientIdentity, ClientTls};
use vouch_spec::text::Spanned;

/// TLS with the cloud. Paths are relative to the target file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TlsSection {
    /// A PEM file with the certificates of authorities to trust in addition to the system's.
    pub ca: Option<Spanned<String>>,
    /// A PEM file with the certificate that Vouch shows (mutual TLS), followed by those of intermediate authorities.
    pub client_certificate: Option<Spanned<String>>,
    /// A PEM file with its private key, without a password.
    pub client_key: Option<Spanned<String>>,
}

impl Resolver<'_> {
    /// The files are read, so that a wrong one is reported where it is named.
    pub(super) fn tls(&self, section: Option<Spanned<TlsSection>>) -> ClientTls {
        let Some(Spanned { value: section, span }) = section else { return ClientTls::default() };
        let path = |name: &Spanned<String>| self.folder.join(&name.value);
        let identity = match (&section.client_certificate, &section.client_key) {
            (Some(certificate), Some(key)) => Some(ClientIdentity { certificate: path(certificate), key: path(key) }),
            (None, None) => None,
            (Some(alone), None) => {
                self.decoder.wrong(alone.span, "`clientCertificate` needs its private key", "add `clientKey`");
                None
            }
            (None, Some(alone)) => {
                self.decoder.wrong(alone.span, "`clientKey` needs its certificate", "add `clientCertificate`");
                None
            }
        };
        let tls = ClientTls { ca: section.ca.iter().map(path).collect(), identity };
        if let Err(error) = tls.config(&[]) {
            let mut named = [&section.client_key, &section.ca, &section.client_certificate].into_iter().flatten();
            let at = named.find(|name| error.path() == Some(path(name).as_path())).map(|name| name.span);
            self.decoder.wrong(at.unwrap_or(span), error.to_string(), "name files in PEM form; see docs/targets.md");
        }
        tls
    }
}
