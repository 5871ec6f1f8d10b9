//! `parked_list`

use crate::{
    examples,
    http::{
        Answer, Context, Query, Viewer,
        document::Document,
        listed,
        query::{Kind, Parameter},
    },
};
use axum::extract::State;
use inventory_app::{
    access_log::Shown,
    parked::{self, ParkedFilter},
};
use inventory_domain::{
    limits,
    parked::{ParkReason, ParkedMessage},
};

pub(crate) async fn handle(State(context): State<Context>, viewer: Viewer, mut query: Query) -> Answer {
    let filter = ParkedFilter {
        source: query.text("source", limits::NAME_CHARS_MAX),
        reason: query.word("reason", ParkReason::parse, ParkReason::ALL),
        replayed: query.flag("replayed"),
    };
    let listing = query.list::<ParkedMessage>(&parked::SORTING)?;
    let items = parked::list(context.app(), &filter, listing.page.clone()).await?;
    viewer.sees(items.iter().map(|message| Shown::Parked(message.id)));
    let total = listing.total(parked::count(context.app(), &filter)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let filters = [
        Parameter {
            name: "source",
            description: "From this queue.",
            kind: Kind::Text(limits::NAME_CHARS_MAX),
            example: "orders",
        },
        Parameter {
            name: "reason",
            description: "Parked for this reason.",
            kind: Kind::Words(|| ParkReason::ALL.iter().map(|word| word.as_str()).collect()),
            example: "unknown_product",
        },
        Parameter {
            name: "replayed",
            description: "Whether they were replayed.",
            kind: Kind::Flag,
            example: "false",
        },
    ];
    Document::list(
        "Parked messages, the newest first.",
        &filters,
        &parked::SORTING,
        &examples::parked_message(),
    )
}
