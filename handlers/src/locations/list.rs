//! `locations_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::locations;
use inventory_domain::location::Location;

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    let listing = query.list::<Location>(&locations::SORTING)?;
    let items = locations::list(context.app(), listing.page.clone()).await?;
    let total = listing.total(locations::count(context.app())).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list("Locations by id.", &[], &locations::SORTING, &examples::location())
}
