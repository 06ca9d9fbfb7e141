//! A fast single-threaded server for comparing load generators. It implements the API and the identity provider for one user
//! and returns a new refresh token each time, so its responses pass the checks of `vouch load`.
//!
//! `cargo run --release --example peer-server -- 9470 [--delay MICROSECONDS] [--stall START_MS LENGTH_MS]`

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

const USER: &str = "5c5b8a52-9f4d-4b2e-9f4a-0000000000aa";
const LISTENER: Token = Token(usize::MAX);

/// Options of the server.
#[derive(Default)]
struct Manner {
    /// The delay of each response.
    delay: Duration,
    /// The period without responses: its start and end, counted from the first request.
    stall: Option<(Duration, Duration)>,
}

struct Client {
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
}

/// A token response whose refresh token ends with a number.
struct Answer {
    before: Vec<u8>,
    after: Vec<u8>,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    let port = number(0).expect("a port");
    let mut manner = Manner::default();
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "--delay" => manner.delay = Duration::from_micros(number(at + 1).expect("microseconds")),
            "--stall" => {
                let (start, duration) = (number(at + 1).expect("milliseconds"), number(at + 2).expect("milliseconds"));
                let start = Duration::from_millis(start);
                manner.stall = Some((start, start + Duration::from_millis(duration)));
            }
            _ => {}
        }
    }
    serve(format!("127.0.0.1:{port}").parse().expect("an address"), &manner).expect("a server");
}

fn jwt(claims: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
    // The length of an RS256 signature.
    format!("{header}.{}.{}", URL_SAFE_NO_PAD.encode(claims), URL_SAFE_NO_PAD.encode([7_u8; 256]))
}

fn grant() -> Answer {
    let claims = format!(
        r#"{{"iss":"https://auth.production.us.peer","sub":"{USER}","env":"production","region":"us","iat":1767225600,"exp":4102444800,"jti":"0123456789abcdef0123456789abcdef"}}"#
    );
    let start =
        format!(r#"{{"access_token":"{}","refresh_token":"peer-refresh-token-of-the-usual-length-"#, jwt(&claims));
    let end = r#"","expires_in":3600,"token_type":"Bearer"}"#;
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-type: application/json\r\ncache-control: no-store\r\ncontent-length: {}\r\n\r\n",
        start.len() + 16 + end.len()
    );
    Answer { before: format!("{head}{start}").into_bytes(), after: end.into() }
}

fn json(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn sign_in_token() -> Vec<u8> {
    let issuer = "id-signer-prd-us@vital-id-prd-us.iam.gserviceaccount.com";
    let claims = format!(
        r#"{{"iss":"{issuer}","sub":"{issuer}","uid":"{USER}","tenant_id":"tenant-peer","claims":{{"vital_team_id":"{USER}"}},"iat":1767225600,"exp":4102444800}}"#
    );
    let token = STANDARD.encode(format!(r#"{{"public_key":"public-tenant-peer","user_token":"{}"}}"#, jwt(&claims)));
    json(&format!(r#"{{"user_id":"{USER}","sign_in_token":"{token}"}}"#))
}

fn serve(address: std::net::SocketAddr, manner: &Manner) -> std::io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut clients: Vec<Option<Client>> = Vec::new();
    let (grant, user, token) =
        (grant(), json(&format!(r#"{{"user_id":"{USER}","client_user_id":"peer"}}"#)), sign_in_token());
    let (mut served, mut started) = (0_u64, None::<Instant>);
    // Delayed responses: time, connection and bytes.
    let mut late: VecDeque<(Instant, usize, Vec<u8>)> = VecDeque::new();
    let mut scratch = vec![0; 64 * 1024];
    loop {
        // Spins instead of sleeping, so that delays are exact; the server has a core of its own.
        let timeout = if late.is_empty() { None } else { Some(Duration::ZERO) };
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        while late.front().is_some_and(|(when, ..)| *when <= Instant::now()) {
            let Some((_, number, bytes)) = late.pop_front() else { break };
            if let Some(client) = clients.get_mut(number).and_then(Option::as_mut) {
                client.outbox.extend_from_slice(&bytes);
                send(client);
            }
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let _ = stream.set_nodelay(true);
                    let number = clients.iter().position(Option::is_none).unwrap_or(clients.len());
                    poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
                    let client = Some(Client { stream, inbox: Vec::new(), outbox: Vec::new() });
                    if number == clients.len() { clients.push(client) } else { clients[number] = client }
                }
                continue;
            }
            let number = event.token().0;
            let Some(client) = clients.get_mut(number).and_then(Option::as_mut) else { continue };
            let open = receive(client, &mut scratch, |target, out| {
                served += 1;
                let now = Instant::now();
                let first = *started.get_or_insert(now);
                let mut answer = Vec::new();
                let bytes = if manner.delay.is_zero() && manner.stall.is_none() { out } else { &mut answer };
                if target.ends_with(b"/sign_in_token") {
                    bytes.extend_from_slice(&token);
                } else if target.ends_with(b"/token") {
                    bytes.extend_from_slice(&grant.before);
                    let _ = write!(bytes, "{served:016x}");
                    bytes.extend_from_slice(&grant.after);
                } else {
                    bytes.extend_from_slice(&user);
                }
                if !answer.is_empty() {
                    let stalled = manner.stall.filter(|(from, to)| (*from..*to).contains(&now.duration_since(first)));
                    let when = stalled.map_or(now, |(_, to)| first + to) + manner.delay;
                    late.push_back((when, number, answer));
                }
            });
            send(client);
            if !open {
                let _ = poll.registry().deregister(&mut client.stream);
                clients[number] = None;
            }
        }
    }
}

/// Reads the available bytes and responds to every complete request. Returns whether the connection is still open.
fn receive(client: &mut Client, scratch: &mut [u8], mut answer: impl FnMut(&[u8], &mut Vec<u8>)) -> bool {
    loop {
        match client.stream.read(scratch) {
            Ok(0) => return false,
            Ok(read) => {
                client.inbox.extend_from_slice(&scratch[..read]);
                if read < scratch.len() {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => return false,
        }
    }
    let mut at = 0;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let head = match request.parse(&client.inbox[at..]) {
            Ok(httparse::Status::Complete(head)) => head,
            Ok(httparse::Status::Partial) => break,
            Err(_) => return false,
        };
        let duration = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let duration: usize = duration.and_then(|h| std::str::from_utf8(h.value).ok()?.parse().ok()).unwrap_or(0);
        if client.inbox.len() < at + head + duration {
            break;
        }
        answer(request.path.unwrap_or("/").as_bytes(), &mut client.outbox);
        at += head + duration;
    }
    client.inbox.drain(..at);
    true
}

fn send(client: &mut Client) {
    while !client.outbox.is_empty() {
        match client.stream.write(&client.outbox) {
            Ok(written) => drop(client.outbox.drain(..written)),
            Err(_) => break,
        }
    }
}
