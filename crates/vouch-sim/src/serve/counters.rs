//! Counts of served calls and CPU time.

use crate::mock_cloud::TokenGrantCount;
use crate::wire::{Party, WireRequest};
use hyper::{Method, StatusCode};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The kind of a call by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    Auth,
    Issuance,
    UserCreation,
    Api,
}

impl CallKind {
    pub fn of(to: Party, request: &WireRequest) -> Self {
        let posts = request.method == Method::POST;
        match request.path_only() {
            _ if to == Party::Auth => CallKind::Auth,
            "/v2/user" if posts => CallKind::UserCreation,
            path if posts && path.ends_with("/sign_in_token") => CallKind::Issuance,
            _ => CallKind::Api,
        }
    }
}

/// Calls by kind.
pub(super) struct Counters {
    began: Instant,
    /// By kind: answered as asked, refused.
    calls: [[AtomicU64; 2]; 4],
}

impl Default for Counters {
    fn default() -> Self {
        Self { began: Instant::now(), calls: Default::default() }
    }
}

impl Counters {
    pub fn record(&self, kind: CallKind, status: StatusCode) {
        self.calls[kind as usize][usize::from(!status.is_success())].fetch_add(1, Ordering::Relaxed);
    }

    pub fn summary(&self, granted: TokenGrantCount) -> ServerSummary {
        let of = |kind: CallKind| self.calls[kind as usize].each_ref().map(|count| count.load(Ordering::Relaxed));
        ServerSummary {
            served_for: self.began.elapsed(),
            exchanges: granted.exchanges,
            refreshes: granted.refreshes,
            refused: of(CallKind::Auth)[1],
            sign_in_tokens: of(CallKind::Issuance)[0],
            users: of(CallKind::UserCreation)[0],
            other: of(CallKind::Api)[0],
            api_refused: of(CallKind::Issuance)[1] + of(CallKind::UserCreation)[1] + of(CallKind::Api)[1],
            cpu: cpu_time(),
        }
    }
}

/// The CPU time of this process so far, user and system.
fn cpu_time() -> Duration {
    // SAFETY: `rusage` is plain numbers, all of which may be zero; the call fills it in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let length = |time: libc::timeval| {
        Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    length(usage.ru_utime) + length(usage.ru_stime)
}

/// What a server has served so far.
#[derive(Clone, Copy, Debug)]
pub struct ServerSummary {
    pub served_for: Duration,
    pub exchanges: u64,
    pub refreshes: u64,
    /// Calls to the identity provider that it refused.
    pub refused: u64,
    pub sign_in_tokens: u64,
    pub users: u64,
    /// Other calls to the API.
    pub other: u64,
    pub api_refused: u64,
    /// CPU time of the whole process, user and system.
    pub cpu: Duration,
}

impl ServerSummary {
    fn rows(&self) -> [(&'static str, u64); 7] {
        [
            ("exchanges", self.exchanges),
            ("refreshes", self.refreshes),
            ("refused by the identity provider", self.refused),
            ("sign-in tokens issued", self.sign_in_tokens),
            ("users created", self.users),
            ("other API calls", self.other),
            ("refused by the API", self.api_refused),
        ]
    }
}

impl fmt::Display for ServerSummary {
    #[allow(clippy::cast_precision_loss, reason = "rates are rounded anyway")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wall, cpu) = (self.served_for.as_secs_f64(), self.cpu.as_secs_f64());
        writeln!(f, "served for {wall:.1} s")?;
        for (what, count) in self.rows() {
            if count > 0 {
                writeln!(f, "  {what:<33} {count:>12} {:>12.1} per second", count as f64 / wall)?;
            }
        }
        let all: u64 = self.rows().iter().map(|(_, count)| count).sum();
        let rate = if cpu > 0.0 { all as f64 / cpu } else { 0.0 };
        write!(f, "  CPU {cpu:.2} s ({:.0} % of one core); {rate:.0} calls per CPU second", cpu / wall * 100.0)
    }
}
