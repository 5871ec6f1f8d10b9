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
use inventory_domain::{customer::Customer, limits};

pub(crate) async fn handle(State(context): State<Context>, viewer: Viewer, mut query: Query) -> Answer {
    let filter = CustomerFilter {
        reference: query.text("reference", limits::CUSTOMER_CHARS_MAX),
        erased: query.flag("erased"),
    };
    let listing = query.list::<Customer>(&customers::SORTING)?;
    let items = customers::list(context.app(), &filter, listing.page.clone()).await?;
    viewer.sees(items.iter().map(|customer| Shown::Customer(customer.id)));
    let total = listing.total(customers::count(context.app(), &filter)).await?;
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
    Document::list("Customers by id.", &filters, &customers::SORTING, &examples::customer())
}
