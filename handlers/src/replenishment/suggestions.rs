//! `replenishment_suggestions`

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
use inventory_app::{
    Sorting,
    replenishment::{self, SuggestionFilter},
};
use inventory_domain::{
    limits,
    replenishment::{COVER_DAYS_DEFAULT, Horizon, Suggestion, WINDOW_DAYS_DEFAULT},
};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = SuggestionFilter {
        supplier_id: query.id("supplier_id"),
        location_id: query.id("location_id"),
        product_id: query.id("product_id"),
    };
    let mut days = |name, min, default| query.number(name, min, limits::DEMAND_DAYS_MAX).unwrap_or(default);
    let horizon = Horizon {
        window_days: days("window_days", 1, WINDOW_DAYS_DEFAULT),
        cover_days: days("cover_days", 0, COVER_DAYS_DEFAULT),
    };
    let listing = query.list::<Suggestion>(&Sorting::BY_PLACE)?;
    let items = replenishment::suggestions(context.app(), &filter, horizon, listing.page.clone()).await?;
    listed(&listing, &items, None)
}

pub(crate) fn document() -> Document {
    let filters = [
        Parameter {
            name: "supplier_id",
            description: "To be ordered from this supplier.",
            kind: Kind::Number(1, i64::MAX),
            example: "1",
        },
        Parameter {
            name: "location_id",
            description: "For this location.",
            kind: Kind::Number(1, i64::MAX),
            example: "2",
        },
        Parameter {
            name: "product_id",
            description: "Of this product.",
            kind: Kind::Number(1, i64::MAX),
            example: "1",
        },
        Parameter {
            name: "window_days",
            description: "Days whose sales are looked at; 28 where it is not given.",
            kind: Kind::Number(1, limits::DEMAND_DAYS_MAX),
            example: "28",
        },
        Parameter {
            name: "cover_days",
            description: "Days of demand that an order covers beyond the reorder level; 7 where it is not given.",
            kind: Kind::Number(0, limits::DEMAND_DAYS_MAX),
            example: "7",
        },
    ];
    Document::list(
        "What should be ordered, by stock item, with the numbers that say why. A stock item is here when what is available, incoming \
         and drafted is at or below its reorder level: its reorder point, or its supplier's safety stock and the units that sell \
         until a delivery arrives, whichever is more. The quantity is in whole packs and no less than product and supplier want. \
         Products that are not active are never here.",
        &filters,
        &Sorting::BY_PLACE,
        &examples::suggestion(),
    )
}
