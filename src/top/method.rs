//! What a call is addressed to: one of TOP's methods, and what all of them share.

/// The protocol version, the common parameter `v`.
pub const VERSION: &str = "2.0";
/// The member that holds TOP's refusal of a call.
pub const ERROR_ROOT: &str = "error_response";

/// One of TOP's methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// The common parameter `method`.
    pub name: &'static str,
    /// The member that holds the answer to a call that worked.
    pub success_root: &'static str,
}
