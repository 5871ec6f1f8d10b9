//! What a function says of itself for the API document.

use super::{
    csv,
    input::Input,
    problem::{self, Code},
    query::{self, COUNT, CSV, PAGE, Parameter, is_countable},
};
use inventory_app::Sorting;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ArrayBuilder, ObjectBuilder, Ref, Schema, SchemaType, Type},
    },
};

/// A named schema of the document.
pub(crate) type NamedSchema = (String, RefOr<Schema>);

/// The body of a request.
pub(crate) struct Body {
    pub(crate) media_type: &'static str,
    pub(crate) schema: RefOr<Schema>,
    pub(crate) example: Value,
    /// Whether a request may come without it.
    pub(crate) is_optional: bool,
    /// Reads a body as the handler would.
    #[cfg(test)]
    pub(crate) read: fn(&[u8]) -> bool,
}

/// One way to answer.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) description: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) schema: Option<RefOr<Schema>>,
    pub(crate) example: Option<Value>,
    pub(crate) headers: Vec<&'static str>,
}

/// What a function says of itself.
pub(crate) struct Document {
    pub(crate) description: &'static str,
    pub(crate) query: Vec<Parameter>,
    pub(crate) body: Option<Body>,
    pub(crate) answers: Vec<Answered>,
    pub(crate) problems: Vec<Code>,
    pub(crate) takes_if_match: bool,
    pub(crate) takes_if_none_match: bool,
    /// Forms in and OAuth's own errors out: see [`Document::form`].
    pub(crate) is_oauth: bool,
    /// A message of somebody who signs it: see [`Document::signed_body`].
    pub(crate) is_signed: bool,
    pub(crate) schemas: Vec<NamedSchema>,
    /// What a list may be sorted by.
    pub(crate) sorting: Option<&'static Sorting>,
}

impl Document {
    pub(crate) fn new(description: &'static str) -> Self {
        Self {
            description,
            query: Vec::new(),
            body: None,
            answers: Vec::new(),
            problems: Vec::new(),
            takes_if_match: false,
            takes_if_none_match: false,
            is_oauth: false,
            is_signed: false,
            schemas: Vec::new(),
            sorting: None,
        }
    }

    /// A list in pages: its filters, and what it may be sorted by.
    pub(crate) fn list<T: ToSchema + Serialize>(
        description: &'static str,
        filters: &[Parameter],
        sorting: &'static Sorting,
        example: &T,
    ) -> Self {
        let mut document = Self::new(description);
        document.query.extend_from_slice(filters);
        document.query.extend_from_slice(&PAGE);
        let mut headers = vec!["Link"];
        if is_countable(sorting) {
            document.query.push(query::sort(sorting));
            document.query.push(COUNT);
            headers.push("X-Total-Count");
        }
        document.query.push(query::fields::<T>());
        let schema = ArrayBuilder::new().items(document.schema::<T>()).into();
        let lines = csv::lines(&query::field_names::<T>(), &[example]).unwrap_or_default();
        document.sorting = Some(sorting);
        document
            .answered(200, "One page.", Some(schema), value(&[example]), headers)
            .other(200, "One page.", CSV, json!(String::from_utf8_lossy(&lines)))
    }

    /// A single resource with its version.
    pub(crate) fn one<T: ToSchema + Serialize>(description: &'static str, example: &T) -> Self {
        let mut document = Self::new(description).versioned::<T>(200, "As it is now.", example);
        document.takes_if_none_match = true;
        document.answered(
            304,
            "The version in `If-None-Match` is the present one.",
            None,
            None,
            vec!["ETag"],
        )
    }

    /// The request's body.
    pub(crate) fn body<T: Input + ToSchema>(mut self, example: Value) -> Self {
        self.body = Some(Body {
            media_type: "application/json",
            schema: self.schema::<T>(),
            example,
            is_optional: T::MAY_BE_ABSENT,
            #[cfg(test)]
            read: |body| super::input::json::<T>(&http::HeaderMap::new(), body).is_ok(),
        });
        self
    }

    /// The request's body is somebody else's message, with a signature that stands for who sends it.
    pub(crate) fn signed_body(mut self, example: Value) -> Self {
        self.is_signed = true;
        self.body = Some(Body {
            media_type: "application/json",
            schema: ObjectBuilder::new()
                .property("id", ObjectBuilder::new().schema_type(Type::String))
                .property("type", ObjectBuilder::new().schema_type(Type::String))
                .property("data", ObjectBuilder::new().schema_type(SchemaType::AnyValue))
                .into(),
            example,
            is_optional: false,
            #[cfg(test)]
            read: |body| serde_json::from_slice::<Value>(body).is_ok(),
        });
        self
    }

    /// Whether a caller may name its request.
    pub(crate) const fn takes_idempotency_key(&self) -> bool {
        !self.is_oauth && !self.is_signed
    }

    /// The request's body is a CSV file.
    pub(crate) fn csv_body(mut self, example: &'static str) -> Self {
        self.body = Some(Body {
            media_type: "text/csv",
            schema: ObjectBuilder::new().schema_type(Type::String).into(),
            example: json!(example),
            is_optional: false,
            #[cfg(test)]
            read: |body| {
                serde_json::from_slice::<String>(body)
                    .is_ok_and(|text| inventory_app::catalogue::CatalogueFile::new(text.as_bytes()).is_ok())
            },
        });
        self
    }

    /// The request's body is a form of OAuth with such parameters.
    pub(crate) fn form(mut self, example: Value) -> Self {
        let mut schema = ObjectBuilder::new();
        for name in example.as_object().into_iter().flat_map(|members| members.keys()) {
            schema = schema.property(name, ObjectBuilder::new().schema_type(Type::String));
        }
        self.is_oauth = true;
        self.body = Some(Body {
            media_type: "application/x-www-form-urlencoded",
            schema: schema.into(),
            example,
            is_optional: false,
            #[cfg(test)]
            read: |body| serde_json::from_slice::<std::collections::BTreeMap<String, String>>(body).is_ok(),
        });
        self
    }

    /// The errors of OAuth 2.0, each status with one of them.
    pub(crate) fn oauth_errors(mut self) -> Self {
        for (status, error, description) in [
            (
                400,
                "invalid_request",
                "The request is wrong (`invalid_request`, `invalid_grant`, `invalid_scope`, `unsupported_grant_type`).",
            ),
            (401, "invalid_client", "The client is not who it says."),
            (
                429,
                "temporarily_unavailable",
                "Too many failures: wait for `Retry-After` seconds.",
            ),
        ] {
            let example = json!({ "error": error, "error_description": "A sentence about this case." });
            self = self.other(status, description, "application/json", example);
        }
        self
    }

    /// An answer with one resource and its version.
    pub(crate) fn versioned<T: ToSchema + Serialize>(
        mut self,
        status: u16,
        description: &'static str,
        example: &T,
    ) -> Self {
        let schema = self.schema::<T>();
        let mut headers = vec!["ETag"];
        if matches!(status, 201 | 202) {
            headers.push("Location");
        }
        self.answered(status, description, Some(schema), value(example), headers)
    }

    /// An answer with something that is on its way and has no version.
    pub(crate) fn taken<T: ToSchema + Serialize>(mut self, description: &'static str, example: &T) -> Self {
        let schema = self.schema::<T>();
        self.answered(202, description, Some(schema), value(example), Vec::new())
    }

    /// An answer that is a list of its own kind.
    pub(crate) fn array<T: ToSchema + Serialize>(mut self, description: &'static str, example: &T) -> Self {
        let schema = ArrayBuilder::new().items(self.schema::<T>()).into();
        self.answered(200, description, Some(schema), value(&[example]), Vec::new())
    }

    /// An answer of another kind than a resource.
    pub(crate) fn other(
        mut self,
        status: u16,
        description: &'static str,
        media_type: &'static str,
        example: Value,
    ) -> Self {
        self.answers.push(Answered {
            status,
            description,
            media_type,
            schema: None,
            example: Some(example),
            headers: Vec::new(),
        });
        self
    }

    /// It takes the version that the caller starts from.
    pub(crate) fn if_match(mut self) -> Self {
        self.takes_if_match = true;
        self.problems
            .extend([problem::VERSION_MISMATCH, problem::MALFORMED_HEADER]);
        self
    }

    /// Problems that only this function has.
    pub(crate) fn problems(mut self, codes: &[Code]) -> Self {
        self.problems.extend_from_slice(codes);
        self
    }

    fn answered(
        mut self,
        status: u16,
        description: &'static str,
        schema: Option<RefOr<Schema>>,
        example: Option<Value>,
        headers: Vec<&'static str>,
    ) -> Self {
        self.answers.push(Answered {
            status,
            description,
            media_type: "application/json",
            schema,
            example,
            headers,
        });
        self
    }

    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.schemas
            .push((T::name().into_owned(), <T as PartialSchema>::schema()));
        T::schemas(&mut self.schemas);
        RefOr::Ref(Ref::from_schema_name(T::name()))
    }
}

fn value<T: Serialize + ?Sized>(example: &T) -> Option<Value> {
    serde_json::to_value(example).ok()
}
