//! Checks for programs that some tests need and not every machine has.

use std::io::{Write, stderr};
use std::process::{Command, Stdio};

/// True if `program` runs. Otherwise this prints a message, and with `CI` set it fails the test.
pub(crate) fn installed(program: &str, debian_package: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if asked.is_ok() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "{program} is not installed");
    // Directly to standard error: the test runner captures the output of a passing test.
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let hint = format!("{program} is not installed (Debian: apt install {debian_package})");
    stderr().write_all(format!("SKIPPED {name}: {hint}\n").as_bytes()).unwrap();
    false
}
