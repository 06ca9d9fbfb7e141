//! Response bodies: sent whole, slowly, or only half.

use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// How an answer's body reaches the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyDelivery {
    Whole,
    /// In pieces with pauses.
    Drip,
    /// White space in pieces for a minute, then the body.
    EndlessDrip,
    /// Half of it, then the connection ends.
    CutHalfway,
    /// Half of it, then nothing more; the connection stays open.
    StallHalfway,
}

impl BodyDelivery {
    /// Whether the second half never comes.
    fn is_half(self) -> bool {
        matches!(self, BodyDelivery::CutHalfway | BodyDelivery::StallHalfway)
    }
}

/// Pieces of a dripping body, and the pause before each.
const PIECES: usize = 8;
const PAUSE: Duration = Duration::from_millis(25);

/// The pauses of a body that drips without end. White space may stand before JSON, so each piece is a good beginning.
const ENDLESS_PAUSE: Duration = Duration::from_millis(100);
const ENDLESS_PIECES: u32 = 600;

/// The connection is cut in the middle of a body.
#[derive(Debug, thiserror::Error)]
#[error("the body was broken off on purpose")]
pub(super) struct BodyCutError;

/// A body that is delivered whole, slowly, or only half.
pub(super) struct FaultyBody {
    left: Bytes,
    whole: u64,
    piece: usize,
    delivery: BodyDelivery,
    pause: Option<Pin<Box<Sleep>>>,
    /// Pieces of white space still to come.
    blanks: u32,
}

impl FaultyBody {
    pub fn new(body: Bytes, delivery: BodyDelivery) -> Self {
        let (whole, piece) = (body.len() as u64, body.len().div_ceil(PIECES).max(1));
        let left = if delivery.is_half() { body.slice(..body.len() / 2) } else { body };
        let blanks = if delivery == BodyDelivery::EndlessDrip { ENDLESS_PIECES } else { 0 };
        Self { left, whole, piece, delivery, pause: None, blanks }
    }
}

impl Body for FaultyBody {
    type Data = Bytes;
    type Error = BodyCutError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyCutError>>> {
        let this = self.get_mut();
        if this.blanks > 0 {
            let pause = this.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(ENDLESS_PAUSE)));
            std::task::ready!(pause.as_mut().poll(cx));
            this.pause = None;
            this.blanks -= 1;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))));
        }
        if this.left.is_empty() {
            return match this.delivery {
                BodyDelivery::CutHalfway => Poll::Ready(Some(Err(BodyCutError))),
                // Until the caller goes away, or the case ends.
                BodyDelivery::StallHalfway => Poll::Pending,
                _ => Poll::Ready(None),
            };
        }
        if this.delivery != BodyDelivery::Drip {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.left)))));
        }
        let pause = this.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(PAUSE)));
        std::task::ready!(pause.as_mut().poll(cx));
        this.pause = None;
        let piece = this.left.split_to(this.piece.min(this.left.len()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.blanks == 0 && !self.delivery.is_half()
    }

    fn size_hint(&self) -> SizeHint {
        if self.delivery == BodyDelivery::EndlessDrip {
            return SizeHint::new();
        }
        // What is announced, which a broken-off body does not keep.
        SizeHint::with_exact(if self.delivery.is_half() { self.whole } else { self.left.len() as u64 })
    }
}
