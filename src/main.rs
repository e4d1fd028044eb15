//! Hands over to the command line; nothing here to test.

use std::process::ExitCode;

fn main() -> ExitCode {
    mediation_bridge::cli::run()
}
