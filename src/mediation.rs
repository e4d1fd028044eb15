//! The vocabulary: what a mediation result is, in types that cannot hold anything wrong.
//!
//! It knows no HTTP, no TOP, no environment and no clock. Each type has a private field and one fallible
//! constructor; the constants that it checks by are public, because messages, the OpenAPI document and the
//! tests are made from them too.

mod case_id;
mod completed_time;
mod gmt8;
mod phone;
mod text;
mod violation;

pub use case_id::CaseId;
pub use completed_time::CompletedTime;
pub use gmt8::Gmt8;
pub use phone::MediatorPhone;
pub use text::{Content, MediatorName, ResultText, TextRule, WorkNumber};
pub use violation::{Rule, Violation};

/// One settled dispute as its mediator reports it (调解结果). TOP documents the members on the page of
/// `alibaba.jym.servicecenter.mediation.result.push`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediationResult {
    /// The case that was settled (调解案件ID).
    pub case_id: CaseId,
    /// How it ended (调解结果). TOP documents no list of values.
    pub result: ResultText,
    /// The complaint's work order (投诉工单号).
    pub work_number: Option<WorkNumber>,
    /// When it ended (结束时间).
    pub completed_time: Option<CompletedTime>,
    /// Who mediated (调解员姓名).
    pub mediator_name: Option<MediatorName>,
    /// How to reach the mediator (联系电话).
    pub mediator_phone: Option<MediatorPhone>,
    /// What was said (沟通情况).
    pub content: Option<Content>,
}
