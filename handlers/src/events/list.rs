//! `events_list`

use crate::{
    examples,
    http::{
        Answer, Context, Query,
        document::Document,
        listed,
        query::{Kind, Parameter},
    },
};
use axum::extract::State;
use inventory_app::{
    Sorting,
    events::{self, EventFilter},
};
use inventory_domain::{
    event::{Event, EventType},
    limits,
};
use serde_json::Value;

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = EventFilter {
        subject: query.needed_text("subject", limits::SUBJECT_CHARS_MAX),
        event_type: query.word("type", EventType::parse, EventType::ALL),
    };
    let listing = query.list::<Event<'static, Value>>(&Sorting::BY_PLACE)?;
    let items = events::list(context.app(), &filter, listing.page.clone()).await?;
    listed(&listing, &items, None)
}

pub(crate) fn document() -> Document {
    let filters = [
        Parameter {
            name: "subject",
            description: "What they happened to: `orders/{id}`, `products/{id}`, `inventory/{id}`, …",
            kind: Kind::NeededText(limits::SUBJECT_CHARS_MAX),
            example: "orders/019b8d7a-7c00-7000-8000-000000000001",
        },
        Parameter {
            name: "type",
            description: "Of this type.",
            kind: Kind::Words(|| EventType::ALL.iter().map(|word| word.as_str()).collect()),
            example: "inventory.order.confirmed",
        },
    ];
    Document::list(
        "What happened to one thing, oldest first: CloudEvents as they were sent. They come from the event history where there \
         is one (a moment after they happened), else from the outbox (`OUTBOX_RETENTION_DAYS`).",
        &filters,
        &Sorting::BY_PLACE,
        &examples::event(),
    )
}
