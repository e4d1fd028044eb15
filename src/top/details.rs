//! TOP's codes and messages about a call, for callers, the log and support.

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::scrub::{MAX_IDENTIFIER, MAX_MESSAGE, blank_addresses};

/// What TOP answered, as far as it gave each value. Credentials and IP addresses are blanked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = TopDetails)]
pub struct UpstreamDetails {
    /// TOP's `code` (错误码).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i32, required = false, minimum = -2_147_483_648, maximum = 2_147_483_647)]
    pub code: Option<i32>,
    /// TOP's `sub_code`, or its `code` if that is a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UpstreamIdentifier, required = false)]
    pub sub_code: Option<String>,
    /// TOP's `sub_msg` or `extra_err_msg` (错误描述). Present with `top_rejected`, and if nothing else explains a code of
    /// the back end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UpstreamMessage, required = false)]
    pub sub_msg: Option<String>,
    /// TOP's `state_code` (错误码).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UpstreamIdentifier, required = false)]
    pub state_code: Option<String>,
    /// TOP's identifier of the call, which TOP's support needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UpstreamIdentifier, required = false)]
    pub request_id: Option<String>,
    /// The HTTP status of an answer that is not an envelope of TOP.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i32, required = false, minimum = 100, maximum = 999)]
    pub http_status: Option<u16>,
}

impl UpstreamDetails {
    /// True if TOP gave none of the values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The values for callers, without IP addresses, which only the operator needs.
    #[must_use]
    pub fn without_addresses(self) -> Self {
        let blanked = |text: Option<String>| text.map(|text| blank_addresses(&text).into_owned());
        Self {
            sub_code: blanked(self.sub_code),
            sub_msg: blanked(self.sub_msg),
            state_code: blanked(self.state_code),
            request_id: blanked(self.request_id),
            ..self
        }
    }
}

/// The schema of TOP's identifiers.
struct UpstreamIdentifier;

/// The schema of TOP's messages.
struct UpstreamMessage;

fn text_of_top(max: usize) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(max));
    text.pattern(Some(r"^[^\u0000-\u001F]*$")).into()
}

impl PartialSchema for UpstreamIdentifier {
    fn schema() -> RefOr<Schema> {
        text_of_top(MAX_IDENTIFIER)
    }
}

impl PartialSchema for UpstreamMessage {
    fn schema() -> RefOr<Schema> {
        text_of_top(MAX_MESSAGE)
    }
}

impl ToSchema for UpstreamIdentifier {}
impl ToSchema for UpstreamMessage {}
