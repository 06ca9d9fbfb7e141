//! A connection, plain or TLS, with the bytes that were received and those to send.

use mio::net::TcpStream;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection};

pub struct Transport {
    pub stream: TcpStream,
    tls: Option<ServerConnection>,
    /// Received, decrypted bytes.
    pub inbox: Vec<u8>,
    /// Bytes to send.
    pub outbox: Vec<u8>,
}

impl Transport {
    pub fn new(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> Option<Self> {
        let tls = tls.map(|config| ServerConnection::new(config.clone())).transpose().ok()?;
        Some(Self { stream, tls, inbox: Vec::new(), outbox: Vec::new() })
    }

    /// Reads the available bytes. Returns whether the connection is still open.
    pub fn receive(&mut self, scratch: &mut [u8]) -> bool {
        loop {
            let read = match self.stream.read(scratch) {
                Ok(0) => return false,
                Ok(read) => read,
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            };
            let accepted = match &mut self.tls {
                None => self.inbox.write_all(&scratch[..read]),
                Some(tls) => decrypt(tls, &scratch[..read], &mut self.inbox),
            };
            if accepted.is_err() {
                return false;
            }
            if read < scratch.len() {
                return true;
            }
        }
    }

    /// Sends what the socket accepts.
    pub fn send(&mut self) {
        match &mut self.tls {
            None => {
                while !self.outbox.is_empty() {
                    match self.stream.write(&self.outbox) {
                        Ok(written) => drop(self.outbox.drain(..written)),
                        Err(_) => break,
                    }
                }
            }
            Some(tls) => {
                if !self.outbox.is_empty() && !tls.is_handshaking() {
                    let written = tls.writer().write(&self.outbox).unwrap_or(0);
                    self.outbox.drain(..written);
                }
                while tls.wants_write() && tls.write_tls(&mut self.stream).is_ok() {}
            }
        }
    }
}

fn decrypt(tls: &mut ServerConnection, mut bytes: &[u8], inbox: &mut Vec<u8>) -> std::io::Result<()> {
    while !bytes.is_empty() {
        tls.read_tls(&mut bytes)?;
        tls.process_new_packets().map_err(std::io::Error::other)?;
        match tls.reader().read_to_end(inbox) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// TLS with a new certificate for 127.0.0.1, which is written to `certificate` so that clients can trust it.
pub fn tls(certificate: &str) -> Arc<ServerConfig> {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    std::fs::write(certificate, own.cert.pem()).expect("the file for the certificate");
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("TLS versions").with_no_client_auth();
    let mut config = builder.with_single_cert(vec![own.cert.der().clone()], key).expect("a certificate with its key");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}
