//! How fast `vouch mock-cloud` answers, for docs/figures.md: `cloud_rates TARGET-FILE PID [CALLS [CONNECTIONS]]`.
//!
//! Makes CALLS users and sign-in tokens, exchanges each, refreshes each session once and again, reads each user. For every
//! phase it shows the rate, and the server's own CPU time for a call, which does not depend on what else the machine does.

#![allow(clippy::cast_precision_loss, reason = "rates for people to read")]

use base64::Engine;
use serde_json::Value;
use std::error::Error;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// One user's way through the phases.
#[derive(Clone, Default)]
struct Traveller {
    id: String,
    sign_in_jwt: String,
    access_token: String,
    refresh_token: String,
}

/// The hosts under test.
#[derive(Clone)]
struct Place {
    address: SocketAddr,
    api: String,
    auth: String,
    key: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Users,
    Issuance,
    Exchange,
    Refresh,
    RefreshAgain,
    Read,
}

impl Phase {
    const ALL: [Phase; 6] =
        [Phase::Users, Phase::Issuance, Phase::Exchange, Phase::Refresh, Phase::RefreshAgain, Phase::Read];

    fn words(self) -> &'static str {
        match self {
            Phase::Users => "make a user",
            Phase::Issuance => "issue a sign-in token",
            Phase::Exchange => "exchange",
            Phase::Refresh => "refresh",
            Phase::RefreshAgain => "refresh again",
            Phase::Read => "read with a bearer token",
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, pid, rest @ ..] = args.as_slice() else {
        return Err("cloud_rates TARGET-FILE PID [CALLS [CONNECTIONS]]".into());
    };
    let number = |at: usize, usual: usize| rest.get(at).map_or(Ok(usual), |text| text.parse());
    let (calls, connections) = (number(0, 20_000)?, number(1, 32)?);
    let place = place(&std::fs::read_to_string(file)?)?;
    let run = std::process::id();
    let mut lanes: Vec<Vec<Traveller>> = vec![vec![Traveller::default(); calls / connections]; connections];
    for phase in Phase::ALL {
        let (began, cpu) = (Instant::now(), cpu_time(pid)?);
        let work = lanes.into_iter().enumerate().map(|(lane, travellers)| {
            let place = place.clone();
            tokio::spawn(async move {
                drive(&place, phase, travellers, &format!("{run}-{lane}")).await.map_err(|e| e.to_string())
            })
        });
        let done = futures_util::future::join_all(work).await;
        lanes = done.into_iter().map(|lane| Ok(lane??)).collect::<Outcome<_>>()?;
        let (wall, cpu) = (began.elapsed(), cpu_time(pid)?.saturating_sub(cpu));
        let count = (calls / connections * connections) as f64;
        println!(
            "{:<26} {count:>8} calls {:>9.0} a second {:>8.1} µs of CPU each {:>9.0} a CPU second",
            phase.words(),
            count / wall.as_secs_f64(),
            cpu.as_secs_f64() * 1e6 / count,
            count / cpu.as_secs_f64(),
        );
    }
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    println!("{}", status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default());
    Ok(())
}

/// The first realm of a target file.
fn place(text: &str) -> Outcome<Place> {
    let table: toml::Table = text.parse()?;
    let realm = table.get("cloud").and_then(|cloud| cloud.get("realms")?.get(0)).ok_or("no [[cloud.realms]]")?;
    let field = |name: &str| realm.get(name).and_then(|value| value.as_str()).ok_or(format!("no {name}"));
    let split = |url: &str| {
        let (address, path) = url.strip_prefix("http://")?.split_once('/')?;
        Some((address.parse().ok()?, format!("/{path}")))
    };
    let (address, api) = split(field("api")?).ok_or("api is no http://IP:PORT/PATH")?;
    let (_, auth): (SocketAddr, _) = split(field("auth")?).ok_or("auth is no http://IP:PORT/PATH")?;
    Ok(Place { address, api, auth, key: field("apiKey")?.to_owned() })
}

/// The CPU time of all threads of a process.
fn cpu_time(pid: &str) -> Outcome<Duration> {
    let mut all = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        all += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(all))
}

async fn drive(place: &Place, phase: Phase, mut travellers: Vec<Traveller>, lane: &str) -> Outcome<Vec<Traveller>> {
    let mut connection = Connection::open(place.address).await?;
    for (number, traveller) in travellers.iter_mut().enumerate() {
        let (head, body) = request(place, phase, traveller, &format!("{lane}-{number}"));
        let answer = connection.call(&head, &body).await?;
        learn(phase, traveller, &answer)?;
    }
    Ok(travellers)
}

/// The lines of a request before its body's length, and its body.
fn request(place: &Place, phase: Phase, traveller: &Traveller, name: &str) -> (String, String) {
    let Place { api, auth, key, .. } = place;
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    match phase {
        Phase::Users => {
            let head =
                format!("POST {api}/v2/user HTTP/1.1\r\nx-vital-api-key: {key}\r\ncontent-type: application/json\r\n");
            (head, format!(r#"{{"client_user_id":"{name}"}}"#))
        }
        Phase::Issuance => {
            let id = &traveller.id;
            (format!("POST {api}/v2/user/{id}/sign_in_token HTTP/1.1\r\nx-vital-api-key: {key}\r\n"), String::new())
        }
        Phase::Exchange => {
            let body = form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
                .append_pair("subject_token_type", "urn:junction:sign-in-token")
                .append_pair("subject_token", &traveller.sign_in_jwt)
                .finish();
            (format!("POST {auth}/v1/token HTTP/1.1\r\n{form}"), body)
        }
        Phase::Refresh | Phase::RefreshAgain => {
            let body = form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", "refresh_token")
                .append_pair("refresh_token", &traveller.refresh_token)
                .finish();
            (format!("POST {auth}/v1/token HTTP/1.1\r\n{form}"), body)
        }
        Phase::Read => {
            let Traveller { id, access_token, .. } = traveller;
            (format!("GET {api}/v2/user/{id} HTTP/1.1\r\nauthorization: Bearer {access_token}\r\n"), String::new())
        }
    }
}

fn learn(phase: Phase, traveller: &mut Traveller, answer: &Value) -> Outcome<()> {
    let field = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(format!("no {name}"));
    match phase {
        Phase::Users => traveller.id = field("user_id")?,
        Phase::Issuance => {
            let envelope = base64::engine::general_purpose::STANDARD.decode(field("sign_in_token")?)?;
            let envelope: Value = serde_json::from_slice(&envelope)?;
            traveller.sign_in_jwt =
                envelope.get("user_token").and_then(Value::as_str).ok_or("no user_token")?.to_owned();
        }
        Phase::Exchange | Phase::Refresh | Phase::RefreshAgain => {
            (traveller.access_token, traveller.refresh_token) = (field("access_token")?, field("refresh_token")?);
        }
        Phase::Read => {}
    }
    Ok(())
}

/// A kept connection that speaks as much HTTP/1.1 as the server under test needs.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    out: String,
}

impl Connection {
    async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(8192), out: String::new() })
    }

    async fn call(&mut self, head: &str, body: &str) -> Outcome<Value> {
        self.out.clear();
        write!(self.out, "{head}host: cloud\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
        self.stream.write_all(self.out.as_bytes()).await?;
        self.buffer.clear();
        let (start, length) = loop {
            self.more().await?;
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.buffer[..end])?;
                let length =
                    head.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("no content-length")?;
                break (end + 4, length.parse::<usize>()?);
            }
        };
        while self.buffer.len() < start + length {
            self.more().await?;
        }
        if !self.buffer.starts_with(b"HTTP/1.1 200") {
            return Err(format!("refused: {}", String::from_utf8_lossy(&self.buffer)).into());
        }
        Ok(serde_json::from_slice(&self.buffer[start..start + length])?)
    }

    async fn more(&mut self) -> Outcome<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}
