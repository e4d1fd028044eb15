//! The signals that end the process: SIGTERM, SIGINT and SIGHUP.

use std::future::{Future, poll_fn};
use std::io;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// A signal this soon after the first one counts as the same: a closing terminal sends several at once, and users press
/// Ctrl-C twice.
const REPEAT_WINDOW: Duration = Duration::from_secs(1);

/// Returns two futures: the first is ready when the process has to finish its work, the second when it has to stop at
/// once. From now on no signal ends the process by itself.
///
/// # Errors
/// When the signals cannot be listened to.
pub(super) fn signals() -> io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let mut signals = kinds.into_iter().map(signal).collect::<io::Result<Vec<_>>>()?;
    let (finish, finished) = oneshot::channel();
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        any_signal(&mut signals).await;
        // If nobody listens any more, the process is already ending.
        let _ = finish.send(());
        let first = Instant::now();
        loop {
            any_signal(&mut signals).await;
            if first.elapsed() >= REPEAT_WINDOW {
                break;
            }
        }
        let _ = stop.send(());
    });
    Ok((received(finished), received(stopped)))
}

/// Ready when at least one of the signals has arrived.
async fn any_signal(signals: &mut [Signal]) {
    poll_fn(|cx| {
        // Poll each signal, so that each one registers the waker.
        let arrived =
            signals.iter_mut().filter_map(|signal| signal.poll_recv(cx).is_ready().then_some(())).count();
        if arrived > 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Ready when a message is sent; never ready if the sender is dropped.
async fn received(receiver: oneshot::Receiver<()>) {
    if receiver.await.is_err() {
        std::future::pending::<()>().await;
    }
}
