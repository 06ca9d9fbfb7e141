//! `vouch proxied-app`: an adapter for a build that nobody changed. Commands (hooks) act in the place of its user; its traffic
//! comes through the intercepting proxy.

mod config;
pub(super) mod hook;

use super::{CliError, Done, runtime};
use async_trait::async_trait;
use config::{Config, Hook, HookError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use vouch_runner::report::print_stderr;
use vouch_sim::intercept::{ByteForwarder, CertificateAuthority, InterceptParts, InterceptingProxy, ProxyEvent};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::{
    Area, CurrentUser, Empty, Initialized, Request, Requested, SdkName, SignIn, Start, Status,
};
use vouch_spec::protocol::{Capability, ErrorKind, Handler, Refusal, StatusWord, VERSION, connect};
use vouch_spec::text::OutsideText;

#[derive(clap::Args)]
pub struct Args {
    /// The file that names the hooks (docs/proxy.md). They run in its folder.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Serves the protocol on standard input and output until the harness hangs up.
pub fn run(args: &Args) -> Done {
    let config = Config::read(&args.file).map_err(CliError::Usage)?;
    let ca = CertificateAuthority::generate().map_err(|error| CliError::Environment(error.to_string()))?;
    let app = Arc::new(ProxiedApp {
        config,
        ca: Arc::new(ca),
        started: OnceLock::new(),
        turn: tokio::sync::Mutex::default(),
    });
    let runtime = runtime()?;
    runtime.block_on(async {
        let (_peer, conversation) = connect(tokio::io::stdin(), tokio::io::stdout(), usize::MAX, |_| app.clone());
        conversation.await;
    });
    // The reader of standard input cannot be joined while it waits.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

struct ProxiedApp {
    config: Config,
    ca: Arc<CertificateAuthority>,
    started: OnceLock<Started>,
    /// Held while a command runs.
    turn: tokio::sync::Mutex<()>,
}

/// The app is launched.
struct Started {
    /// What every hook gets in its environment.
    environment: Vec<(String, String)>,
    _proxy: InterceptingProxy,
}

#[async_trait]
impl Handler for ProxiedApp {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        match method {
            "initialize" => answer(self.initialize()),
            "start" => self.start(read(method, params)?).await,
            // A second command would wait for the first, which says nothing about the app's SDK.
            _ if self.config.one_at_a_time && method != "stop" => match self.turn.try_lock() {
                Ok(_turn) => self.call(method, params).await,
                Err(_) => Err(Refusal::new(ErrorKind::Busy, "the app takes one command after the other")),
            },
            _ => self.call(method, params).await,
        }
    }

    fn notification(&self, _: &str, _: Value) {}
}

impl ProxiedApp {
    fn initialize(&self) -> Initialized {
        let mut capabilities = vec![Capability::StorageFiles];
        capabilities.extend(self.config.has(Hook::Refresh).then_some(Capability::Refresh));
        capabilities.extend(self.config.gcip.then_some(Capability::Gcip));
        Initialized {
            protocol: VERSION,
            sdk: SdkName {
                name: self.config.name.clone(),
                version: self.config.version.clone(),
                platform: "unmodified, through the proxy".into(),
            },
            capabilities: capabilities.into_iter().collect(),
            token_storage: vec![Area::Secure],
        }
    }

    async fn start(&self, start: Start) -> Result<Value, Refusal> {
        let profile = match &start.custom {
            Some(mapping) => serde_json::from_value::<Profile>(mapping.clone()).ok().map(Arc::new),
            None => Profile::built_in(&start.profile),
        };
        let profile = profile
            .ok_or_else(|| Refusal::new(ErrorKind::Unsupported, format!("no wire profile `{}`", start.profile)))?;
        let internal = |error: &dyn std::fmt::Display| Refusal::new(ErrorKind::Internal, error.to_string());
        let parts = InterceptParts {
            ca: self.ca.clone(),
            profile,
            passed: vec![],
            server: Arc::new(ByteForwarder(start.endpoints)),
            on_event: Arc::new(report_problem),
        };
        let proxy = InterceptingProxy::start((Ipv4Addr::LOCALHOST, 0).into(), parts).await;
        let proxy = proxy.map_err(|error| internal(&format!("the proxy cannot listen: {error}")))?;
        // The certificate is public; the folder lasts as long as the case.
        let ca = std::env::temp_dir().join(format!("vouch-ca-{}.pem", std::process::id()));
        std::fs::write(&ca, self.ca.pem()).map_err(|error| internal(&format!("{}: {error}", ca.display())))?;
        let environment = hook::environment(&format!("http://{}", proxy.address()), &ca, &start.storage);
        if self.started.set(Started { environment, _proxy: proxy }).is_err() {
            return Err(Refusal::new(ErrorKind::Internal, "started twice"));
        }
        if self.config.has(Hook::Launch) {
            self.run(Hook::Launch, &[]).await?;
        }
        answer(Empty {})
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        match method {
            "signIn" => {
                let SignIn { token } = read(method, params)?;
                self.run(Hook::SignIn, &[("VOUCH_TOKEN", &token)]).await?;
                answer(Empty {})
            }
            "signOut" => self.run(Hook::SignOut, &[]).await.and_then(|_| answer(Empty {})),
            "refresh" if self.config.has(Hook::Refresh) => {
                self.run(Hook::Refresh, &[]).await.and_then(|_| answer(Empty {}))
            }
            "status" => {
                let printed = self.run(Hook::Status, &[]).await?;
                let words: Option<Vec<_>> = printed.split_whitespace().map(StatusWord::parse).collect();
                let status = words.ok_or_else(|| {
                    let known = StatusWord::WORDS.join(", ");
                    Refusal::new(ErrorKind::Internal, format!("the hook status prints words of {known}"))
                })?;
                answer(Status { status })
            }
            "currentUserId" => {
                let printed = self.run(Hook::CurrentUserId, &[]).await?;
                let user_id = Some(printed.trim().to_owned()).filter(|id| !id.is_empty());
                answer(CurrentUser { user_id })
            }
            "request" => {
                let Request { method, path, .. } = read(method, params)?;
                let printed = self.run(Hook::Request, &[("VOUCH_METHOD", &method), ("VOUCH_PATH", &path)]).await?;
                let (status, body) = printed.split_once('\n').unwrap_or((&printed, ""));
                let status = status.trim().parse().map_err(|_| {
                    let what = "the first line that the hook request prints is not an HTTP status";
                    Refusal::new(ErrorKind::Internal, what)
                })?;
                answer(Requested { status, body: serde_json::from_str(body).unwrap_or(Value::Null) })
            }
            "stop" => {
                if self.config.has(Hook::Terminate) {
                    self.run(Hook::Terminate, &[]).await?;
                }
                answer(Empty {})
            }
            _ => Err(Refusal::unknown_method(method)),
        }
    }

    /// Runs a hook; what it prints.
    async fn run(&self, hook: Hook, more: &[(&str, &str)]) -> Result<String, Refusal> {
        let started = self.started.get().ok_or_else(|| Refusal::too_early("`start` comes first"))?;
        let environment = started.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let ran = self.config.run(hook, environment.chain(more.iter().copied())).await;
        ran.map_err(|error| match error {
            HookError::Refused { kind, text } => Refusal::new(kind, text),
            HookError::Failed(what) => Refusal::new(ErrorKind::Internal, what),
        })
    }
}

/// Writes on standard error why the client and the proxy did not come to terms: a finding quotes it.
fn report_problem(event: ProxyEvent) {
    if event.kind.is_problem() {
        print_stderr(format!("vouch: proxy: {}", OutsideText::line(&event.to_string())));
    }
}

fn read<T: DeserializeOwned>(method: &str, params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params).map_err(|why| Refusal::bad_params(method, &why))
}

fn answer(result: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(result).map_err(|error| Refusal::new(ErrorKind::Internal, error.to_string()))
}
