//! The lines of the protocol over HTTP, for an SDK behind an HTTP test service.
//!
//! Each message of Vouch is the body of a `POST`. What the service answers with, line by line, are messages of the adapter. A
//! service may also answer `GET` with a body that stays open: further lines come there at any time, and its end is the end of
//! the process.

use super::streams::Streams;
use reqwest::{Client, Response};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const BUFFER: usize = 64 * 1024;
/// The longest line, in bytes: one more than the protocol allows, so that the peer reports it.
const MAX_LINE: usize = (1 << 20) + 1;

/// Makes a connection of a service.
pub(super) fn connect(url: String) -> std::io::Result<Streams> {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().tls_certs_only([]).build();
    let service = Service { client: client.map_err(std::io::Error::other)?, url };
    let (near, far) = duplex(BUFFER);
    tokio::spawn(carry(service, far));
    Ok(Streams::of(near))
}

#[derive(Clone)]
struct Service {
    client: Client,
    url: String,
}

/// Why the lines end.
enum End {
    /// The service ended its stream of messages.
    Stream,
    /// A request failed.
    Failed(String),
}

/// Carries messages until the service ends its stream or a request fails.
async fn carry(service: Service, far: DuplexStream) {
    let (read, mut write) = tokio::io::split(far);
    let (lines, mut incoming) = mpsc::channel::<Vec<u8>>(64);
    let mut work = JoinSet::new();
    work.spawn(read_events(service.clone(), lines.clone()));
    work.spawn(post_lines(service, BufReader::new(read), lines));
    let end = loop {
        tokio::select! {
            biased;
            line = incoming.recv() => match line {
                Some(line) if write.write_all(&line).await.is_ok() => {}
                _ => return,
            },
            done = work.join_next() => match done {
                Some(Ok(Some(end))) => break end,
                Some(_) => {}
                None => return,
            },
        }
    };
    // What came before the end is read first.
    while let Ok(line) = incoming.try_recv() {
        if write.write_all(&line).await.is_err() {
            return;
        }
    }
    if let End::Failed(why) = end {
        let _ = write.write_all(format!("{why}\n").as_bytes()).await;
    }
}

/// Reads the stream of messages, where the service has one.
async fn read_events(service: Service, lines: mpsc::Sender<Vec<u8>>) -> Option<End> {
    let answer = service.client.get(&service.url).send().await;
    match answer {
        Ok(answer) if answer.status().is_success() => {
            let _ = forward(answer, &lines).await;
            Some(End::Stream)
        }
        // It has none: every message comes in an answer.
        Ok(_) => None,
        Err(error) => Some(End::Failed(failure("GET", &service.url, &error))),
    }
}

/// Sends each message, and reads the lines of each answer. Ends when every answer has been read.
async fn post_lines(
    service: Service,
    mut read: BufReader<ReadHalf<DuplexStream>>,
    lines: mpsc::Sender<Vec<u8>>,
) -> Option<End> {
    let mut posts = JoinSet::new();
    let mut line = Vec::new();
    let mut sending = true;
    while sending || !posts.is_empty() {
        tokio::select! {
            read = read.read_until(b'\n', &mut line), if sending => match read {
                Ok(1..) => {
                    posts.spawn(post(service.clone(), std::mem::take(&mut line), lines.clone()));
                }
                _ => sending = false,
            },
            Some(done) = posts.join_next() => {
                if let Ok(Some(end)) = done {
                    return Some(end);
                }
            }
        }
    }
    Some(End::Stream)
}

async fn post(service: Service, line: Vec<u8>, lines: mpsc::Sender<Vec<u8>>) -> Option<End> {
    let request = service.client.post(&service.url).header("content-type", "application/json").body(line);
    match request.send().await {
        Ok(answer) if answer.status().is_success() => {
            let read = forward(answer, &lines).await;
            read.err().map(|error| End::Failed(failure("POST", &service.url, &error)))
        }
        Ok(answer) => {
            let status = answer.status();
            Some(End::Failed(format!("HTTP status {status} to POST {}", service.url)))
        }
        Err(error) => Some(End::Failed(failure("POST", &service.url, &error))),
    }
}

fn failure(method: &str, url: &str, error: &reqwest::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{method} {url} failed{cause}")
}

/// Passes the lines of a body on, whole lines only, so that those of several answers do not mix.
async fn forward(mut answer: Response, lines: &mpsc::Sender<Vec<u8>>) -> Result<(), reqwest::Error> {
    let mut rest: Vec<u8> = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let after = rest.split_off(end + 1);
            let _ = lines.send(std::mem::replace(&mut rest, after)).await;
        }
        if rest.len() >= MAX_LINE {
            let _ = lines.send(std::mem::take(&mut rest)).await;
        }
    }
    if !rest.iter().all(u8::is_ascii_whitespace) {
        rest.push(b'\n');
        let _ = lines.send(rest).await;
    }
    Ok(())
}
