//! `reservations_list`

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
use inventory_app::holds::{self, HoldFilter};
use inventory_domain::{
    hold::{Hold, HoldStatus},
    limits,
};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = HoldFilter {
        status: query.word("status", HoldStatus::parse, HoldStatus::ALL),
        reference: query.text("reference", limits::REFERENCE_CHARS_MAX),
    };
    let listing = query.list::<Hold>(&holds::SORTING)?;
    let items = holds::list(context.app(), &filter, listing.page.clone()).await?;
    let total = listing.total(holds::count(context.app(), &filter)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let filters = [
        Parameter {
            name: "status",
            description: "With this status.",
            kind: Kind::Words(|| HoldStatus::ALL.iter().map(|word| word.as_str()).collect()),
            example: "active",
        },
        Parameter {
            name: "reference",
            description: "With this name of yours.",
            kind: Kind::Text(limits::REFERENCE_CHARS_MAX),
            example: "cart-7",
        },
    ];
    Document::list(
        "Reservations, the newest first.",
        &filters,
        &holds::SORTING,
        &examples::hold(),
    )
}
