//! `check-config`: the settings as they will be used, and, `--online`, whether what they name answers.

use std::io::{self, Write};

use actix_web::rt::System;

use super::failure::Failure;
use super::online;
use crate::settings::Settings;

/// Prints the settings, and on standard error what is worth a warning; then what can be tried without a push.
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
