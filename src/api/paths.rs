//! The paths of the HTTP API. Routes, links in pages and the OpenAPI document take them from here.

/// The path of a push.
pub const PUSH: &str = "/mediations/{case_id}/result";
/// The prefix of the path of every push.
pub const MEDIATIONS: &str = "/mediations";
/// The catalogue of problems. A problem's own page is at `/problems/CODE`.
pub const PROBLEMS: &str = "/problems";
/// The path of the OpenAPI document.
pub const OPENAPI: &str = "/openapi.json";
/// The path of Swagger UI.
pub const SWAGGER_UI: &str = "/swagger-ui/";
