//! The two directions of a connection.

use tokio::io::{AsyncRead, AsyncWrite};

/// The two directions of a connection: lines of the adapter protocol.
pub struct Streams {
    pub read: Box<dyn AsyncRead + Send + Sync + Unpin>,
    pub write: Box<dyn AsyncWrite + Send + Sync + Unpin>,
}

impl Streams {
    /// The two halves of a stream.
    pub fn of(stream: impl AsyncRead + AsyncWrite + Send + Sync + 'static) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self { read: Box::new(read), write: Box::new(write) }
    }
}
