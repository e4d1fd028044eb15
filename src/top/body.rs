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
    pub(super) fn new(form: Vec<u8>) -> Arc<Self> {
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
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Step {
        Poll,
        GiveUp,
        Measure,
    }

    /// Every sequence of `length` steps.
    fn sequences(length: u32) -> impl Iterator<Item = Vec<Step>> {
        let step = |digit| [Step::Poll, Step::GiveUp, Step::Measure][digit];
        (0..3_usize.pow(length))
            .map(move |number| (0..length).map(|place| step(number / 3_usize.pow(place) % 3)).collect())
    }

    /// Each step makes one access to the stage at most, so the orders of steps are the orders of accesses. `tests/model/body.rs`
    /// proves what follows from that.
    #[test]
    fn in_every_order_whoever_asks_first_decides_whether_it_is_sent() {
        for steps in sequences(6) {
            let pending = PendingForm::new("form".into());
            let mut body = FormBody::new(&pending);
            let first = steps.iter().find(|step| **step != Step::Measure);
            let mut sent = 0;
            for step in &steps {
                match step {
                    Step::Poll => {
                        let context = &mut Context::from_waker(std::task::Waker::noop());
                        let frame = Pin::new(&mut body).poll_frame(context);
                        let Poll::Ready(frame) = frame else { panic!("it never waits") };
                        assert_eq!(
                            matches!(frame, Some(Err(GivenUp))),
                            first == Some(&Step::GiveUp),
                            "{steps:?}"
                        );
                        sent += usize::from(matches!(frame, Some(Ok(_))));
                    }
                    Step::GiveUp => assert_eq!(pending.give_up(), first == Some(step), "{steps:?}"),
                    Step::Measure => {
                        assert_eq!(body.is_end_stream(), sent == 1, "{steps:?}");
                        assert_eq!(body.size_hint().exact(), Some(if sent == 1 { 0 } else { 4 }));
                    }
                }
            }
            assert_eq!(sent, usize::from(first == Some(&Step::Poll)), "{steps:?}");
        }
    }

    /// That each asks with one access shows in a race alone: many of them, each begun together. With a load and a store in
    /// place of the compare-and-swap, hundreds of them have two winners.
    #[test]
    fn of_two_threads_one_decides() {
        let stages: Vec<Stage> = (0..50_000).map(|_| Stage::default()).collect();
        let ready = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let race = |own: usize, ask: fn(&Stage) -> bool| -> Vec<bool> {
            let raced = stages.iter().enumerate().map(|(race, stage)| {
                ready[own].store(race + 1, Ordering::Release);
                let mut waits = 0;
                while ready[1 - own].load(Ordering::Acquire) <= race {
                    // Close together on two processors, and no stall on one.
                    waits += 1;
                    if waits % 1_000 == 0 { std::thread::yield_now() } else { std::hint::spin_loop() }
                }
                ask(stage)
            });
            raced.collect()
        };
        let (begun, given_up) = std::thread::scope(|scope| {
            let begun = scope.spawn(|| race(0, Stage::begin));
            let given_up = race(1, Stage::give_up);
            (begun.join().unwrap(), given_up)
        });
        let two_winners = begun.iter().zip(&given_up).filter(|(begun, given_up)| begun == given_up).count();
        assert_eq!(two_winners, 0);
    }
}
