//! The socket that apps dial in to, by lines over TCP or by WebSocket, both on one port.

use super::super::process::ProcessState;
use super::hello;
use super::streams::Streams;
use super::web_socket;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};
use vouch_spec::text::OutsideText;

/// The most connections that may wait at once.
const MAX_WAITING: usize = 64;
/// The time that an app has from its connection to the end of its first line.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection whose app has said which installation it is.
pub(super) struct Arrived {
    pub installation: String,
    pub streams: Streams,
}

/// What has come so far.
#[derive(Default)]
struct Arrivals {
    waiting: Vec<Arrived>,
    /// The processes of the installations that a case has taken.
    taken: HashMap<String, watch::Receiver<ProcessState>>,
    /// What was wrong with the last connection that was refused.
    refused: Option<String>,
}

/// How long the former process of an installation may still be connected when its next one connects.
const DUPLICATE_GRACE: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Listener {
    address: SocketAddr,
    arrivals: Mutex<Arrivals>,
    changed: Notify,
}

impl Listener {
    /// Listens on an address.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Arc<Self>> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        let listener = Arc::new(Self { address, arrivals: Mutex::default(), changed: Notify::new() });
        tokio::spawn(accept_all(socket, Arc::downgrade(&listener)));
        Ok(listener)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drops the connections of an installation that wait, or of every installation.
    pub fn forget(&self, installation: Option<&str>) {
        self.arrivals.lock().waiting.retain(|one| installation.is_some_and(|wanted| one.installation != wanted));
    }

    /// The oldest connection of an installation, or of any. Waits for one until the time is over.
    pub async fn take(&self, installation: Option<&str>, wait: Duration) -> Option<Arrived> {
        let next = || {
            let mut arrivals = self.arrivals.lock();
            let matches = |one: &Arrived| installation.is_none_or(|wanted| one.installation == wanted);
            let found = arrivals.waiting.iter().position(matches)?;
            Some(arrivals.waiting.remove(found))
        };
        let changed = self.changed.notified();
        if let Some(found) = next() {
            return Some(found);
        }
        let _ = tokio::time::timeout(wait, changed).await;
        next()
    }

    /// Notes that the process of an installation runs: a second connection with its id is another device's.
    pub fn mark_taken(&self, installation: &str, state: watch::Receiver<ProcessState>) {
        self.arrivals.lock().taken.insert(installation.to_owned(), state);
    }

    /// Whether the process of an installation still runs a moment later: an app that was launched anew may come before the end
    /// of its former process is seen.
    async fn is_taken(&self, installation: &str) -> bool {
        let Some(mut state) = self.arrivals.lock().taken.get(installation).cloned() else { return false };
        let ended = state.wait_for(|state| *state != ProcessState::Running);
        tokio::time::timeout(DUPLICATE_GRACE, ended).await.is_err()
    }

    /// Which connections there were, for the error of one that waited in vain.
    pub fn seen(&self, installation: Option<&str>) -> String {
        let arrivals = self.arrivals.lock();
        let mut seen = Vec::new();
        if let (Some(wanted), false) = (installation, arrivals.waiting.is_empty()) {
            let others: Vec<_> = arrivals.waiting.iter().map(|one| shown(&one.installation)).collect();
            seen.push(format!(
                "expected the installation `{}`; others are connected: {}",
                shown(wanted),
                others.join(", ")
            ));
        }
        if let Some(refused) = &arrivals.refused {
            seen.push(format!("a connection was refused: {refused}"));
        }
        if seen.is_empty() { "nothing connected".into() } else { seen.join("; ") }
    }

    /// Adds a connection, unless another device has its installation id.
    async fn admit(&self, mut arrived: Arrived) -> Result<(), String> {
        let installation = arrived.installation.clone();
        if self.is_taken(&installation).await {
            let why = format!("another device is connected as `{}`; give each its own id", shown(&installation));
            tell(&mut arrived.streams, &why).await;
            return Err(why);
        }
        self.add(arrived);
        Ok(())
    }

    /// Adds a connection; a second one of an installation that waits already takes its place.
    fn add(&self, arrived: Arrived) {
        let mut arrivals = self.arrivals.lock();
        arrivals.waiting.retain(|one| one.installation != arrived.installation);
        arrivals.waiting.push(arrived);
        if arrivals.waiting.len() > MAX_WAITING {
            arrivals.waiting.remove(0);
        }
        drop(arrivals);
        self.changed.notify_waiters();
    }
}

/// Accepts connections for as long as the listener is used.
async fn accept_all(socket: TcpListener, listener: Weak<Listener>) {
    let places = Arc::new(Semaphore::new(MAX_WAITING));
    while listener.strong_count() > 0 {
        let accepted = tokio::time::timeout(Duration::from_secs(1), socket.accept()).await;
        let Ok(accepted) = accepted else { continue };
        let Ok((stream, from)) = accepted else {
            // Too many open files, for example.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            if let Some(listener) = listener.upgrade() {
                let why = format!("{from}: {MAX_WAITING} connections have not said `hello` yet");
                listener.arrivals.lock().refused = Some(why);
            }
            continue;
        };
        let listener = listener.clone();
        tokio::spawn(async move {
            let greeted = tokio::time::timeout(HELLO_TIMEOUT, greet(stream)).await;
            let greeted = greeted.unwrap_or_else(|_| Err(format!("no `hello` within {HELLO_TIMEOUT:?}")));
            let _place = place;
            let Some(listener) = listener.upgrade() else { return };
            let why = match greeted {
                Ok(arrived) => listener.admit(arrived).await,
                Err(why) => Err(why),
            };
            if let Err(why) = why {
                listener.arrivals.lock().refused = Some(format!("{from}: {why}"));
            }
        });
    }
}

/// Reads the first line of a connection, which may be a WebSocket. The app is told what is wrong with it.
async fn greet(stream: TcpStream) -> Result<Arrived, String> {
    let _ = stream.set_nodelay(true);
    let mut first = [0; 4];
    let peeked = peek(&stream, &mut first).await;
    let is_web_socket = matches!(peeked, Ok(4) if &first == b"GET ");
    let mut streams = if is_web_socket {
        web_socket::accept(stream).await.map_err(|error| format!("it is no WebSocket: {error}"))?
    } else {
        Streams::of(stream)
    };
    match hello::read(&mut streams.read).await {
        Ok(installation) => Ok(Arrived { installation, streams }),
        Err(why) => {
            tell(&mut streams, &why).await;
            Err(why)
        }
    }
}

/// Tells an app why its connection is refused, as a notification `log`.
async fn tell(streams: &mut Streams, why: &str) {
    let message = serde_json::json!({ "jsonrpc": "2.0", "method": "log", "params": { "text": why } });
    let _ = streams.write.write_all(format!("{message}\n").as_bytes()).await;
    let _ = streams.write.shutdown().await;
    // Until the app has read it.
    let _ = tokio::time::timeout(Duration::from_millis(200), streams.read.read_u8()).await;
}

/// Waits for the first bytes without taking them.
async fn peek(stream: &TcpStream, first: &mut [u8; 4]) -> std::io::Result<usize> {
    loop {
        let count = stream.peek(first).await?;
        if count == 0 || count == first.len() || !b"GET ".starts_with(&first[..count]) {
            return Ok(count);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn shown(installation: &str) -> String {
    OutsideText::line_up_to(installation, 60).into_string()
}
