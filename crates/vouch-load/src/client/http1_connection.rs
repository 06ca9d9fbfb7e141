//! One HTTP/1.1 connection, plain or TLS, with at most one request in flight.

use super::response::{self, Excess, Parsed, Response};
use crate::endpoints::Endpoint;
use crate::failure::Failure;
use crate::scheduler::InFlight;
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, HandshakeKind};

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    Connecting,
    Idle,
    /// A request is in flight.
    Waiting,
}

pub struct Http1Connection {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    pub endpoint: usize,
    pub state: ConnectionState,
    pub request: InFlight,
    /// The response to it was good.
    pub was_good: bool,
    /// When the request was sent, in nanoseconds of the worker's clock.
    pub sent: u64,
    /// Counts the requests, so that deadlines of earlier requests are ignored.
    pub generation: u32,
    /// Bytes that the socket did not accept yet.
    unsent: Vec<u8>,
    /// The received part of an incomplete response.
    partial: Vec<u8>,
    eof: bool,
}

/// The result of reading from the socket.
pub enum ReadOutcome<'a> {
    /// A complete response. `keep_alive`: the connection can be reused.
    Response {
        response: Response<'a>,
        keep_alive: bool,
        excess: Option<Excess>,
    },
    Pending,
    Failed(Failure, String),
    /// Bytes after the last response, while no request is in flight. The connection cannot be reused.
    Excess(Excess),
}

impl Http1Connection {
    /// Starts connecting without blocking.
    pub fn open(endpoint: &Endpoint, number: usize, tls: &Arc<ClientConfig>) -> Result<Self, (Failure, String)> {
        let stream = TcpStream::connect(endpoint.address).map_err(|error| connect_error(&error, endpoint))?;
        // A request is one write; Nagle's algorithm would only delay it.
        let _ = stream.set_nodelay(true);
        let tls = match endpoint.base.tls {
            false => None,
            true => {
                let name = ServerName::try_from(endpoint.base.host.clone()).map_err(|_| {
                    (Failure::Tls, format!("`{}` is not a valid host name for TLS", endpoint.base.host))
                })?;
                let connection = ClientConnection::new(tls.clone(), name);
                Some(Box::new(connection.map_err(|error| (Failure::Tls, error.to_string()))?))
            }
        };
        Ok(Self {
            stream,
            tls,
            endpoint: number,
            state: ConnectionState::Connecting,
            request: InFlight::NONE,
            was_good: false,
            sent: 0,
            generation: 0,
            unsent: Vec::new(),
            partial: Vec::new(),
            eof: false,
        })
    }

    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether the TLS session was resumed; `None` without TLS.
    pub fn resumed(&self) -> Option<bool> {
        self.tls.as_ref()?.handshake_kind().map(|kind| kind == HandshakeKind::Resumed)
    }

    /// The result of connecting; `None` while it is in progress.
    pub fn connected(&mut self, endpoint: &Endpoint) -> Option<Result<(), (Failure, String)>> {
        match self.stream.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return Some(Err(connect_error(&error, endpoint))),
        }
        match self.stream.peer_addr() {
            Ok(_) => Some(Ok(())),
            Err(error) if error.kind() == ErrorKind::NotConnected => None,
            Err(error) => Some(Err(connect_error(&error, endpoint))),
        }
    }

    /// Sends a request, or as much of it as the socket accepts.
    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.partial.clear();
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(request)?;
            return self.flush();
        }
        if self.state == ConnectionState::Connecting || !self.unsent.is_empty() {
            self.unsent.extend_from_slice(request);
            return Ok(());
        }
        match self.stream.write(request) {
            Ok(written) if written == request.len() => Ok(()),
            Ok(written) => {
                self.unsent.extend_from_slice(&request[written..]);
                self.flush()
            }
            Err(error) if would_block(&error) => {
                self.unsent.extend_from_slice(request);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Sends the remaining bytes.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while self.state != ConnectionState::Connecting && tls.wants_write() {
                match tls.write_tls(&mut self.stream) {
                    Ok(_) => {}
                    Err(error) if would_block(&error) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            return Ok(());
        }
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads the available bytes. `scratch` is shared by all connections of a worker: a response that arrives in one read is
    /// parsed in it without a copy. `closed`: the server has closed its side, and no further event will follow.
    pub fn read_response<'a>(&'a mut self, scratch: &'a mut [u8], closed: bool) -> ReadOutcome<'a> {
        let mut filled = 0;
        if self.state != ConnectionState::Waiting {
            self.partial.clear();
        }
        loop {
            let buffer = &mut scratch[filled..];
            let all = buffer.len();
            match self.read(buffer) {
                Ok(0) => {
                    self.eof = true;
                    break;
                }
                Ok(read) if read < all && self.tls.is_none() && !closed => {
                    filled += read;
                    // A short read has emptied the socket; further bytes raise a new event.
                    break;
                }
                Ok(read) => {
                    filled += read;
                    if filled == scratch.len() {
                        self.partial.extend_from_slice(scratch);
                        filled = 0;
                    }
                    if self.partial.len() > 2 * response::MAX_BYTES {
                        return ReadOutcome::Failed(Failure::TooLarge, response::TOO_LONG.into());
                    }
                }
                Err(error) if would_block(&error) => break,
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    return ReadOutcome::Failed(Failure::Tls, error.to_string());
                }
                Err(_) => {
                    self.eof = true;
                    break;
                }
            }
        }
        if self.state != ConnectionState::Waiting {
            let bytes: &[u8] = if self.partial.is_empty() { &scratch[..filled] } else { &self.partial };
            return match (bytes.is_empty(), self.eof) {
                (false, _) => ReadOutcome::Excess(response::excess(bytes)),
                (true, true) => ReadOutcome::Failed(Failure::ConnectionLost, String::new()),
                (true, false) => ReadOutcome::Pending,
            };
        }
        if filled == 0 && self.partial.is_empty() && !self.eof {
            return ReadOutcome::Pending;
        }
        if self.partial.is_empty() {
            let bytes = &scratch[..filled];
            return match response::parse(bytes, self.eof) {
                Parsed::Partial if !self.eof => {
                    self.partial.extend_from_slice(bytes);
                    ReadOutcome::Pending
                }
                parsed => read_outcome(parsed, bytes, self.eof),
            };
        }
        self.partial.extend_from_slice(&scratch[..filled]);
        read_outcome(response::parse(&self.partial, self.eof), &self.partial, self.eof)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if would_block(&error) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                done => return done,
            }
            if tls.read_tls(&mut self.stream)? == 0 {
                return Ok(0);
            }
            if let Err(error) = tls.process_new_packets() {
                // Sends the TLS alert if possible.
                let _ = tls.write_tls(&mut self.stream);
                return Err(io::Error::new(ErrorKind::InvalidData, error.to_string()));
            }
            while tls.wants_write() {
                match tls.write_tls(&mut self.stream) {
                    Ok(_) => {}
                    Err(error) if would_block(&error) => break,
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// The outcome of `bytes`, all that was received since the request.
fn read_outcome<'a>(parsed: Parsed<'a>, bytes: &'a [u8], eof: bool) -> ReadOutcome<'a> {
    match parsed {
        Parsed::Complete(response) => {
            // On a connection that ends with the response, nobody takes further bytes for a response.
            let rest = bytes.get(response.consumed..).filter(|rest| response.keep_alive && !rest.is_empty());
            let keep_alive = response.keep_alive && !eof && rest.is_none();
            ReadOutcome::Response { excess: rest.map(response::excess), keep_alive, response }
        }
        Parsed::Invalid(failure, what) => ReadOutcome::Failed(failure, what.into()),
        Parsed::Partial if eof => {
            ReadOutcome::Failed(Failure::ConnectionLost, "the server closed the connection".into())
        }
        Parsed::Partial => ReadOutcome::Pending,
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// The failure to report for a connection error.
pub fn connect_error(error: &io::Error, endpoint: &Endpoint) -> (Failure, String) {
    let failure = Failure::of(error).unwrap_or(Failure::Unreachable);
    (failure, format!("{} ({}): {error}", endpoint.authority, endpoint.address))
}
