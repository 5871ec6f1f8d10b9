//! `customers_list`

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
    customers::{self, CustomerFilter},
};
use inventory_domain::limits;

pub(crate) async fn handle(State(context): State<Context>, viewer: Viewer, mut query: Query) -> Answer {
    let filter = CustomerFilter {
        reference: query.text("reference", limits::CUSTOMER_CHARS_MAX),
        erased: query.flag("erased"),
    };
    let listing = query.listing()?;
    let items = customers::list(context.app(), &filter, listing.page).await?;
    viewer.sees(items.iter().map(|customer| Shown::Customer(customer.id)));
    let total = if listing.is_counted {
        Some(customers::count(context.app(), &filter).await?)
    } else {
        None
    };
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let filters = [
        Parameter {
            name: "reference",
            description: "With this reference.",
            kind: Kind::Text(limits::CUSTOMER_CHARS_MAX),
            example: "C-1",
        },
        Parameter {
            name: "erased",
            description: "Whether they were erased.",
            kind: Kind::Flag,
            example: "false",
        },
    ];
    Document::list("Customers by id.", &filters, true, &examples::customer())
}
