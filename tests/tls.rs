//! Clouds behind a private CA, also with mutual TLS (RFC 8446 section 4.4.2): what runs, loads, journeys and the doctor need of
//! `[cloud.tls]`, and what they say without it.

mod common;

use common::{CloudProcess, stderr, stdout, unwrapped, vouch};
use rcgen::{BasicConstraints, Certificate, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// A private CA.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a CA");
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate and its key, in PEM form.
    fn issue(&self, usage: ExtendedKeyUsagePurpose) -> (Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }
}

/// A server that takes TLS off, and wants a certificate of the client.
fn terminate_tls(authority: &Authority, behind: String) -> String {
    let (certificate, key) = authority.issue(ExtendedKeyUsagePurpose::ServerAuth);
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.der().clone()).expect("a root");
    let provider = Arc::new(default_provider());
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().expect("a verifier");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("a configuration");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let Ok(mut secure) = acceptor.accept(stream).await else { return };
                    let Ok(mut plain) = tokio::net::TcpStream::connect(behind).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut secure, &mut plain).await;
                });
            }
        });
    });
    format!("https://{address}")
}

/// A mock cloud behind TLS, and a folder with its target file and the files of `[cloud.tls]`.
struct SecureCloud {
    _cloud: CloudProcess,
    folder: tempfile::TempDir,
    text: String,
    key: String,
}

impl SecureCloud {
    fn start() -> Self {
        let cloud = CloudProcess::start(&["--keys", "hmac"]);
        let text = std::fs::read_to_string(&cloud.target).expect("readable");
        let at = text.find("http://127.0.0.1:").expect("an address") + "http://".len();
        let ends = |c: char| !(c.is_ascii_digit() || c == '.' || c == ':');
        let address = text[at..].split(ends).next().expect("an address").to_owned();
        let authority = Authority::new();
        let url = terminate_tls(&authority, address.clone());
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = authority.issue(ExtendedKeyUsagePurpose::ClientAuth);
        let (_, other_key) = authority.issue(ExtendedKeyUsagePurpose::ClientAuth);
        for (name, content) in [
            ("ca.pem", authority.certificate.pem()),
            ("client.pem", certificate.pem()),
            ("client.key", key.serialize_pem()),
            ("other.key", other_key.serialize_pem()),
            ("text.pem", "not PEM\n".to_owned()),
        ] {
            std::fs::write(folder.path().join(name), content).expect("writable");
        }
        // The hooks are programs, which do not use the clients of Vouch.
        let (head, realms) = text.split_once("[[cloud.realms]]").expect("realms");
        let realms = realms.replace(&format!("http://{address}"), &url);
        let text = format!("{head}[[cloud.realms]]{realms}");
        Self { _cloud: cloud, folder, text, key: key.serialize_pem() }
    }

    /// A target file with these lines in `[cloud.tls]`.
    fn target(&self, tls: &str) -> PathBuf {
        let (head, realms) = self.text.split_once("[[cloud.realms]]").expect("realms");
        let path = self.folder.path().join("vouch.toml");
        std::fs::write(&path, format!("{head}[cloud.tls]\n{tls}\n[[cloud.realms]]{realms}")).expect("writable");
        path
    }

    fn keeps_the_key(&self, said: &str) {
        let line = self.key.lines().nth(1).expect("a line of the key");
        assert!(!said.contains(line), "{said}");
    }
}

const FILES: &str = "ca = \"ca.pem\"\nclientCertificate = \"client.pem\"\nclientKey = \"client.key\"";

fn run(target: &Path, code: i32) -> String {
    let run = ["run", "--ci", "--role", "idp", "-f", "exchange", "-f", "rotated-out", "--no-record", "-t"];
    let run = vouch().args(run).arg(target).assert().code(code);
    unwrapped(&(stdout(&run) + &stderr(&run)))
}

fn load(target: &Path, more: &[&str]) -> (Option<i32>, String) {
    let load =
        ["load", "--progress", "off", "--duration", "1500ms", "--installations", "10", "-w", "launch", "-a", "30/s"];
    let load = vouch().args(load).args(more).args(["--no-record", "--target"]).arg(target).assert();
    (load.get_output().status.code(), unwrapped(&(stdout(&load) + &stderr(&load))))
}

#[test]
fn every_client_trusts_the_authority_and_shows_its_certificate() {
    let cloud = SecureCloud::start();
    let target = cloud.target(FILES);
    let said = run(&target, 0);
    assert!(said.contains("0 violated") && !said.contains(" 0 passed"), "{said}");
    for protocol in ["http1", "http2"] {
        let (code, said) = load(&target, &["--protocol", protocol]);
        assert!(matches!(code, Some(0 | 4)) && said.contains("errors<1%: 0%"), "{protocol}: {said}");
    }
    common::journeys_pass(&target);
    let doctor = vouch().args(["doctor", "--target"]).arg(&target).assert();
    let said = unwrapped(&(stdout(&doctor) + &stderr(&doctor)));
    assert!(said.contains("ok server: https://127.0.0.1"), "{said}");
    vouch().args(["check", "--target"]).arg(&target).assert().success();
}

#[test]
fn what_is_missing_is_said_with_what_to_write() {
    let cloud = SecureCloud::start();
    let target = cloud.target("");
    let said = run(&target, 3);
    assert!(said.contains("authority that is not trusted here") && said.contains("`ca` of [cloud.tls]"), "{said}");
    let (_, said) = load(&target, &[]);
    assert!(said.contains("write `ca` in [cloud.tls]"), "{said}");
    let target = cloud.target("ca = \"ca.pem\"");
    shows_in_a_try("`clientCertificate` and `clientKey` in [cloud.tls]", || run(&target, 3));
    for protocol in ["http1", "http2"] {
        let load = || load(&target, &["--protocol", protocol]).1;
        shows_in_a_try("`clientCertificate` and `clientKey` in [cloud.tls]", load);
    }
}

/// In TLS 1.3 a client writes before the server has looked for its certificate (RFC 8446 section 4.4.2.4). A write to the connection
/// that the server has closed meanwhile may fail before the client has read why.
fn shows_in_a_try(words: &str, output: impl Fn() -> String) {
    let mut outputs = (0..5).map(|_| output());
    assert!(outputs.any(|output| output.contains(words)), "{words}: {}", output());
}

#[test]
fn a_wrong_file_is_reported_where_it_is_named() {
    let cloud = SecureCloud::start();
    for (change, part) in [
        (("ca.pem", "missing.pem"), "missing.pem: "),
        (("ca.pem", "text.pem"), "text.pem: the file contains no PEM certificate"),
        (("client.pem", "client.key"), "client.key: the file contains no PEM certificate"),
        (("\"client.key", "\"client.pem"), "client.pem: the file contains no PEM private key"),
        (("client.key", "other.key"), "other.key: the key does not fit the certificate in"),
        (("clientKey = \"client.key\"", ""), "`clientCertificate` needs its private key"),
        (("clientCertificate = \"client.pem\"\n", ""), "`clientKey` needs its certificate"),
    ] {
        let target = cloud.target(&FILES.replace(change.0, change.1));
        let refused = vouch().args(["check", "--target"]).arg(&target).assert().code(2);
        let said = unwrapped(&(stdout(&refused) + &stderr(&refused)));
        assert!(said.contains(part) && said.contains("vouch.toml:"), "{part}: {said}");
        cloud.keeps_the_key(&said);
    }
}
