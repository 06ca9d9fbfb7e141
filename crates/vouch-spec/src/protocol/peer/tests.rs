use super::*;
use crate::protocol::violation::{MAX_LINE, MAX_UNSOLICITED};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

struct Echo;

#[async_trait]
impl Handler for Echo {
    async fn request(&self, method: &str, params: Value) -> CallOutcome {
        match method {
            "echo" => Ok(params),
            "hang" => std::future::pending().await,
            _ => Err(Refusal::unknown_method(method)),
        }
    }

    fn notification(&self, _: &str, _: Value) {}
}

const SOON: Duration = Duration::from_millis(500);

fn pair() -> (Peer, DuplexStream) {
    let (near, far) = duplex(4096);
    let (read, write) = tokio::io::split(near);
    let (peer, listen) = connect(read, write, MAX_UNSOLICITED, |_| Arc::new(Echo));
    tokio::spawn(listen);
    (peer, far)
}

async fn answered_with(bytes: &[u8]) -> CallError {
    let (peer, mut far) = pair();
    let bytes = bytes.to_vec();
    tokio::spawn(async move {
        let mut buffer = [0; 1024];
        let _ = far.read(&mut buffer).await;
        let _ = far.write_all(&bytes).await;
        tokio::time::sleep(SOON * 2).await;
    });
    peer.call::<Value>("status", json!({}), SOON).await.unwrap_err()
}

#[tokio::test]
async fn two_peers_understand_each_other() {
    let (a, b) = duplex(4096);
    let ((ar, aw), (br, bw)) = (tokio::io::split(a), tokio::io::split(b));
    let (caller, listen) = connect(ar, aw, MAX_UNSOLICITED, |_| Arc::new(Echo));
    tokio::spawn(listen);
    let (_callee, listen) = connect(br, bw, MAX_UNSOLICITED, |_| Arc::new(Echo));
    tokio::spawn(listen);
    assert_eq!(caller.call::<Value>("echo", json!({"x": 1}), SOON).await, Ok(json!({"x": 1})));
    let Err(CallError::Refused(refusal)) = caller.call::<Value>("nope", json!({}), SOON).await else { panic!() };
    assert_eq!(refusal.kind(), Some(ErrorKind::Unsupported));
    assert_eq!(caller.call::<Value>("hang", json!({}), SOON).await, Err(CallError::Timeout(SOON)));
}

#[tokio::test]
async fn a_line_that_is_no_message_ends_the_call() {
    let error = answered_with(b"Traceback (most recent call last):\n").await;
    assert_eq!(error, CallError::Violation(Violation::NotAMessage("`Traceback (most recent call last):`".into())));
}

#[tokio::test]
async fn an_id_that_was_not_asked_ends_the_call() {
    let error = answered_with(b"{\"jsonrpc\":\"2.0\",\"id\":99,\"result\":{}}\n").await;
    assert_eq!(error, CallError::Violation(Violation::UnknownId("`99`".into())));
}

#[tokio::test]
async fn a_line_without_end_is_cut_off() {
    let error = answered_with(&vec![b'x'; MAX_LINE + 1]).await;
    assert_eq!(error, CallError::Violation(Violation::LineTooLong));
}

#[tokio::test]
async fn a_flood_of_notifications_is_stopped() {
    let error =
        answered_with(&b"{\"jsonrpc\":\"2.0\",\"method\":\"log\",\"params\":{}}\n".repeat(MAX_UNSOLICITED + 1)).await;
    assert_eq!(error, CallError::Violation(Violation::Flood));
}

#[tokio::test]
async fn an_answer_of_the_wrong_shape_is_a_breach() {
    let (peer, mut far) = pair();
    tokio::spawn(async move {
        let mut buffer = [0; 1024];
        let _ = far.read(&mut buffer).await;
        let _ = far.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"status\":7}}\n").await;
        tokio::time::sleep(SOON).await;
    });
    let answer = peer.call::<crate::protocol::message::Status>("status", json!({}), SOON).await;
    assert!(matches!(answer, Err(CallError::Violation(Violation::WrongShape { .. }))), "{answer:?}");
}
