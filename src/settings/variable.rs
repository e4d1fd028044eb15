//! An environment variable, and a problem with one.

use std::borrow::Cow;
use std::fmt;

/// An environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// The name.
    pub name: &'static str,
    /// The default; `None` if the variable is required, optional or has a computed default.
    pub default: Option<&'static str>,
    /// The name of the `…_FILE` form, whose value is the path of a file. Only secrets have one, and their values are
    /// never shown.
    pub file: Option<&'static str>,
    /// The purpose of the variable, for people.
    pub meaning: &'static str,
}

/// A variable that is missing or invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The name of the variable.
    pub variable: Cow<'static, str>,
    /// What it must look like, as the end of a sentence that starts with the name. It holds no secret.
    pub what: String,
}

impl Variable {
    /// True if the value must never be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn problem(&self, what: impl Into<String>) -> SettingProblem {
        SettingProblem { variable: self.name.into(), what: what.into() }
    }
}

impl fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.what)
    }
}
