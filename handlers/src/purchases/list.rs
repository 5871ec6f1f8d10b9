//! `purchases_list`

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
use inventory_app::purchases::{self, PurchaseFilter};
use inventory_domain::purchase::{PurchaseOrder, PurchaseStatus};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = PurchaseFilter {
        status: query.word("status", PurchaseStatus::parse, PurchaseStatus::ALL),
        supplier_id: query.id("supplier_id"),
        location_id: query.id("location_id"),
    };
    let listing = query.list::<PurchaseOrder>(&purchases::SORTING)?;
    let items = purchases::list(context.app(), &filter, listing.page.clone()).await?;
    let total = listing.total(purchases::count(context.app(), &filter)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let filters = [
        Parameter {
            name: "status",
            description: "With this status.",
            kind: Kind::Words(|| PurchaseStatus::ALL.iter().map(|word| word.as_str()).collect()),
            example: "ordered",
        },
        Parameter {
            name: "supplier_id",
            description: "From this supplier.",
            kind: Kind::Number(1, i64::MAX),
            example: "1",
        },
        Parameter {
            name: "location_id",
            description: "For this location.",
            kind: Kind::Number(1, i64::MAX),
            example: "2",
        },
    ];
    Document::list(
        "Purchase orders, the newest first, without their lines.",
        &filters,
        &purchases::SORTING,
        &examples::purchase().summary(),
    )
}
