//! `vouch mock-cloud --proxy`: clients that know only the vendor's real host names.

#[path = "../common/mod.rs"]
mod common;
mod ctl;
mod refusals;
mod served;
mod unmodified;

use serde_json::Value;
use served::Served;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_python_client_signs_in_through_the_proxy() {
    let served = Served::start(&[]);
    let environment = [("SSL_CERT_FILE", served.ca()), ("API_KEY", served.api_key("sandbox", "eu"))];
    let run = served.client("python3", &["tests/proxy/clients/sign_in.py", "ada"], &environment);
    assert_eq!(run.out, "signed in as ada\n", "{}", run.err);
    let said = served.end();
    assert!(said.contains("vouch: proxy: auth.sandbox.eu.junction.com: answered by the mock cloud"), "{said}");
}

#[test]
fn a_node_client_signs_in_through_the_proxy() {
    let served = Served::start(&["--keys", "es256"]);
    let environment = [("NODE_EXTRA_CA_CERTS", served.ca()), ("API_KEY", served.api_key("production", "us"))];
    let run = served.client("node", &["tests/proxy/clients/sign_in.mjs", "bob"], &environment);
    assert_eq!(run.out, "signed in as bob\n", "{}", run.err);
}

#[test]
fn curl_reaches_todays_and_the_older_host_of_every_realm() {
    let served = Served::start(&["--keys", "hmac"]);
    for (environment, region, hosts) in [
        ("production", "us", ["api.us.junction.com", "api.tryvital.io"]),
        ("sandbox", "us", ["api.sandbox.us.junction.com", "api.sandbox.tryvital.io"]),
        ("dev", "eu", ["api.dev.eu.junction.com", "api.dev.eu.tryvital.io"]),
    ] {
        let key = format!("x-vital-api-key: {}", served.api_key(environment, region));
        for host in hosts {
            let url = format!("https://{host}/v2/user/metrics");
            let run = served.curl(&["-H", &key, &url], &[("CURL_CA_BUNDLE", served.ca())]);
            assert_eq!(run.out, "{\"total_users\":0}", "{host}: {}", run.err);
        }
    }
}

#[test]
fn curl_exchanges_and_refreshes_at_the_hosts_of_older_releases() {
    let served = Served::start(&["--profile", "gcip", "--keys", "es256"]);
    let ca = [("CURL_CA_BUNDLE", served.ca())];
    let key = format!("x-vital-api-key: {}", served.api_key("sandbox", "eu"));
    let api = "https://api.sandbox.eu.junction.com/v2/user";
    let json = |args: &[&str]| -> Value {
        let run = served.curl(args, &ca);
        serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}{}", run.out, run.err))
    };
    let made = json(&["-H", &key, "--json", "{\"client_user_id\":\"ada\"}", api]);
    let user = made["user_id"].as_str().expect("a user id");
    let issued = json(&["-X", "POST", "-H", &key, &format!("{api}/{user}/sign_in_token")]);
    let envelope = issued["sign_in_token"].as_str().expect("a sign-in token");
    let envelope = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, envelope).expect("Base64");
    let envelope: Value = serde_json::from_slice(&envelope).expect("JSON");
    let [public_key, token] = ["public_key", "user_token"].map(|field| envelope[field].as_str().expect("text"));
    let claims = token.split('.').nth(1).expect("a JWT");
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).expect("Base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    let body = serde_json::json!({ "token": token, "tenantId": claims["tenant_id"], "returnSecureToken": true });
    let exchange = format!("https://identitytoolkit.googleapis.com/v1/accounts:signInWithCustomToken?key={public_key}");
    let tokens = json(&["--json", &body.to_string(), &exchange]);
    let refresh_token = tokens["refreshToken"].as_str().unwrap_or_else(|| panic!("{tokens}"));
    let form = format!("refresh_token={refresh_token}");
    let refresh = format!("https://securetoken.googleapis.com/v1/token?key={public_key}");
    let tokens = json(&["-d", "grant_type=refresh_token", "--data-urlencode", &form, &refresh]);
    assert_eq!(tokens["user_id"], user);
}

#[test]
fn the_certificate_of_the_ca_is_private_to_the_user_and_goes_with_the_proxy() {
    let served = Served::start(&["--keys", "hmac"]);
    let file = std::path::PathBuf::from(served.ca());
    let folder = file.parent().expect("a folder").to_owned();
    let mode = |path: &std::path::Path| path.metadata().expect("it exists").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&folder)), (0o600, 0o700));
    let pem = std::fs::read_to_string(&file).expect("readable");
    assert!(pem.contains("BEGIN CERTIFICATE") && !pem.contains("PRIVATE"), "{pem}");
    assert_eq!(std::fs::read_dir(&folder).expect("readable").count(), 1);
    let url = format!("{}/ca.pem", served.proxy);
    assert_eq!(served.curl(&["--noproxy", "*", &url], &[]).out, pem);
    served.end();
    assert!(!folder.exists());
}
