//! One environment variable, and what is wrong with one.

use std::borrow::Cow;
use std::fmt;

/// One environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What applies when it is unset; `None` where that is no fixed value.
    pub default: Option<&'static str>,
    /// The name of its `…_FILE` form, which a secret has: a path to its value. A secret is never shown.
    pub file: Option<&'static str>,
    /// What it is for, for people.
    pub meaning: &'static str,
}

/// One variable that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The variable's name.
    pub variable: Cow<'static, str>,
    /// What it must look like, as the end of a sentence that begins with the name. It holds no secret.
    pub what: String,
}

impl Variable {
    /// Whether its value must never be shown.
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
