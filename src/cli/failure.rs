//! Why the process fails: the message and the exit code.

use std::fmt;
use std::process::ExitCode;

use crate::settings::Refused;
use crate::telemetry::chain;

/// The exit code for a refused configuration, `EX_CONFIG` in sysexits.h.
const CONFIG_EXIT_CODE: u8 = 78;

/// The reason why the process fails.
#[derive(Debug)]
pub(super) enum Failure {
    /// The configuration is refused.
    Refused(Refused),
    /// Any other error.
    Other(Box<dyn std::error::Error>),
}

impl Failure {
    /// The exit code of the process.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused(_) => ExitCode::from(CONFIG_EXIT_CODE),
            Self::Other(_) => ExitCode::FAILURE,
        }
    }
}

impl<E: Into<Box<dyn std::error::Error>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(Refused { problems, warnings }) => {
                let count = problems.len();
                let s = if count == 1 { "" } else { "s" };
                writeln!(f, "mediation-bridge: the configuration is refused, {count} problem{s}:")?;
                problems.iter().try_for_each(|problem| writeln!(f, "  {problem}"))?;
                warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
            }
            Self::Other(error) => writeln!(f, "mediation-bridge: {}", chain(error.as_ref())),
        }
    }
}
