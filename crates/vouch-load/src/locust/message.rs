//! Locust's messages: MessagePack of `(type, data, node id)`, as `rpc/protocol.py` has it. What a master sends is read
//! with care: it may be anything.

use super::stats::Report;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a worker says.
#[derive(Clone, Debug)]
pub enum Say {
    /// Here is a worker of this version of Locust, and it is free.
    Ready(&'static str),
    /// The worker is alive: state, CPU in per cent, memory in bytes.
    Heartbeat {
        state: &'static str,
        cpu_percent: f64,
        memory: u64,
    },
    Spawning,
    SpawningComplete(BTreeMap<String, u32>),
    Stats(Box<Report>),
    /// Something that the reader of the master's web page should know.
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
struct Count<'a> {
    user_classes_count: &'a BTreeMap<String, u32>,
    user_count: u32,
}

#[derive(Serialize)]
struct Exception<'a> {
    msg: &'a str,
    traceback: &'static str,
}

impl Say {
    /// The message as the master reads it. `id` is the worker's.
    pub fn encode(&self, id: &str) -> Vec<u8> {
        let none = Option::<()>::None;
        let packed = match self {
            Say::Ready(version) => pack("client_ready", version, id),
            Say::Heartbeat { state, cpu_percent, memory } => {
                let (current_cpu_usage, current_memory_usage) = (*cpu_percent, *memory);
                pack("heartbeat", &Heartbeat { state, current_cpu_usage, current_memory_usage }, id)
            }
            Say::Spawning => pack("spawning", &none, id),
            Say::SpawningComplete(counts) => {
                let count = Count { user_classes_count: counts, user_count: counts.values().sum() };
                pack("spawning_complete", &count, id)
            }
            Say::Stats(report) => pack("stats", report, id),
            Say::Exception(what) => pack("exception", &Exception { msg: what, traceback: "vouch worker\n" }, id),
            Say::Stopped => pack("client_stopped", &none, id),
            Say::Quit => pack("quit", &none, id),
        };
        // Nothing here can fail to be written: maps have plain keys, and memory is the only store.
        packed.unwrap_or_default()
    }
}

fn pack<T: Serialize + ?Sized>(kind: &str, data: &T, id: &str) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    rmp_serde::to_vec_named(&(kind, data, id))
}

/// What a master says.
#[derive(Clone, Debug, PartialEq)]
pub enum Hear {
    /// The worker is known now; its number, where the master gives one (from 2.10.3 on).
    Ack(Option<i64>),
    Spawn(Box<Spawn>),
    /// All workers have the users they should have.
    SpawningComplete,
    Heartbeat,
    Stop,
    Quit,
    Reconnect,
    /// Anything else, for example a message of the locustfile's own.
    Other(String),
}

/// How many users there shall be.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Spawn {
    /// When the master sent it, in seconds since 1970. An older one than the last does not count.
    pub timestamp: f64,
    pub user_classes_count: BTreeMap<String, u32>,
    #[serde(default)]
    pub host: Option<String>,
    /// How long users may take to stop, in seconds.
    #[serde(default)]
    pub stop_timeout: Option<f64>,
    #[serde(default)]
    pub parsed_options: Options,
}

/// The master's arguments that a worker looks at: Locust's own, and those of `adapters/locust/locustfile.py`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Options {
    #[serde(default)]
    pub reset_stats: bool,
    /// Path of the load file, on the worker's machine.
    #[serde(default)]
    pub vouch_load: Option<String>,
    /// The pause between two rounds of a user's workload.
    #[serde(default)]
    pub vouch_wait: Option<String>,
    /// The master's version of Locust, which its messages do not say.
    #[serde(default)]
    pub vouch_locust: Option<String>,
}

#[derive(Deserialize)]
struct Ack {
    #[serde(default)]
    index: Option<i64>,
}

impl Hear {
    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with it, for the reader.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let no_message =
            |error: rmp_serde::decode::Error| format!("{} bytes that are no message of Locust: {error}", bytes.len());
        let (kind, _, _): (String, IgnoredAny, IgnoredAny) = rmp_serde::from_slice(bytes).map_err(no_message)?;
        let wrong = |error: rmp_serde::decode::Error| format!("a message `{kind}` that cannot be read: {error}");
        Ok(match kind.as_str() {
            "ack" => Hear::Ack(data::<Option<Ack>>(bytes).map_err(wrong)?.and_then(|ack| ack.index)),
            "spawn" => Hear::Spawn(Box::new(data(bytes).map_err(wrong)?)),
            "spawning_complete" => Hear::SpawningComplete,
            "heartbeat" => Hear::Heartbeat,
            "stop" => Hear::Stop,
            "quit" => Hear::Quit,
            "reconnect" => Hear::Reconnect,
            _ => Hear::Other(kind.chars().filter(|character| !character.is_control()).take(60).collect()),
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
    fn a_spawn_message_is_read_and_what_is_not_asked_for_is_skipped() {
        let message = json!(["spawn", {
            "timestamp": 1.5, "user_classes_count": {"Refresh": 3}, "host": null, "stop_timeout": 0,
            "parsed_options": {"vouch_load": "a.yaml", "tags": [], "nested": {"x": [1, null]}, "reset_stats": true},
        }, "me"]);
        let Ok(Hear::Spawn(spawn)) = Hear::decode(&packed(&message)) else { panic!("a spawn message") };
        assert_eq!(spawn.user_classes_count["Refresh"], 3);
        assert_eq!(
            (spawn.parsed_options.vouch_load.as_deref(), spawn.parsed_options.reset_stats),
            (Some("a.yaml"), true)
        );
        assert_eq!(Hear::decode(&packed(&json!(["ack", {"index": 4}, "me"]))), Ok(Hear::Ack(Some(4))));
        assert_eq!(Hear::decode(&packed(&json!(["ack", null, "me"]))), Ok(Hear::Ack(None)));
        assert_eq!(Hear::decode(&packed(&json!(["hello", {"a": 1}, null]))), Ok(Hear::Other("hello".into())));
    }

    #[test]
    fn garbage_is_told_and_harmless() {
        for bytes in [&b""[..], b"\xc1", b"GET / HTTP/1.1\r\n", &packed(&json!({"a": 1})), &packed(&json!(["ack"]))] {
            assert!(Hear::decode(bytes).is_err_and(|why| why.contains("no message")), "{bytes:?}");
        }
        for message in [
            json!(["spawn", null, "me"]),
            json!(["spawn", {"timestamp": "now", "user_classes_count": {}}, "me"]),
            json!(["spawn", {"timestamp": 1.0, "user_classes_count": {"Refresh": -1}}, "me"]),
        ] {
            let why = Hear::decode(&packed(&message)).expect_err("unreadable");
            assert!(why.contains("`spawn`"), "{why}");
        }
    }

    #[test]
    fn messages_have_the_shape_that_locust_unpacks() {
        let counts = BTreeMap::from([("Refresh".to_owned(), 2_u32)]);
        let read = |say: &Say| rmp_serde::from_slice::<serde_json::Value>(&say.encode("me")).expect("readable");
        assert_eq!(read(&Say::Stopped), json!(["client_stopped", null, "me"]));
        assert_eq!(
            read(&Say::SpawningComplete(counts)),
            json!(["spawning_complete", {"user_classes_count": {"Refresh": 2}, "user_count": 2}, "me"])
        );
        let beat = read(&Say::Heartbeat { state: "ready", cpu_percent: 1.5, memory: 7 });
        assert_eq!(beat[1], json!({"state": "ready", "current_cpu_usage": 1.5, "current_memory_usage": 7}));
    }
}
