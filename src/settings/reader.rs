//! Looks variables up one by one and collects what is wrong with them.

use std::collections::HashMap;
use std::fmt;

use super::variables::Variable;

/// One variable that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The variable's name.
    pub variable: String,
    /// What it must look like, as the end of a sentence that begins with the name. It holds no secret.
    pub what: String,
}

impl fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.what)
    }
}

/// A parsed value, or what it must look like.
pub(super) type Parsed<T> = Result<T, String>;

/// The variables that are set, and what was found so far.
pub(super) struct Reader {
    /// By lower-case name, as `envy` hands them out; none is empty.
    set: HashMap<String, String>,
    effective: Vec<(&'static str, String)>,
    problems: Vec<SettingProblem>,
}

impl Reader {
    pub(super) fn new(set: HashMap<String, String>, unreadable: Vec<String>) -> Self {
        let what = "is not UTF-8 text".to_owned();
        let problems =
            unreadable.into_iter().map(|variable| SettingProblem { variable, what: what.clone() }).collect();
        Self { set, effective: Vec::new(), problems }
    }

    /// What is in force, secrets masked, and all that is wrong.
    pub(super) fn finish(self) -> (Vec<(&'static str, String)>, Vec<SettingProblem>) {
        (self.effective, self.problems)
    }

    /// Notes that a variable is wrong.
    pub(super) fn refuse(&mut self, variable: &Variable, what: &str) {
        self.problems.push(variable.problem(what));
    }

    /// A variable that must be set.
    pub(super) fn required<T>(&mut self, variable: &Variable, parse: fn(&str) -> Parsed<T>) -> Option<T> {
        if let Some(text) = self.text(variable)? {
            return self.parsed(variable, &text, parse);
        }
        if !self.problems.iter().any(|problem| problem.variable == variable.name) {
            let or_file = variable.file_name().map(|file| format!(" (or {file})")).unwrap_or_default();
            self.refuse(variable, &format!("is required{or_file}"));
        }
        None
    }

    /// A variable that may be unset; the outer `None` stands for one that is wrong.
    #[expect(clippy::option_option, reason = "unset and wrong are two things")]
    pub(super) fn optional<T>(
        &mut self,
        variable: &Variable,
        parse: fn(&str) -> Parsed<T>,
    ) -> Option<Option<T>> {
        if let Some(text) = self.text(variable)? {
            return self.parsed(variable, &text, parse).map(Some);
        }
        self.effective.push((variable.name, "(unset)".to_owned()));
        Some(None)
    }

    /// A variable with a default.
    pub(super) fn value<T>(&mut self, variable: &Variable, parse: fn(&str) -> Parsed<T>) -> Option<T> {
        let text = self.text(variable)?;
        let text = text.as_deref().or(variable.default).unwrap_or_default();
        self.parsed(variable, text, parse)
    }

    /// A variable whose default depends on the machine.
    pub(super) fn value_or<T: fmt::Display>(
        &mut self,
        variable: &Variable,
        parse: fn(&str) -> Parsed<T>,
        default: fn() -> T,
    ) -> Option<T> {
        if let Some(text) = self.text(variable)? {
            return self.parsed(variable, &text, parse);
        }
        let value = default();
        self.effective.push((variable.name, value.to_string()));
        Some(value)
    }

    fn parsed<T>(&mut self, variable: &Variable, text: &str, parse: fn(&str) -> Parsed<T>) -> Option<T> {
        match parse(text) {
            Ok(value) => {
                let shown = if variable.secret { "***".to_owned() } else { text.to_owned() };
                self.effective.push((variable.name, shown));
                Some(value)
            }
            // A URL that is refused may hold a password.
            Err(what) if variable.secret || text.contains(['@', '?']) => {
                self.refuse(variable, &what);
                None
            }
            Err(what) => {
                let shown: String = text.chars().take(80).collect();
                self.refuse(variable, &format!("{what}, is {shown:?}"));
                None
            }
        }
    }

    /// The text of a variable or of the file that its `…_FILE` form names; the outer `None` stands for trouble.
    #[expect(clippy::option_option, reason = "unset and wrong are two things")]
    fn text(&mut self, variable: &Variable) -> Option<Option<String>> {
        let direct = self.set.get(&variable.name.to_ascii_lowercase()).cloned();
        let Some(file_name) = variable.file_name() else { return Some(direct) };
        let Some(path) = self.set.get(&file_name.to_ascii_lowercase()).cloned() else { return Some(direct) };
        let what = if direct.is_some() {
            format!("must not be set beside {file_name}; keep one of the two")
        } else {
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let text = text.strip_suffix('\n').unwrap_or(&text);
                    let text = text.strip_suffix('\r').unwrap_or(text);
                    if !text.is_empty() {
                        return Some(Some(text.to_owned()));
                    }
                    format!("the file that {file_name} names is empty")
                }
                Err(error) => format!("the file that {file_name} names cannot be read: {error}"),
            }
        };
        self.refuse(variable, &what);
        None
    }
}
