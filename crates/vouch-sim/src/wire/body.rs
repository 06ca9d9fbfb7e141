//! Response bodies: sent whole, slowly, or cut off in the middle.

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
    /// Half of it, then the connection ends.
    CutHalfway,
}

/// Pieces of a dripping body, and the pause before each.
const PIECES: usize = 8;
const PAUSE: Duration = Duration::from_millis(25);

/// The connection is cut in the middle of a body.
#[derive(Debug, thiserror::Error)]
#[error("the body was broken off on purpose")]
pub(super) struct BodyCutError;

/// A body that is delivered whole, slowly, or cut off.
pub(super) struct FaultyBody {
    left: Bytes,
    whole: u64,
    piece: usize,
    delivery: BodyDelivery,
    pause: Option<Pin<Box<Sleep>>>,
}

impl FaultyBody {
    pub fn new(body: Bytes, delivery: BodyDelivery) -> Self {
        let (whole, piece) = (body.len() as u64, body.len().div_ceil(PIECES).max(1));
        let left = if delivery == BodyDelivery::CutHalfway { body.slice(..body.len() / 2) } else { body };
        Self { left, whole, piece, delivery, pause: None }
    }
}

impl Body for FaultyBody {
    type Data = Bytes;
    type Error = BodyCutError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyCutError>>> {
        let this = self.get_mut();
        if this.left.is_empty() {
            return Poll::Ready((this.delivery == BodyDelivery::CutHalfway).then_some(Err(BodyCutError)));
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
        self.left.is_empty() && self.delivery != BodyDelivery::CutHalfway
    }

    fn size_hint(&self) -> SizeHint {
        // What is announced, which a broken-off body does not keep.
        SizeHint::with_exact(if self.delivery == BodyDelivery::CutHalfway {
            self.whole
        } else {
            self.left.len() as u64
        })
    }
}
