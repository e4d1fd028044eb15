//! The subcommands and their exit codes.

mod check;
mod demo;
mod failure;
mod http;
mod online;
mod serve;
mod signals;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use actix_web::rt::System;
use clap::{Parser, Subcommand};
use reqwest::{Method, StatusCode};

use crate::api;
use crate::sandbox;
use crate::settings::{self, VARIABLES, Variable};
use crate::telemetry::chain;
use crate::version;
use failure::Failure;

/// Pushes Jiaoyimao mediation results to the Taobao Open Platform, and reports the outcome of each.
#[derive(Debug, Parser)]
#[command(version = version::TEXT.as_str(), about, after_help = variables())]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the bridge, configured by environment variables (the default)
    #[command(after_help = variables())]
    Serve,
    /// Run a simulated TOP gateway, as strict as the real one
    Sandbox(SandboxArguments),
    /// Run bridge and simulated gateway together, with made-up credentials, and push an example
    Demo(DemoArguments),
    /// Print the OpenAPI document
    Openapi,
    /// Read the environment as `serve` would and print the settings in force, secrets masked
    CheckConfig {
        /// Also try everything that can be tried without a push: DNS, connection, TLS, credentials, clock, Redis
        #[arg(long)]
        online: bool,
    },
    /// Ask the running bridge's /livez; needs no curl
    Healthcheck,
}

/// The options of the simulated gateway.
#[derive(Debug, clap::Args)]
struct SandboxArguments {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8090")]
    bind: SocketAddr,
    /// The application key that is accepted
    #[arg(long, default_value = demo::APP_KEY)]
    app_key: String,
    /// The application secret that signatures are checked with
    #[arg(long, default_value = demo::APP_SECRET, hide_default_value = false)]
    app_secret: String,
    /// Refuse calls without a session
    #[arg(long)]
    require_session: bool,
}

/// The options of the demonstration.
#[derive(Debug, clap::Args)]
struct DemoArguments {
    /// Where the bridge listens; if this port is in use, a free one is chosen
    #[arg(long, default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    run_with(std::env::args_os())
}

fn run_with(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // TLS clients use the default provider. A second start in one process, as in tests, finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are reported as errors by clap, and exit with 0.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let done = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(),
        Command::Sandbox(arguments) => serve::sandbox(arguments.bind, arguments.into()),
        Command::Demo(arguments) => demo::demo(arguments.bind),
        Command::Openapi => print(api::DOCUMENT.as_str()),
        Command::CheckConfig { online } => check::check_config(online),
        Command::Healthcheck => healthcheck(),
    };
    let Err(failure) = done else { return ExitCode::SUCCESS };
    // If standard error is closed, the failure cannot be reported.
    let _ = write!(io::stderr(), "{failure}");
    failure.exit_code()
}

/// How long `/livez` may take: below the 3 s that the container's own check allows.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// The environment variables and their defaults, for `--help`.
fn variables() -> String {
    let name = |variable: &Variable| match variable.file {
        Some(file) => format!("{} or {file}", variable.name),
        None => variable.name.to_owned(),
    };
    let width = VARIABLES.iter().map(|variable| name(variable).len()).max().unwrap_or_default();
    let lines = VARIABLES.iter().map(|variable| {
        let default = variable.default.map_or_else(String::new, |default| format!(" [default: {default}]"));
        format!("  {:width$}  {}{default}\n", name(variable), variable.meaning)
    });
    format!("Environment variables of serve and check-config:\n{}", lines.collect::<String>())
}

/// Requests `/livez` from the bridge at `BRIDGE_BIND`.
fn healthcheck() -> Result<(), Failure> {
    let bind = settings::bind_from_environment().map_err(|problem| problem.to_string())?;
    let address = reachable(bind);
    match System::new().block_on(http::ask(address, Method::GET, "/livez", None, HEALTH_TIMEOUT)) {
        Ok(answer) if answer.status == StatusCode::OK => Ok(()),
        Ok(answer) => Err(format!("/livez of {address} answered {}", answer.status.as_u16()).into()),
        Err(error) => {
            let cause = chain(&error.without_url());
            Err(format!("no bridge answers at {address}, which BRIDGE_BIND names: {cause}").into())
        }
    }
}

/// The address at which this machine reaches a listener.
fn reachable(mut bind: SocketAddr) -> SocketAddr {
    match bind.ip() {
        IpAddr::V4(address) if address.is_unspecified() => bind.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(address) if address.is_unspecified() => bind.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    bind
}

fn print(text: &str) -> Result<(), Failure> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

impl From<SandboxArguments> for sandbox::Config {
    fn from(arguments: SandboxArguments) -> Self {
        Self {
            app_key: arguments.app_key,
            app_secret: arguments.app_secret.into(),
            require_session: arguments.require_session,
        }
    }
}
