//! Outcomes, compared with the gateway's own record of what it executed and answered.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use super::support::flipping::{Answered, Flipping};
use super::support::gateway_answers::Decides;
use super::support::{TestApp, wire};

/// The minimum number of pushes that call TOP.
const PUSHES: usize = 1_500;
/// The factor for the maximum number of pushes, for a machine whose timing favours one outcome.
const PATIENCE: usize = 20;
/// The minimum number of pushes with each outcome.
const EACH: usize = 20;
const OUTCOMES: [&str; 4] = ["accepted", "rejected", "not_executed", "unknown"];
const CALLERS: usize = 24;

/// The answers to the callers.
#[derive(Default)]
struct Told {
    /// The answers by case, for the cases for which TOP may have been called.
    answers: BTreeMap<String, Value>,
    outcomes: BTreeMap<String, usize>,
    /// The number of pushes that were refused during a ban, without a call.
    banned: usize,
}

impl Told {
    fn add(&mut self, case: String, body: Value) {
        if body["attempts"] == 0 {
            assert_eq!(
                (&body["code"], &body["outcome"]),
                (&"top_rate_limited".into(), &"not_executed".into())
            );
            self.banned += 1;
            return;
        }
        *self.outcomes.entry(body["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
        self.answers.insert(case, body);
    }

    fn is_enough(&self, pushes: usize, gateway: &Flipping) -> bool {
        let called = self.answers.len();
        let seen = |outcome: &str| self.outcomes.get(outcome).copied().unwrap_or_default();
        let all = || OUTCOMES.iter().all(|outcome| seen(outcome) >= EACH) && gateway.has_said_all();
        called >= PATIENCE * pushes || (called >= pushes && all())
    }
}

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Pushes a case once and returns the body of the answer.
fn push(address: std::net::SocketAddr, case: &str) -> Value {
    let request = format!(
        "POST /mediations/{case}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: 20\r\n\r\n{{\"result\":\"success\"}}"
    );
    let answer = wire::send_raw(address, request.as_bytes());
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// Fails if an answer disagrees with what the gateway did and answered.
fn assert_true(name: &str, body: &Value, calls: &[Answered]) {
    let did: Vec<_> = calls.iter().map(|call| (call.saying, call.executed)).collect();
    let told = format!("{name} was told {body}; TOP said and executed {did:?}");
    let executed = calls.iter().filter(|call| call.executed).count();
    let decided = calls.last().map_or(Decides::Nothing, |call| call.decided);
    match body["outcome"].as_str().unwrap() {
        "accepted" => assert_eq!((executed, decided), (1, Decides::Accepted), "{told}"),
        "rejected" => assert_eq!((executed, decided), (0, Decides::Rejected), "{told}"),
        "not_executed" => assert_eq!((executed, decided), (0, Decides::Nothing), "{told}"),
        "unknown" => assert!(executed <= 1, "executed twice: {told}"),
        other => panic!("{other}: {told}"),
    }
    let attempts = body["attempts"].as_u64().expect("it was delivered");
    assert!((calls.len() as u64..=3).contains(&attempts), "{told}");
    let before_the_last = calls.split_last().map_or(&[][..], |(_, before)| before);
    assert!(before_the_last.iter().all(|call| call.may_be_called_again), "called again: {told}");
}

/// A gateway of moods executes pushes or not, and says something: yes, no, that it failed, that it throttles, two things at
/// once, half of it, a page, nothing at all. What each caller is told must be true by the gateway's own record.
///
/// `OUTCOMES_PUSHES` is how many pushes are made at least, `OUTCOMES_SEED` what the gateway's moods and words are drawn from.
#[test]
fn outcome_is_never_wrong_with_a_randomly_failing_gateway() {
    let (pushes, seed) = (number("OUTCOMES_PUSHES", PUSHES as u64), number("OUTCOMES_SEED", 1));
    let pushes = usize::try_from(pushes).unwrap();
    let gateway = Flipping::start(seed);
    let url = format!("http://{}/router/rest", gateway.address);
    let app = TestApp::of(&[
        ("TOP_GATEWAY_URL", url.as_str()),
        ("BRIDGE_DEADLINE", "250ms"),
        ("TOP_CONNECT_TIMEOUT", "100ms"),
    ]);
    let told = Mutex::new(Told::default());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                while !told.lock().unwrap().is_enough(pushes, &gateway) {
                    let case = format!("case-{}", next.fetch_add(1, Ordering::SeqCst));
                    let body = push(app.address, &case);
                    told.lock().unwrap().add(case, body);
                }
            });
        }
    });

    let (told, calls) = (told.into_inner().unwrap(), gateway.calls());
    assert_eq!(told.answers.len() + told.banned, next.into_inner(), "a push was not answered");
    for (case, body) in &told.answers {
        let calls = calls.get(case).map_or(&[][..], Vec::as_slice);
        assert_true(&format!("{case} of seed {seed}"), body, calls);
    }
    let untold = calls.keys().find(|case| !told.answers.contains_key(*case));
    assert_eq!(untold, None, "TOP was called for a push that was refused in a ban");
    println!("seed {seed}: {:?} of {}, and {} in bans", told.outcomes, told.answers.len(), told.banned);
    for outcome in OUTCOMES {
        assert!(
            told.outcomes.get(outcome).is_some_and(|count| *count >= EACH),
            "too few {outcome}: {:?}",
            told.outcomes
        );
    }
    assert!(gateway.has_said_all());
}
