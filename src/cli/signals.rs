//! The signals that end the process: SIGTERM, SIGINT and SIGHUP.

use std::future::{Future, poll_fn};
use std::io;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// A signal that comes so soon after the first is the first once more: a closing terminal sends several at once, and so do
/// hands in a hurry.
const SAME: Duration = Duration::from_secs(1);

/// Two futures: the first is ready when the process is to finish what it has begun, the second when it is to stop at once.
/// From now on no signal ends the process by itself.
///
/// # Errors
/// When the signals cannot be listened to.
pub(super) fn signals() -> io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let mut signals = kinds.into_iter().map(signal).collect::<io::Result<Vec<_>>>()?;
    let (finish, finished) = oneshot::channel();
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        any(&mut signals).await;
        // Whoever does not listen any more has ended already.
        let _ = finish.send(());
        let first = Instant::now();
        loop {
            any(&mut signals).await;
            if first.elapsed() >= SAME {
                break;
            }
        }
        let _ = stop.send(());
    });
    Ok((ready(finished), ready(stopped)))
}

/// Ready when one of the signals came.
async fn any(signals: &mut [Signal]) {
    poll_fn(|cx| {
        // Each is asked: one that is not is not listened to.
        let came =
            signals.iter_mut().filter_map(|signal| signal.poll_recv(cx).is_ready().then_some(())).count();
        if came > 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Ready when something is sent; never where the sender is gone.
async fn ready(receiver: oneshot::Receiver<()>) {
    if receiver.await.is_err() {
        std::future::pending::<()>().await;
    }
}
