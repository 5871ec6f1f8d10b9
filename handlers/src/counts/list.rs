//! `counts_list`

use crate::{
    examples,
    http::{
        Answer, Asker, Context, Query,
        document::Document,
        listed,
        query::{Kind, Parameter},
    },
};
use axum::extract::State;
use inventory_app::counts;
use inventory_domain::{
    Role,
    count::{Count, CountStatus},
};

pub(crate) async fn handle(State(context): State<Context>, asker: Asker, mut query: Query) -> Answer {
    let status = query.word("status", CountStatus::parse, CountStatus::ALL);
    let listing = query.list::<Count>(&counts::SORTING)?;
    let mut items = counts::list(context.app(), status, listing.page.clone()).await?;
    if !asker.may(Role::Manager) {
        items = items.into_iter().map(Count::hidden).collect();
    }
    let total = listing.total(counts::count(context.app(), status)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let filters = [Parameter {
        name: "status",
        description: "With this status.",
        kind: Kind::Words(|| CountStatus::ALL.iter().map(|word| word.as_str()).collect()),
        example: "open",
    }];
    Document::list(
        "Counts, the newest first, without their lines.",
        &filters,
        &counts::SORTING,
        &examples::count().summary(),
    )
}
