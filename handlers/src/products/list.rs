//! `products_list`

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
use inventory_app::products::{self, ProductFilter};
use inventory_domain::{limits, product::ProductStatus};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = ProductFilter {
        category: query.text("category", limits::CATEGORY_CHARS_MAX),
        status: query.word("status", ProductStatus::parse, ProductStatus::ALL),
        sku: query.text("sku", limits::SKU_CHARS_MAX),
        barcode: query.text("barcode", limits::BARCODE_CHARS_MAX),
    };
    let listing = query.listing()?;
    let items = products::list(context.app(), &filter, listing.page).await?;
    let total = if listing.is_counted {
        Some(products::count(context.app(), &filter).await?)
    } else {
        None
    };
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let filters = [
        Parameter {
            name: "category",
            description: "Of this category.",
            kind: Kind::Text(limits::CATEGORY_CHARS_MAX),
            example: "Beverages",
        },
        Parameter {
            name: "status",
            description: "With this status.",
            kind: Kind::Words(|| ProductStatus::ALL.iter().map(|word| word.as_str()).collect()),
            example: "active",
        },
        Parameter {
            name: "sku",
            description: "With this SKU.",
            kind: Kind::Text(limits::SKU_CHARS_MAX),
            example: "TEA-GREEN-100",
        },
        Parameter {
            name: "barcode",
            description: "With this barcode.",
            kind: Kind::Text(limits::BARCODE_CHARS_MAX),
            example: "4006381333931",
        },
    ];
    Document::list("Products by id.", &filters, true, &examples::product())
}
