//! `demo`: runs bridge and simulated gateway in one process on loopback, and makes one push.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::rt::System;
use reqwest::Method;
use tokio::sync::oneshot;

use super::failure::Failure;
use super::http;
use super::serve::log_for_people;
use super::signals::signals;
use crate::sandbox;
use crate::server::{self, Application};
use crate::settings::{Refused, Settings};

/// The application key of demonstration and sandbox.
pub(super) const APP_KEY: &str = "12345678";
/// The application secret of demonstration and sandbox.
pub(super) const APP_SECRET: &str = "helloworld";
/// The case of the example push.
const CASE_ID: &str = "1290293148910";
/// How long the push may take.
const PUSH_TIMEOUT: Duration = Duration::from_secs(15);
/// The body of the example push.
const RESULT: &str = r#"{"result":"success","work_number":"123123","completed_time":"2025-11-16T16:00:00Z","mediator_name":"张三","mediator_phone":"13812345678","content":"双方经调解达成一致意见。"}"#;

/// Runs the demonstration.
pub(super) fn demo(bind: SocketAddr) -> Result<(), Failure> {
    let _log = log_for_people(&io::stderr())?;
    System::new().block_on(run(bind))
}

async fn run(bind: SocketAddr) -> Result<(), Failure> {
    let listener = server::listen((Ipv4Addr::LOCALHOST, 0).into())?;
    let gateway = listener.local_addr()?;
    let config = sandbox::Config {
        app_key: APP_KEY.to_owned(),
        app_secret: APP_SECRET.into(),
        require_session: false,
    };
    let (stop, at_once) = signals()?;
    // The gateway stops after the bridge, so that the last push is answered.
    let (stop_sandbox, sandbox_stopped) = oneshot::channel();
    let sandbox = tokio::spawn(sandbox::serve(listener, config, async {
        let _ = sandbox_stopped.await;
    }));

    let settings = settings(bind, gateway).map_err(Failure::Refused)?;
    let application = Application::build(&settings, listen_near(bind)?)?;
    let example = show_example(application.address(), gateway);
    tokio::select! {
        ended = application.run_until_stopped(stop) => ended?,
        () = at_once => return Err("stopped at once by a second signal".into()),
        Err(error) = example => return Err(error),
    }
    let _ = stop_sandbox.send(());
    Ok(sandbox.await??)
}

/// The URL at which the sandbox accepts calls.
fn gateway_url(gateway: SocketAddr) -> String {
    format!("http://{gateway}/router/rest")
}

/// The settings of the demonstration, from the same variables that `serve` reads.
fn settings(bind: SocketAddr, gateway: SocketAddr) -> Result<Settings, Refused> {
    let variables = [
        ("TOP_APP_KEY", APP_KEY),
        ("TOP_APP_SECRET", APP_SECRET),
        ("TOP_GATEWAY_URL", &gateway_url(gateway)),
        ("BRIDGE_BIND", &bind.to_string()),
        ("BRIDGE_ALLOW_ANONYMOUS", "true"),
    ];
    Settings::from_variables(variables.map(|(name, value)| (OsString::from(name), OsString::from(value))))
}

/// Listens on `bind`, or on a free port if that one is in use: the demonstration does not fail for this.
fn listen_near(bind: SocketAddr) -> io::Result<TcpListener> {
    match server::listen(bind) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => server::listen((bind.ip(), 0).into()),
        listener => listener,
    }
}

/// Makes the push through the bridge's HTTP API, and prints it together with further commands.
async fn show_example(bridge: SocketAddr, gateway: SocketAddr) -> Result<(), Failure> {
    let path = format!("/mediations/{CASE_ID}/result");
    let answer = http::ask(bridge, Method::POST, &path, Some(RESULT), PUSH_TIMEOUT).await?;
    let mut out = io::stdout().lock();
    write!(
        out,
        "\nBridge and simulated TOP gateway, with made-up credentials; nothing leaves this machine.\n\n\
         POST http://{bridge}{path}\nContent-Type: application/json\n\n{RESULT}\n\n\
         {}\n\n{}\n\n\
         Try it yourself:\n\n\
         curl -i -H 'Content-Type: application/json' -d '{RESULT}' http://{bridge}{path}\n\n\
         Swagger UI         http://{bridge}/swagger-ui/\n\
         OpenAPI document   http://{bridge}/openapi.json\n\
         problems           http://{bridge}/problems\n\
         simulated gateway  {}\n\
         what can go wrong  http://{gateway}/sandbox/scenarios\n\n\
         The last one lists case ids such as sandbox-rejected or sandbox-hang: in place of {CASE_ID}, each shows one \
         problem.\nCtrl-C stops.\n",
        answer.status,
        answer.body,
        gateway_url(gateway),
    )?;
    Ok(out.flush()?)
}
