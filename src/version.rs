//! The version of the program, and the commit if the build knows it.

use std::sync::LazyLock;

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, if the build sets the variable `MEDIATION_BRIDGE_COMMIT`.
pub const COMMIT: Option<&str> = match option_env!("MEDIATION_BRIDGE_COMMIT") {
    Some(commit) if !commit.is_empty() => Some(commit),
    _ => None,
};

/// Version and commit for people: `0.2.0 (1a2b3c4)`.
pub static TEXT: LazyLock<String> = LazyLock::new(|| match COMMIT {
    Some(commit) => format!("{VERSION} ({commit})"),
    None => VERSION.to_owned(),
});
