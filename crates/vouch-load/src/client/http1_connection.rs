//! One connection of an HTTP/1.1 client: plain or TLS, with at most one request on it.

use super::response::{self, Parsed};
use crate::endpoints::Endpoint;
use crate::failure::Failure;
use crate::scheduler::InFlight;
use mio::net::TcpStream;
use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, HandshakeKind};

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Connecting,
    Idle,
    /// A request was sent, or is being sent.
    Waiting,
}

pub struct Connection {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    pub endpoint: usize,
    pub state: State,
    pub ticket: InFlight,
    /// When its request was handed over, in nanoseconds of the clock.
    pub sent: u64,
    /// Counts its requests, so that an old deadline is told from a new one.
    pub round: u32,
    /// What could not be sent at once.
    unsent: Vec<u8>,
    /// What came of an answer that is not whole.
    partial: Vec<u8>,
    ended: bool,
}

/// How a look at the socket ended.
pub enum Look<'a> {
    /// An answer. `keep` says whether the connection can be used again.
    Answer {
        status: u16,
        body: Cow<'a, [u8]>,
        keep: bool,
    },
    Pending,
    Failed(Failure, String),
}

impl Connection {
    /// Starts to connect.
    pub fn open(endpoint: &Endpoint, number: usize, tls: &Arc<ClientConfig>) -> Result<Self, (Failure, String)> {
        let stream = TcpStream::connect(endpoint.address).map_err(|error| connecting(&error, endpoint))?;
        // A request is one write; waiting for more would only delay it.
        let _ = stream.set_nodelay(true);
        let tls = match endpoint.base.tls {
            false => None,
            true => {
                let name = ServerName::try_from(endpoint.base.host.clone())
                    .map_err(|_| (Failure::Tls, format!("`{}` is no name for a certificate", endpoint.base.host)))?;
                let connection = ClientConnection::new(tls.clone(), name);
                Some(Box::new(connection.map_err(|error| (Failure::Tls, error.to_string()))?))
            }
        };
        Ok(Self {
            stream,
            tls,
            endpoint: number,
            state: State::Connecting,
            ticket: InFlight::NONE,
            sent: 0,
            round: 0,
            unsent: Vec::new(),
            partial: Vec::new(),
            ended: false,
        })
    }

    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether its TLS session was taken up again; None without TLS.
    pub fn resumed(&self) -> Option<bool> {
        self.tls.as_ref()?.handshake_kind().map(|kind| kind == HandshakeKind::Resumed)
    }

    /// Whether the connection stands. None while that is open.
    pub fn connected(&mut self, endpoint: &Endpoint) -> Option<Result<(), (Failure, String)>> {
        match self.stream.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return Some(Err(connecting(&error, endpoint))),
        }
        match self.stream.peer_addr() {
            Ok(_) => Some(Ok(())),
            Err(error) if error.kind() == ErrorKind::NotConnected => None,
            Err(error) => Some(Err(connecting(&error, endpoint))),
        }
    }

    /// Sends a request, or as much of it as the socket takes.
    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.partial.clear();
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(request)?;
            return self.flush();
        }
        if self.state == State::Connecting || !self.unsent.is_empty() {
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

    /// Sends what is left.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while self.state != State::Connecting && tls.wants_write() {
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

    /// Reads what has come. `scratch` is shared by all connections of a worker: an answer that comes whole is read from
    /// it without a copy. `closed`: the server has closed its side, which no further event will tell.
    pub fn look<'a>(&'a mut self, scratch: &'a mut [u8], closed: bool) -> Look<'a> {
        let mut filled = 0;
        loop {
            let room = &mut scratch[filled..];
            let all = room.len();
            match self.read(room) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) if read < all && self.tls.is_none() && !closed => {
                    filled += read;
                    // A short read has emptied the socket; the next bytes come with an event of their own.
                    break;
                }
                Ok(read) => {
                    filled += read;
                    if filled == scratch.len() {
                        self.partial.extend_from_slice(scratch);
                        filled = 0;
                    }
                    if self.partial.len() > 2 * response::MOST_BYTES {
                        return Look::Failed(Failure::NoHttp, "the answer is too long".into());
                    }
                }
                Err(error) if would_block(&error) => break,
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    return Look::Failed(Failure::Tls, error.to_string());
                }
                Err(_) => {
                    self.ended = true;
                    break;
                }
            }
        }
        if self.state != State::Waiting {
            // Bytes that nobody asked for, or the end: the connection is no good any more.
            let quiet = filled == 0 && !self.ended;
            return if quiet { Look::Pending } else { Look::Failed(Failure::Lost, String::new()) };
        }
        if filled == 0 && self.partial.is_empty() && !self.ended {
            return Look::Pending;
        }
        if self.partial.is_empty() {
            let bytes = &scratch[..filled];
            return match response::parse(bytes, self.ended) {
                Parsed::Partial if !self.ended => {
                    self.partial.extend_from_slice(bytes);
                    Look::Pending
                }
                parsed => look(parsed, filled, self.ended),
            };
        }
        self.partial.extend_from_slice(&scratch[..filled]);
        look(response::parse(&self.partial, self.ended), self.partial.len(), self.ended)
    }

    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(room) };
        loop {
            match tls.reader().read(room) {
                Err(error) if would_block(&error) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                done => return done,
            }
            if tls.read_tls(&mut self.stream)? == 0 {
                return Ok(0);
            }
            if let Err(error) = tls.process_new_packets() {
                // Tells the server why, where that is possible.
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

fn look(parsed: Parsed<'_>, came: usize, ended: bool) -> Look<'_> {
    match parsed {
        // Bytes after the answer are a second one that nobody asked for.
        Parsed::Whole(whole) => {
            let keep = whole.keep && !ended && whole.used == came;
            Look::Answer { status: whole.status, body: whole.body, keep }
        }
        Parsed::Bad(what) => Look::Failed(Failure::NoHttp, what.into()),
        Parsed::Partial if ended => Look::Failed(Failure::Lost, "the server closed the connection".into()),
        Parsed::Partial => Look::Pending,
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Why no connection came about.
pub fn connecting(error: &io::Error, endpoint: &Endpoint) -> (Failure, String) {
    let failure = Failure::of(error).unwrap_or(Failure::Unreachable);
    (failure, format!("{} ({}): {error}", endpoint.authority, endpoint.address))
}
