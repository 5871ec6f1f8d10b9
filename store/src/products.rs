//! Products in the database.

use crate::{
    StoreError, Tx,
    db::{Arg, FromRow, Reader, Run as _, Sql, Store},
    filter::Filter,
    paging::{Column, Page, Sorting},
    stock, transfers,
};
use inventory_domain::{
    Conflict, Refusal, Timestamp,
    event::EventType,
    low_stock,
    product::{NewProduct, Product, ProductChanges, ProductStatus},
};

const COLUMNS: &str = "id, sku, name, category, barcode, unit_price_minor, currency, reorder_point, reorder_quantity, \
                       status, version, created_at, updated_at";

impl FromRow for Product {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            sku: row.text()?,
            name: row.text()?,
            category: row.text_opt()?,
            barcode: row.text_opt()?,
            unit_price_minor: row.int()?,
            currency: row.text()?,
            reorder_point: row.int()?,
            reorder_quantity: row.int()?,
            status: row.word(ProductStatus::parse)?,
            version: row.int()?,
            created_at: row.time()?,
            updated_at: row.time()?,
        })
    }
}

/// What products may be sorted by.
pub static SORTING: Sorting = Sorting::new(
    "id",
    &[
        Column::int("id", "id"),
        Column::text("sku", "sku"),
        Column::text("name", "name"),
        Column::time("updated_at", "updated_at"),
    ],
);

/// Words that a search looks for at most.
const SEARCH_WORDS_MAX: usize = 4;

/// Where a search looks. The index `products_search` has the same text.
const HAS_WORD: &str = "lower(sku || ' ' || name || ' ' || COALESCE(category, '') || ' ' || COALESCE(barcode, '')) LIKE lower(?) ESCAPE '\\'";

/// Which products.
#[derive(Clone, Debug, Default)]
pub struct ProductFilter {
    /// In this category.
    pub category: Option<String>,
    /// With this status.
    pub status: Option<ProductStatus>,
    /// With this SKU.
    pub sku: Option<String>,
    /// With this barcode.
    pub barcode: Option<String>,
    /// Changed at this moment or later.
    pub updated_since: Option<Timestamp>,
    /// With all of these words, or parts of words, in SKU, name, category or barcode, in any order, large or small letters.
    pub search: Option<String>,
}

impl ProductFilter {
    fn conditions(&self) -> Filter<'_> {
        let mut filter = Filter::new();
        filter.opt("category = ?", self.category.as_ref());
        filter.opt("status = ?", self.status.map(ProductStatus::as_str));
        filter.opt("sku = ?", self.sku.as_ref());
        filter.opt("barcode = ?", self.barcode.as_ref());
        filter.opt("updated_at >= ?", self.updated_since);
        for pattern in self.search.iter().flat_map(|text| patterns(text)) {
            filter.add(HAS_WORD, pattern);
        }
        filter
    }
}

/// The patterns of a search's words. One or as many as there may be, so that few statements serve all searches.
fn patterns(text: &str) -> Vec<String> {
    let mut patterns: Vec<String> = text
        .split_whitespace()
        .take(SEARCH_WORDS_MAX)
        .map(|word| {
            let mut pattern = String::with_capacity(word.len() + 2);
            pattern.push('%');
            for letter in word.chars() {
                if matches!(letter, '%' | '_' | '\\') {
                    pattern.push('\\');
                }
                pattern.push(letter);
            }
            pattern.push('%');
            pattern
        })
        .collect();
    if let [_, .., last] = patterns.as_slice() {
        let last = last.clone();
        patterns.resize(SEARCH_WORDS_MAX, last);
    }
    patterns
}

/// A page of products.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, filter: &ProductFilter, page: Page) -> Result<Vec<Product>, StoreError> {
    let (sql, args) = filter
        .conditions()
        .page(&format!("SELECT {COLUMNS} FROM products"), &SORTING, page);
    store.all(sql, &args).await
}

/// How many products.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, filter: &ProductFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.conditions().count("products");
    store.one(sql, &args).await
}

/// One product.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: i64) -> Result<Product, StoreError> {
    let product = store.products.get(store, id, read, |product| product.id).await?;
    Ok(product.ok_or_else(|| Refusal::not_found("product", id))?)
}

async fn read(store: Store, ids: String) -> Result<Vec<Product>, StoreError> {
    static READ: Sql = Sql::new(
        "SELECT p.id, p.sku, p.name, p.category, p.barcode, p.unit_price_minor, p.currency, p.reorder_point, p.reorder_quantity, p.status, p.version, p.created_at, p.updated_at
         FROM {rows $1 r: id BIGINT} JOIN products p ON p.id = r.id",
    );
    store.all(&READ, &[(&ids).into()]).await
}

/// Locks one product against changes by others.
pub(crate) async fn lock(tx: &mut Tx, id: i64) -> Result<Product, StoreError> {
    static LOCK: Sql = Sql::new(
        "SELECT id, sku, name, category, barcode, unit_price_minor, currency, reorder_point, reorder_quantity, status, version, created_at, updated_at FROM products WHERE id = $1 {lock}",
    );
    Ok(tx
        .first(&LOCK, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("product", id))?)
}

fn taken(error: StoreError, sku: &str, barcode: Option<&str>) -> StoreError {
    error
        .on_constraint("products_sku_key", "products.sku", || {
            Refusal::conflict(Conflict::SkuTaken, format!("another product has the SKU {sku:?}"))
        })
        .on_constraint("products_barcode_key", "products.barcode", || {
            Refusal::conflict(
                Conflict::BarcodeTaken,
                format!("another product has the barcode {:?}", barcode.unwrap_or_default()),
            )
        })
}

/// Creates a product.
///
/// # Errors
/// When the input breaks a rule, or SKU or barcode are taken.
pub async fn create(tx: &mut Tx, new: &NewProduct) -> Result<Product, StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO products (sku, name, category, barcode, unit_price_minor, currency, reorder_point, reorder_quantity, status, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'active', $9, $9)
         RETURNING id, sku, name, category, barcode, unit_price_minor, currency, reorder_point, reorder_quantity, status, version, created_at, updated_at",
    );
    new.validate()?;
    let args: [Arg<'_>; 9] = [
        (&new.sku).into(),
        (&new.name).into(),
        new.category.as_deref().into(),
        new.barcode.as_deref().into(),
        new.unit_price_minor.into(),
        (&new.currency).into(),
        new.reorder_point.into(),
        new.reorder_quantity.into(),
        tx.now().into(),
    ];
    let product: Product = tx
        .one(&INSERT, &args)
        .await
        .map_err(|error| taken(error, &new.sku, new.barcode.as_deref()))?;
    tx.audit("products_create", subject(product.id), None, Some(&product))?;
    tx.event(EventType::ProductCreated, subject(product.id), &product)?;
    Ok(product)
}

/// The subject of a product's events and audit rows.
pub(crate) fn subject(id: i64) -> String {
    format!("products/{id}")
}

/// Refuses a version other than the expected one.
pub(crate) fn expect_version(expected: Option<i64>, current: i64) -> Result<(), Refusal> {
    match expected {
        Some(version) if version != current => Err(Refusal::VersionMismatch { current }),
        _ => Ok(()),
    }
}

async fn write(tx: &mut Tx, before: &Product, mut after: Product) -> Result<Product, StoreError> {
    static UPDATE: Sql = Sql::new(
        "UPDATE products SET sku = $2, name = $3, category = $4, barcode = $5, unit_price_minor = $6, currency = $7,
         reorder_point = $8, reorder_quantity = $9, status = $10, version = $11, updated_at = $12 WHERE id = $1",
    );
    after.version = before.version + 1;
    after.updated_at = tx.now();
    let args: [Arg<'_>; 12] = [
        after.id.into(),
        (&after.sku).into(),
        (&after.name).into(),
        after.category.as_deref().into(),
        after.barcode.as_deref().into(),
        after.unit_price_minor.into(),
        (&after.currency).into(),
        after.reorder_point.into(),
        after.reorder_quantity.into(),
        after.status.as_str().into(),
        after.version.into(),
        after.updated_at.into(),
    ];
    tx.execute(&UPDATE, &args)
        .await
        .map_err(|error| taken(error, &after.sku, after.barcode.as_deref()))?;
    // The items carry a copy of the effective reorder point, and their alerts follow it.
    if (before.reorder_point, before.status) != (after.reorder_point, after.status) {
        let mut items = stock::lock_products(tx, &[after.id]).await?;
        for item in &mut items {
            item.reorder_point =
                low_stock::effective_reorder_point(after.status, after.reorder_point, item.own_reorder_point);
        }
        let rows = stock::settle(tx, items)?;
        tx.stage(&stock::LEVELS, rows)?;
    }
    Ok(after)
}

/// Changes a product.
///
/// # Errors
/// When the input breaks a rule, the version is another one, the product is archived, or SKU or barcode are taken.
pub async fn update(
    tx: &mut Tx,
    id: i64,
    expected: Option<i64>,
    changes: &ProductChanges,
) -> Result<Product, StoreError> {
    let before = lock(tx, id).await?;
    expect_version(expected, before.version)?;
    let after = changes.apply(&before)?;
    if after == before {
        return Ok(before);
    }
    let after = write(tx, &before, after).await?;
    tx.audit("products_update", subject(id), Some(&before), Some(&after))?;
    tx.event(EventType::ProductUpdated, subject(id), &after)?;
    Ok(after)
}

/// Archives a product. Archiving an archived product changes nothing.
///
/// # Errors
/// When there is still stock of it, or the version is another one.
pub async fn archive(tx: &mut Tx, id: i64, expected: Option<i64>) -> Result<Product, StoreError> {
    let before = lock(tx, id).await?;
    expect_version(expected, before.version)?;
    if before.status == ProductStatus::Archived {
        return Ok(before);
    }
    let items = stock::lock_products(tx, &[id]).await?;
    let on_hand: i64 = items.iter().map(|item| item.on_hand).sum();
    if on_hand > 0 {
        return Err(Refusal::conflict(
            Conflict::ProductHasStock,
            format!("{on_hand} units of product {id} are still in stock; take them out before it is archived"),
        )
        .into());
    }
    let in_transit = transfers::in_transit(tx, id).await?;
    if in_transit > 0 {
        let detail =
            format!("{in_transit} units of product {id} are in transit; receive or cancel their transfers first");
        return Err(Refusal::conflict(Conflict::ProductHasStock, detail).into());
    }
    let after = write(
        tx,
        &before,
        Product {
            status: ProductStatus::Archived,
            ..before.clone()
        },
    )
    .await?;
    tx.audit("products_archive", subject(id), Some(&before), Some(&after))?;
    tx.event(EventType::ProductArchived, subject(id), &after)?;
    Ok(after)
}
