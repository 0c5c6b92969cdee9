//! Bodies whose bytes are counted.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{PendingRecord, ending::Ending};
use crate::Outcome;

pin_project! {
    /// A request's body whose bytes are counted as they are read.
    #[derive(Debug)]
    pub struct MeteredRequest<B> {
        #[pin]
        inner: B,
        record: Arc<PendingRecord>,
    }
}

pin_project! {
    /// A response's body whose bytes are counted as they are handed over.
    #[derive(Debug)]
    pub struct MeteredResponse<B> {
        #[pin]
        inner: B,
        ending: Ending,
        // How many bytes are still to come, if that is known: a server does not ask for more.
        left: Option<u64>,
    }
}

impl<B> MeteredRequest<B> {
    pub(super) fn new(inner: B, record: Arc<PendingRecord>) -> Self {
        MeteredRequest { inner, record }
    }
}

impl<B: Body> MeteredResponse<B> {
    pub(super) fn new(inner: B, mut ending: Ending, left: Option<u64>) -> Self {
        ending.is_complete = left == Some(0) || inner.is_end_stream();
        MeteredResponse { inner, ending, left }
    }
}

impl<B: Body> Body for MeteredRequest<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            let bytes = data_bytes(frame);
            if bytes > 0 {
                this.record.received(bytes);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body> Body for MeteredResponse<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let ending = this.ending;
        let frame = ready!(ending.inside(|| this.inner.as_mut().poll_frame(context)));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = data_bytes(frame);
                if bytes > 0 {
                    ending.record.sent(bytes);
                }
                *this.left = this.left.map(|left| left.saturating_sub(bytes));
                ending.is_complete = *this.left == Some(0) || this.inner.is_end_stream();
            }
            Some(Err(_)) => ending.end(Outcome::Error),
            None => ending.end(Outcome::Complete),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn data_bytes<D: bytes::Buf>(frame: &Frame<D>) -> u64 {
    frame.data_ref().map_or(0, |data| data.remaining() as u64)
}
