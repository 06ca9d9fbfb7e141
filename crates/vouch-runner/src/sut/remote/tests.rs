//! One conversation over every transport, and what goes wrong when apps dial in.

use super::super::process::IgnoreCallbacks;
use super::*;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use vouch_sim::reference::adapter::{ReferenceSdk, TimeSource, serve};
use vouch_sim::reference::sdk::ports::ProcessLifetime;
use vouch_spec::scenario::Text;

fn sdk(transport: Transport, installation: Option<&str>, wait: Duration) -> RemoteSdk {
    RemoteSdk::new(RemoteSpec {
        transport,
        program: None,
        device: DeviceSpec::default(),
        installation: installation.map(str::to_owned),
        connect_timeout: wait,
    })
}

async fn launch(sdk: &RemoteSdk) -> Result<Process, LaunchError> {
    sdk.launch(Arc::new(IgnoreCallbacks), Deadlines::default(), LaunchOptions::default()).await
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Runs the reference SDK over streams, as an app does.
fn serve_app(streams: Streams) {
    let Streams { read, write } = streams;
    tokio::spawn(serve(read, write, Arc::new(ReferenceSdk), TimeSource::Harness, ProcessLifetime::default()));
}

/// Asks a process who it is, and stops it.
async fn converse(process: Process) -> String {
    let initialized = process.initialize().await.expect("an answer");
    let folder = tempfile::tempdir().expect("a folder");
    let area = folder.path();
    let storage = json!({ "secure": area, "plain": area, "volatile": area, "locked": false });
    let start =
        json!({ "profile": "junction", "storage": storage, "endpoints": [], "now": 0, "requestTimeoutMs": 1000 });
    process.call::<Value>("start", start).await.expect("an answer").expect("started");
    process.stop().await.expect("an orderly end");
    initialized.sdk.name
}

#[tokio::test]
async fn the_conversation_is_the_same_over_tcp_and_web_socket_in_both_directions() {
    for scheme in ["tcp", "ws"] {
        let socket = TcpListener::bind(local(0)).await.expect("a port");
        let port = socket.local_addr().expect("bound").port();
        let server = async {
            let (stream, _) = socket.accept().await.expect("a connection");
            serve_app(if scheme == "tcp" {
                Streams::of(stream)
            } else {
                web_socket::accept(stream).await.expect("a socket")
            });
        };
        let connecting =
            sdk(Transport::Connect(Text(format!("{scheme}://127.0.0.1:{port}"))), None, Duration::from_secs(5));
        let (process, ()) = tokio::join!(launch(&connecting), server);
        assert_eq!(converse(process.expect("a connection")).await, "vouch-reference", "{scheme}");

        let listening = sdk(Transport::Listen(local(0)), Some("pixel"), Duration::from_secs(5));
        let app = dial(&listening, scheme, "pixel");
        let (process, ()) = tokio::join!(launch(&listening), app);
        assert_eq!(converse(process.expect("a connection")).await, "vouch-reference", "{scheme}");
    }
}

/// An app that dials in as soon as Vouch listens.
async fn dial(sdk: &RemoteSdk, scheme: &str, installation: &str) {
    let mut streams = connect_to(sdk, scheme).await;
    streams.write.write_all(hello(installation).as_bytes()).await.expect("writable");
    serve_app(streams);
}

async fn connect_to(sdk: &RemoteSdk, scheme: &str) -> Streams {
    while sdk.listener.get().is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let address = sdk.listener.get().expect("bound").address();
    format!("{scheme}://{address}").parse::<ConnectAddress>().expect("an address").connect().await.expect("a listener")
}

fn hello(installation: &str) -> String {
    json!({ "jsonrpc": "2.0", "method": "hello", "params": { "installation": installation } }).to_string() + "\n"
}

/// Why a launch failed.
async fn failure(sdk: &RemoteSdk) -> String {
    launch(sdk).await.err().expect("no process").to_string()
}

#[tokio::test]
async fn an_app_that_says_no_hello_is_refused_and_the_launch_says_so() {
    let listening = sdk(Transport::Listen(local(0)), Some("pixel"), Duration::from_millis(300));
    let stranger = async {
        let mut streams = connect_to(&listening, "tcp").await;
        streams.write.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"start\"}\n").await.expect("writable");
        let mut line = String::new();
        BufReader::new(streams.read).read_line(&mut line).await.expect("readable");
        line
    };
    let (why, told) = tokio::join!(failure(&listening), stranger);
    assert!(why.contains("its first line is not `hello` with an installation"), "{why}");
    assert!(told.contains("not `hello`"), "{told}");
}

#[tokio::test]
async fn an_app_of_another_installation_is_named_when_the_launch_waits_in_vain() {
    let listening = sdk(Transport::Listen(local(0)), Some("pixel"), Duration::from_millis(300));
    let (why, ()) = tokio::join!(failure(&listening), dial(&listening, "tcp", "iphone"));
    assert!(why.contains("expected the installation `pixel`; others are connected: iphone"), "{why}");
}

#[tokio::test]
async fn a_second_device_with_the_same_id_is_refused_and_the_first_goes_on() {
    let listening = sdk(Transport::Listen(local(0)), None, Duration::from_secs(5));
    let (process, ()) = tokio::join!(launch(&listening), dial(&listening, "tcp", "pixel"));
    let process = process.expect("a connection");
    let mut second = connect_to(&listening, "tcp").await;
    second.write.write_all(hello("pixel").as_bytes()).await.expect("writable");
    let mut line = String::new();
    BufReader::new(second.read).read_line(&mut line).await.expect("readable");
    assert!(line.contains("another device is connected as `pixel`"), "{line}");
    assert_eq!(converse(process).await, "vouch-reference");
}

#[tokio::test]
async fn an_app_that_leaves_is_a_failure_that_names_the_connection() {
    let socket = TcpListener::bind(local(0)).await.expect("a port");
    let address = socket.local_addr().expect("bound");
    let leaving = sdk(Transport::Connect(Text(format!("tcp://{address}"))), None, Duration::from_secs(5));
    let app = async {
        let (stream, _): (TcpStream, _) = socket.accept().await.expect("a connection");
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("readable");
        let asked: Value = serde_json::from_str(&line).expect("JSON");
        let result = json!({ "protocol": 1, "sdk": { "name": "app", "version": "1" }, "capabilities": [] });
        let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result });
        stream.write_all(format!("{answer}\n").as_bytes()).await.expect("writable");
        stream.read_line(&mut line).await.expect("readable");
        asked
    };
    let conversation = async {
        let process = launch(&leaving).await.expect("a connection");
        process.initialize().await.expect("an answer");
        process.call::<Value>("status", json!({})).await.expect_err("no answer").what
    };
    let (why, asked) = tokio::join!(conversation, app);
    assert_eq!(asked["params"]["minProtocol"], 1);
    assert!(why.contains("it closed the connection (the app ended, or lost its network)"), "{why}");
}

#[tokio::test]
async fn a_forwarder_that_accepts_before_the_app_does_is_tried_again() {
    let socket = TcpListener::bind(local(0)).await.expect("a port");
    let address = socket.local_addr().expect("bound");
    let behind = sdk(Transport::Connect(Text(format!("tcp://{address}"))), None, Duration::from_secs(5));
    let forwarder = async {
        for _ in 0..2 {
            drop(socket.accept().await.expect("a connection"));
        }
        serve_app(Streams::of(socket.accept().await.expect("a connection").0));
    };
    let (process, ()) = tokio::join!(launch(&behind), forwarder);
    assert_eq!(converse(process.expect("a connection")).await, "vouch-reference");
}

#[tokio::test]
async fn nothing_at_the_address_is_the_fault_of_the_environment() {
    let socket = TcpListener::bind(local(0)).await.expect("a port");
    let address = socket.local_addr().expect("bound");
    drop(socket);
    let nobody = sdk(Transport::Connect(Text(format!("tcp://{address}"))), None, Duration::from_millis(100));
    let error = launch(&nobody).await.err().expect("no process");
    assert!(matches!(error, LaunchError::Start(_)), "{error}");
    assert!(error.to_string().contains("no connection to tcp://127.0.0.1:"), "{error}");
}

#[test]
fn the_presets_are_words_with_known_variables() {
    for (preset, listens) in
        [(Preset::Adb, true), (Preset::Adb, false), (Preset::Simctl, true), (Preset::Simctl, false)]
    {
        for (hook, commands) in preset.hooks(listens) {
            for word in commands.iter().flatten() {
                let known =
                    |name: &str| preset.names().contains(&name) || ["url", "installation", "port"].contains(&name);
                let unknown = word.resolve(|name| known(name).then(|| "value".to_owned()));
                assert!(unknown.is_ok() && !word.0.is_empty(), "{hook}: {word:?}");
            }
        }
    }
}
