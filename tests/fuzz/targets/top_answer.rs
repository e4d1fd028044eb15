//! An answer of TOP, in the form `STATUS`, header fields, an empty line and the body. A success, and a proof that nothing
//! was executed, are compared with a naive reading of the same answer.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mediation_bridge::delivery::Outcome;
use mediation_bridge::delivery::request::Attempt;
use mediation_bridge::fuzzing::read_answer;
use mediation_bridge::top::scrub::Secrets;
use mediation_bridge::top::{Credentials, SignMethod};
use mediation_bridge_fuzz::Message;
use mediation_bridge_fuzz::naive::{Answer, Code};

const SECRET: &str = "canary-app-secret-5e7d";

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| {
    Secrets::from_credentials(&Credentials {
        app_key: "87654321".to_owned(),
        app_secret: SECRET.into(),
        session: None,
        sign_method: SignMethod::Md5,
    })
});

fuzz_target!(|data: &[u8]| {
    let Some(message) = Message::parse(data) else { return };
    let Ok(status) = message.start.parse() else { return };
    let read = || read_answer(status, &message.fields, message.body.to_vec(), &SECRETS);
    let Some(attempt) = read() else { return };
    assert_eq!(shown(&attempt), read().map_or_else(String::new, |again| shown(&again)));
    check_texts(&attempt);
    let outcome = attempt.outcome.map_or_else(Outcome::from_failure, |()| Outcome::Accepted);
    let is_redirect = (300..400).contains(&status);
    match outcome {
        Outcome::Accepted => {
            let answer = Answer::read(message.body).expect("what is accepted can be read");
            assert!(!is_redirect && answer.is_accepted(), "accepted: {answer:?}");
        }
        Outcome::Rejected => {
            let answer = Answer::read(message.body).expect("what is rejected can be read");
            assert!(!is_redirect && attempt.from_top && !answer.is_accepted(), "rejected: {answer:?}");
        }
        Outcome::NotExecuted => {
            assert!(!is_redirect && is_proof(status, &message), "not executed: {}", shown(&attempt));
        }
        Outcome::Unknown => {}
    }
});

/// All that is read, aside from `Retry-After`, which depends on the time.
fn shown(attempt: &Attempt) -> String {
    let Attempt { outcome, upstream, from_top, date, error } = attempt;
    let error = error.as_ref().map(ToString::to_string);
    format!("{outcome:?} {upstream:?} {from_top} {date:?} {error:?}")
}

fn check_texts(attempt: &Attempt) {
    let upstream = &attempt.upstream;
    let identifiers = [&upstream.sub_code, &upstream.state_code, &upstream.request_id];
    let bounded = identifiers.map(|text| (text, 128)).into_iter().chain([(&upstream.sub_msg, 500)]);
    for (text, longest) in bounded.filter_map(|(text, longest)| Some((text.as_ref()?, longest))) {
        assert!(text.chars().count() <= longest && !text.contains(char::is_control), "{text:?}");
        assert!(!text.contains(SECRET), "{text:?}");
    }
}

/// True if the answer may prove that nothing was executed: throttled, access denied or not reached.
fn is_proof(status: u16, message: &Message) -> bool {
    match Answer::read(message.body) {
        Some(answer) if answer.has_root() => answer.codes().iter().any(|code| match code {
            Code::Number(code) => {
                matches!(code, 2 | 4..=9 | 11..=13 | 20..=34 | 42 | 44 | 47 | 53)
            }
            Code::Word(word) => is_proving_word(word),
        }),
        _ => {
            let has_end = ["Content-Length", "Transfer-Encoding"];
            let names_root = ["error_response", "alibaba_jym_servicecenter_mediation_result_push_response"]
                .iter()
                .any(|root| String::from_utf8_lossy(message.body).contains(root));
            status == 429
                && std::str::from_utf8(message.body).is_ok()
                && !names_root
                && has_end.iter().any(|name| !message.values(name).is_empty())
        }
    }
}

fn is_proving_word(word: &str) -> bool {
    ["accesscontrol.", "isv.permission-", "isv.appkey-"].iter().any(|family| word.starts_with(family))
        || [
            "isp.call-limited",
            "isv.BUSINESS_LIMIT_CONTROL",
            "isv.invalid-permission",
            "isv.error-unauthorized",
            "isp.top-remote-connection-error",
            "isp.http-connection-refuse",
        ]
        .contains(&word)
}
