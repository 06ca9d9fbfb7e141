//! The reference SDK behind the adapter protocol: in this process for the built-in role, on standard input and output
//! for `vouch reference-sdk`.

use super::sdk::http_network::HttpNetwork;
use super::sdk::policy::{DefaultSdkPolicy, SdkPolicy};
use super::sdk::ports::{FileStorage, Network, ProcessLifetime, Storage, SystemTime, Time};
use super::sdk::previous::PreviousSdkPolicy;
use super::sdk::{AppState, Sdk, SdkEnvironment, SdkError};
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::{
    Area, Authenticate, Authenticated, Clock, Configure, CurrentUser, Empty, Identify, Initialized, Items, LockStorage,
    Request, Requested, SdkName, SetUserId, SignIn, Sleep, Start, Status,
};
use vouch_spec::protocol::{
    CallError, Capability, ErrorKind, Handler, Peer, Realm, Refusal, VERSION, Violation, connect,
};

/// Calls back to the harness may take as long as the harness likes; this only bounds a harness that is gone.
const CALL_BACK: Duration = Duration::from_secs(3600);

/// What an SDK is put together from.
pub struct SdkParts {
    pub policy: Arc<dyn SdkPolicy>,
    pub storage: Arc<dyn Storage>,
    pub net: Arc<dyn Network>,
}

/// Puts the parts together, anew at every launch. The default makes the reference.
pub trait SdkFactory: Send + Sync {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        SdkParts { policy: Arc::new(DefaultSdkPolicy), storage, net }
    }

    /// The same SDK in a process with this locale, if the locale makes a difference to it.
    fn in_locale(&self, _: &str) -> Option<Arc<dyn SdkFactory>> {
        None
    }
}

/// The reference itself.
pub struct ReferenceSdk;

impl SdkFactory for ReferenceSdk {}

/// The release before it, which an update replaces.
pub struct PreviousReferenceSdk;

impl SdkFactory for PreviousReferenceSdk {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        SdkParts { policy: Arc::new(PreviousSdkPolicy), storage, net }
    }
}

/// Whether the adapter claims `clock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    Harness,
    System,
}

/// Serves the protocol until the other side hangs up.
pub async fn serve(
    read: impl AsyncRead + Send + Unpin + 'static,
    write: impl AsyncWrite + Send + Unpin + 'static,
    assembly: Arc<dyn SdkFactory>,
    time: TimeSource,
    life: ProcessLifetime,
) -> Violation {
    let (_peer, conversation) = connect(read, write, usize::MAX, |peer| {
        Arc::new(Adapter { peer: peer.clone(), assembly, time, life, launched: OnceLock::new() })
    });
    conversation.await
}

struct Adapter {
    peer: Peer,
    assembly: Arc<dyn SdkFactory>,
    time: TimeSource,
    life: ProcessLifetime,
    launched: OnceLock<Launched>,
}

struct Launched {
    sdk: Arc<Sdk>,
    storage: Arc<FileStorage>,
    told: Option<Arc<HarnessTime>>,
}

/// Time as the harness tells it.
struct HarnessTime {
    now_ms: AtomicI64,
    peer: Peer,
}

#[async_trait]
impl Time for HarnessTime {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Acquire)
    }

    async fn sleep(&self, duration: Duration) {
        self.ask_for_sleep(duration, false).await;
    }

    async fn sleep_in_background(&self, duration: Duration) -> bool {
        self.ask_for_sleep(duration, true).await
    }
}

impl HarnessTime {
    /// Returns whether the harness let the sleep end.
    async fn ask_for_sleep(&self, duration: Duration, background: bool) -> bool {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let Ok(Clock { now }) = self.peer.call("sleep", Sleep { milliseconds, background }, CALL_BACK).await else {
            return false;
        };
        self.now_ms.fetch_max(now, Ordering::AcqRel);
        true
    }
}

#[async_trait]
impl Handler for Adapter {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        match method {
            "initialize" => answer(self.initialize()),
            "start" => self.start(read(method, params)?),
            _ => self.call(self.launched()?, method, params).await,
        }
    }

    fn notification(&self, _: &str, _: Value) {}
}

impl Adapter {
    fn initialize(&self) -> Initialized {
        let claims = |capability: &Capability| match capability {
            Capability::Clock => self.time == TimeSource::Harness,
            // It starts in a few milliseconds.
            Capability::Reuse => false,
            _ => true,
        };
        Initialized {
            protocol: VERSION,
            sdk: SdkName {
                name: "vouch-reference".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                platform: "rust".into(),
            },
            capabilities: Capability::ALL.iter().copied().filter(claims).collect(),
            token_storage: vec![Area::Secure],
        }
    }

    fn launched(&self) -> Result<&Launched, Refusal> {
        self.launched.get().ok_or_else(|| Refusal::too_early("`start` comes first"))
    }

    fn start(&self, start: Start) -> Result<Value, Refusal> {
        let profile = profile(&start)?;
        let timeout = Duration::from_millis(start.request_timeout_ms);
        let storage = Arc::new(FileStorage::new(&start.storage, self.life.clone()));
        let told = start.now.map(|now| Arc::new(HarnessTime { now_ms: AtomicI64::new(now), peer: self.peer.clone() }));
        let time: Arc<dyn Time> = match &told {
            Some(told) => told.clone(),
            None => Arc::new(SystemTime),
        };
        let net = HttpNetwork::new(&start.endpoints, timeout, self.life.clone(), time.clone())
            .map_err(|error| Refusal::new(ErrorKind::Internal, format!("no HTTP client: {error}")))?;
        let listener = self.peer.clone();
        let parts = self.assembly.assemble(storage.clone(), Arc::new(net));
        let sdk = Sdk::launch(SdkEnvironment {
            policy: parts.policy,
            profile,
            storage: parts.storage,
            net: parts.net,
            time,
            app_state: if start.background { AppState::Background } else { AppState::Foreground },
            on_status: Box::new(move |status| listener.notify("statusChanged", Status { status })),
        });
        if self.launched.set(Launched { sdk, storage, told }).is_err() {
            return Err(Refusal::new(ErrorKind::Internal, "started twice"));
        }
        answer(Empty {})
    }

    async fn call(&self, launched: &Launched, method: &str, params: Value) -> Result<Value, Refusal> {
        let sdk = &launched.sdk;
        match method {
            "signIn" => done(sdk.sign_in(&read::<SignIn>(method, params)?.token).await),
            "signOut" => done(sdk.sign_out()),
            "status" => answer(Status { status: sdk.status().map_err(refusal)? }),
            "currentUserId" => answer(CurrentUser { user_id: sdk.current_user_id().map_err(refusal)? }),
            "configure" => {
                let Configure { api_key, environment, region } = read(method, params)?;
                done(sdk.configure(&api_key, Realm { environment, region }))
            }
            "setUserId" => done(sdk.set_user_id(&read::<SetUserId>(method, params)?.user_id)),
            "identify" => {
                let Identify { external_user_id } = read(method, params)?;
                done(sdk.identify(&external_user_id, || self.authenticate(external_user_id.clone())).await)
            }
            "request" => {
                let Request { method, path, body } = read(method, params)?;
                let body = body.map(|body| body.to_string()).unwrap_or_default();
                let result = sdk.request_with_body(&method, &path, &body).await.map_err(refusal)?;
                answer(Requested { status: result.status, body: result.body })
            }
            "refresh" => done(sdk.refresh().await),
            "storage" => match launched.storage.items() {
                Ok(items) => answer(Items { items }),
                Err(error) => Err(refusal(error.into())),
            },
            "lockStorage" => {
                launched.storage.locked.store(read::<LockStorage>(method, params)?.locked, Ordering::Release);
                answer(Empty {})
            }
            "foreground" => {
                sdk.come_to_foreground();
                answer(Empty {})
            }
            "clock" => {
                let Clock { now } = read(method, params)?;
                if let Some(told) = &launched.told {
                    told.now_ms.fetch_max(now, Ordering::AcqRel);
                }
                answer(Empty {})
            }
            // What persists is on disk already; the process ends when its input does.
            "stop" => answer(Empty {}),
            _ => Err(Refusal::unknown_method(method)),
        }
    }

    async fn authenticate(&self, external_user_id: String) -> Result<String, SdkError> {
        let asked = self.peer.call::<Authenticated>("authenticate", Authenticate { external_user_id }, CALL_BACK).await;
        asked.map(|answer| answer.token).map_err(|error| match error {
            CallError::Refused(refusal) => {
                SdkError::new(refusal.kind().unwrap_or(ErrorKind::Network), "the app could not get a sign-in token")
            }
            _ => SdkError::new(ErrorKind::Cancelled, "the app went away"),
        })
    }
}

fn profile(start: &Start) -> Result<Arc<Profile>, Refusal> {
    let unknown = || Refusal::new(ErrorKind::Unsupported, format!("no wire profile `{}`", start.profile));
    match &start.custom {
        Some(mapping) => Profile::deserialize(mapping)
            .map(Arc::new)
            .map_err(|why| Refusal::new(ErrorKind::Unsupported, format!("the mapping cannot be read: {why}"))),
        None => Profile::built_in(&start.profile).ok_or_else(unknown),
    }
}

fn read<T: DeserializeOwned>(method: &str, params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params).map_err(|why| Refusal::bad_params(method, &why))
}

fn answer(result: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(result).map_err(|e| Refusal::new(ErrorKind::Internal, e.to_string()))
}

fn done(result: Result<(), SdkError>) -> Result<Value, Refusal> {
    result.map_err(refusal)?;
    answer(Empty {})
}

fn refusal(error: SdkError) -> Refusal {
    Refusal::new(error.kind, error.text)
}
