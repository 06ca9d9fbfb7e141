//! Locust's messages: `MessagePack` of `(type, data, node id)`, as in `rpc/protocol.py`. Messages from a master are untrusted
//! input.

use super::stats::StatsReport;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A message of a worker.
#[derive(Clone, Debug)]
pub enum WorkerMessage {
    /// The worker is ready; the version of Locust.
    Ready(&'static str),
    /// The worker is alive: state, CPU in per cent, memory in bytes.
    Heartbeat {
        state: &'static str,
        cpu_percent: f64,
        memory: u64,
    },
    Spawning,
    SpawningComplete(BTreeMap<String, u32>),
    Stats(Box<StatsReport>),
    /// An entry for the master's page *Exceptions*.
    Exception(String),
    Stopped,
    Quit,
}

#[derive(Serialize)]
struct Heartbeat {
    state: &'static str,
    current_cpu_usage: f64,
    current_memory_usage: u64,
}

#[derive(Serialize)]
struct SpawnedUsers<'a> {
    user_classes_count: &'a BTreeMap<String, u32>,
    user_count: u32,
}

#[derive(Serialize)]
struct Exception<'a> {
    msg: &'a str,
    traceback: &'static str,
}

impl WorkerMessage {
    /// Encodes the message. `id` is the worker's id.
    pub fn encode(&self, id: &str) -> Vec<u8> {
        let none = Option::<()>::None;
        let packed = match self {
            WorkerMessage::Ready(version) => pack("client_ready", version, id),
            WorkerMessage::Heartbeat { state, cpu_percent, memory } => {
                let (current_cpu_usage, current_memory_usage) = (*cpu_percent, *memory);
                pack("heartbeat", &Heartbeat { state, current_cpu_usage, current_memory_usage }, id)
            }
            WorkerMessage::Spawning => pack("spawning", &none, id),
            WorkerMessage::SpawningComplete(counts) => {
                let count = SpawnedUsers { user_classes_count: counts, user_count: counts.values().sum() };
                pack("spawning_complete", &count, id)
            }
            WorkerMessage::Stats(report) => pack("stats", report, id),
            WorkerMessage::Exception(what) => {
                pack("exception", &Exception { msg: what, traceback: "vouch worker\n" }, id)
            }
            WorkerMessage::Stopped => pack("client_stopped", &none, id),
            WorkerMessage::Quit => pack("quit", &none, id),
        };
        // Encoding to memory cannot fail: all maps have string keys.
        packed.unwrap_or_default()
    }
}

fn pack<T: Serialize + ?Sized>(kind: &str, data: &T, id: &str) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    rmp_serde::to_vec_named(&(kind, data, id))
}

/// A message of a master.
#[derive(Clone, Debug, PartialEq)]
pub enum MasterMessage {
    /// The worker is registered; its index, which masters send from version 2.10.3 on.
    Ack(Option<i64>),
    Spawn(Box<Spawn>),
    /// All workers have spawned their users.
    SpawningComplete,
    Heartbeat,
    Stop,
    Quit,
    Reconnect,
    /// Anything else, for example a message of the locustfile's own.
    Other(String),
}

/// The number of users to run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Spawn {
    /// When the master sent it, in seconds since 1970. Older messages than the last one are ignored.
    pub timestamp: f64,
    pub user_classes_count: BTreeMap<String, u32>,
    #[serde(default)]
    pub host: Option<String>,
    /// The time that users may take to stop, in seconds.
    #[serde(default)]
    pub stop_timeout: Option<f64>,
    #[serde(default)]
    pub parsed_options: ParsedOptions,
}

/// The master's arguments that a worker uses: those of Locust and those of `adapters/locust/locustfile.py`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct ParsedOptions {
    #[serde(default)]
    pub reset_stats: bool,
    /// The path of the load file on the worker's machine.
    #[serde(default)]
    pub vouch_load: Option<String>,
    /// The wait time between two runs of a user's workload.
    #[serde(default)]
    pub vouch_wait: Option<String>,
    /// The master's version of Locust, which its messages do not contain.
    #[serde(default)]
    pub vouch_locust: Option<String>,
}

#[derive(Deserialize)]
struct Ack {
    #[serde(default)]
    index: Option<i64>,
}

/// A message that is not a valid message of Locust.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error("{bytes} bytes that are not a message of Locust: {cause}")]
    NotAMessage { bytes: usize, cause: rmp_serde::decode::Error },
    #[error("an invalid message `{kind}`: {cause}")]
    InvalidData { kind: String, cause: rmp_serde::decode::Error },
    #[error("a message of {0} frames instead of one")]
    Frames(usize),
}

impl MasterMessage {
    /// Decodes a message.
    ///
    /// # Errors
    /// When it is not a valid message of Locust.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let unreadable = |cause| MessageError::NotAMessage { bytes: bytes.len(), cause };
        let (kind, _, _): (String, IgnoredAny, IgnoredAny) = rmp_serde::from_slice(bytes).map_err(unreadable)?;
        let wrong = |cause| MessageError::InvalidData { kind: kind.clone(), cause };
        Ok(match kind.as_str() {
            "ack" => MasterMessage::Ack(data::<Option<Ack>>(bytes).map_err(wrong)?.and_then(|ack| ack.index)),
            "spawn" => MasterMessage::Spawn(Box::new(data(bytes).map_err(wrong)?)),
            "spawning_complete" => MasterMessage::SpawningComplete,
            "heartbeat" => MasterMessage::Heartbeat,
            "stop" => MasterMessage::Stop,
            "quit" => MasterMessage::Quit,
            "reconnect" => MasterMessage::Reconnect,
            _ => MasterMessage::Other(kind.chars().filter(|character| !character.is_control()).take(60).collect()),
        })
    }
}

fn data<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, rmp_serde::decode::Error> {
    let (_, data, _): (IgnoredAny, T, IgnoredAny) = rmp_serde::from_slice(bytes)?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn packed(message: &serde_json::Value) -> Vec<u8> {
        rmp_serde::to_vec_named(message).expect("packable")
    }

    #[test]
    fn a_spawn_message_is_decoded_and_unknown_fields_are_ignored() {
        let message = json!(["spawn", {
            "timestamp": 1.5, "user_classes_count": {"Refresh": 3}, "host": null, "stop_timeout": 0,
            "parsed_options": {"vouch_load": "a.yaml", "tags": [], "nested": {"x": [1, null]}, "reset_stats": true},
        }, "me"]);
        let Ok(MasterMessage::Spawn(spawn)) = MasterMessage::decode(&packed(&message)) else {
            panic!("a spawn message")
        };
        assert_eq!(spawn.user_classes_count["Refresh"], 3);
        assert_eq!(
            (spawn.parsed_options.vouch_load.as_deref(), spawn.parsed_options.reset_stats),
            (Some("a.yaml"), true)
        );
        assert_eq!(
            MasterMessage::decode(&packed(&json!(["ack", {"index": 4}, "me"]))).ok(),
            Some(MasterMessage::Ack(Some(4)))
        );
        assert_eq!(MasterMessage::decode(&packed(&json!(["ack", null, "me"]))).ok(), Some(MasterMessage::Ack(None)));
        assert_eq!(
            MasterMessage::decode(&packed(&json!(["hello", {"a": 1}, null]))).ok(),
            Some(MasterMessage::Other("hello".into()))
        );
    }

    #[test]
    fn invalid_messages_are_errors() {
        for bytes in [&b""[..], b"\xc1", b"GET / HTTP/1.1\r\n", &packed(&json!({"a": 1})), &packed(&json!(["ack"]))] {
            assert!(
                MasterMessage::decode(bytes).is_err_and(|why| why.to_string().contains("not a message")),
                "{bytes:?}"
            );
        }
        for message in [
            json!(["spawn", null, "me"]),
            json!(["spawn", {"timestamp": "now", "user_classes_count": {}}, "me"]),
            json!(["spawn", {"timestamp": 1.0, "user_classes_count": {"Refresh": -1}}, "me"]),
        ] {
            let why = MasterMessage::decode(&packed(&message)).expect_err("unreadable");
            assert!(why.to_string().contains("`spawn`"), "{why}");
        }
    }

    #[test]
    fn messages_have_the_shape_that_locust_unpacks() {
        let counts = BTreeMap::from([("Refresh".to_owned(), 2_u32)]);
        let read = |message: &WorkerMessage| {
            rmp_serde::from_slice::<serde_json::Value>(&message.encode("me")).expect("readable")
        };
        assert_eq!(read(&WorkerMessage::Stopped), json!(["client_stopped", null, "me"]));
        assert_eq!(
            read(&WorkerMessage::SpawningComplete(counts)),
            json!(["spawning_complete", {"user_classes_count": {"Refresh": 2}, "user_count": 2}, "me"])
        );
        let heartbeat = read(&WorkerMessage::Heartbeat { state: "ready", cpu_percent: 1.5, memory: 7 });
        assert_eq!(heartbeat[1], json!({"state": "ready", "current_cpu_usage": 1.5, "current_memory_usage": 7}));
    }
}
