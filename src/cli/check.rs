//! `check-config`: prints the effective settings and, with `--online`, tests the services that they name.

use std::io::{self, Write};

use actix_web::rt::System;

use super::failure::Failure;
use super::online;
use crate::settings::Settings;

/// Prints the settings, and warnings on standard error. With `online`, runs all checks that need no push.
pub(super) fn check_config(online: bool) -> Result<(), Failure> {
    let settings = Settings::from_environment().map_err(Failure::Refused)?;
    for warning in &settings.warnings {
        writeln!(io::stderr(), "warning: {warning}")?;
    }
    let mut out = io::stdout();
    write!(out, "{settings}")?;
    if online && System::new().block_on(online::check(&settings, &mut out))? > 0 {
        return Err("the online check failed; each line that begins with FAIL says what to do".into());
    }
    Ok(())
}
