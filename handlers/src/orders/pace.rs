//! `orders_pace`

use crate::{
    examples,
    http::{
        Answer, Context, Query,
        document::Document,
        json,
        query::{Kind, Parameter},
    },
};
use axum::extract::State;
use inventory_app::kpis;

/// Minutes that are looked at where nobody says.
const MINUTES_DEFAULT: i64 = 30;
/// Minutes that may be looked at: it is for who watches, not for reports.
const MINUTES_MAX: i64 = 60;

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let minutes = query.number("minutes", 1, MINUTES_MAX).unwrap_or(MINUTES_DEFAULT);
    query.finish()?;
    json(&kpis::pace(context.app(), minutes).await?)
}

pub(crate) fn document() -> Document {
    let mut document =
        Document::new("Orders placed and decided in each of the last minutes, and how long deciding took.")
            .array("One row per minute, the present one last.", &examples::orders_minute());
    document.query.push(Parameter {
        name: "minutes",
        description: "Minutes to look back; 30 where it is not given.",
        kind: Kind::Number(1, MINUTES_MAX),
        example: "30",
    });
    document
}
