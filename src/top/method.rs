//! A method of TOP and the names that all methods share.

/// The protocol version, the common parameter `v`.
pub const VERSION: &str = "2.0";
/// The root of a refusal.
pub const ERROR_ROOT: &str = "error_response";

/// One of TOP's methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// The common parameter `method`.
    pub name: &'static str,
    /// The root of the answer to a successful call.
    pub success_root: &'static str,
}
