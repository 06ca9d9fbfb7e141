//! The environment of the hooks.

use std::path::Path;
use vouch_spec::protocol::message::Storage;

/// The proxy, the CA and the folders of the installation, by the names that common clients and the hooks know.
pub fn environment(proxy: &str, ca: &Path, storage: &Storage) -> Vec<(String, String)> {
    let folders =
        [("VOUCH_SECURE", &storage.secure), ("VOUCH_PLAIN", &storage.plain), ("VOUCH_VOLATILE", &storage.volatile)];
    let folders = folders.map(|(name, folder)| (name.to_owned(), folder.display().to_string()));
    proxy_environment(proxy, ca, "").into_iter().chain(folders).collect()
}

/// The proxy and the CA alone. `direct`: the hosts that are called without the proxy.
pub fn proxy_environment(proxy: &str, ca: &Path, direct: &str) -> Vec<(String, String)> {
    let ca = ca.display().to_string();
    let mut all: Vec<(&str, String)> = vec![("VOUCH_PROXY", proxy.into()), ("VOUCH_CA", ca.clone())];
    all.extend(["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"].map(|name| (name, proxy.to_owned())));
    all.extend(["NO_PROXY", "no_proxy"].map(|name| (name, direct.to_owned())));
    let trust = ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];
    all.extend(trust.map(|name| (name, ca.clone())));
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
