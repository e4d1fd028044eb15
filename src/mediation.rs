//! The vocabulary: the parts of a mediation result, as types that hold only valid values.
//!
//! This module does not depend on HTTP, TOP, the environment or a clock. Each type has a private field, one fallible
//! constructor, and constants for its limits. Messages, JSON schemas and tests use the same constants.

mod case_id;
mod completed_time;
mod phone;
mod schema;
mod text;
mod violation;

pub use case_id::CaseId;
pub use completed_time::CompletedTime;
pub use phone::MediatorPhone;
use schema::nullable;
pub use text::{Content, MediatorName, ResultText, TextRule, WorkNumber};
use utoipa::ToSchema;
pub use violation::{Rule, Violation};

/// The result of a mediation, as the mediator reports it (调解结果). Members that are null count as absent.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MediationResult {
    /// The result (调解结果). TOP documents no list of values.
    pub result: ResultText,
    /// The number of the complaint's work order (投诉工单号).
    #[schema(schema_with = nullable::<WorkNumber>)]
    pub work_number: Option<WorkNumber>,
    /// When it ended (结束时间).
    #[schema(schema_with = CompletedTime::input_schema)]
    pub completed_time: Option<CompletedTime>,
    /// Who mediated (调解员姓名).
    #[schema(schema_with = nullable::<MediatorName>)]
    pub mediator_name: Option<MediatorName>,
    /// How to reach the mediator (联系电话).
    #[schema(schema_with = nullable::<MediatorPhone>)]
    pub mediator_phone: Option<MediatorPhone>,
    /// What was said (沟通情况).
    #[schema(schema_with = nullable::<Content>)]
    pub content: Option<Content>,
}

/// The minimum number of characters for a quotation of name or phone. Shorter ones are common words.
const MIN_NAME_QUOTATION: usize = 4;
/// The minimum for the content, which holds many common words.
const MIN_CONTENT_QUOTATION: usize = 6;

impl MediationResult {
    /// A result without its optional members.
    #[must_use]
    pub const fn new(result: ResultText) -> Self {
        Self {
            result,
            work_number: None,
            completed_time: None,
            mediator_name: None,
            mediator_phone: None,
            content: None,
        }
    }

    /// The personal data, each with the minimum number of characters that count as a quotation. No log line may repeat
    /// them.
    pub fn personal_data(&self) -> impl Iterator<Item = (&str, usize)> {
        // A new member must be added here.
        let Self { result: _, work_number: _, completed_time: _, mediator_name, mediator_phone, content } =
            self;
        let name = mediator_name.as_ref().map(|name| (name.as_str(), MIN_NAME_QUOTATION));
        let phone = mediator_phone.as_ref().map(|phone| (phone.as_str(), MIN_NAME_QUOTATION));
        let content = content.as_ref().map(|content| (content.as_str(), MIN_CONTENT_QUOTATION));
        [name, phone, content].into_iter().flatten()
    }
}
