//! `orders_list`

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
use inventory_app::orders::{self, OrderFilter};
use inventory_domain::{limits, order::OrderStatus};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = OrderFilter {
        status: query.word("status", OrderStatus::parse, OrderStatus::ALL),
        customer: query.text("customer", limits::CUSTOMER_CHARS_MAX),
    };
    let listing = query.listing()?;
    let items = orders::list(context.app(), &filter, listing.page).await?;
    let total = if listing.is_counted {
        Some(orders::count(context.app(), &filter).await?)
    } else {
        None
    };
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let filters = [
        Parameter {
            name: "status",
            description: "With this status.",
            kind: Kind::Words(|| OrderStatus::ALL.iter().map(|word| word.as_str()).collect()),
            example: "confirmed",
        },
        Parameter {
            name: "customer",
            description: "Of the customer with this reference.",
            kind: Kind::Text(limits::CUSTOMER_CHARS_MAX),
            example: "C-1",
        },
    ];
    Document::list(
        "Orders, the newest first.",
        &filters,
        true,
        &examples::confirmed_order(),
    )
}
