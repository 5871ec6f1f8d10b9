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
use inventory_domain::{
    limits,
    order::{Order, OrderStatus},
};

pub(crate) async fn handle(State(context): State<Context>, viewer: Viewer, mut query: Query) -> Answer {
    let filter = OrderFilter {
        status: query.word("status", OrderStatus::parse, OrderStatus::ALL),
        customer: query.text("customer", limits::CUSTOMER_CHARS_MAX),
        from: query.time("from"),
        until: query.time("until"),
    };
    let listing = query.list::<Order>(&orders::SORTING)?;
    let items = orders::list(context.app(), &filter, listing.page.clone()).await?;
    viewer.sees(items.iter().map(|order| Shown::Customer(order.customer_id)));
    let total = listing.total(orders::count(context.app(), &filter)).await?;
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
        Parameter {
            name: "from",
            description: "Placed at this moment or later.",
            kind: Kind::Time,
            example: "2026-01-05T00:00:00Z",
        },
        Parameter {
            name: "until",
            description: "Placed before this moment.",
            kind: Kind::Time,
            example: "2026-01-06T00:00:00Z",
        },
    ];
    Document::list(
        "Orders, the newest first.",
        &filters,
        &orders::SORTING,
        &examples::confirmed_order(),
    )
}
