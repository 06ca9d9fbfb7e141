//! The connection to a master: a `ZeroMQ` DEALER socket whose identity is the worker's id.

use super::message::{MasterMessage, MessageError, WorkerMessage};
use futures_util::{Stream, StreamExt};
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zeromq::util::PeerIdentity;
use zeromq::{DealerSendHalf, DealerSocket, Socket, SocketEvent, SocketOptions, SocketRecv, SocketSend};

/// The timeout of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The number of received messages that are buffered.
const QUEUE_LENGTH: usize = 1024;

/// There is no connection to a master.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("no master is listening at {master}: {cause}")]
    Unreachable { master: String, cause: io::Error },
    #[error("no master is listening at {master}: no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    TimedOut { master: String },
    #[error("the server at {master} does not speak ZeroMQ like a Locust master: {cause}")]
    NotZeroMq { master: String, cause: zeromq::ZmqError },
    #[error("the worker id is not a valid ZeroMQ identity: {0}")]
    Identity(zeromq::ZmqError),
}

/// A connection to a master.
pub struct MasterConnection {
    id: String,
    out: DealerSendHalf,
    messages: mpsc::Receiver<Result<MasterMessage, MessageError>>,
    reader: JoinHandle<()>,
}

impl Drop for MasterConnection {
    fn drop(&mut self) {
        // The reader owns the other half of the socket: the connection closes when both are dropped.
        self.reader.abort();
    }
}

impl MasterConnection {
    /// Connects to `HOST:PORT`.
    ///
    /// # Errors
    /// When no master is listening there.
    pub async fn open(master: &str, id: &str) -> Result<Self, ConnectError> {
        // ZeroMQ retries silently; a plain TCP connection reports the cause.
        match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(master)).await {
            Ok(Ok(_)) => {}
            Ok(Err(cause)) => return Err(ConnectError::Unreachable { master: master.to_owned(), cause }),
            Err(_) => return Err(ConnectError::TimedOut { master: master.to_owned() }),
        }
        let claims = PeerIdentity::try_from(id.as_bytes()).map_err(ConnectError::Identity)?;
        let mut options = SocketOptions::default();
        options.peer_identity(claims).connect_timeout(CONNECT_TIMEOUT);
        let mut socket = DealerSocket::with_options(options);
        let events = socket.monitor();
        let connected = socket.connect(&format!("tcp://{master}")).await;
        connected.map_err(|cause| ConnectError::NotZeroMq { master: master.to_owned(), cause })?;
        let (out, incoming) = socket.split();
        let (sender, messages) = mpsc::channel(QUEUE_LENGTH);
        let reader = tokio::spawn(read(incoming, events, sender));
        Ok(Self { id: id.to_owned(), out, messages, reader })
    }

    /// Sends a message. Returns whether the socket accepted it; the master may be gone nevertheless.
    pub async fn send(&mut self, message: &WorkerMessage) -> bool {
        self.out.send(message.encode(&self.id).into()).await.is_ok()
    }

    /// Receives the next message; an error for an unreadable one, `None` when the connection is lost.
    pub async fn receive(&mut self) -> Option<Result<MasterMessage, MessageError>> {
        self.messages.recv().await
    }
}

/// Forwards messages until the connection is lost.
async fn read(
    mut incoming: zeromq::DealerRecvHalf,
    mut events: impl Stream<Item = SocketEvent> + Unpin,
    sender: mpsc::Sender<Result<MasterMessage, MessageError>>,
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
        // A message of Locust has one frame.
        let messages = match message.get(0) {
            Some(frame) if message.len() == 1 => MasterMessage::decode(frame),
            _ => Err(MessageError::Frames(message.len())),
        };
        if sender.send(messages).await.is_err() {
            return;
        }
    }
}
