//! What TOP refuses a call with: `code` and `msg`, mostly a `sub_code`, sometimes a `sub_msg`.
//!
//! The codes are those of the official page "API错误码". Where no source tells a `sub_code`, none is invented.

use std::borrow::Cow;

type Text = Cow<'static, str>;

/// The content of an `error_response`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The numeric code.
    pub(super) code: u16,
    /// The code in words.
    pub(super) msg: Text,
    /// The textual code.
    pub(super) sub_code: Option<Text>,
    /// A sentence, HTML-escaped as TOP's are.
    pub(super) sub_msg: Option<Text>,
}

impl Refusal {
    /// A refusal by `code` alone.
    pub(super) const fn new(code: u16, msg: &'static str) -> Self {
        Self { code, msg: Cow::Borrowed(msg), sub_code: None, sub_msg: None }
    }

    /// A refusal that a `sub_code` and a sentence explain.
    pub(super) const fn explained(
        code: u16,
        msg: &'static str,
        sub_code: &'static str,
        sub_msg: &'static str,
    ) -> Self {
        let (sub_code, sub_msg) = (Cow::Borrowed(sub_code), Cow::Borrowed(sub_msg));
        Self { code, msg: Cow::Borrowed(msg), sub_code: Some(sub_code), sub_msg: Some(sub_msg) }
    }

    /// A fault of TOP's back end, code 15.
    pub(super) const fn remote(sub_code: &'static str, sub_msg: &'static str) -> Self {
        Self::explained(15, "Remote service error", sub_code, sub_msg)
    }

    /// The timestamp is no time, or more than ten minutes off, code 31.
    pub(super) const fn timestamp() -> Self {
        Self::new(31, "Invalid Timestamp")
    }

    /// A required argument is absent or empty, code 40; both texts name it.
    pub(super) fn missing(argument: &str) -> Self {
        Self {
            code: 40,
            msg: format!("Missing required arguments:{argument}").into(),
            sub_code: Some(format!("isv.missing-parameter:{argument}").into()),
            sub_msg: None,
        }
    }

    /// An argument is not as it must be, code 41; both texts name it.
    pub(super) fn invalid(argument: &str, sub_msg: &'static str) -> Self {
        Self {
            code: 41,
            msg: format!("Invalid arguments:{argument}").into(),
            sub_code: Some(format!("isv.invalid-parameter:{argument}").into()),
            sub_msg: Some(sub_msg.into()),
        }
    }

    /// The application is banned for so many more seconds, code 7.
    pub(super) fn banned(seconds: u64) -> Self {
        Self {
            sub_msg: Some(format!("This ban will last for {seconds} more seconds").into()),
            ..Self::explained(7, "App Call Limited", "accesscontrol.limited-by-api-access-count", "")
        }
    }
}
