//! A push and its outcome: within one deadline, as many calls as are proven safe, and an honest result.
//!
//! In reading order: [`outcome`] is the promise that callers build on. [`method`] is the push: what TOP is sent, and the
//! meaning of its answer. [`request`] is one attempt and `call` all attempts, for any method of TOP. [`attempts`] is the
//! pure decision to call again, [`clock`] the time by which TOP judges timestamps, [`ban`] what TOP forbade for a while.
//! [`idempotency`] holds what callers may repeat safely, [`lifecycle`] whether the process still takes pushes, [`Shared`]
//! what of these all workers share, [`delivered`] what became of a push. It knows no HTTP face: whoever asked puts the
//! result into words.

pub mod attempts;
pub mod ban;
mod call;
pub mod clock;
pub mod delivered;
pub mod idempotency;
pub mod lifecycle;
pub mod method;
pub mod outcome;
pub mod request;
mod shared;

use std::sync::Arc;

use tokio::time::Instant;

use crate::mediation::{CaseId, MediationResult};
use crate::top::Client;
use attempts::AttemptCounter;
pub use delivered::{Call, Delivered, NotAccepted, StoreTrouble};
use idempotency::{Acquired, Claim, IdempotencyKey, KeyStanding, Keys, Slot};
pub use outcome::Outcome;
use request::Request;
pub use shared::{Limits, Shared};

/// Delivers pushes through one worker's client.
#[derive(Debug)]
pub struct Delivery {
    client: Client,
    keys: Option<Keys>,
    shared: Arc<Shared>,
}

/// A push to be delivered.
#[derive(Debug)]
pub struct Push {
    /// The case.
    pub case_id: CaseId,
    /// How its mediation ended.
    pub result: MediationResult,
    /// Who pushes, where callers are configured.
    pub caller: Option<Arc<str>>,
    /// What makes retries of it safe.
    pub key: Option<IdempotencyKey>,
    /// When its request arrived: the deadline counts from there.
    pub arrival: Instant,
}

impl Delivery {
    /// A delivery through `client`, under what `shared` knows, with keys where the operator wants them.
    #[must_use]
    pub fn new(client: Client, keys: Option<Keys>, shared: Arc<Shared>) -> Self {
        Self { client, keys, shared }
    }

    /// What all workers share.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether pushes may come with an Idempotency-Key.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Delivers a push. It returns by the deadline, or at most 0.1 s later while the store of keys does not answer.
    /// `attempts` counts the calls while it runs.
    pub async fn deliver(&self, push: &Push, attempts: &AttemptCounter) -> Delivered {
        let _in_flight = self.shared.lifecycle.token();
        let req = method::req(&push.case_id, &push.result);
        let request = Request {
            method: method::PUSH,
            parameters: &[("req", &req)],
            read: method::answered,
            deadline: push.arrival + self.shared.limits.deadline,
        };
        match (&push.key, &self.keys) {
            (None, _) => self.call(&request, attempts).await,
            (Some(key), Some(keys)) => {
                let slot = keys.slot(push.caller.as_deref(), push.case_id.as_str(), key, &req);
                // Boxed, so that a push without a key needs no room for what only one with a key remembers.
                Box::pin(self.call_once(keys, slot, &request, attempts)).await
            }
            (Some(_), None) => Delivered::without_call(NotAccepted::StoreUnavailable),
        }
    }

    /// Makes the calls of `request` if the slot of its key allows it, and records there what they came to.
    async fn call_once(
        &self,
        keys: &Keys,
        slot: Slot,
        request: &Request<'_>,
        attempts: &AttemptCounter,
    ) -> Delivered {
        let refused = |why, standing| Delivered { standing: Some(standing), ..Delivered::without_call(why) };
        match keys.claim(slot, request.deadline).await {
            Ok(Claim::Acquired(acquired)) => {
                let delivered = self.call(request, attempts).await;
                Self::record(keys, &acquired, delivered, request.deadline).await
            }
            Ok(Claim::InFlight) => refused(NotAccepted::KeyInFlight, KeyStanding::InFlight),
            Ok(Claim::Reused) => refused(NotAccepted::KeyReused, KeyStanding::Reused),
            Ok(Claim::Completed(completed)) => Delivered::replayed(completed),
            Err(error) => {
                let trouble = Some(StoreTrouble::Unavailable(error));
                let delivered = refused(NotAccepted::StoreUnavailable, KeyStanding::Unavailable);
                Delivered { store_trouble: trouble, ..delivered }
            }
        }
    }

    /// Makes the calls of `request` through this worker's client.
    async fn call(&self, request: &Request<'_>, attempts: &AttemptCounter) -> Delivered {
        call::call(&self.client, &self.shared, request, attempts).await
    }

    /// Records in a claimed slot what its push came to.
    async fn record(keys: &Keys, acquired: &Acquired, delivered: Delivered, deadline: Instant) -> Delivered {
        let store_trouble = match keys.settle(acquired, delivered.completion(), deadline).await {
            Ok(true) => None,
            Ok(false) => Some(StoreTrouble::Superseded),
            Err(error) => Some(StoreTrouble::NotRecorded(error)),
        };
        let standing = if acquired.in_doubt { KeyStanding::InDoubt } else { KeyStanding::New };
        Delivered { standing: Some(standing), store_trouble, ..delivered }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::request::Attempt;
    use super::*;
    use crate::mediation::ResultText;
    use crate::top::{Credentials, Failure, Route, SignMethod, UpstreamDetails};

    /// Reads one call and answers it with `body`, or, where that is empty, not at all.
    fn answer(socket: &TcpStream, body: &str) -> std::io::Result<()> {
        let mut reader = BufReader::new(socket);
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line)?;
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        if body.is_empty() {
            return Ok(());
        }
        let mut socket = socket;
        write!(socket, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    /// A delivery to a gateway that answers one call with `body`.
    fn delivery(body: &'static str) -> Delivery {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gateway = format!("http://{}/router/rest", listener.local_addr().unwrap()).parse().unwrap();
        std::thread::spawn(move || answer(&listener.accept().unwrap().0, body).unwrap());
        let route = Route { gateway: &gateway, proxy: None, connect_timeout: Duration::from_secs(5) };
        let credentials = Credentials {
            app_key: "12345678".to_owned(),
            app_secret: "helloworld".into(),
            session: None,
            sign_method: SignMethod::Md5,
        };
        let limits = Limits { deadline: Duration::from_secs(30), max_attempts: 3, max_in_flight: 1 };
        Delivery::new(Client::new(route, Arc::new(credentials)).unwrap(), None, Shared::new(limits))
    }

    fn push() -> Push {
        let result = MediationResult::new(ResultText::parse("success".to_owned()).unwrap());
        let case_id = CaseId::parse("1").unwrap();
        Push { case_id, result, caller: None, key: None, arrival: Instant::now() }
    }

    #[tokio::test]
    async fn a_probe_ends_the_ban_or_begins_the_one_that_it_is_told() {
        let accepted = r#"{"alibaba_jym_servicecenter_mediation_result_push_response":{"is_success":true,"result":true}}"#;
        let banned = r#"{"error_response":{"code":7,"sub_msg":"This ban will last for 200 more seconds"}}"#;
        let limited = r#"{"error_response":{"code":7}}"#;
        let failed = r#"{"error_response":{"code":15}}"#;
        for (answer, expected) in
            [(accepted, 0), (failed, 0), (banned, 200), (limited, 30_940), ("", 30_940), ("<html>", 30_940)]
        {
            let delivery = delivery(answer);
            let ban = Duration::from_secs(31_000);
            let told = Attempt {
                outcome: Err(Failure::RateLimited { ban: Some(ban) }),
                upstream: UpstreamDetails::default(),
                from_top: true,
                date: None,
                error: None,
            };
            let a_minute_ago = Instant::now().checked_sub(Duration::from_mins(1)).unwrap();
            delivery.shared.ban.learn(ban::Admission::Free, &told, a_minute_ago);
            let probe = delivery.deliver(&push(), &AttemptCounter::default()).await;
            assert_eq!(probe.calls.len(), 1, "{answer}");
            let remaining = delivery.shared.ban_remaining().as_secs_f64().ceil();
            assert!(
                (f64::from(expected) - 10.0..=f64::from(expected)).contains(&remaining),
                "{answer}: {remaining}"
            );
            if expected > 0 {
                let next = delivery.deliver(&push(), &AttemptCounter::default()).await;
                assert!(
                    matches!(next.result, Err(NotAccepted::Banned { .. })),
                    "{answer}: one probe a minute"
                );
            }
        }
    }
}
