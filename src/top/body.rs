//! The body of a request to TOP, which knows whether it was polled.
//!
//! The HTTP library polls it only when a connection, TLS included, is established and the request is about to be written,
//! so a body that was never polled was never sent. And once a call is given up, the body refuses to be sent, so that the
//! proof is not overtaken by a connection made a moment later.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A form to be sent: shared by the body that sends it and the call that may give it up.
pub(super) struct Outgoing {
    /// Taken when it is sent, so that it is freed when it is written and not when it is answered.
    form: Mutex<Bytes>,
    stage: Stage,
}

/// Whether the request was begun: decided once, by whoever asks first.
#[derive(Debug, Default)]
struct Stage(AtomicU8);

impl Outgoing {
    /// A form of which nothing was sent yet.
    pub(super) fn new(form: String) -> Arc<Self> {
        Arc::new(Self { form: Mutex::new(form.into()), stage: Stage::default() })
    }

    /// Forbids sending; true if it had not begun, and so never will.
    pub(super) fn give_up(&self) -> bool {
        self.stage.give_up()
    }

    fn form(&self) -> MutexGuard<'_, Bytes> {
        // The value is valid at every moment, also where a holder panicked.
        self.form.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage {
    const WAITING: u8 = 0;
    const BEGUN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    /// Begins to send; false once it was given up.
    fn begin(&self) -> bool {
        self.decide(Self::BEGUN) == Self::BEGUN
    }

    fn give_up(&self) -> bool {
        self.decide(Self::GIVEN_UP) == Self::GIVEN_UP
    }

    fn decide(&self, stage: u8) -> u8 {
        match self.0.compare_exchange(Self::WAITING, stage, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => stage,
            Err(decided) => decided,
        }
    }
}

/// The body that a form is sent in.
pub(super) struct FormBody(Arc<Outgoing>);

impl FormBody {
    /// The one body of `outgoing`.
    pub(super) fn of(outgoing: &Arc<Outgoing>) -> Self {
        Self(Arc::clone(outgoing))
    }
}

/// A call that was given up is not sent after all.
#[derive(Debug, thiserror::Error)]
#[error("the call was given up before it was sent")]
pub(super) struct GivenUp;

impl Body for FormBody {
    type Data = Bytes;
    type Error = GivenUp;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if !self.0.stage.begin() {
            return Poll::Ready(Some(Err(GivenUp)));
        }
        let form = std::mem::take(&mut *self.0.form());
        Poll::Ready((!form.is_empty()).then(|| Ok(Frame::data(form))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.form().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.form().len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_first_decides_whether_it_was_sent() {
        let begun = Stage::default();
        assert!(begun.begin() && begun.begin() && !begun.give_up());
        let given_up = Stage::default();
        assert!(given_up.give_up() && given_up.give_up() && !given_up.begin());
    }
}
