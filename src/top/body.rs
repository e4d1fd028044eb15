//! The body of a request to TOP, which records whether it was polled.
//!
//! The HTTP library polls it only after the connection, including TLS, is established and when it is about to write the
//! request. So a body that was never polled was never sent. After a call is given up, the body refuses to be sent, so
//! that a connection made a moment later does not invalidate the proof.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A form that is not sent yet. The body that sends it and the call that may give it up share it.
pub(super) struct PendingForm {
    /// Taken when it is sent, so that its memory is freed before the answer arrives.
    form: Mutex<Bytes>,
    stage: Stage,
}

/// Whether the request has begun or was given up. The first decision is final.
#[derive(Debug, Default)]
struct Stage(AtomicU8);

impl PendingForm {
    /// A form of which nothing was sent.
    pub(super) fn new(form: String) -> Arc<Self> {
        Arc::new(Self { form: Mutex::new(form.into()), stage: Stage::default() })
    }

    /// Forbids sending. True if sending had not begun and so never will.
    pub(super) fn give_up(&self) -> bool {
        self.stage.give_up()
    }

    fn form(&self) -> MutexGuard<'_, Bytes> {
        // The value is always valid, even if a thread panicked while it held the lock.
        self.form.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage {
    const WAITING: u8 = 0;
    const BEGUN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    /// Begins to send; false if the form was given up.
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

/// The request body that sends a form.
pub(super) struct FormBody(Arc<PendingForm>);

impl FormBody {
    /// The body for `form`, which must be the only one.
    pub(super) fn new(form: &Arc<PendingForm>) -> Self {
        Self(Arc::clone(form))
    }
}

/// The call was given up, so the body is not sent.
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
    fn the_first_decision_is_final() {
        let begun = Stage::default();
        assert!(begun.begin() && begun.begin() && !begun.give_up());
        let given_up = Stage::default();
        assert!(given_up.give_up() && given_up.give_up() && !given_up.begin());
    }
}
