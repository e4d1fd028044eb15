//! The OpenAPI document: what is common to all operations, and the answers that come from the catalogue of problems. The
//! rest of it is beside the handlers and the types that they speak.

pub mod document;
pub mod responses;
