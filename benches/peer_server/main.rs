//! A fast single-threaded server for comparing load generators. It implements the API and the identity provider for one user
//! and returns a new refresh token each time, so its responses pass the checks of `vouch load`. It speaks HTTP/1.1 and HTTP/2.
//!
//! `cargo run --release --example peer-server -- 9470 [--tls CERTIFICATE.pem] [--delay MICROSECONDS] [--stall START_MS LENGTH_MS]`

mod http1;
mod http2;
mod responses;
mod transport;

use http2::Http2;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use responses::Responses;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_rustls::rustls::ServerConfig;
use transport::Transport;

const LISTENER: Token = Token(usize::MAX);

/// Options of the server.
#[derive(Default)]
struct Options {
    /// The delay of each response over HTTP/1.1.
    delay: Duration,
    /// The period without responses over HTTP/1.1: its start and end, counted from the first request.
    stall: Option<(Duration, Duration)>,
    tls: Option<Arc<ServerConfig>>,
}

struct Client {
    transport: Transport,
    /// Set if the connection speaks HTTP/2.
    http2: Option<Http2>,
    /// Nothing has been received.
    is_new: bool,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    let port = number(0).expect("a port");
    let mut options = Options::default();
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "--tls" => options.tls = Some(transport::tls(words.get(at + 1).expect("a file for the certificate"))),
            "--delay" => options.delay = Duration::from_micros(number(at + 1).expect("microseconds")),
            "--stall" => {
                let (start, duration) = (number(at + 1).expect("milliseconds"), number(at + 2).expect("milliseconds"));
                let start = Duration::from_millis(start);
                options.stall = Some((start, start + Duration::from_millis(duration)));
            }
            _ => {}
        }
    }
    serve(format!("127.0.0.1:{port}").parse().expect("an address"), &options).expect("a server");
}

fn serve(address: std::net::SocketAddr, options: &Options) -> std::io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut clients: Vec<Option<Client>> = Vec::new();
    let mut server = Server { responses: Responses::new(), options, served: 0, started: None, late: VecDeque::new() };
    let mut scratch = vec![0; 64 * 1024];
    loop {
        // Spins instead of sleeping, so that delays are exact; the server has a core of its own.
        let timeout = if server.late.is_empty() { None } else { Some(Duration::ZERO) };
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        while server.late.front().is_some_and(|(when, ..)| *when <= Instant::now()) {
            let Some((_, number, bytes)) = server.late.pop_front() else { break };
            if let Some(client) = clients.get_mut(number).and_then(Option::as_mut) {
                client.transport.outbox.extend_from_slice(&bytes);
                client.transport.send();
            }
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let _ = stream.set_nodelay(true);
                    let number = clients.iter().position(Option::is_none).unwrap_or(clients.len());
                    poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
                    let transport = Transport::new(stream, options.tls.as_ref());
                    let client = transport.map(|transport| Client { transport, http2: None, is_new: true });
                    if number == clients.len() { clients.push(client) } else { clients[number] = client }
                }
                continue;
            }
            let number = event.token().0;
            let Some(client) = clients.get_mut(number).and_then(Option::as_mut) else { continue };
            let open = client.transport.receive(&mut scratch) && server.answer(client, number);
            client.transport.send();
            if !open {
                let _ = poll.registry().deregister(&mut client.transport.stream);
                clients[number] = None;
            }
        }
    }
}

struct Server<'o> {
    responses: Responses,
    options: &'o Options,
    served: u64,
    /// When the first request came.
    started: Option<Instant>,
    /// Delayed responses: time, connection and bytes.
    late: VecDeque<(Instant, usize, Vec<u8>)>,
}

impl Server<'_> {
    /// Responds to every complete request of a connection. Returns whether what was received is HTTP.
    fn answer(&mut self, client: &mut Client, number: usize) -> bool {
        let Transport { inbox, outbox, .. } = &mut client.transport;
        if client.is_new && !inbox.is_empty() {
            client.is_new = false;
            client.http2 = Http2::starts(inbox).then(Http2::new);
        }
        if let Some(http2) = &mut client.http2 {
            let is_http2 = http2.receive(inbox, outbox);
            http2.respond(&self.responses, &mut self.served, outbox);
            return is_http2;
        }
        http1::take_requests(inbox, |target| {
            self.served += 1;
            if self.options.delay.is_zero() && self.options.stall.is_none() {
                return http1::respond(&self.responses, target, self.served, outbox);
            }
            let now = Instant::now();
            let first = *self.started.get_or_insert(now);
            let stalled = self.options.stall.filter(|(from, to)| (*from..*to).contains(&now.duration_since(first)));
            let when = stalled.map_or(now, |(_, to)| first + to) + self.options.delay;
            let mut response = Vec::new();
            http1::respond(&self.responses, target, self.served, &mut response);
            self.late.push_back((when, number, response));
        })
    }
}
