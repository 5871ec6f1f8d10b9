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
use inventory_domain::{
    limits,
    product::{Product, ProductStatus},
};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = ProductFilter {
        category: query.text("category", limits::CATEGORY_CHARS_MAX),
        status: query.word("status", ProductStatus::parse, ProductStatus::ALL),
        sku: query.text("sku", limits::SKU_CHARS_MAX),
        barcode: query.text("barcode", limits::BARCODE_CHARS_MAX),
        updated_since: query.time("updated_since"),
        search: query.search(),
    };
    let listing = query.list::<Product>(&products::SORTING)?;
    let items = products::list(context.app(), &filter, listing.page.clone()).await?;
    let total = listing.total(products::count(context.app(), &filter)).await?;
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
        Parameter {
            name: "updated_since",
            description: "Changed at this moment or later.",
            kind: Kind::Time,
            example: "2026-01-05T00:00:00Z",
        },
        Parameter {
            name: "q",
            description: "With all of these words (four at most), or parts of words, in SKU, name, category or barcode; in any order, \
                          large or small letters.",
            kind: Kind::Text(limits::SEARCH_CHARS_MAX),
            example: "green",
        },
    ];
    Document::list(
        "Products, by id where no other order is asked for.",
        &filters,
        &products::SORTING,
        &examples::product(),
    )
}
