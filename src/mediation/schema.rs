//! What the JSON schemas of the vocabulary are made with; each type makes its own from the constants that it checks by.

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

/// The schema of an optional member: null counts as absent.
pub(super) fn nullable<T: PartialSchema>() -> RefOr<Schema> {
    or_null(T::schema())
}

/// A string's schema that allows null, too.
pub(super) fn or_null(mut schema: RefOr<Schema>) -> RefOr<Schema> {
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    }
    schema
}
