//! The configuration as the program reads it: what is refused, what is warned of, what is shown.

use super::support::program::run;
use super::support::{APP_KEY, APP_SECRET, Gateway, Move, Program};

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// All that is required.
pub(crate) const GOOD: [(&str, &str); 2] = [("TOP_APP_KEY", APP_KEY), ("TOP_APP_SECRET", APP_SECRET)];

#[test]
fn all_configuration_errors_are_reported_at_once() {
    let wrong = [
        ("TOP_SESSION", " a session "),
        ("TOP_GATEWAY_URL", "http://gw.api.taobao.com/router/rest"),
        ("TOP_PROXY_URL", "socks5://canary-password@proxy:1080"),
        ("TOP_SIGN_METHOD", "sha1"),
        ("TOP_CONNECT_TIMEOUT", "3"),
        ("TOP_MAX_ATTEMPTS", "0"),
        ("BRIDGE_BIND", "localhost"),
        ("BRIDGE_CALLERS", "wms:short-secret"),
        ("BRIDGE_ALLOW_ANONYMOUS", "yes"),
        ("BRIDGE_DEADLINE", "0s"),
        ("BRIDGE_MAX_IN_FLIGHT", "-1"),
        ("BRIDGE_MAX_BODY", "1e6"),
        ("BRIDGE_DRAIN_DELAY", "soon"),
        ("BRIDGE_IDEMPOTENCY", "disk"),
        ("BRIDGE_REDIS_URL", "http://user:canary-password@host"),
        ("BRIDGE_IDEMPOTENCY_TTL", "0h"),
        ("BRIDGE_SWAGGER_UI", "1"),
        ("BRIDGE_LOG", "a=b=c"),
        ("BRIDGE_LOG_FORMAT", "xml"),
        ("BRIDGE_WORKERS", "0"),
    ];
    for command in ["serve", "check-config"] {
        let output = run(&[command], &wrong);
        assert_eq!(output.status.code(), Some(78), "{command}");
        let said = text(&output.stderr);
        for (name, _) in wrong.iter().chain(&[("TOP_APP_KEY", ""), ("TOP_APP_SECRET", "")]) {
            assert_eq!(said.matches(&format!("  {name}: ")).count(), 1, "{name} in\n{said}");
        }
        for secret in [" a session ", "short-secret", "canary-password"] {
            assert!(!said.contains(secret), "{said}");
        }
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn conflicting_settings_are_refused() {
    let refused = |changes: &[(&str, &str)], variable: &str| {
        let output = run(&["check-config"], &[&GOOD, changes].concat());
        assert_eq!(output.status.code(), Some(78), "{changes:?}");
        let said = text(&output.stderr);
        assert!(said.contains(&format!("  {variable}: ")) && said.contains("1 problem:"), "{said}");
    };
    refused(&[("BRIDGE_DEADLINE", "3s")], "BRIDGE_DEADLINE");
    refused(&[("BRIDGE_BIND", "0.0.0.0:8080")], "BRIDGE_CALLERS");
    refused(&[("BRIDGE_IDEMPOTENCY", "redis")], "BRIDGE_REDIS_URL");
    for url in
        ["redis://host/first", "redis://host?protocol=resp3", "rediss://host/0#insecure", "redis://0.0.0.0"]
    {
        refused(&[("BRIDGE_REDIS_URL", url)], "BRIDGE_REDIS_URL");
    }
    refused(&[("TOP_GATEWAY_URL", "http://10.0.0.1/router/rest")], "TOP_GATEWAY_URL");
    for url in [
        "https://user@host/router/rest",
        "https:///router/rest",
        "https://host/router /rest",
        "https://host:0/router/rest",
        "https://host",
        "https://host/",
        "https://host\\router\\rest",
        "https://host/router/rest?a=b",
        "https:host/router/rest",
        "gw.api.taobao.com/router/rest",
    ] {
        refused(&[("TOP_GATEWAY_URL", url)], "TOP_GATEWAY_URL");
    }
    let plain = ("TOP_GATEWAY_URL", "http://localhost/router/rest");
    refused(&[plain, ("TOP_PROXY_URL", "http://proxy:3128")], "TOP_PROXY_URL");
    for url in
        ["https://proxy:3128", "http://proxy:3128/path", "http://user:p@ss/word@proxy:3128", "proxy:3128"]
    {
        refused(&[("TOP_PROXY_URL", url)], "TOP_PROXY_URL");
    }
    refused(&[("BRIDGE_CALLERS", "a:same-token-0123456789,b:same-token-0123456789")], "BRIDGE_CALLERS");
    refused(&[("BRIDGE_CALLERS", ",\n")], "BRIDGE_CALLERS");

    let taken = |changes: &[(&str, &str)]| {
        let output = run(&["check-config"], &[&GOOD, changes].concat());
        assert_eq!(output.status.code(), Some(0), "{changes:?}: {}", text(&output.stderr));
    };
    taken(&[("BRIDGE_BIND", "0.0.0.0:8080"), ("BRIDGE_ALLOW_ANONYMOUS", "true")]);
    taken(&[("BRIDGE_BIND", "0.0.0.0:8080"), ("BRIDGE_CALLERS", "wms:token-0123456789abcdef")]);
    taken(&[("BRIDGE_BIND", "[::1]:0"), ("BRIDGE_CALLERS", ""), ("BRIDGE_DRAIN_DELAY", "0s")]);
    taken(&[("TOP_GATEWAY_URL", "http://localhost:1/router/rest"), ("BRIDGE_DEADLINE", "1h")]);
    taken(&[("TOP_PROXY_URL", "http://user:p%40ss@proxy:3128")]);
    taken(&[("TOP_GATEWAY_URL", "http://10.0.0.1/router/rest"), ("TOP_ALLOW_PLAINTEXT", "true")]);
    taken(&[("BRIDGE_PORT", "tcp://10.0.0.1:80"), ("HTTPS_PROXY", "http://nowhere:1")]);
}

#[test]
fn secrets_can_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (good, empty) = (file("good", b"from-a-file\n"), file("empty", b"\n"));
    let key = ("TOP_APP_KEY", APP_KEY);
    let output = run(&["check-config"], &[key, ("TOP_APP_SECRET_FILE", &good)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(shown.contains("TOP_APP_SECRET=***\n") && !shown.contains("from-a-file"), "{shown}");

    for (variables, variable) in [
        (vec![("TOP_APP_SECRET", "a"), ("TOP_APP_SECRET_FILE", good.as_str())], "TOP_APP_SECRET"),
        (vec![("TOP_APP_SECRET_FILE", empty.as_str())], "TOP_APP_SECRET"),
        (vec![("TOP_APP_SECRET_FILE", "/nowhere")], "TOP_APP_SECRET"),
        (vec![("TOP_APP_SECRET", "a"), ("TOP_SESSION_FILE", "/nowhere")], "TOP_SESSION"),
        (vec![("TOP_APP_SECRET", "a"), ("BRIDGE_CALLERS_FILE", "/nowhere")], "BRIDGE_CALLERS"),
        (vec![("TOP_APP_SECRET", "a"), ("BRIDGE_REDIS_URL_FILE", "/nowhere")], "BRIDGE_REDIS_URL"),
    ] {
        let output = run(&["check-config"], &[&[key][..], &variables].concat());
        assert_eq!(output.status.code(), Some(78));
        let said = text(&output.stderr);
        assert!(said.contains(&format!("  {variable}: ")) && said.contains("_FILE"), "{said}");
    }
}

#[test]
fn check_config_prints_the_effective_settings() {
    let secrets = [("TOP_SESSION", "canary-session"), ("BRIDGE_CALLERS", "wms:canary-token-0123456789")];
    let output = run(&["check-config"], &[&GOOD[..], &secrets, &[("BRIDGE_DEADLINE", "7s")]].concat());
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    for line in [
        "TOP_APP_KEY=87654321",
        "TOP_APP_SECRET=***",
        "TOP_SESSION=***",
        "TOP_GATEWAY_URL=https://gw.api.taobao.com/router/rest",
        "BRIDGE_DEADLINE=7s",
        "BRIDGE_CALLERS=wms (1 token)",
        "BRIDGE_REDIS_URL=(unset)",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in\n{shown}");
    }
    let names: Vec<&str> = shown.lines().filter_map(|line| line.split('=').next()).collect();
    for variable in mediation_bridge::settings::VARIABLES {
        assert!(names.contains(&variable.name), "{}", variable.name);
    }
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn secrets_with_artefacts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "\u{feff}canary-secret\n").unwrap();
    let path = path.to_str().unwrap();
    for (variable, value, hint) in [
        ("TOP_APP_SECRET_FILE", path, "byte order mark"),
        ("TOP_APP_SECRET", "\"canary-secret\"", "quotes"),
        ("TOP_APP_SECRET", "'canary-secret'", "quotes"),
        ("TOP_APP_SECRET", "canary\u{200b}secret", "visible ASCII"),
        ("TOP_APP_SECRET", "canary secret", "spaces"),
        ("TOP_APP_SECRET", "changeme", "placeholder"),
        ("TOP_APP_SECRET", "<canary-secret>", "placeholder"),
        ("TOP_APP_SECRET", "${TOP_APP_SECRET}", "placeholder"),
        ("TOP_APP_SECRET", "xxxxxxxx", "placeholder"),
        ("TOP_APP_KEY", "REPLACE-ME", "placeholder"),
        ("BRIDGE_CALLERS", "wms:REPLACE-ME-REPLACE-ME", "placeholder"),
        ("BRIDGE_REDIS_URL", "redis://:REPLACE-ME@host:6379", "placeholder"),
        ("TOP_APP_KEY", "\"12345678\"", "quotes"),
        ("TOP_SESSION", "REPLACE_ME", "placeholder"),
        ("BRIDGE_REDIS_URL", "redis://:canary#secret@host:6379", "percent-encode"),
        ("BRIDGE_REDIS_URL", "redis://:canary/secret@host:6379", "percent-encode"),
        ("BRIDGE_CALLERS", "wms:<canary-canary-canary>", "placeholder"),
        ("BRIDGE_CALLERS", "a:canary-canary-canary;b:canary-canary-canarz", "commas or new lines"),
    ] {
        let base = GOOD.iter().filter(|(name, _)| !variable.starts_with(name)).copied();
        let variables: Vec<_> = base.chain([(variable, value)]).collect();
        let output = run(&["check-config"], &variables);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{variable}={value}: {said}");
        assert!(said.contains(hint), "{variable}={value}: {said}");
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn all_errors_of_a_list_are_reported() {
    let callers = [("BRIDGE_CALLERS", "a:short,b,ok:token-0123456789abcdef,c d:token-0123456789abcdez")];
    let said = text(&run(&["check-config"], &[&GOOD[..], &callers].concat()).stderr);
    for entry in
        ["entry 1: the token must have 16 to 256", "entry 2: must be name:token", "entry 4: the name"]
    {
        assert!(said.contains(entry), "{entry} in\n{said}");
    }
    let log = [("BRIDGE_LOG", "warning, mediation_bridge = loud, a b=info")];
    let said = text(&run(&["check-config"], &[&GOOD[..], &log].concat()).stderr);
    for part in ["did you mean warn?", "\"loud\"", "\"a b\""] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
}

#[test]
fn settings_without_effect_cause_a_warning() {
    for (variables, warning) in [
        (&[("BRIDGE_DEADLNE", "5s")][..], Some("is BRIDGE_DEADLINE meant?")),
        (&[("TOP_SECRET", "canary")], Some("is TOP_APP_SECRET meant?")),
        (&[("TOP_APP_KEY_FILE", "/run/key")], Some("is TOP_APP_KEY meant?")),
        (
            &[("BRIDGE_TOKEN", "canary")],
            Some("BRIDGE_TOKEN is not a variable of this program and is ignored\n"),
        ),
        (&[("BRIDGE_REDIS_URL", "redis://host:6379")], Some("BRIDGE_REDIS_URL is set but not used")),
        (&[("BRIDGE_LOG", "warn")], Some("BRIDGE_LOG leaves out the line of each push")),
        (&[("BRIDGE_LOG", " info , mediation_bridge = debug ")], None),
        (&[("BRIDGE_PORT_8080_TCP", "tcp://10.0.0.1:8080"), ("BRIDGE_SERVICE_HOST", "10.0.0.1")], None),
    ] {
        let output = run(&["check-config"], &[&GOOD[..], variables].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(!said.contains("canary"), "{said}");
        match warning {
            Some(warning) => assert!(said.contains(warning), "{warning} in\n{said}"),
            None => assert_eq!(said, ""),
        }
    }
    // A refusal shows them as well: the unknown name may be meant for the missing one.
    let output = run(&["check-config"], &[("TOP_SECRET", "canary")]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(
        said.contains("TOP_APP_SECRET: is required") && said.contains("is TOP_APP_SECRET meant?"),
        "{said}"
    );

    let gateway = Gateway::always(Move::accepted());
    let mut bridge = Program::serve(&gateway.url(), &[("BRIDGE_DEADLNE", "5s")]);
    let line = bridge.line_with("BRIDGE_DEADLNE");
    assert!(line.contains("\"WARN\""), "{line}");
}
