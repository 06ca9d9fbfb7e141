//! One process of the adapter under test.

use super::{Wrong, with_stderr};
use crate::sut::{
    Deadlines, DeviceHook, HostCallbacks, LaunchError, LaunchOptions, OutsideFiles, Process, SdkRole, SutError,
    WatchFiles,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use vouch_spec::protocol::message::{Area, Initialized};
use vouch_spec::protocol::{Capability, ErrorKind, Realm, Refusal};

/// 2026-01-01, in milliseconds since 1970.
const NOW: i64 = 1_767_225_600_000;
/// The code of a call that the SDK refused.
const REFUSED: i64 = -32000;

/// What the functions of the templates in `adapters/` raise until they are filled in, between the file and the function.
const NOT_FILLED_IN: &str = ": fill in ";

/// See the module.
pub(crate) struct Session {
    process: Process,
    folder: TempDir,
    claims: Initialized,
    said: Arc<Notes>,
}

/// The notifications of the adapter that are malformed.
#[derive(Default)]
struct Notes {
    wrong: Mutex<Vec<String>>,
}

#[async_trait]
impl HostCallbacks for Notes {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        match method {
            "sleep" => {
                let time = params.get("milliseconds").and_then(Value::as_i64).unwrap_or_default();
                Ok(json!({ "now": NOW + time }))
            }
            // The backend of the app has failed.
            "authenticate" => Err(Refusal::new(ErrorKind::Network, "no connection to the backend")),
            _ => Err(Refusal::unknown_method(method)),
        }
    }

    fn notification(&self, method: &str, params: Value) {
        let is_status = serde_json::from_value::<vouch_spec::protocol::message::Status>(params.clone()).is_ok();
        let is_log = params.get("text").is_some_and(Value::is_string);
        if (method == "statusChanged" && !is_status) || (method == "log" && !is_log) {
            self.wrong.lock().push(format!("the notification `{method}` has the params {params}"));
        }
    }
}

impl Session {
    /// Launches a process and sends `initialize`. Files that it writes outside its folders are noted in `outside`.
    pub async fn launch(
        role: &SdkRole,
        deadlines: Deadlines,
        claims: &Initialized,
        outside: Option<&Arc<OutsideFiles>>,
    ) -> Result<Self, Wrong> {
        let folder = crate::temporary_folder::create()
            .map_err(|error| Wrong::Adapter(format!("no temporary folder: {error}")))?;
        if let Some(outside) = outside {
            outside.exclude(folder.path());
        }
        let said = Arc::new(Notes::default());
        let options = LaunchOptions {
            watch: outside.map(|outside| WatchFiles { outside, intercept_below: None }),
            temp_dir: Some(folder.path()),
            ..LaunchOptions::default()
        };
        if let Some(device) = role.device() {
            device.run(DeviceHook::Clear, &device.values()).await?;
        }
        let process = match role.launch(said.clone(), deadlines, options).await {
            Ok(process) => process,
            Err(LaunchError::Start(error)) => return Err(error.into()),
            Err(LaunchError::Adapter(error)) => return Err(with_stderr(error).into()),
        };
        if let Err(error) = process.initialize().await {
            return Err(with_stderr(process.explain(error).await).into());
        }
        Ok(Self { process, folder, claims: claims.clone(), said })
    }

    /// Whether the adapter claims a capability.
    pub fn claims(&self, capability: Capability) -> bool {
        self.claims.capabilities.known.contains(&capability)
    }

    /// The folder of the device, which is also that for temporary files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends `start`, with servers at which nothing answers.
    pub async fn start(&self) -> Result<(), Wrong> {
        let mut storage = serde_json::Map::new();
        for area in Area::ALL {
            let path = self.folder.path().join(area.word());
            let _ = std::fs::create_dir(&path);
            storage.insert(area.word().into(), json!(path));
        }
        storage.insert("locked".into(), json!(false));
        // A port that was free a moment ago.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
        let port = port.map_or(9, |address| address.port());
        let url = format!("http://127.0.0.1:{port}");
        let endpoint =
            |realm: Realm| json!({ "environment": realm.environment, "region": realm.region, "api": url, "auth": url });
        let endpoints: Vec<_> = Realm::all().map(endpoint).collect();
        let mut params =
            json!({ "profile": "junction", "storage": storage, "endpoints": endpoints, "requestTimeoutMs": 1000 });
        if self.claims(Capability::Clock) {
            params["now"] = json!(NOW);
        }
        self.accepted("start", params).await.map(|_| ())
    }

    /// Makes a call that must be answered, either way.
    pub async fn call(&self, method: &str, params: Value) -> Result<Result<Value, Refusal>, Wrong> {
        let answer = self.process.call::<Value>(method, params).await;
        let answer = answer.map_err(|error: SutError| Wrong::Adapter(error.what))?;
        match self.said.wrong.lock().first() {
            Some(wrong) => Err(wrong.clone().into()),
            None => match answer {
                Err(refusal) if refusal.message.contains(NOT_FILLED_IN) => Err(Wrong::NotFilledIn(refusal.message)),
                answer => Ok(answer),
            },
        }
    }

    /// Makes a call that must not be refused, and returns its result.
    pub async fn accepted(&self, method: &str, params: Value) -> Result<Value, Wrong> {
        match self.call(method, params).await? {
            Ok(result) => Ok(result),
            Err(refusal) => Err(format!("`{method}` was answered with the error {}", words(&refusal)).into()),
        }
    }

    /// Makes a call that the SDK must refuse with one of these kinds.
    pub async fn refused(&self, method: &str, params: Value, kinds: &[ErrorKind]) -> Result<(), Wrong> {
        let expected: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
        let expected = expected.join(" or ");
        match self.call(method, params).await? {
            Ok(result) => Err(format!("`{method}` was answered with {result}, expected the error {expected}").into()),
            Err(refusal) if refusal.kind().is_some_and(|kind| kinds.contains(&kind)) => Ok(()),
            Err(refusal) => {
                Err(format!("`{method}` was answered with {}, expected {expected}", words(&refusal)).into())
            }
        }
    }

    /// Makes a call that must be answered with this error code of JSON-RPC.
    pub async fn refused_with_code(&self, method: &str, params: Value, code: i64) -> Result<(), Wrong> {
        match self.call(method, params).await? {
            Err(refusal) if refusal.code == code => Ok(()),
            Err(refusal) => {
                Err(format!("`{method}` was answered with {}, expected the code {code}", words(&refusal)).into())
            }
            Ok(result) => Err(format!("`{method}` was answered with {result}, expected the error code {code}").into()),
        }
    }

    /// Sends a notification.
    pub fn notify(&self, method: &str, params: Value) {
        self.process.notify(method, params);
    }

    /// Sends `stop` and waits for the end of the process.
    pub async fn stop(&self) -> Result<(), Wrong> {
        self.process.stop().await.map_err(|error| Wrong::Adapter(error.what))
    }

    /// Closes the process's input and waits for its end.
    pub async fn close_input(&self, limit: Duration) -> Result<(), Wrong> {
        match self.process.close_input(limit).await {
            Some(_) => Ok(()),
            None => Err(format!("the process still runs {limit:?} after the end of its input").into()),
        }
    }

    /// Adds how the process ended to what it did wrong.
    pub async fn explain(&self, what: String) -> String {
        if self.process.is_alive() {
            return what;
        }
        with_stderr(self.process.explain(SutError::new(what)).await)
    }

    pub async fn end(self) {
        self.process.kill().await;
    }
}

/// An error answer in words.
fn words(refusal: &Refusal) -> String {
    let kind = match refusal.kind() {
        Some(kind) => format!("kind {kind}"),
        None if refusal.code == REFUSED => "no valid `data.kind`".into(),
        None => format!("code {}", refusal.code),
    };
    format!("{kind} ({})", vouch_spec::text::OutsideText::line_up_to(&refusal.message, 120).into_string())
}
