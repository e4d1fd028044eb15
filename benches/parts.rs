//! Micro-benchmarks of the parts of a push that do not wait: `cargo bench --bench parts`.
//!
//! Each part runs with the example of the README and with the longest valid content, 30 kB of Chinese.

#![expect(clippy::expect_used, reason = "a part that cannot be set up has nothing to be measured")]

use std::fs::File;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use mediation_bridge::delivery::method::{PUSH, req};
use mediation_bridge::gmt8::Gmt8;
use mediation_bridge::json::Members;
use mediation_bridge::mediation::{
    CaseId, CompletedTime, Content, MediationResult, MediatorName, MediatorPhone, ResultText, WorkNumber,
};
use mediation_bridge::settings::{LogFilter, LogFormat};
use mediation_bridge::telemetry;
use mediation_bridge::top::sign::sign;
use mediation_bridge::top::{Credentials, SignMethod, VERSION};
use serde_json::Value;
use strum::IntoEnumIterator;
use tracing_subscriber::filter::{LevelFilter, Targets};

const CASE_ID: &str = "1290293148910";
const TIME: &str = "2025-11-16T16:00:00Z";
const SAID: &str = "双方经调解达成一致意见。";
const SECRET: &str = "helloworldhelloworldhelloworld00";

/// The results, named by the size of the body.
fn results() -> [(&'static str, MediationResult); 2] {
    let result = |content: String| MediationResult {
        work_number: WorkNumber::parse("123123".to_owned()).ok(),
        completed_time: CompletedTime::parse(TIME).ok(),
        mediator_name: MediatorName::parse("张三".to_owned()).ok(),
        mediator_phone: MediatorPhone::parse("13812345678".to_owned()).ok(),
        content: Content::parse(content).ok(),
        ..MediationResult::new(ResultText::parse("success".to_owned()).expect("a sound result"))
    };
    [("300 B", result(SAID.to_owned())), ("30 kB", result("沟".repeat(Content::RULE.max)))]
}

fn parameters(method: SignMethod, req: &str) -> [(&'static str, &str); 7] {
    [
        ("app_key", "12345678"),
        ("format", "json"),
        ("method", PUSH.name),
        ("req", req),
        ("sign_method", method.into()),
        ("timestamp", "2025-11-17 00:00:00"),
        ("v", VERSION),
    ]
}

/// From the result to the signed form.
fn form(criterion: &mut Criterion) {
    let case_id = CaseId::parse(CASE_ID).expect("a sound case");
    for (name, result) in results() {
        let mut group = criterion.benchmark_group(name);
        let req_text = req(&case_id, &result);
        group.throughput(Throughput::Bytes(req_text.len() as u64));
        group.bench_function("read the members of a body", |bencher| {
            bencher.iter(|| serde_json::from_str::<Members<Value>>(black_box(&req_text)));
        });
        group.bench_function("write req", |bencher| bencher.iter(|| req(&case_id, black_box(&result))));
        for method in SignMethod::iter() {
            let parameters = parameters(method, &req_text);
            let label: &str = method.into();
            group.bench_function(BenchmarkId::new("sign", label), |bencher| {
                bencher.iter(|| sign(method, SECRET, black_box(&parameters)));
            });
        }
        let credentials = Credentials {
            app_key: "12345678".to_owned(),
            app_secret: SECRET.into(),
            session: None,
            sign_method: SignMethod::Md5,
        };
        let now = Gmt8::at(Timestamp::UNIX_EPOCH);
        group.bench_function("sign and encode", |bencher| {
            bencher.iter(|| credentials.sign_form(PUSH, &[("req", black_box(&req_text))], now));
        });
    }
    criterion.bench_function("convert a time", |bencher| {
        bencher.iter(|| CompletedTime::parse(black_box(TIME)).map(|time| time.to_string()));
    });
}

/// The log line as in the process: through the queue to a file that accepts everything.
fn line(criterion: &mut Criterion) {
    let filter = LogFilter(Targets::new().with_default(LevelFilter::INFO));
    let nowhere = File::options().write(true).open("/dev/null").expect("/dev/null");
    let _log = telemetry::init(&filter, LogFormat::Json, &nowhere).expect("a log");
    let [(_, result), _] = results();
    criterion.bench_function("write the log line", |bencher| {
        bencher.iter(|| {
            tracing::info!(
                request.id = "0123456789abcdef0123456789abcdef",
                caller.name = Some("wms"),
                push.case_id = Some(CASE_ID),
                push.outcome = "accepted",
                push.code = "accepted",
                push.replayed = false,
                push.attempts = 1,
                push.duration_ms = 12,
                push.mediator_name = result.mediator_name.as_ref().map(tracing::field::display),
                push.mediator_phone = result.mediator_phone.as_ref().map(tracing::field::display),
                top.request_id = Some("15r5yb5p1ghs0"),
                top.state_code = Some("20000"),
                top.duration_ms = 11,
                "push"
            );
        });
    });
}

criterion_group!(parts, form, line);
criterion_main!(parts);
