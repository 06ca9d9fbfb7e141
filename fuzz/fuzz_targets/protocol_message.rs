//! Feeds any bytes to the protocol as an adapter's output: the connection ends by itself, with a violation that can be displayed.
#![no_main]

use async_trait::async_trait;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use vouch_spec::protocol::{Handler, MAX_UNSOLICITED, Refusal, connect};

struct Echo;

#[async_trait]
impl Handler for Echo {
    async fn request(&self, _: &str, params: Value) -> Result<Value, Refusal> {
        Ok(params)
    }

    fn notification(&self, _: &str, _: Value) {}
}

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let (peer, conversation) = connect(std::io::Cursor::new(bytes.to_vec()), tokio::io::sink(), MAX_UNSOLICITED, |_| Arc::new(Echo));
        let call = peer.call::<Value>("status", json!({}), Duration::from_millis(20));
        let (violation, _) = tokio::join!(conversation, call);
        let _ = violation.to_string();
    });
});
