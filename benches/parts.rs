//! Micro-benchmarks of the parts of a push that do not wait: `cargo bench --bench parts`.
//!
//! Each part has the example of the README and one with the longest content that is allowed, 30 kB of Chinese.

#![expect(clippy::expect_used, reason = "a part that cannot be set up has nothing to be measured")]

use std::fs::File;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use mediation_bridge::api::members;
use mediation_bridge::api::push_line::PushLine;
use mediation_bridge::delivery::{End, History, Report};
use mediation_bridge::mediation::{CaseId, CompletedTime, Content, Gmt8, MediationResult};
use mediation_bridge::settings::{LogFormat, LogSettings};
use mediation_bridge::telemetry;
use mediation_bridge::top::sign::{self, SignMethod};
use mediation_bridge::top::{Class, Credentials, METHOD, SUCCESS_ROOT, Said, VERSION, answer, form, request};

const CASE_ID: &str = "1290293148910";
const TIME: &str = "2025-11-16T16:00:00Z";
const SAID: &str = "双方经调解达成一致意见。";
const SECRET: &str = "helloworldhelloworldhelloworld00";

/// A body by its name.
fn bodies() -> [(&'static str, String); 2] {
    let body = |content: &str| {
        serde_json::json!({
            "result": "success", "work_number": "123123", "completed_time": TIME, "mediator_name": "张三",
            "mediator_phone": "13812345678", "content": content,
        })
        .to_string()
    };
    [("300 B", body(SAID)), ("30 kB", body(&"沟".repeat(Content::RULE.max)))]
}

fn result_of(body: &str) -> MediationResult {
    let members = members::read(body.as_bytes()).expect("JSON").expect("sound members");
    members.of_case(CaseId::parse(CASE_ID).expect("a sound case"))
}

fn parameters(method: SignMethod, req: &str) -> [(&'static str, &str); 7] {
    [
        ("app_key", "12345678"),
        ("format", "json"),
        ("method", METHOD),
        ("req", req),
        ("sign_method", method.name()),
        ("timestamp", "2025-11-17 00:00:00"),
        ("v", VERSION),
    ]
}

/// From the body's bytes to the form that is sent.
fn out(criterion: &mut Criterion) {
    for (name, body) in bodies() {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("parse and check a body", |bencher| {
            bencher.iter(|| members::read(black_box(body.as_bytes())));
        });
        let result = result_of(&body);
        let req = request::req(&result);
        group.bench_function("write req", |bencher| bencher.iter(|| request::req(black_box(&result))));
        for method in SignMethod::ALL {
            let parameters = parameters(method, &req);
            group.bench_function(BenchmarkId::new("sign", method), |bencher| {
                bencher.iter(|| sign::sign(method, SECRET, black_box(&parameters)));
            });
        }
        let parameters = parameters(SignMethod::Md5, &req);
        group.bench_function("encode the form", |bencher| {
            bencher.iter(|| form::encode(black_box(&parameters)));
        });
        let credentials = Credentials {
            app_key: "12345678".to_owned(),
            app_secret: SECRET.into(),
            session: None,
            sign_method: SignMethod::Md5,
        };
        let now = Gmt8::at(Timestamp::UNIX_EPOCH);
        group.bench_function("sign and encode", |bencher| {
            bencher.iter(|| credentials.sign_form(black_box(&req), now));
        });
    }
    criterion.bench_function("convert a time", |bencher| {
        bencher.iter(|| CompletedTime::parse(black_box(TIME)).map(|time| time.to_string()));
    });
}

/// From the answer's bytes to the line in the log.
fn back(criterion: &mut Criterion) {
    let answer = format!(
        r#"{{"{SUCCESS_ROOT}":{{"is_success":true,"result":true,"state_code":"200","request_id":"15r5yb5p1ghs0"}}}}"#
    );
    criterion.bench_function("read an answer", |bencher| {
        bencher.iter(|| answer::read(200, black_box(answer.as_bytes()), true));
    });

    // As in the process: through its queue, to a file that takes everything.
    let settings = LogSettings { directives: "info".to_owned(), format: LogFormat::Json };
    let nowhere = File::options().write(true).open("/dev/null").expect("/dev/null");
    let _log = telemetry::init(&settings, &nowhere).expect("a log");
    let said = Said { request_id: Some("15r5yb5p1ghs0".to_owned()), ..Said::default() };
    let report = Report {
        end: End::Top(Class::Accepted),
        attempts: 1,
        said,
        calls: Vec::new(),
        fault: None,
        history: History::default(),
    };
    let case_id = CaseId::parse(CASE_ID).expect("a sound case");
    for (name, body) in bodies() {
        let result = result_of(&body);
        criterion.bench_function(&format!("write the log line/{name}"), |bencher| {
            bencher.iter(|| {
                let line = PushLine {
                    request_id: "0123456789abcdef0123456789abcdef",
                    trace_id: None,
                    caller: Some("wms"),
                    case_id: Some(&case_id),
                    push: Some(&result),
                    outcome: "accepted",
                    code: "accepted",
                    attempts: 1,
                    total: Duration::from_millis(12),
                    report: Some(&report),
                };
                black_box(line).write();
            });
        });
    }
}

criterion_group!(parts, out, back);
criterion_main!(parts);
