//! Helpers for the JSON schemas of the vocabulary. Each type generates its schema from its own constants.

use utoipa::PartialSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// The schema of a string with bounds.
pub(super) fn string(min: usize, max: usize, pattern: impl Into<String>, description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(min))
        .max_length(Some(max))
        .pattern(Some(pattern))
        .description(Some(description))
}

/// The schema of an optional member, in which null counts as absent.
pub(super) fn nullable<T: PartialSchema>() -> RefOr<Schema> {
    or_null(T::schema())
}

/// Adds null to the schema of a string.
pub(super) fn or_null(mut schema: RefOr<Schema>) -> RefOr<Schema> {
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    }
    schema
}
