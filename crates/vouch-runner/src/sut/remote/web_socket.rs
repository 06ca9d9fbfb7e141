//! The lines of the protocol as messages of a WebSocket (RFC 6455): each message is one line.

use super::streams::Streams;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

/// How much of either direction is held, in bytes.
const BUFFER: usize = 64 * 1024;
/// The longest message, in bytes: a line has at most 1 MiB.
const MAX_MESSAGE: usize = (1 << 20) + 1024;

fn config() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE))
}

/// Opens a WebSocket as its client.
pub(super) async fn connect(url: &str, stream: TcpStream) -> std::io::Result<Streams> {
    let handshake = tokio_tungstenite::client_async_with_config(url, stream, Some(config()));
    let (socket, _) = handshake.await.map_err(std::io::Error::other)?;
    Ok(bridge(socket))
}

/// Opens a WebSocket as its server.
pub(super) async fn accept(stream: TcpStream) -> std::io::Result<Streams> {
    let handshake = tokio_tungstenite::accept_async_with_config(stream, Some(config()));
    Ok(bridge(handshake.await.map_err(std::io::Error::other)?))
}

/// The messages of a socket as lines.
fn bridge<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(socket: WebSocketStream<S>) -> Streams {
    let (near, far) = duplex(BUFFER);
    tokio::spawn(carry(socket, far));
    Streams::of(near)
}

/// Carries lines and messages to each other until either side ends.
async fn carry<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>, far: DuplexStream) {
    let (read, mut write) = tokio::io::split(far);
    let mut lines = BufReader::new(read);
    // What was read of a line stays here when a message comes first.
    let mut line = Vec::new();
    let mut sending = true;
    loop {
        tokio::select! {
            read = lines.read_until(b'\n', &mut line), if sending => match read {
                Ok(1..) => {
                    let text = String::from_utf8_lossy(&std::mem::take(&mut line)).trim_end().to_owned();
                    if socket.send(Message::text(text)).await.is_err() {
                        return;
                    }
                }
                _ => {
                    // The harness has nothing more to say. What the app still says is read.
                    sending = false;
                    let _ = socket.close(None).await;
                }
            },
            message = socket.next() => {
                let data = match message {
                    Some(Ok(Message::Text(text))) => text.as_bytes().to_vec(),
                    Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
                    Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_))) | None => return,
                    Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => return,
                    Some(Err(error)) => {
                        // The peer quotes a line that is no message.
                        let _ = write.write_all(format!("WebSocket: {error}\n").as_bytes()).await;
                        return;
                    }
                    Some(Ok(_)) => continue,
                };
                let ended = data.ends_with(b"\n");
                let written = write.write_all(&data).await;
                if written.is_err() || (!ended && write.write_all(b"\n").await.is_err()) {
                    return;
                }
            }
        }
    }
}
