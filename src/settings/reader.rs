//! Reads the variables one by one and collects all problems.

use super::variable::{SettingProblem, Variable};

/// A parsed value, or a sentence for each requirement that the text does not meet.
pub(super) type Parsed<T> = Result<T, Vec<String>>;

/// The replacement for a secret value.
const MASK: &str = "***";
/// The maximum number of characters of an invalid value in a message.
const MAX_SHOWN: usize = 80;

/// The values and problems found so far.
#[derive(Default)]
pub(super) struct Reader {
    effective: Vec<(&'static str, String)>,
    problems: Vec<SettingProblem>,
}

/// The text of a variable.
pub(super) enum Text {
    Unset,
    Set(String),
    /// The text cannot be read, and the problem is recorded.
    Wrong,
}

impl Reader {
    pub(super) fn new(problems: Vec<SettingProblem>) -> Self {
        Self { problems, ..Self::default() }
    }

    /// The effective values, with secrets masked, and all problems.
    pub(super) fn finish(self) -> (Vec<(&'static str, String)>, Vec<SettingProblem>) {
        (self.effective, self.problems)
    }

    /// Records a problem with a variable.
    pub(super) fn refuse(&mut self, variable: &Variable, what: impl Into<String>) {
        self.problems.push(variable.problem(what));
    }

    /// The text of a variable, or of the file that its `…_FILE` form names. An empty text counts as unset.
    pub(super) fn text(&mut self, variable: &Variable, direct: Option<String>, file: Option<String>) -> Text {
        if self
            .problems
            .iter()
            .any(|problem| [Some(variable.name), variable.file].contains(&Some(&problem.variable)))
        {
            return Text::Wrong;
        }
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (Some(path), Some(name)) = (given(file), variable.file) else {
            return given(direct).map_or(Text::Unset, Text::Set);
        };
        let what = if given(direct).is_some() {
            format!("must not be set together with {name}; keep one of the two")
        } else {
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let text = text.strip_suffix('\n').unwrap_or(&text);
                    let text = text.strip_suffix('\r').unwrap_or(text);
                    if !text.is_empty() {
                        return Text::Set(text.to_owned());
                    }
                    format!("the file that {name} names is empty")
                }
                Err(error) => format!("the file that {name} names cannot be read: {error}"),
            }
        };
        self.refuse(variable, what);
        Text::Wrong
    }

    /// A required variable.
    pub(super) fn required<T>(
        &mut self,
        variable: &Variable,
        text: Text,
        parse: fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        match text {
            Text::Set(text) => self.parsed(variable, &text, parse),
            Text::Unset => {
                let or_file = variable.file.map(|file| format!(" (or {file})")).unwrap_or_default();
                self.refuse(variable, format!("is required{or_file}"));
                None
            }
            Text::Wrong => None,
        }
    }

    /// An optional variable. The outer `None` means that its value is invalid.
    #[expect(clippy::option_option, reason = "unset and invalid are different")]
    pub(super) fn optional<T>(
        &mut self,
        variable: &Variable,
        text: Text,
        parse: fn(&str) -> Parsed<T>,
    ) -> Option<Option<T>> {
        match text {
            Text::Set(text) => self.parsed(variable, &text, parse).map(Some),
            Text::Unset => {
                self.effective.push((variable.name, "(unset)".to_owned()));
                Some(None)
            }
            Text::Wrong => None,
        }
    }

    /// A variable with a default.
    pub(super) fn with_default<T>(
        &mut self,
        variable: &Variable,
        text: Text,
        parse: fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        let text = match text {
            Text::Set(text) => text,
            Text::Unset => variable.default.unwrap_or_default().to_owned(),
            Text::Wrong => return None,
        };
        self.parsed(variable, &text, parse)
    }

    fn parsed<T>(&mut self, variable: &Variable, text: &str, parse: fn(&str) -> Parsed<T>) -> Option<T> {
        match parse(text) {
            Ok(value) => {
                let shown = if variable.is_secret() { MASK.to_owned() } else { text.to_owned() };
                self.effective.push((variable.name, shown));
                Some(value)
            }
            Err(problems) => {
                // A URL may hold a password, even if it is invalid.
                let shown = !variable.is_secret() && !text.contains(['@', '?']);
                let value = text.chars().take(MAX_SHOWN).collect::<String>();
                for what in problems {
                    self.refuse(variable, if shown { format!("{what}, is {value:?}") } else { what });
                }
                None
            }
        }
    }
}
