//! An SDK that Vouch reaches over a connection: an app with a test hook in an emulator or simulator, or a program that serves
//! the adapter protocol on a socket. One connection is one process of the app.
//!
//! It knows how to launch and connect. It must not know what is tested.

mod address;
mod device;
mod hello;
mod http_messages;
mod listener;
mod process;
mod streams;
mod web_socket;

pub use address::{AddressError, ConnectAddress};
pub use device::{DeviceHook, DeviceSpec, Preset};
pub use streams::Streams;

use self::listener::Listener;
use self::process::RemoteProcess;
use super::callback_binding::CallbackBinding;
use super::child_process::{self, ProgramTemplate};
use super::http::{Template, fill};
use super::ports::{ReservedPort, free_port};
use super::process::{HostCallbacks, Process, ProcessHandle, ProcessState, SutError};
use super::{Deadlines, LaunchError, LaunchOptions, StartError};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use vouch_spec::protocol::{MAX_UNSOLICITED, connect};

/// The time between two tries to connect.
const RETRY: Duration = Duration::from_millis(20);
/// The variables that a program also gets as environment variables.
const PASSED_ON: [&str; 3] = ["url", "installation", "port"];
/// The longest time for which a launch waits for an app that was connected before.
const COMES_BACK: Duration = Duration::from_secs(15);

/// How the connection to the SDK is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Vouch connects to an address, for example `tcp://127.0.0.1:$port`.
    Connect(Template),
    /// Vouch listens on this address, and the app dials in.
    Listen(SocketAddr),
}

/// An SDK that is reached over a connection, as a target file configures it.
#[derive(Clone, Debug)]
pub struct RemoteSpec {
    pub transport: Transport,
    /// The program to start at each launch. `None` if a device hook launches the app, or if the app runs already.
    pub program: Option<ProgramTemplate>,
    /// The device that the app runs on.
    pub device: DeviceSpec,
    /// The id with which the app dials in. `None`: Vouch gives each launch its own, or takes the first that comes.
    pub installation: Option<String>,
    /// The maximum time from a launch to the connection.
    pub connect_timeout: Duration,
}

/// See [`RemoteSpec`].
pub struct RemoteSdk {
    pub spec: RemoteSpec,
    listener: tokio::sync::OnceCell<Arc<Listener>>,
    /// The installation that dialled in first, if the target file names none.
    adopted: Mutex<Option<String>>,
    launches: AtomicU64,
    /// An app was connected at least once.
    was_connected: AtomicBool,
    /// Why the app could not be killed. The next launch reports it.
    failed_kill: Arc<Mutex<Option<StartError>>>,
}

impl RemoteSdk {
    /// An SDK that is not yet connected.
    pub fn new(spec: RemoteSpec) -> Self {
        Self {
            spec,
            listener: tokio::sync::OnceCell::new(),
            adopted: Mutex::default(),
            launches: AtomicU64::new(1),
            was_connected: AtomicBool::new(false),
            failed_kill: Arc::default(),
        }
    }

    /// Whether each launch has a process of its own, so that cases can run side by side.
    pub fn starts_program(&self) -> bool {
        self.spec.program.is_some()
    }

    /// Launches the app and connects to it. The process has answered `initialize`.
    pub(super) async fn launch(
        &self,
        callbacks: Arc<dyn HostCallbacks>,
        deadlines: Deadlines,
        options: LaunchOptions<'_>,
    ) -> Result<Process, LaunchError> {
        if let Some(error) = self.failed_kill.lock().take() {
            return Err(error.into());
        }
        let launched = match &self.spec.transport {
            Transport::Connect(address) => self.launch_to_connect(address, options).await?,
            Transport::Listen(address) => self.launch_to_await(*address, options).await?,
        };
        let began = Instant::now();
        loop {
            let (streams, installation) = self.connection(&launched, began).await?;
            let process = self.process(&launched, (streams, installation), callbacks.clone(), deadlines);
            match process.initialize().await {
                Ok(initialized) => {
                    self.was_connected.store(true, Ordering::Relaxed);
                    process.keep(initialized);
                    return Ok(process);
                }
                // A forwarder (`adb forward`) accepts before the app does, and an app that waited may be gone.
                Err(_) if launched.child.is_none() && process.is_closed() && began.elapsed() < self.patience() => {
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => return Err(process.explain(error).await.into()),
            }
        }
    }

    /// The conversation over a connection.
    fn process(
        &self,
        launched: &Launched,
        (streams, installation): (Streams, Option<String>),
        callbacks: Arc<dyn HostCallbacks>,
        deadlines: Deadlines,
    ) -> Process {
        let Streams { read, write } = streams;
        let (peer, conversation) = connect(read, write, MAX_UNSOLICITED, |_| Arc::new(CallbackBinding::new(callbacks)));
        let handle: Arc<dyn ProcessHandle> = if let Some(child) = &launched.child {
            tokio::spawn(conversation);
            child.clone()
        } else {
            let device = (self.spec.device.clone(), launched.values.clone());
            RemoteProcess::spawn(conversation, device, deadlines.stop, self.failed_kill.clone())
        };
        if let (Some(installation), Some(listener)) = (installation, self.listener.get()) {
            listener.mark_taken(&installation, handle.state());
        }
        Process::new(peer, handle, deadlines).over_connection()
    }

    /// Launches an app that Vouch connects to.
    async fn launch_to_connect(&self, address: &Template, options: LaunchOptions<'_>) -> Result<Launched, LaunchError> {
        let port = match &self.spec.program {
            Some(_) => Some(free_port().map_err(|error| StartError::new("cannot find a free port", &error))?),
            None => None,
        };
        let own = || address.0.parse::<ConnectAddress>().ok().map(|address| address.port().to_string());
        let number = port.as_ref().map(|port| port.number.clone()).or_else(own).unwrap_or_default();
        let values = self.values(vec![("port".into(), number)]);
        let url = fill(address, &borrowed(&values));
        let child = self.start(&values, options).await?;
        let address: ConnectAddress =
            url.parse().map_err(|error: AddressError| StartError::new(&format!("cannot connect to {url}"), &error))?;
        Ok(Launched { child, values, way: Way::To { address, url, _port: port } })
    }

    /// Launches an app that dials in.
    async fn launch_to_await(&self, address: SocketAddr, options: LaunchOptions<'_>) -> Result<Launched, LaunchError> {
        let listener = self.listener.get_or_try_init(|| Listener::bind(address)).await;
        let listener =
            listener.map_err(|error| StartError::new(&format!("cannot listen on {address}"), &error))?.clone();
        let installation = match (&self.spec.installation, &self.spec.program) {
            (_, Some(_)) => Some(self.next_installation()),
            (Some(name), None) => Some(name.clone()),
            // The hook passes it on.
            (None, None) if self.spec.device.has(DeviceHook::Launch) => Some("vouch".to_owned()),
            (None, None) => self.adopted.lock().clone(),
        };
        let url = self.spec.device.url_for_app(listener.address().port());
        let named = installation.clone().unwrap_or_default();
        let port = ("port".to_owned(), listener.address().port().to_string());
        let values = self.values(vec![("url".into(), url), ("installation".into(), named), port]);
        self.spec.device.run(DeviceHook::Reverse, &values).await?;
        if self.spec.program.is_some() || self.spec.device.has(DeviceHook::Launch) {
            // A connection from before the launch is not that of the process to come.
            listener.forget(installation.as_deref());
        }
        let child = self.start(&values, options).await?;
        Ok(Launched { child, values, way: Way::From { listener, installation } })
    }

    /// The next connection to a launched app, and the id with which it dialled in.
    async fn connection(&self, launched: &Launched, began: Instant) -> Result<(Streams, Option<String>), LaunchError> {
        let child = launched.child.as_deref();
        loop {
            // Each way takes a moment before it fails.
            let refused = match &launched.way {
                Way::To { address, .. } => match address.connect().await {
                    Ok(streams) => return Ok((streams, None)),
                    Err(error) => {
                        tokio::time::sleep(RETRY).await;
                        error.to_string()
                    }
                },
                Way::From { listener, installation } => match listener.take(installation.as_deref(), RETRY).await {
                    Some(arrived) => {
                        if self.spec.program.is_none() && self.spec.installation.is_none() {
                            *self.adopted.lock() = Some(arrived.installation.clone());
                        }
                        return Ok((arrived.streams, Some(arrived.installation)));
                    }
                    None => String::new(),
                },
            };
            if let Some(failure) = ended(child) {
                return Err(failure.into());
            }
            if began.elapsed() > self.patience() {
                return Err(match &launched.way {
                    Way::To { url, .. } => self.no_connection(child, &format!("to {url}"), &refused),
                    Way::From { listener, installation } => {
                        let place = format!("from the app at {}", listener.address());
                        self.no_connection(child, &place, &listener.seen(installation.as_deref()))
                    }
                });
            }
        }
    }

    /// How long a launch waits for the connection. A person may start the app the first time, not for each case.
    fn patience(&self) -> Duration {
        let limit = self.spec.connect_timeout;
        if self.was_connected.load(Ordering::Relaxed) { limit.min(COMES_BACK) } else { limit }
    }

    /// Starts the program, or runs the hook that launches the app, if there is one.
    async fn start(
        &self,
        values: &[(String, String)],
        options: LaunchOptions<'_>,
    ) -> Result<Option<Arc<dyn ProcessHandle>>, LaunchError> {
        let Some(spec) = &self.spec.program else {
            let wakes = options.background && self.spec.device.can_wake();
            self.spec.device.run(if wakes { DeviceHook::Wake } else { DeviceHook::Launch }, values).await?;
            return Ok(None);
        };
        let values = borrowed(values);
        let mut program = spec.fill(&values);
        // The variables of the target file come last: they win.
        let own = std::mem::take(&mut program.environment);
        let vouch = values.iter().filter(|(name, _)| PASSED_ON.contains(name));
        let vouch = vouch.map(|(name, text)| (format!("VOUCH_{}", name.to_uppercase()), (*text).to_owned()));
        program.environment = vouch.chain(own).collect();
        let started = child_process::start_with(&program, options);
        Ok(Some(started.map_err(|error| StartError::of_program(&program.program, &program.folder, &error))?))
    }

    /// The values of the variables of commands and hooks.
    fn values(&self, more: Vec<(String, String)>) -> Vec<(String, String)> {
        self.spec.device.values().into_iter().chain(more).collect()
    }

    fn next_installation(&self) -> String {
        let number = self.launches.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.spec.installation.as_deref().unwrap_or("vouch"))
    }

    /// The app was launched and there is no connection: its own fault if Vouch or a hook launched it, or if it was there before;
    /// else the environment's.
    fn no_connection(&self, child: Option<&dyn ProcessHandle>, place: &str, why: &str) -> LaunchError {
        let limit = self.patience();
        let what = if child.is_some() || self.spec.device.has(DeviceHook::Launch) {
            format!("the app was launched, but there is no connection {place} {limit:?} later ({why})")
        } else if self.was_connected.load(Ordering::Relaxed) {
            format!(
                "the app does not come back: there is no connection {place} {limit:?} after the last one ended ({why})"
            )
        } else {
            return StartError::new(&format!("no connection {place} within {limit:?}"), &why).into();
        };
        SutError { stderr: child.map(|child| child.stderr_tail()).unwrap_or_default(), ..SutError::new(what) }.into()
    }
}

/// A launched app.
struct Launched {
    child: Option<Arc<dyn ProcessHandle>>,
    /// The values of the variables of commands and hooks.
    values: Vec<(String, String)>,
    way: Way,
}

/// How the connection to a launched app comes about.
enum Way {
    To {
        address: ConnectAddress,
        url: String,
        /// No other run takes the port until the app listens.
        _port: Option<ReservedPort>,
    },
    From {
        listener: Arc<Listener>,
        installation: Option<String>,
    },
}

/// The error of a program that ended before there was a connection.
fn ended(child: Option<&dyn ProcessHandle>) -> Option<SutError> {
    let child = child?;
    let ProcessState::Exited(how) = child.state().borrow().clone() else { return None };
    let what = format!("the program ended before there was a connection: {how}");
    Some(SutError { stderr: child.stderr_tail(), ..SutError::new(what) })
}

fn borrowed(values: &[(String, String)]) -> Vec<(&str, &str)> {
    values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[cfg(test)]
mod tests;
