//! Bodies of answers: whole, in drips, or broken off.

use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// How an answer's body reaches the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Whole,
    /// In pieces with pauses.
    Drip,
    /// Half of it, then the connection ends.
    BreakOff,
}

/// Pieces of a dripping body, and the pause before each.
const PIECES: usize = 8;
const PAUSE: Duration = Duration::from_millis(25);

/// The connection is cut in the middle of a body.
#[derive(Debug, thiserror::Error)]
#[error("the body was broken off on purpose")]
pub(super) struct BrokenOff;

/// A body that is sent in its manner.
pub(super) struct Sent {
    left: Bytes,
    whole: u64,
    piece: usize,
    manner: Manner,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Sent {
    pub fn new(body: Bytes, manner: Manner) -> Self {
        let (whole, piece) = (body.len() as u64, body.len().div_ceil(PIECES).max(1));
        let left = if manner == Manner::BreakOff { body.slice(..body.len() / 2) } else { body };
        Self { left, whole, piece, manner, pause: None }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = self.get_mut();
        if this.left.is_empty() {
            return Poll::Ready((this.manner == Manner::BreakOff).then_some(Err(BrokenOff)));
        }
        if this.manner != Manner::Drip {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.left)))));
        }
        let pause = this.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(PAUSE)));
        std::task::ready!(pause.as_mut().poll(cx));
        this.pause = None;
        let piece = this.left.split_to(this.piece.min(this.left.len()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.manner != Manner::BreakOff
    }

    fn size_hint(&self) -> SizeHint {
        // What is announced, which a broken-off body does not keep.
        SizeHint::with_exact(if self.manner == Manner::BreakOff { self.whole } else { self.left.len() as u64 })
    }
}
