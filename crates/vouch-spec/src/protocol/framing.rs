//! Lines of a conversation: one message each, of bounded length.

use super::violation::{MAX_LINE, Violation};
use tokio::io::{AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Writes until this side hangs up or the other takes no more.
pub(super) async fn write_lines(
    mut write: impl AsyncWrite + Unpin,
    mut lines: mpsc::UnboundedReceiver<String>,
) -> std::io::Result<()> {
    while let Some(line) = lines.recv().await {
        write.write_all(line.as_bytes()).await?;
        write.flush().await?;
    }
    write.shutdown().await
}

/// Reads one line; safe to cancel, since what was read stays in `line`.
pub(super) async fn read_line(
    reader: &mut (impl AsyncBufReadExt + Unpin),
    line: &mut Vec<u8>,
) -> Result<(), Violation> {
    loop {
        let chunk = reader.fill_buf().await.map_err(|_| Violation::Closed)?;
        if chunk.is_empty() {
            return Err(if line.is_empty() { Violation::Closed } else { Violation::NotAMessage(excerpt(line)) });
        }
        let (part, ended) = match chunk.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (chunk.len(), false),
        };
        if line.len() + part > MAX_LINE {
            return Err(Violation::LineTooLong);
        }
        line.extend_from_slice(&chunk[..part]);
        reader.consume(part);
        if ended {
            return Ok(());
        }
    }
}

/// The start of a line, fit to be shown.
pub(super) fn excerpt(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(120)]);
    let shown: String = text.trim_end().chars().map(|c| if c.is_control() { '·' } else { c }).collect();
    if line.len() > 120 { format!("`{shown}…`") } else { format!("`{shown}`") }
}
