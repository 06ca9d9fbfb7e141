//! The connection to a master: a ZeroMQ DEALER socket whose identity is the worker's id.

use super::message::{Hear, Say};
use futures_util::{Stream, StreamExt};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zeromq::util::PeerIdentity;
use zeromq::{DealerSendHalf, DealerSocket, Socket, SocketEvent, SocketOptions, SocketRecv, SocketSend};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// Messages of the master that may wait to be looked at.
const WAITING: usize = 1024;

/// A connection that stands, or stood.
pub struct Link {
    id: String,
    out: DealerSendHalf,
    heard: mpsc::Receiver<Result<Hear, String>>,
    reader: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        // The other half of the socket is the reader's: the connection closes when both are gone.
        self.reader.abort();
    }
}

impl Link {
    /// Connects to `HOST:PORT`.
    ///
    /// # Errors
    /// Why there is no connection, for the reader.
    pub async fn open(master: &str, id: &str) -> Result<Self, String> {
        // ZeroMQ would try again without a word; a plain connection says what is wrong.
        match tokio::time::timeout(CONNECT, TcpStream::connect(master)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(format!("nobody answers at {master}: {error}")),
            Err(_) => return Err(format!("nobody answers at {master} within {} s", CONNECT.as_secs())),
        }
        let identity = PeerIdentity::try_from(id.as_bytes()).map_err(|error| error.to_string())?;
        let mut options = SocketOptions::default();
        options.peer_identity(identity).connect_timeout(CONNECT);
        let mut socket = DealerSocket::with_options(options);
        let events = socket.monitor();
        let connected = socket.connect(&format!("tcp://{master}")).await;
        connected.map_err(|error| {
            format!("what answers at {master} does not speak ZeroMQ as a Locust master does: {error}")
        })?;
        let (out, incoming) = socket.split();
        let (tell, heard) = mpsc::channel(WAITING);
        let reader = tokio::spawn(read(incoming, events, tell));
        Ok(Self { id: id.to_owned(), out, heard, reader })
    }

    /// Sends a message. Whether it went out; the master may be gone all the same.
    pub async fn say(&mut self, say: &Say) -> bool {
        self.out.send(say.encode(&self.id).into()).await.is_ok()
    }

    /// The next message; an error for one that cannot be read. None when the connection is gone.
    pub async fn on_event(&mut self) -> Option<Result<Hear, String>> {
        self.heard.recv().await
    }
}

/// Hands messages on until the connection is gone.
async fn read(
    mut incoming: zeromq::DealerRecvHalf,
    mut events: impl Stream<Item = SocketEvent> + Unpin,
    tell: mpsc::Sender<Result<Hear, String>>,
) {
    loop {
        let message = tokio::select! {
            biased;
            message = incoming.recv() => message,
            event = events.next() => match event {
                Some(SocketEvent::Disconnected(_)) | None => return,
                Some(_) => continue,
            },
        };
        let Ok(message) = message else { return };
        // A master's message has one frame; what has more is no message of Locust.
        let heard = match message.get(0) {
            Some(frame) if message.len() == 1 => Hear::decode(frame),
            _ => Err(format!("{} frames instead of one", message.len())),
        };
        if tell.send(heard).await.is_err() {
            return;
        }
    }
}
