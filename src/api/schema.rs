//! Schemas of plain values that several types share. Each is a marker type that a field names as its type.

use serde_json::json;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type,
};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::paths;
use crate::delivery::Outcome;

/// The maximum number of characters of a title.
const MAX_TITLE: usize = 200;
/// The maximum number of characters of a sentence.
const MAX_SENTENCE: usize = 1000;
/// The maximum number of characters of a request's path, which an answer repeats, and of a page.
const MAX_PATH: usize = 131_072;
/// The maximum size of the metrics in bytes: room for every route with every method and status.
const MAX_METRICS: usize = 1 << 20;
/// A single line of text.
const LINE: &str = r"^[^\u0000-\u001F]+$";
/// Text without control characters other than line breaks.
const PAGE: &str = r"[^\u0000-\u0009\u000B-\u001F]*$";

/// A string with bounds.
pub(super) fn string(min: usize, max: usize, pattern: impl Into<String>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length((min > 0).then_some(min))
        .max_length(Some(max))
        .pattern(Some(pattern))
}

/// A 32-bit number with bounds.
pub(super) fn integer(min: i32, max: i32) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(min))
        .maximum(Some(max))
}

/// One of these words.
pub(super) fn words(words: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    let words: Vec<_> = words.into_iter().map(|word| json!(word)).collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

/// Declares a marker type with its schema.
macro_rules! marker {
    ($(#[$doc:meta])* $name:ident, $schema:expr) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $name {}
    };
}

marker!(
    /// A sentence for people.
    Sentence,
    string(1, MAX_SENTENCE, LINE)
);
marker!(
    /// A title for people.
    Title,
    string(1, MAX_TITLE, LINE)
);
marker!(
    /// A path, or a text that may quote a path.
    PathText,
    string(1, MAX_PATH, LINE)
);
marker!(
    /// The HTTP status of a problem.
    ProblemStatus,
    integer(400, 504)
);
marker!(
    /// The identifier of a kind of problem. It has no list of values, because `code` has one: two lists would become
    /// two enums in a generated client.
    ProblemType,
    string(1, 64, format!("^{}/[a-z_]+$", paths::PROBLEMS))
        .format(Some(SchemaFormat::Custom("uri-reference".to_owned())))
        .examples([json!(format!("{}/top_timeout", paths::PROBLEMS))])
);
marker!(
    /// The number of calls to TOP.
    Attempts,
    integer(0, 100).description(Some("Calls to TOP that were begun; 0 under a ban."))
);
marker!(
    /// The outcomes that are problems.
    ProblemOutcome,
    words([Outcome::Rejected, Outcome::NotExecuted, Outcome::Unknown].map(Into::into))
);
marker!(
    /// The outcome of an accepted push.
    AcceptedOutcome,
    words([Outcome::Accepted.into()])
);
marker!(
    /// The outcome of an earlier push whose outcome is in doubt.
    PriorOutcome,
    words([Outcome::Unknown.into()])
);
marker!(
    /// The header of pages that are available in several formats and languages.
    VaryByForm,
    words(["Accept, Accept-Language"])
);
marker!(
    /// The header of an answer that repeats an earlier one.
    Replayed,
    words(["true"])
);
marker!(
    /// A page for people.
    HtmlPage,
    string(1, MAX_PATH, format!("^<!DOCTYPE html>{PAGE}"))
);
marker!(
    /// The metrics, in the text format of Prometheus.
    MetricsPage,
    string(1, MAX_METRICS, format!("^{PAGE}"))
);
marker!(
    /// The version of the OpenAPI specification.
    SpecificationVersion,
    string(5, 16, r"^3\.1\.[0-9]+$")
);
marker!(
    /// Any object.
    AnyObject,
    any_object()
);
marker!(
    /// An array of objects.
    AnyObjects,
    ArrayBuilder::new().items(any_object()).max_items(Some(MAX_MEMBERS))
);

/// The maximum number of members or items of a value whose schema is not described.
const MAX_MEMBERS: usize = 100;

fn any_object() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .max_properties(Some(MAX_MEMBERS))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
}
