//! `transfers_list`

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
use inventory_app::transfers::{self, TransferFilter};
use inventory_domain::transfer::{Transfer, TransferStatus};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = TransferFilter {
        status: query.word("status", TransferStatus::parse, TransferStatus::ALL),
        from_location_id: query.id("from_location_id"),
        to_location_id: query.id("to_location_id"),
    };
    let listing = query.list::<Transfer>(&transfers::SORTING)?;
    let items = transfers::list(context.app(), &filter, listing.page.clone()).await?;
    let total = listing.total(transfers::count(context.app(), &filter)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let filters = [
        Parameter {
            name: "status",
            description: "With this status.",
            kind: Kind::Words(|| TransferStatus::ALL.iter().map(|word| word.as_str()).collect()),
            example: "in_transit",
        },
        Parameter {
            name: "from_location_id",
            description: "From this location.",
            kind: Kind::Number(1, i64::MAX),
            example: "1",
        },
        Parameter {
            name: "to_location_id",
            description: "To this location.",
            kind: Kind::Number(1, i64::MAX),
            example: "2",
        },
    ];
    Document::list(
        "Transfers, the newest first.",
        &filters,
        &transfers::SORTING,
        &examples::received_transfer(),
    )
}
