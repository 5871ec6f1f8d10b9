//! `orders_list`

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
    orders::{self, OrderFilter},
};
use inventory_domain::{limits, order::OrderStatus};

pub(crate) async fn handle(State(context): State<Context>, viewer: Viewer, mut query: Query) -> Answer {
    let filter = OrderFilter {
        status: query.word("status", OrderStatus::parse, OrderStatus::ALL),
        customer: query.text("customer", limits::CUSTOMER_CHARS_MAX),
    };
    let listing = query.listing()?;
    let items = orders::list(context.app(), &filter, listing.page).await?;
    viewer.sees(items.iter().map(|order| Shown::Customer(order.customer_id)));
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
