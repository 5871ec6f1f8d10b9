//! `counts_get`

use crate::{
    examples,
    http::{Answer, Asker, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::counts;
use inventory_domain::Role;

pub(crate) async fn handle(State(context): State<Context>, asker: Asker, Id(id): Id<i64>, known: Known) -> Answer {
    let count = counts::get(context.app(), id).await?;
    let version = count.version;
    let count = if asker.may(Role::Manager) {
        count
    } else {
        count.hidden()
    };
    known.answer(version, &count)
}

pub(crate) fn document() -> Document {
    Document::one(
        "A count with its lines. Of a blind count that is open, those below manager are not told what is expected.",
        &examples::count(),
    )
}
