//! The first line of an app that dials in: the notification `hello` with its installation id.

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use vouch_spec::protocol::message::Hello;
use vouch_spec::text::OutsideText;

/// The longest first line, in bytes.
const MAX_HELLO: usize = 4096;
/// The longest installation id, in characters.
const MAX_INSTALLATION: usize = 200;

#[derive(Deserialize)]
struct Line {
    method: String,
    params: Hello,
}

/// Reads the first line and returns the installation id, or what is wrong with the line.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<String, String> {
    let line = read_line(stream).await?;
    let wrong = || format!("its first line is not `hello` with an installation: {}", shown(&line));
    let hello: Line = serde_json::from_slice(&line).map_err(|_| wrong())?;
    let installation = hello.params.installation;
    if hello.method != "hello" || installation.is_empty() || installation.chars().count() > MAX_INSTALLATION {
        return Err(wrong());
    }
    Ok(installation)
}

/// Byte by byte: what follows the line belongs to the conversation.
async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await {
            Ok(b'\n') => return Ok(line),
            Ok(byte) => line.push(byte),
            Err(_) => return Err("it closed the connection before its first line".into()),
        }
        if line.len() > MAX_HELLO {
            return Err(format!("its first line is longer than {MAX_HELLO} bytes"));
        }
    }
}

fn shown(line: &[u8]) -> String {
    OutsideText::line_up_to(&String::from_utf8_lossy(line), 80).into_string()
}
