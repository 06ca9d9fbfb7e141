//! What `vouch mock-cloud --proxy` prints.

use super::CliError;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use vouch_runner::report::print_stderr;
use vouch_runner::temporary_folder;
use vouch_sim::intercept::{CA_PATH, CertificateAuthority, ProxyEvent};
use vouch_spec::profile::Profile;
use vouch_spec::text::OutsideText;
use vouch_spec::vendor_hosts::VendorHosts;

/// An event is not printed again within this time: a client that is refused tries again.
const REPEAT: Duration = Duration::from_secs(30);
/// How many different events are printed within [`REPEAT`].
const MAX_EVENTS: usize = 200;

/// Prints the events of the proxy on standard error.
pub(in crate::cli) fn print_events() -> Arc<dyn Fn(ProxyEvent) + Send + Sync> {
    let printed = Mutex::new(HashMap::new());
    Arc::new(move |event| {
        let now = Instant::now();
        let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        printed.retain(|_, at| now.duration_since(*at) < REPEAT);
        if printed.contains_key(&event) || printed.len() >= MAX_EVENTS {
            return;
        }
        let line = OutsideText::line(&event.to_string()).into_string();
        printed.insert(event, now);
        drop(printed);
        print_stderr(format!("vouch: proxy: {line}"));
    })
}

/// Says how to use the proxy. The folder with the certificate lasts as long as what is returned, if the user named no file.
pub(in crate::cli) fn announce(
    address: SocketAddr,
    profile: &Profile,
    ca: &CertificateAuthority,
    file: Option<&Path>,
) -> Result<impl Sized + use<>, CliError> {
    let (folder, file) = match file {
        Some(file) => (None, std::path::absolute(file).unwrap_or_else(|_| file.to_owned())),
        None => {
            let failed = |error| CliError::Environment(format!("cannot make a folder for the CA certificate: {error}"));
            let folder = temporary_folder::create().map_err(failed)?;
            let file = folder.path().join("ca.pem");
            super::write(&file, ca.pem(), 0o600)?;
            (Some(folder), file)
        }
    };
    print_stderr(instructions(address, profile, &file));
    Ok(folder)
}

fn instructions(address: SocketAddr, profile: &Profile, file: &Path) -> String {
    let hosts = VendorHosts::of(profile);
    let names: Vec<_> = hosts.names().collect();
    let (proxy, file) = (format!("http://{address}"), file.display());
    format!(
        "vouch: the proxy listens on {proxy}\n  \
         answers      {}\n  \
         CA           {file}, also at {proxy}{CA_PATH}; of this run only, its key stays in memory\n  \
         curl, Python HTTPS_PROXY={proxy} SSL_CERT_FILE={file}\n  \
         requests     HTTPS_PROXY={proxy} REQUESTS_CA_BUNDLE={file}\n  \
         Node         HTTPS_PROXY={proxy} NODE_EXTRA_CA_CERTS={file}; its `fetch` takes the proxy from Node 24 on, with \
         NODE_USE_ENV_PROXY=1\n  \
         Java         keytool -importcert -noprompt -alias vouch -file {file} -keystore vouch.p12 -storepass changeit; \
         java -Djavax.net.ssl.trustStore=vouch.p12 -Dhttps.proxyHost={} -Dhttps.proxyPort={}\n  \
         devices      docs/proxy.md",
        names.join(" "),
        address.ip(),
        address.port(),
    )
}
