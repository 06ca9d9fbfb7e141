//! `vouch mock-cloud`: the mock cloud as a server.

mod common;

use common::{CloudProcess, stderr, stdout, vouch};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A running `vouch mock-cloud`. It ends with this.
struct Served {
    process: CloudProcess,
    api: String,
    auth: String,
    key: String,
}

impl Served {
    fn start(args: &[&str]) -> Self {
        let process = CloudProcess::start(args);
        let text = std::fs::read_to_string(&process.target).expect("the target file");
        let first = |name: &str| {
            let start = format!("{name} = \"");
            let found = text.lines().find_map(|line| line.strip_prefix(&start)).expect(name);
            found.trim_end_matches('"').to_owned()
        };
        let (api, auth, key) = (first("api"), first("auth"), first("apiKey"));
        Self { process, api, auth, key }
    }

    fn target(&self) -> PathBuf {
        self.process.target.clone()
    }

    /// Stops it with SIGTERM and returns its standard error.
    fn end(&mut self) -> String {
        // SAFETY: a signal to our own child, which has not been waited for.
        unsafe { libc::kill(i32::try_from(self.process.child.id()).expect("a pid"), libc::SIGTERM) };
        let mut said = String::new();
        self.process.stderr.read_to_string(&mut said).expect("readable");
        assert!(self.process.child.wait().expect("it ends").success(), "{said}");
        said
    }

    async fn api_post(&self, path: &str, body: Value) -> Response {
        let url = format!("{}{path}", self.api);
        client().post(url).header("x-vital-api-key", &self.key).json(&body).send().await.expect("an answer")
    }

    /// A new user's id and the JWT of a sign-in token for it.
    async fn issue(&self, name: &str) -> (String, String) {
        let user = json_of(self.api_post("/v2/user", json!({ "client_user_id": name })).await).await;
        let id = user["user_id"].as_str().expect("a user id").to_owned();
        let issued = json_of(self.api_post(&format!("/v2/user/{id}/sign_in_token"), Value::Null).await).await;
        let token = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            issued["sign_in_token"].as_str().expect("a sign-in token"),
        );
        let envelope: Value = serde_json::from_slice(&token.expect("Base64")).expect("JSON");
        (id, envelope["user_token"].as_str().expect("a JWT").to_owned())
    }

    async fn exchange(&self, jwt: &str) -> Response {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:junction:sign-in-token"),
            ("subject_token", jwt),
        ];
        client().post(format!("{}/v1/token", self.auth)).form(&form).send().await.expect("an answer")
    }

    async fn refresh(&self, token: &str) -> Response {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        client().post(format!("{}/v1/token", self.auth)).form(&form).send().await.expect("an answer")
    }
}

fn client() -> Client {
    Client::builder().no_proxy().tls_certs_only([]).build().expect("a client")
}

async fn json_of(response: Response) -> Value {
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.expect("JSON")
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}")).to_owned()
}

#[tokio::test]
async fn a_user_signs_in_refreshes_and_reads_and_a_stale_refresh_token_ends_the_session() {
    for keys in ["rs256", "es256", "hmac"] {
        let mut served = Served::start(&["--keys", keys]);
        let (id, jwt) = served.issue("ada").await;
        let first = json_of(served.exchange(&jwt).await).await;
        assert_eq!(first["expires_in"], 3600);
        let second_use = served.exchange(&jwt).await;
        assert_eq!(second_use.status(), StatusCode::BAD_REQUEST);
        assert_eq!(second_use.json::<Value>().await.unwrap()["detail"]["error_type"], "invalid_token");

        let second = json_of(served.refresh(&text(&first, "refresh_token")).await).await;
        let third = json_of(served.refresh(&text(&second, "refresh_token")).await).await;
        let url = format!("{}/v2/user/{id}", served.api);
        let read = |token: String| client().get(&url).bearer_auth(token).send();
        assert_eq!(read(text(&third, "access_token")).await.unwrap().status(), StatusCode::OK);
        assert_eq!(read("forged".into()).await.unwrap().status(), StatusCode::UNAUTHORIZED);

        let stale = served.refresh(&text(&first, "refresh_token")).await;
        assert_eq!(stale.json::<Value>().await.unwrap()["detail"]["error_type"], "reauthentication_required");
        assert_eq!(served.refresh(&text(&third, "refresh_token")).await.status(), StatusCode::BAD_REQUEST);
        assert_eq!(read(text(&third, "access_token")).await.unwrap().status(), StatusCode::UNAUTHORIZED);

        let said = served.end();
        for line in ["exchanges", "refreshes", "users created", "calls per CPU second"] {
            assert!(said.contains(line), "{keys}: {said}");
        }
        assert!(!said.contains("eyJ"), "a secret: {said}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_call_it_but_for_its_control_calls() {
    let served = Served::start(&[]);
    let preflight = |url: String| {
        let request = client().request(reqwest::Method::OPTIONS, url).header("Origin", "https://app.example.com");
        let wanted = "authorization,x-vital-api-key";
        request.header("Access-Control-Request-Method", "POST").header("Access-Control-Request-Headers", wanted).send()
    };
    let allowed = |response: &Response, name: &str| response.headers().get(name).cloned();
    let answer = preflight(format!("{}/v1/token", served.auth)).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(allowed(&answer, "access-control-allow-headers").expect("headers"), "authorization,x-vital-api-key");
    let url = format!("{}/v2/user/1", served.api);
    let answer = client().get(&url).header("Origin", "https://app.example.com").send().await.expect("an answer");
    assert_eq!(
        (answer.status(), allowed(&answer, "access-control-allow-origin").expect("a header")),
        (StatusCode::UNAUTHORIZED, "*".parse().unwrap())
    );
    assert!(allowed(&client().get(&url).send().await.expect("an answer"), "access-control-allow-origin").is_none());
    let origin = served.api.split("/production").next().expect("an origin");
    let answer = preflight(format!("{origin}/control/ctl")).await.expect("an answer");
    assert!(!answer.status().is_success() && allowed(&answer, "access-control-allow-origin").is_none(), "{answer:?}");
}

#[tokio::test]
async fn tokens_verify_by_the_published_key() {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
    for (keys, algorithm) in [("rs256", Algorithm::RS256), ("es256", Algorithm::ES256)] {
        let served = Served::start(&["--keys", keys]);
        let (id, jwt) = served.issue("ada").await;
        let tokens = json_of(served.exchange(&jwt).await).await;
        let url = format!("{}/.well-known/jwks.json", served.auth);
        let set: JwkSet = client().get(url).send().await.unwrap().json().await.expect("a JWK Set");
        let key = DecodingKey::from_jwk(&set.keys[0]).expect("a key");
        let mut validation = Validation::new(algorithm);
        validation.validate_aud = false;
        let checked = decode::<Value>(&text(&tokens, "access_token"), &key, &validation).expect("authentic");
        assert_eq!(checked.claims["sub"], id);
    }
}

#[tokio::test]
async fn the_target_file_is_its_owners_only_and_the_suite_passes_on_it() {
    let served = Served::start(&["--keys", "es256"]);
    let mode = std::fs::metadata(served.target()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let run = vouch().args(["run", "--ci", "--role", "api", "-t"]).arg(served.target()).assert().success();
    let out = stdout(&run);
    assert!(out.contains("mock-cloud on HTTP") && out.contains("0 violated"), "{out}");
    let run = vouch().args(["run", "--ci", "--role", "idp", "-f", "IDP", "-t"]).arg(served.target()).assert().success();
    let out = stdout(&run);
    assert!(out.contains("0 violated") && out.contains("does not claim RFC 6749"), "{out}");
}

#[test]
fn a_mutant_violates_its_clause() {
    let served = Served::start(&["--keys", "hmac", "--mutant", "cloud-many-uses"]);
    let args = ["run", "--ci", "--strict", "--role", "idp", "-f", "IDP-1", "-t"];
    let out = stdout(&vouch().args(args).arg(served.target()).assert().code(1));
    assert!(out.contains("violated IDP-1"), "{out}");
}

#[tokio::test]
async fn a_delay_and_a_stall_are_kept() {
    let served = Served::start(&["--keys", "hmac", "--delay", "30ms", "--stall", "700ms@0s"]);
    let began = Instant::now();
    let (_, jwt) = served.issue("ada").await;
    assert!(began.elapsed() >= Duration::from_millis(700), "nothing is answered in a stall");
    let began = Instant::now();
    json_of(served.exchange(&jwt).await).await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(30) && took < Duration::from_millis(600), "{took:?}");
}

#[tokio::test]
async fn https_and_http_2_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let served = Served::start(&["--tls", "--ca", &ca.display().to_string()]);
    let ca = reqwest::Certificate::from_pem(&std::fs::read(&ca).expect("the CA")).expect("a certificate");
    let client = Client::builder().no_proxy().tls_certs_only([ca]).build().expect("a client");
    let url = format!("{}/v2/user", served.api);
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let response = client.get(url).header("x-vital-api-key", &served.key).send().await.expect("a trusted answer");
    assert_eq!(response.status(), StatusCode::OK);
    // HTTP/2 from the first byte, as `h2load` and gRPC-like clients speak it.
    let served = Served::start(&["--keys", "hmac"]);
    let mut stream = std::net::TcpStream::connect(served.api.split('/').nth(2).unwrap()).unwrap();
    std::io::Write::write_all(&mut stream, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).expect("a SETTINGS frame");
    assert_eq!(frame[3], 4);
}

#[tokio::test]
async fn many_refreshes_take_no_memory() {
    let served = Served::start(&["--keys", "hmac"]);
    let (_, jwt) = served.issue("ada").await;
    let mut token = text(&json_of(served.exchange(&jwt).await).await, "refresh_token");
    let client = client();
    let url = format!("{}/v1/token", served.auth);
    let mut memory = [0; 2];
    for memory in &mut memory {
        for _ in 0..1500 {
            let form = [("grant_type", "refresh_token"), ("refresh_token", &token)];
            let answer = client.post(&url).form(&form).send().await.expect("an answer");
            token = text(&json_of(answer).await, "refresh_token");
        }
        *memory = resident_kib(served.process.child.id());
    }
    // What a refresh left behind would be 250 bytes and more.
    assert!(memory[1] < memory[0] + 256, "{memory:?}");
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn a_usage_error_says_what_to_do() {
    let error = |args: &[&str], code: i32| stderr(&vouch().arg("mock-cloud").args(args).assert().code(code));
    assert!(error(&["--profile", "juntcion"], 2).contains("did you mean `junction`?"));
    assert!(error(&["--mutant", "cloud-many-use"], 2).contains("did you mean `cloud-many-uses`?"));
    assert!(error(&["--mutant", "app-never-asks"], 2).contains("vouch mutants"));
    assert!(error(&["--stall", "2s"], 2).contains("2s@4s"));
    assert!(error(&["--delay", "fast"], 2).contains("200us"));
    assert!(error(&["--access-token-lifetime", "1500ms"], 2).contains("whole seconds"));
    assert!(error(&["--ca", "x.pem"], 2).contains("--tls"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = error(&["--listen", &address], 3);
    assert!(said.contains(&address) && said.contains("another program uses the port"), "{said}");
    let said = error(&["--listen", "127.0.0.1:0", "--target", "/nowhere/vouch.toml"], 3);
    assert!(said.contains("cannot write /nowhere/vouch.toml"), "{said}");
}
