//! `demo`: bridge and simulated gateway in one process on loopback, one push, and how to make more.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use actix_web::rt::System;
use reqwest::Method;
use tokio::sync::watch;

use super::failure::Failure;
use super::http;
use super::serve::log_for_people;
use super::signals::signals;
use crate::sandbox;
use crate::server::{self, Application};
use crate::settings::Settings;

/// The made-up application key of demonstration and sandbox.
pub(super) const APP_KEY: &str = "12345678";
/// The made-up application secret of demonstration and sandbox.
pub(super) const APP_SECRET: &str = "helloworld";
/// The case that is pushed.
const CASE_ID: &str = "1290293148910";
/// The result that is pushed.
const RESULT: &str = r#"{"result":"success","work_number":"123123","completed_time":"2025-11-16T16:00:00Z","mediator_name":"张三","mediator_phone":"13812345678","content":"双方经调解达成一致意见。"}"#;

/// Runs the demonstration.
pub(super) fn demo(bind: SocketAddr) -> Result<(), Failure> {
    let _log = log_for_people(&io::stderr())?;
    System::new().block_on(run(bind))
}

async fn run(bind: SocketAddr) -> Result<(), Failure> {
    let gateway = server::listen((Ipv4Addr::LOCALHOST, 0).into())?;
    let gateway_url = format!("http://{}/router/rest", gateway.local_addr()?);
    let config = sandbox::Config {
        app_key: APP_KEY.to_owned(),
        app_secret: APP_SECRET.into(),
        require_session: false,
    };
    let (stop, at_once) = signals()?;
    // The gateway goes on until the last push is answered.
    let (over, mut wait_over) = watch::channel(false);
    let gateway = tokio::spawn(sandbox::serve(gateway, config, async move {
        let _ = wait_over.wait_for(|over| *over).await;
    }));

    let settings = settings(bind, &gateway_url).map_err(Failure::Refused)?;
    let application = Application::build(&settings, listener(bind)?)?;
    let address = application.address();
    let shown = transcript(address, &gateway_url);
    tokio::select! {
        ended = application.run_until_stopped(stop) => ended?,
        () = at_once => return Err("stopped at once by a second signal".into()),
        Err(error) = shown => return Err(error),
    }
    over.send_replace(true);
    Ok(gateway.await??)
}

/// What the demonstration is configured with, by the same variables that `serve` reads.
fn settings(bind: SocketAddr, gateway_url: &str) -> Result<Settings, Vec<crate::settings::SettingProblem>> {
    let variables = [
        ("TOP_APP_KEY", APP_KEY),
        ("TOP_APP_SECRET", APP_SECRET),
        ("TOP_GATEWAY_URL", gateway_url),
        ("BRIDGE_BIND", &bind.to_string()),
        ("BRIDGE_ALLOW_ANONYMOUS", "true"),
    ];
    Settings::from_variables(variables.map(|(name, value)| (OsString::from(name), OsString::from(value))))
}

/// The wanted port, or a free one where that is taken: a demonstration should not fail for it.
fn listener(bind: SocketAddr) -> io::Result<TcpListener> {
    server::listen(bind).or_else(|error| {
        let taken = error.kind() == io::ErrorKind::AddrInUse;
        if taken { server::listen(SocketAddr::new(bind.ip(), 0)) } else { Err(error) }
    })
}

/// Makes the push through the bridge's own HTTP face and prints it, then what to try next.
async fn transcript(address: SocketAddr, gateway_url: &str) -> Result<(), Failure> {
    let path = format!("/mediations/{CASE_ID}/result");
    let answer = http::ask(address, Method::POST, &path, Some(RESULT)).await?;
    let mut out = io::stdout().lock();
    write!(
        out,
        "\nBridge and simulated TOP gateway, with made-up credentials; nothing leaves this machine.\n\n\
         POST http://{address}{path}\nContent-Type: application/json\n\n{RESULT}\n\n\
         {}\n\n{}\n\n\
         Try it yourself:\n\n\
         curl -i -H 'Content-Type: application/json' -d '{RESULT}' http://{address}{path}\n\n\
         Swagger UI         http://{address}/swagger-ui/\n\
         OpenAPI document   http://{address}/openapi.json\n\
         problems           http://{address}/problems\n\
         simulated gateway  {gateway_url}\n\n\
         A case id such as sandbox-rejected or sandbox-hang in place of {CASE_ID} shows what can go wrong; the README \
         lists them all.\nCtrl-C stops.\n",
        answer.status, answer.body,
    )?;
    Ok(out.flush()?)
}
