//! The paths of the REST face. A leaf: routes, links in pages and the document name them from here.

/// The path of a push.
pub const PUSH: &str = "/mediations/{case_id}/result";
/// What every path of a push begins with.
pub const MEDIATIONS: &str = "/mediations";
/// The catalogue of problems; a problem's own page has its `code` behind that.
pub const PROBLEMS: &str = "/problems";
/// The OpenAPI document.
pub const OPENAPI: &str = "/openapi.json";
/// Swagger UI.
pub const SWAGGER_UI: &str = "/swagger-ui/";
