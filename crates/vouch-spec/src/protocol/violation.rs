//! How a conversation breaks.

/// The longest line either side may write, in bytes.
pub const MAX_LINE: usize = 1 << 20;
/// Requests and notifications that one process may send without being asked.
pub const MAX_UNSOLICITED: usize = 10_000;

/// How the other side broke the protocol. Ends the conversation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("it closed its standard output (the process ended or gave up)")]
    Closed,
    #[error("it closed its standard input")]
    InputClosed,
    #[error("it wrote a line that is not a JSON-RPC message: {0}")]
    NotAMessage(String),
    #[error("it wrote a line of over {} KiB", MAX_LINE / 1024)]
    LineTooLong,
    #[error("it answered the id {0}, which was not asked (or was answered before)")]
    UnknownId(String),
    #[error("it wrote more than {MAX_UNSOLICITED} messages that nobody asked for")]
    Flood,
    #[error("its answer to `{method}` has the wrong shape: {why}")]
    WrongShape { method: String, why: String },
}
