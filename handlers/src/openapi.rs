//! The API document, made from the table and from what each function says of itself.

use crate::{
    OPERATIONS, Operation, Trigger,
    http::{
        cursor::Place,
        document::{Answered, Document},
        problem::{self, Code, ProblemDocument},
        query::{Kind, Parameter},
    },
    security,
};
use inventory_app::Sort;
use inventory_domain::{
    Role,
    account::AccountKind,
    alert::AlertStatus,
    channel::{AlertKind, AlertLevel, ChannelKind},
    count::{CountOutcome, CountStatus},
    delivery::{DeliveryState, DisabledReason},
    event::EventType,
    file_job::{ExportKind, FileStatus},
    hold::HoldStatus,
    limits,
    low_stock::Severity,
    movement::{MovementKind, Reason},
    order::{OnShortage, OrderReason, OrderStatus},
    parked::ParkReason,
    payment::{PaymentStatus, PaymentTerms},
    product::ProductStatus,
    purchase::PurchaseStatus,
    returns::{Disposition, ReturnReason},
    timeline::Happening,
    transfer::TransferStatus,
    webhook::WebhookKind,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::{
    PartialSchema as _, ToSchema as _,
    openapi::{
        Components, ContentBuilder, Header, HeaderBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApi,
        OpenApiBuilder, PathItem, Paths, Ref, RefOr, Required, ResponseBuilder, ServerBuilder,
        example::ExampleBuilder,
        extensions::ExtensionsBuilder,
        path::{OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, Type},
        tag::TagBuilder,
    },
};

const DESCRIPTION: &str = "\
Products, stock at locations, orders decided against it, and alerts when it runs low.

**Who you are.** Send `Authorization: Bearer TOKEN` with a token from `POST /token` (or from Entra ID, where that is set up), or \
an API key in `X-API-Key`. Each operation names the role that it takes (`x-role`): viewer < clerk < manager < admin. Started on a \
desk without accounts, everybody is admin.

**Errors** are problem details (RFC 9457) of type `application/problem+json`; `code` is a stable word for programs, `errors` \
names each wrong value with a JSON pointer. Paths that do not exist, methods a path does not have and ids of the wrong form \
are answered by the platform with a bare 404.

**Versions.** A single resource answers with `ETag`. Send it as `If-Match` with a change to be told (412) when somebody was \
faster, as `If-None-Match` with a GET to be spared what you have (304).

**Repeating.** Every POST takes an `Idempotency-Key`: sent again with the same body, it answers as the first time and does \
nothing. Keys are kept for a day.

**Lists** are JSON arrays in pages of `limit`; `Link` (RFC 8288) leads to the next page, at the same cost however deep it is, and \
shows no row twice when others come in between. `sort` gives the order, `fields` the members that are wanted, `Accept: text/csv` the \
page as CSV. GET functions answer HEAD too.

Money is in minor units (cents). Times are RFC 3339, UTC.";

const TAGS: &[(&str, &str)] = &[
    ("products", "What is sold."),
    ("locations", "Where stock is."),
    ("inventory", "Units of one product at one location."),
    (
        "orders",
        "What customers want. An order is taken at once and decided from a queue.",
    ),
    ("returns", "What came back of orders."),
    ("payments", "What who takes the money tells."),
    (
        "reservations",
        "Units held for a while, before there is an order. A reservation ends by itself.",
    ),
    (
        "transfers",
        "Stock on its way from one location to another, which is nobody's until it arrives.",
    ),
    ("alerts", "Stock that is low, until it has recovered."),
    ("suppliers", "Who products are ordered from, and on which terms."),
    ("purchases", "What is ordered from suppliers, and what of it has come."),
    ("replenishment", "What should be ordered, and why."),
    ("counts", "What is on the shelves, held against the ledger."),
    ("token", "Signing in, and tokens."),
    ("clients", "Programs that sign in with a secret."),
    ("users", "People who sign in with a password."),
    ("keys", "API keys, for those who cannot sign in."),
    (
        "customers",
        "Those who order: a reference and nothing else. Whoever was erased has none any more.",
    ),
    (
        "audit",
        "Who changed what, from where; and who was shown personal data.",
    ),
    ("exports", "Files of what is there, made in the background."),
    ("imports", "Files of products with their stock, read in the background."),
    ("parked", "Messages that could not be processed, kept with the reason."),
    ("system", "Signs of life."),
    ("docs", "This document."),
];

/// The API document.
pub fn document() -> OpenApi {
    let mut schemas = BTreeMap::from([(ProblemDocument::name().into_owned(), ProblemDocument::schema())]);
    let mut nested = Vec::new();
    ProblemDocument::schemas(&mut nested);
    let mut paths = Paths::new();
    for operation in OPERATIONS {
        let (Trigger::Http { methods, .. }, Some(document)) = (operation.trigger, operation.document) else {
            continue;
        };
        for (index, method) in methods.iter().enumerate() {
            let mut document = document();
            nested.append(&mut document.schemas);
            let built = self::operation(operation, method, index, &document);
            let path = operation.path();
            let item = PathItem::new(http_method(method), built);
            match paths.paths.get_mut(&path) {
                Some(found) => found.merge_operations(item),
                None => {
                    paths.paths.insert(path, item);
                }
            }
        }
    }
    schemas.extend(nested);
    spell(&mut schemas);
    let mut components = Components::new();
    components.schemas = schemas;
    components.headers = headers();
    components.security_schemes = security::schemes();
    let info = InfoBuilder::new()
        .title("Inventory")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .paths(paths)
        .components(Some(components))
        .tags(Some(TAGS.iter().map(|(name, description)| {
            TagBuilder::new().name(*name).description(Some(*description)).build()
        })))
        .build()
}

/// Gives closed sets of words the words that are sent: what the derive makes of them are the names of the Rust variants,
/// since it does not see a `serde(rename)` that a macro has written.
fn spell(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    macro_rules! spell {
        ($($words:ty),+ $(,)?) => {$(
            if let Some(RefOr::T(Schema::Object(object))) = schemas.get_mut(&*<$words>::name()) {
                object.enum_values = Some(<$words>::ALL.iter().map(|word| json!(word.as_str())).collect());
            }
        )+};
    }
    spell!(
        AlertStatus,
        Disposition,
        CountOutcome,
        CountStatus,
        AlertKind,
        AlertLevel,
        ChannelKind,
        DeliveryState,
        DisabledReason,
        EventType,
        ExportKind,
        FileStatus,
        Happening,
        HoldStatus,
        MovementKind,
        OnShortage,
        OrderReason,
        OrderStatus,
        ParkReason,
        PaymentStatus,
        PaymentTerms,
        ProductStatus,
        PurchaseStatus,
        AccountKind,
        Reason,
        ReturnReason,
        Role,
        Severity,
        TransferStatus,
        WebhookKind,
    );
}

fn http_method(method: &str) -> HttpMethod {
    match method {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn operation(
    operation: &'static Operation,
    method: &str,
    index: usize,
    document: &Document,
) -> utoipa::openapi::path::Operation {
    // Ids are unique; a second method of a function does the same as its first.
    let (id, summary) = if index == 0 {
        (operation.name.to_owned(), operation.summary.to_owned())
    } else {
        let method = method.to_ascii_lowercase();
        (
            format!("{}_{method}", operation.name),
            format!("{} (as with PATCH)", operation.summary),
        )
    };
    let path = operation.path();
    // Those who send other people's messages have no such header.
    let is_post = method == "POST" && document.takes_idempotency_key();
    let mut builder = OperationBuilder::new()
        .operation_id(Some(id))
        .tag(operation.resource())
        .summary(Some(summary))
        .description(Some(document.description))
        .extensions(Some(
            ExtensionsBuilder::new().add("x-role", operation.role.as_str()).build(),
        ));
    if operation.role > Role::Public {
        builder = builder.securities(Some(security::of(operation.role)));
    }
    if let Some(parameter) = path_parameter(operation) {
        builder = builder.parameter(parameter);
    }
    for parameter in &document.query {
        builder = builder.parameter(query_parameter(operation, document, parameter));
    }
    let header = |name: &str, description: &str, example: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(Object::with_type(Type::String)))
            .example(Some(json!(example)))
            .build()
    };
    if document.is_signed {
        builder = builder.parameter(header(
            "Stripe-Signature",
            "When the body was signed, and how.",
            "t=1767614400,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd",
        ));
    }
    if document.takes_if_match {
        builder = builder.parameter(header(
            "If-Match",
            "The version you start from: one ETag, or `*`.",
            "\"1\"",
        ));
    }
    if document.takes_if_none_match {
        builder = builder.parameter(header("If-None-Match", "The version you have.", "\"1\""));
    }
    if is_post {
        builder = builder.parameter(header(
            "Idempotency-Key",
            "Names this request, so that sending it again does nothing: a quoted string or a token, at most 255 visible ASCII \
             characters.",
            "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
        ));
    }
    if let Some(body) = &document.body {
        let content = ContentBuilder::new()
            .schema(Some(body.schema.clone()))
            .example(Some(body.example.clone()))
            .build();
        let body = RequestBodyBuilder::new()
            .required(Some(if body.is_optional {
                Required::False
            } else {
                Required::True
            }))
            .content(body.media_type, content)
            .build();
        builder = builder.request_body(Some(body));
    }
    let mut answers: BTreeMap<u16, utoipa::openapi::Response> = BTreeMap::new();
    for answer in &document.answers {
        let told = response(answer, is_post);
        match answers.get_mut(&answer.status) {
            // The same in another form.
            Some(known) => known.content.extend(told.content),
            None => drop(answers.insert(answer.status, told)),
        }
    }
    for (status, told) in answers {
        builder = builder.response(status.to_string(), told);
    }
    for (status, codes) in problems(operation, document, is_post) {
        let mut told = problem_response(&path, status, &codes);
        // Where OAuth has its own words for a status, both may come.
        if let Some(answer) = document.answers.iter().find(|answer| answer.status == status) {
            told.content.extend(response(answer, is_post).content);
        }
        builder = builder.response(status.to_string(), told);
    }
    builder.build()
}

fn path_parameter(operation: &Operation) -> Option<utoipa::openapi::path::Parameter> {
    let Trigger::Http { route, .. } = operation.trigger else {
        return None;
    };
    let (_, rest) = route.split_once('{')?;
    let (inside, _) = rest.split_once('}')?;
    let (name, constraint) = inside.split_once(':').unwrap_or((inside, ""));
    let (schema, example) = match constraint {
        "long" => (
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                .minimum(Some(1))
                .maximum(Some(isize::MAX)),
            json!(1),
        ),
        "guid" => (
            ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))),
            json!(crate::examples::ORDER_ID),
        ),
        _ if name == "code" => (
            ObjectBuilder::new().schema_type(Type::String),
            json!(problem::NOT_FOUND.word),
        ),
        _ => {
            let file = if operation.resource() == "docs" {
                "swagger-ui.css"
            } else {
                "page.css"
            };
            (ObjectBuilder::new().schema_type(Type::String), json!(file))
        }
    };
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(schema))
        .example(Some(example))
        .build();
    Some(parameter)
}

/// A cursor of a list, after its example.
fn cursor(operation: &Operation, document: &Document) -> Option<String> {
    let sorting = document.sorting?;
    let sort = Sort::default();
    let item = document.answers.first()?.example.as_ref()?.get(0)?;
    let values: Vec<Value> = if sorting.columns().is_empty() {
        vec![json!(limits::PAGE_LIMIT_DEFAULT)]
    } else {
        let order = sorting.order(&sort);
        order.iter().map(|(column, _)| item[column.name].clone()).collect()
    };
    let place = Place {
        list: operation.name,
        sorting,
        sort: &sort,
    };
    Some(place.cursor(&values))
}

fn query_parameter(
    operation: &Operation,
    document: &Document,
    parameter: &Parameter,
) -> utoipa::openapi::path::Parameter {
    let schema = match parameter.kind {
        Kind::Text(chars_max) | Kind::NeededText(chars_max) => ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(chars_max)),
        Kind::Number(min, max) => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(min as isize))
            // The largest 64-bit number says nothing to a reader, and others than us may not hold it.
            .maximum((max < i64::MAX).then_some(max as isize)),
        Kind::Flag => ObjectBuilder::new().schema_type(Type::Boolean),
        Kind::Time | Kind::NeededTime => ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
        Kind::Words(words) => ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words())),
        Kind::Cursor => ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[A-Za-z0-9_-]+$"))
            .max_length(Some(limits::CURSOR_CHARS_MAX)),
        Kind::Sort(sorting) => {
            let names: Vec<_> = sorting.columns().iter().map(|column| column.name).collect();
            let one = format!("-?({})", names.join("|"));
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some(format!("^{one}(,{one})?$")))
        }
        Kind::Names(names) => {
            let one = format!("({})", names().join("|"));
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some(format!("^{one}(,{one})*$")))
        }
    };
    let example = match parameter.kind {
        Kind::Names(names) => json!(names().into_iter().take(2).collect::<Vec<_>>().join(",")),
        Kind::Cursor => json!(cursor(operation, document)),
        Kind::Text(_) | Kind::NeededText(_) | Kind::Time | Kind::NeededTime | Kind::Words(_) | Kind::Sort(_) => {
            json!(parameter.example)
        }
        Kind::Number(..) | Kind::Flag => parameter.example.parse().unwrap_or(Value::Null),
    };
    ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(ParameterIn::Query)
        .required(match parameter.kind {
            Kind::NeededText(_) | Kind::NeededTime => Required::True,
            _ => Required::False,
        })
        .description(Some(parameter.description))
        .schema(Some(schema))
        .example(Some(example))
        .build()
}

fn response(answer: &Answered, is_post: bool) -> utoipa::openapi::Response {
    let mut builder = ResponseBuilder::new().description(answer.description);
    if answer.schema.is_some() || answer.example.is_some() {
        let content = ContentBuilder::new()
            .schema(answer.schema.clone())
            .example(answer.example.clone())
            .build();
        builder = builder.content(answer.media_type, content);
    }
    let replayed = is_post.then_some("Idempotency-Replayed");
    for name in answer.headers.iter().copied().chain(["X-Request-Id"]).chain(replayed) {
        builder = builder.header_ref(name, Ref::new(format!("#/components/headers/{name}")));
    }
    builder.build()
}

/// The functions that answer with a problem, by its code.
pub(crate) fn functions_by_problem() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut functions: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for operation in OPERATIONS {
        let (Trigger::Http { methods, .. }, Some(document)) = (operation.trigger, operation.document) else {
            continue;
        };
        let document = document();
        let is_post = methods.contains(&"POST") && document.takes_idempotency_key();
        let codes = problems(operation, &document, is_post);
        for code in codes.into_values().flatten() {
            functions.entry(code.word).or_default().insert(operation.name);
        }
    }
    functions
}

/// All problems of a function by status: its own, and those that its kind brings with it.
fn problems(operation: &Operation, document: &Document, is_post: bool) -> BTreeMap<u16, Vec<Code>> {
    let mut codes = document.problems.clone();
    if operation.needs_app() {
        codes.extend([
            problem::INVALID,
            problem::INTERNAL,
            problem::UNAVAILABLE,
            problem::OVERLOADED,
            problem::TIMED_OUT,
        ]);
    } else {
        codes.push(problem::INTERNAL);
    }
    codes.push(problem::URI_TOO_LONG);
    if operation.role > Role::Public {
        codes.extend([problem::UNAUTHENTICATED, problem::FORBIDDEN]);
    }
    if operation.is_limited() {
        codes.push(problem::RATE_LIMITED);
    }
    if operation.path().contains('{') {
        codes.push(problem::NOT_FOUND);
    }
    if document.body.is_some() {
        codes.extend([
            problem::UNSUPPORTED_MEDIA_TYPE,
            problem::BODY_TOO_LARGE,
            problem::BODY_TOO_SLOW,
        ]);
        if document
            .body
            .as_ref()
            .is_some_and(|body| body.media_type == "application/json")
        {
            codes.push(problem::MALFORMED_JSON);
        }
    }
    if is_post {
        codes.extend([
            problem::MALFORMED_HEADER,
            problem::IDEMPOTENCY_IN_PROGRESS,
            problem::IDEMPOTENCY_KEY_REUSED,
        ]);
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for code in codes {
        if seen.insert(code.word) {
            by_status.entry(code.status).or_default().push(code);
        }
    }
    by_status
}

fn problem_response(path: &str, status: u16, codes: &[Code]) -> utoipa::openapi::Response {
    let words: Vec<_> = codes.iter().map(|code| format!("`{}`", code.word)).collect();
    let examples = codes.iter().map(|code| {
        let example = ExampleBuilder::new()
            .summary(code.title)
            .value(Some(problem_example(path, *code)));
        (code.word, example.build())
    });
    let content = ContentBuilder::new()
        .schema(Some(RefOr::<Schema>::Ref(Ref::from_schema_name(
            ProblemDocument::name(),
        ))))
        .examples_from_iter(examples)
        .build();
    let mut builder = ResponseBuilder::new()
        .description(words.join(", "))
        .content("application/problem+json", content)
        .header_ref("X-Request-Id", Ref::new("#/components/headers/X-Request-Id"));
    let header = match status {
        401 => Some("WWW-Authenticate"),
        503 => Some("Retry-After"),
        _ => None,
    };
    if let Some(name) = header {
        builder = builder.header_ref(name, Ref::new(format!("#/components/headers/{name}")));
    }
    builder.build()
}

fn problem_example(path: &str, code: Code) -> Value {
    let mut example = json!({
        "type": format!("/problems/{}", code.word),
        "title": code.title,
        "status": code.status,
        "detail": "A sentence about this case.",
        "instance": path.replace("{id}", "1"),
        "code": code.word,
        "request_id": "019b8d7a-7c00-7000-8000-00000000000a",
    });
    if code == problem::INVALID {
        example["detail"] = json!("/quantity: must be between 0 and 10000, got 10001");
        example["errors"] = json!([{
            "pointer": "/quantity",
            "code": "out_of_range",
            "detail": "must be between 0 and 10000, got 10001",
        }]);
    }
    example
}

fn headers() -> BTreeMap<String, RefOr<Header>> {
    let text = |description: &str, example: Value| {
        let kind = if example.is_number() {
            Type::Integer
        } else {
            Type::String
        };
        HeaderBuilder::new()
            .schema(Some(Object::with_type(kind)))
            .description(Some(description))
            .example(Some(example))
            .build()
    };
    [
        ("ETag", text("The version, in quotes.", json!("\"1\""))),
        ("Location", text("Where the thing is.", json!("/api/v1/products/1"))),
        (
            "Link",
            text(
                "Where the next page is (RFC 8288), when this one is full.",
                json!("</api/v1/products?limit=100&cursor=ZWxldmVuWzEwMF0>; rel=\"next\""),
            ),
        ),
        ("X-Total-Count", text("The number of all rows.", json!(77))),
        (
            "X-Request-Id",
            text(
                "The request's id: yours where you sent one.",
                json!("019b8d7a-7c00-7000-8000-00000000000a"),
            ),
        ),
        (
            "Idempotency-Replayed",
            text(
                "`true` when the request was done before and this is its answer.",
                json!("true"),
            ),
        ),
        (
            "WWW-Authenticate",
            text(
                "How to say who you are (RFC 6750).",
                json!("Bearer realm=\"inventory\", error=\"invalid_token\""),
            ),
        ),
        ("Retry-After", text("Seconds to wait before asking again.", json!(2))),
    ]
    .into_iter()
    .map(|(name, header)| (name.to_owned(), RefOr::T(header)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_of_a_request_can_be_read() {
        for operation in OPERATIONS {
            let Some(body) = operation.document.and_then(|document| document().body) else {
                continue;
            };
            assert!((body.read)(body.example.to_string().as_bytes()), "{}", operation.name);
        }
    }

    #[test]
    fn every_list_answers_what_its_cursor_needs() {
        let mut lists = 0;
        for operation in OPERATIONS {
            let Some(document) = operation.document.map(|document| document()) else {
                continue;
            };
            let is_list = document.query.iter().any(|parameter| parameter.name == "limit");
            assert_eq!(document.sorting.is_some(), is_list, "{}", operation.name);
            let Some(sorting) = document.sorting else { continue };
            lists += 1;
            let item = &document.answers[0].example.as_ref().unwrap()[0];
            for column in sorting.columns() {
                let value = &item[column.name];
                assert!(!value.is_null(), "{}: {}", operation.name, column.name);
                let sort = sorting.parse(column.name).unwrap();
                let order = sorting.order(&sort);
                let values: Vec<_> = order.iter().map(|(column, _)| item[column.name].clone()).collect();
                assert!(sorting.keys(&sort, &values).is_some(), "{}: {values:?}", operation.name);
            }
            if !sorting.columns().is_empty() {
                sorting.parse(sorting.default()).unwrap();
            }
        }
        assert!(lists > 15);
    }
}
