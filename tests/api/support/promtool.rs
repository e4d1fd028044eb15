//! Prometheus' own tool, which checks metrics and rules.

use std::process::Command;

use super::installed::installed;

/// The tool with these arguments; `None` with a message if it is not installed. With `CI` set that fails.
pub(crate) fn promtool(arguments: &[&str]) -> Option<Command> {
    installed("promtool", "prometheus").then(|| {
        let mut command = Command::new("promtool");
        command.args(arguments);
        command
    })
}
