//! `BRIDGE_LOG`: the filter for log lines.

use std::fmt;

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::nearest::nearest;
use super::reader::Parsed;

/// The filter for log lines.
#[derive(Debug, Clone)]
pub struct LogFilter(pub Targets);

/// Parses a level, or directives `target=level`, separated by commas. Spaces around them are ignored.
pub(super) fn log_filter(text: &str) -> Parsed<LogFilter> {
    let mut problems = Vec::new();
    let mut targets = Targets::new();
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let (target, level) = match directive.split_once('=') {
            Some((target, level)) => (Some(target.trim()), level.trim()),
            None => (None, directive),
        };
        let level = if LEVELS.contains(&level) {
            level.parse::<LevelFilter>().ok()
        } else {
            problems.push(format!("has the unknown level {level:?}{}", nearest_level(level)));
            None
        };
        match (target, level) {
            (Some(target), _) if !is_target(target) => {
                problems.push(format!("has the target {target:?}, which is not the path of a module"));
            }
            (Some(target), Some(level)) => targets = targets.with_target(target, level),
            (None, Some(level)) => targets = targets.with_default(level),
            (_, None) => {}
        }
    }
    if problems.is_empty() { Ok(LogFilter(targets)) } else { Err(problems) }
}

/// The levels from none to all.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

fn is_target(target: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
    !target.is_empty() && target.chars().all(known)
}

fn nearest_level(level: &str) -> String {
    let levels = LEVELS.join(", ");
    match nearest(&level.to_ascii_lowercase(), LEVELS.into_iter()) {
        Some(near) => format!("; did you mean {near}? The levels are {levels}"),
        None => format!("; use one of {levels}, or target=level"),
    }
}

impl LogFilter {
    /// True if the log line of each push is logged.
    #[must_use]
    pub fn has_push_lines(&self) -> bool {
        self.0.would_enable(PUSH_LINE_TARGET, &tracing::Level::INFO)
    }
}

/// The module that logs the line of each push.
const PUSH_LINE_TARGET: &str = "mediation_bridge::api::push::record";

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
