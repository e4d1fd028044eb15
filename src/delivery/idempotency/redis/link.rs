//! The connection to Redis. It is made when it is first needed, and again when it is unusable: broken, silent, or to a server
//! that is not a primary now. Every push that needs it meanwhile waits for the same attempt.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::RedisResult;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::connect::{Channel, connect};
use crate::redis_url::RedisUrl;

/// How long an attempt may take: a Sentinel that does not answer is waited for up to a second, and so is a server that it
/// names.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// The time between the starts of two attempts.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(50);
/// A cluster's connection finds a new primary by itself; it is made again if it has not within this time.
const CLUSTER_RECOVERY: Duration = Duration::from_secs(2);

/// One worker's connection.
pub(super) struct Link {
    url: Arc<RedisUrl>,
    state: Arc<Mutex<State>>,
}

struct State {
    current: Option<Connection>,
    /// The last attempt; it ends with a result, or, if it panics, without.
    attempt: Option<watch::Receiver<Option<RedisResult<Connection>>>>,
    /// When the next one may begin.
    next: Instant,
}

/// A connection; clones share it.
#[derive(Clone)]
pub(super) struct Connection {
    /// When it was made; where that is kept tells it from the one before.
    made: Arc<Instant>,
    channel: Channel,
}

impl Connection {
    /// The channel for commands.
    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }
}

impl Link {
    pub(super) fn new(url: Arc<RedisUrl>) -> Self {
        let state = State { current: None, attempt: None, next: Instant::now() };
        Self { url, state: Arc::new(Mutex::new(state)) }
    }

    /// The same address with a connection of its own.
    pub(super) fn another(&self) -> Self {
        Self::new(Arc::clone(&self.url))
    }

    /// Where it leads.
    pub(super) fn url(&self) -> &RedisUrl {
        &self.url
    }

    /// The connection, made if there is none.
    pub(super) async fn connection(&self) -> RedisResult<Connection> {
        let mut attempt = {
            let mut state = lock(&self.state);
            if let Some(connection) = &state.current {
                return Ok(connection.clone());
            }
            self.attempt(&mut state)
        };
        let made = attempt.wait_for(Option::is_some).await.map(|made| made.clone());
        made.ok().flatten().unwrap_or_else(|| Err(io::Error::from(io::ErrorKind::BrokenPipe).into()))
    }

    /// The attempt under way, or a new one. It is a task of its own, so that it ends whoever waits for it.
    fn attempt(&self, state: &mut State) -> watch::Receiver<Option<RedisResult<Connection>>> {
        let under_way = state.attempt.as_ref().filter(|attempt| {
            let ended = attempt.has_changed().is_err() || attempt.borrow().is_some();
            !ended
        });
        if let Some(attempt) = under_way {
            return attempt.clone();
        }
        let begin = state.next.max(Instant::now());
        let (tell, attempt) = watch::channel(None);
        let (url, shared) = (Arc::clone(&self.url), Arc::clone(&self.state));
        tokio::spawn(async move {
            sleep_until(begin).await;
            let made = timeout(ATTEMPT_TIMEOUT, connect(&url)).await;
            let made = made.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
            let made = made.map(|channel| Connection { made: Arc::new(Instant::now()), channel });
            if let Ok(connection) = &made {
                lock(&shared).current = Some(connection.clone());
            }
            tell.send_replace(Some(made));
        });
        state.next = begin + ATTEMPT_INTERVAL;
        state.attempt = Some(attempt.clone());
        attempt
    }

    /// Forgets an unusable connection, if it is still the current one.
    pub(super) fn forget(&self, useless: &Connection) {
        if matches!(useless.channel, Channel::Cluster(_)) && useless.made.elapsed() < CLUSTER_RECOVERY {
            return;
        }
        let mut state = lock(&self.state);
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.made, &useless.made)) {
            state.current = None;
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
