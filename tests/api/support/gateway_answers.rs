//! The answers of a gateway to a push, and whether it has executed the push: everything that TOP, or a proxy before it,
//! is known to answer.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use super::ACCEPTED;
use super::gateway::Move;

/// Whether a push with this answer was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Executes {
    Always,
    Perhaps,
    Never,
}

/// The decision in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decides {
    Accepted,
    Rejected,
    Nothing,
}

/// One answer to a push.
#[derive(Debug, Clone)]
pub(crate) struct GatewayAnswer {
    pub(crate) name: String,
    pub(crate) executes: Executes,
    pub(crate) decides: Decides,
    /// Whether the bridge may call again by itself.
    pub(crate) may_be_called_again: bool,
    /// How often it is drawn, relative to the others.
    weight: usize,
    pub(crate) answer: Move,
}

/// All of them.
pub(crate) static GATEWAY_ANSWERS: LazyLock<Vec<GatewayAnswer>> = LazyLock::new(|| {
    let all = [decisions(), proofs(), doubts(), contradictions(), disguised(), pages(), cut()];
    all.into_iter().flatten().collect()
});

static WEIGHTS: LazyLock<usize> = LazyLock::new(|| GATEWAY_ANSWERS.iter().map(|saying| saying.weight).sum());

/// The saying that a draw of a number below [`weights`] comes to.
pub(crate) fn drawn(mut draw: usize) -> &'static GatewayAnswer {
    let fits = |saying: &&GatewayAnswer| {
        let fits = draw < saying.weight;
        draw = draw.saturating_sub(saying.weight);
        fits
    };
    GATEWAY_ANSWERS.iter().find(fits).expect("a draw below the weights")
}

/// The sum of all weights.
pub(crate) fn weights() -> usize {
    *WEIGHTS
}

/// A refusal of the timestamp with a `Date` header that is this many seconds ahead.
pub(crate) fn wrong_time(ahead: Option<i64>) -> Move {
    let date = ahead.map(|ahead| {
        let apart = Duration::from_secs(ahead.unsigned_abs());
        let now = SystemTime::now();
        ("Date", httpdate::fmt_http_date(if ahead < 0 { now - apart } else { now + apart }))
    });
    Move::Answer(200, date.into_iter().collect(), br#"{"error_response":{"code":31}}"#.to_vec())
}

fn saying(name: impl Into<String>, executes: Executes, answer: Move) -> GatewayAnswer {
    let (decides, may_be_called_again) = (Decides::Nothing, false);
    GatewayAnswer { name: name.into(), executes, decides, may_be_called_again, weight: 4, answer }
}

fn with_status(status: u16, body: impl Into<Vec<u8>>) -> Move {
    Move::Answer(status, Vec::new(), body.into())
}

/// TOP's acceptances and refusals, in all observed forms.
fn decisions() -> Vec<GatewayAnswer> {
    let yes = |name: &str, weight, answer| {
        let saying = saying(name, Executes::Always, answer);
        GatewayAnswer { decides: Decides::Accepted, weight, ..saying }
    };
    let no = |name: &str, answer| {
        let saying = saying(name, Executes::Never, answer);
        GatewayAnswer { decides: Decides::Rejected, weight: 16, ..saying }
    };
    let chunks = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{ACCEPTED}\r\n0\r\n\r\n",
        ACCEPTED.len()
    );
    let strange = format!(
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=\u{1}\r\nContent-Length: {}\r\n\r\n{ACCEPTED}",
        ACCEPTED.len()
    );
    vec![
        yes("accepted", 120, Move::accepted()),
        yes(
            "accepted in strings",
            4,
            Move::success("\"is_success\":\"True\",\"result\":\"true\",\"x\":\"\u{1}\""),
        ),
        yes("accepted in a moment", 4, Move::After(Duration::from_millis(40), Box::new(Move::accepted()))),
        yes("accepted under 500", 4, with_status(500, ACCEPTED)),
        yes("accepted under 429", 4, with_status(429, ACCEPTED)),
        yes("accepted in chunks, and closed", 4, Move::Bytes(chunks.into_bytes())),
        yes("accepted under a strange head, and closed", 4, Move::Bytes(strange.into_bytes())),
        no(
            "an invalid parameter",
            Move::error(r#""code":50,"sub_code":"isv.invalid-parameter","sub_msg":"非法参数""#),
        ),
        no("a code for arguments", Move::error(r#""code":"41""#)),
        no("closed", Move::success(r#""is_success":false,"result":false,"state_code":"CLOSED""#)),
        no("result false", Move::success(r#""is_success":true,"result":false,"state_code":"500000""#)),
    ]
}

/// Answers that prove that nothing was executed.
fn proofs() -> Vec<GatewayAnswer> {
    let proof = |name: &str, answer| saying(name, Executes::Never, answer);
    let again = |name: &str, answer| GatewayAnswer { may_be_called_again: true, ..proof(name, answer) };
    let ban = r#""code":7,"sub_msg":"This ban will last for 1 more second""#;
    vec![
        again("refused connection", Move::error(r#""code":15,"sub_code":"isp.http-connection-refuse""#)),
        again("back end not reached", Move::error(r#""sub_code":"isp.top-remote-connection-error""#)),
        proof("application not known", Move::error(r#""code":29,"sub_code":"isv.appkey-not-exists""#)),
        proof("signature", Move::error(r#""code":25"#)),
        proof("throttled", Move::error(r#""code":7,"sub_code":"accesscontrol.limited-by-app-access-count""#)),
        GatewayAnswer { weight: 1, ..proof("banned", Move::error(ban)) },
        proof("throttled by a page", with_status(429, "<html>slow down</html>")),
        proof("throttled by JSON", with_status(429, r#"{"message":"slow down"}"#)),
    ]
}

/// TOP's failures, which prove nothing.
fn doubts() -> Vec<GatewayAnswer> {
    let members = [
        r#""code":15,"sub_code":"isp.remote-service-timeout""#,
        r#""code":15,"sub_code":"isp.top-remote-connection-timeout""#,
        r#""code":15,"sub_code":"isp.http-connection-timeout""#,
        r#""code":15,"sub_code":"isp.http-read-timeout:x""#,
        r#""code":41,"sub_code":"isp.http-closed""#,
        r#""code":15,"sub_code":"isp.http-connection-refused""#,
        r#""code":15,"sub_code":"isv.system-error:256""#,
        r#""code":50,"sub_code":"isv.systemError""#,
        r#""code":15,"sub_code":"2401""#,
        r#""code":50,"sub_code":20000"#,
        r#""code":15,"sub_code":"isp.null-pointer-exception""#,
        r#""code":10"#,
        r#""code":999"#,
        r#""code":"ApiCallLimit","sub_code":"""#,
        "",
    ];
    let failures = members.map(|members| (members, Move::error(members)));
    let successes = [
        r#""is_success":false,"result":false,"state_code":500000.0"#,
        r#""is_success":false,"result":true,"state_code":5e400"#,
        r#""is_success":false,"result":false,"state_code":"SYSTEM_BUSY""#,
        r#""is_success":1,"result":1"#,
        r#""is_success":true"#,
        "",
    ]
    .map(|members| (members, Move::success(members)));
    let all = failures.into_iter().chain(successes).enumerate();
    all.map(|(index, (members, answer))| {
        saying(format!("doubt {index}: {members}"), Executes::Perhaps, answer)
    })
    .collect()
}

fn contradictions() -> Vec<GatewayAnswer> {
    let yes = r#""is_success":true,"result":true"#;
    let both =
        |code: &str| Move::ok(&ACCEPTED.replacen('{', &format!(r#"{{"error_response":{{{code}}},"#), 1));
    let twice = ACCEPTED.replacen('{', r#"{"x":1,"x":1,"#, 1);
    [
        ("no, then yes", Move::success(&format!(r#""is_success":false,{yes}"#))),
        ("yes, then no", Move::success(&format!(r#"{yes},"is_success":false"#))),
        ("the same name in other spelling", Move::success(&format!(r#"{yes},"res\u0075lt":false"#))),
        (
            "timeout, then refused",
            Move::error(r#""sub_code":"isp.http-closed","sub_code":"isp.http-connection-refuse""#),
        ),
        ("throttled, then not", Move::error(r#""code":7,"code":15"#)),
        ("refused and invalid", Move::error(r#""sub_code":"isp.http-connection-refuse","sub_code":"isv.x""#)),
        ("success beside throttling", both(r#""code":7"#)),
        ("success beside a refused connection", both(r#""sub_code":"isp.http-connection-refuse""#)),
        ("success beside a no", both(r#""code":41"#)),
        ("a member twice", Move::ok(&twice)),
    ]
    .map(|(name, answer)| saying(format!("contradiction: {name}"), Executes::Perhaps, answer))
    .into()
}

/// TOP's answers in forms that are not an envelope, with statuses that could be misread.
fn disguised() -> Vec<GatewayAnswer> {
    let gzip = |body: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, body.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let utf16 = |body: &str| body.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let xml = "<error_response><code>15</code><sub_code>isp.http-closed</sub_code></error_response>";
    let refused = r#"{"error_response":{"code":15,"sub_code":"isp.http-connection-refuse"}}"#;
    let bodies = [
        ("XML", xml.as_bytes().to_vec()),
        ("a comment behind", format!("{ACCEPTED}<!-- padding -->").into_bytes()),
        ("a comment behind a proof", format!("{refused}<!-- padding -->").into_bytes()),
        ("a bad escape", ACCEPTED.replacen("20000", "\\x", 1).into_bytes()),
        ("GBK", [ACCEPTED.replacen("20000\"", "", 1).as_bytes(), b"\xb7\xfe"].concat()),
        ("gzip", gzip(ACCEPTED)),
        ("UTF-16", utf16(ACCEPTED)),
        ("a page", format!("<html>{ACCEPTED}</html>").into_bytes()),
    ];
    let statuses = [429, 429, 503, 200];
    let each = |(name, body): (&'static str, Vec<u8>)| {
        statuses.map(|status| {
            saying(
                format!("disguise: {name} under {status}"),
                Executes::Perhaps,
                with_status(status, body.clone()),
            )
        })
    };
    bodies.into_iter().flat_map(each).map(|saying| GatewayAnswer { weight: 2, ..saying }).collect()
}

/// Answers of firewalls and proxies, which may have forwarded the push.
fn pages() -> Vec<GatewayAnswer> {
    let page = |status: u16| (status.to_string(), with_status(status, "<html>no</html>"));
    let location = vec![("Location", "/router/rest".to_owned())];
    let others = [
        ("empty".to_owned(), Move::ok("")),
        ("a login page".to_owned(), Move::ok(r#"{"rgv587_flag":"sm","url":"https://login.example/"}"#)),
        ("a redirect".to_owned(), Move::Answer(307, location, Vec::new())),
        ("nothing under 429, its end not told".to_owned(), Move::Bytes(b"HTTP/1.1 429 X\r\n\r\n".to_vec())),
        (
            "no chunks under 429".to_owned(),
            Move::Bytes(b"HTTP/1.1 429 X\r\nTransfer-Encoding: identity\r\n\r\nx".to_vec()),
        ),
        (
            "too large".to_owned(),
            Move::Bytes([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b' '; 1_100_000]].concat()),
        ),
    ];
    let pages = [200, 400, 403, 404, 500, 502, 503, 504].map(page);
    let all = pages.into_iter().chain(others);
    all.map(|(name, answer)| saying(format!("page: {name}"), Executes::Perhaps, answer)).collect()
}

/// Answers that stop: closed, reset or silent after some of their bytes.
fn cut() -> Vec<GatewayAnswer> {
    let refused = r#"{"error_response":{"sub_code":"isp.http-connection-refuse"}}"#;
    let answers = [
        ("yes", Move::answer_bytes(200, &[], ACCEPTED.as_bytes())),
        ("refused", Move::answer_bytes(200, &[], refused.as_bytes())),
        ("throttled", Move::answer_bytes(429, &[], b"<html>slow down</html>")),
    ];
    let mut all = Vec::new();
    for (name, bytes) in answers {
        let mut add = |way: &str, length: usize, cut: fn(Vec<u8>) -> Move| {
            let name = format!("{way} after {length} bytes of {name}");
            let answer = cut(bytes[..length].to_vec());
            all.push(GatewayAnswer { weight: 2, ..saying(name, Executes::Perhaps, answer) });
        };
        for length in [0, 9, 20, bytes.len() - 10, bytes.len() - 1] {
            add("closed", length, Move::Bytes);
            add("reset", length, Move::Abort);
        }
        // Only in some places, because it takes the whole deadline.
        add("silent", bytes.len() - 1, Move::Stall);
    }
    all
}
