//! The OpenAPI document: the parts that all operations share, and the answers that are generated from the catalogue of
//! problems. The other parts are next to the handlers and their types.

pub mod document;
pub mod responses;
