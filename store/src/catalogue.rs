//! A catalogue with its stock, written in batches: the number of statements does not grow with the rows.

use crate::{
    StoreError, Tx,
    db::{FromRow, RECORDS, Reader, Run as _, Sql, Write, WriteSet, json},
    locations, products,
    stock::{self, Cause, LEVEL_WRITES},
};
use inventory_domain::{
    Refusal,
    event::EventType,
    limits,
    location::DEFAULT_LOCATION_CODE,
    low_stock,
    movement::{MovementKind, Reason},
    product::{NewProduct, Product, ProductStatus},
};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet, hash_map::Entry};

/// One row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    /// Its line in the file, from 1, for reports.
    pub line: u64,
    /// The key.
    pub sku: String,
    /// The product's name.
    pub name: String,
    /// Its category.
    pub category: Option<String>,
    /// Its barcode, or that it has none; `None`: as it is.
    pub barcode: Option<Option<String>>,
    /// Price of one unit in minor units.
    pub unit_price_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// Units on hand at `MAIN` from now on.
    pub on_hand: i64,
    /// The product's reorder point.
    pub reorder_point: i64,
    /// Units to order at a time; `None`: as it is.
    pub reorder_quantity: Option<i64>,
    /// Whether the product is sold while stock lasts.
    pub discontinued: bool,
}

/// A row that was not imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Its line in the file.
    pub line: u64,
    /// Why.
    pub detail: String,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Products created.
    pub created: usize,
    /// Products changed.
    pub updated: usize,
    /// Products that were as the row says.
    pub unchanged: usize,
    /// Stock items whose level changed.
    pub stock_changed: usize,
    /// Rows that were not imported.
    pub refused: Vec<Refused>,
}

impl ImportReport {
    /// Adds the report of another batch.
    pub fn add(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.stock_changed += other.stock_changed;
        self.refused.extend(other.refused);
    }
}

static IMPORT: WriteSet = WriteSet::new(&[
    &[Write {
        name: "products",
        sql: "UPDATE products AS p SET name = r.name, category = r.category, barcode = r.barcode, unit_price_minor = r.unit_price_minor, currency = r.currency,
              reorder_point = r.reorder_point, reorder_quantity = r.reorder_quantity, status = r.status, version = r.version, updated_at = r.updated_at
              FROM {rows $rows r: id BIGINT, name TEXT, category TEXT, barcode TEXT, unit_price_minor BIGINT, currency TEXT, reorder_point BIGINT, reorder_quantity BIGINT, status TEXT, version BIGINT, updated_at BIGINT}
              WHERE p.id = r.id",
    }],
    LEVEL_WRITES,
    RECORDS,
]);

#[derive(Serialize)]
struct SkuRow<'a> {
    sku: &'a str,
}

#[derive(Serialize)]
struct NewProductRow<'a> {
    sku: &'a str,
    name: &'a str,
    category: Option<&'a str>,
    barcode: Option<&'a str>,
    unit_price_minor: i64,
    currency: &'a str,
    reorder_point: i64,
    reorder_quantity: i64,
    status: ProductStatus,
    at: i64,
}

#[derive(Serialize)]
struct ChangedProductRow<'a> {
    id: i64,
    name: &'a str,
    category: Option<&'a str>,
    barcode: Option<&'a str>,
    unit_price_minor: i64,
    currency: &'a str,
    reorder_point: i64,
    reorder_quantity: i64,
    status: ProductStatus,
    version: i64,
    updated_at: i64,
}

#[derive(Serialize)]
struct NewItemRow {
    product_id: i64,
    location_id: i64,
    reorder_point: Option<i64>,
    at: i64,
}

struct ProductAt(Product);

impl FromRow for ProductAt {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Product::from_row(row).map(Self)
    }
}

fn check(row: &ImportRow) -> Result<(), Refusal> {
    NewProduct {
        sku: row.sku.clone(),
        name: row.name.clone(),
        category: row.category.clone(),
        barcode: row.barcode.clone().flatten(),
        unit_price_minor: row.unit_price_minor,
        currency: row.currency.clone(),
        reorder_point: row.reorder_point,
        reorder_quantity: row.reorder_quantity.unwrap_or_default(),
    }
    .validate()?;
    let mut check = inventory_domain::Check::new();
    check.range("/on_hand", row.on_hand, 0, limits::ON_HAND_MAX);
    check.finish()
}

fn explain(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Invalid(violations) => {
            let all: Vec<_> = violations
                .iter()
                .map(|v| format!("{}: {}", v.pointer.trim_start_matches('/'), v.detail))
                .collect();
            all.join("; ")
        }
        other => other.to_string(),
    }
}

#[derive(Serialize)]
struct BarcodeRow<'a> {
    barcode: &'a str,
}

struct Holder {
    barcode: String,
    sku: String,
}

impl FromRow for Holder {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            barcode: row.text()?,
            sku: row.text()?,
        })
    }
}

/// Takes out rows whose barcode another product has, or an earlier row brings.
async fn refuse_taken_barcodes(
    tx: &mut Tx,
    good: &mut Vec<&ImportRow>,
    refused: &mut Vec<Refused>,
) -> Result<(), StoreError> {
    static HOLDERS: Sql = Sql::new(
        "SELECT p.barcode, p.sku FROM products p WHERE p.barcode IN (SELECT r.barcode FROM {rows $1 r: barcode TEXT})",
    );
    let of = |row: &ImportRow| row.barcode.clone().flatten();
    let wanted: Vec<_> = good.iter().filter_map(|row| row.barcode.as_ref()?.as_deref()).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = wanted.iter().map(|barcode| BarcodeRow { barcode }).collect();
    let found: Vec<Holder> = tx.all(&HOLDERS, &[(&json(&rows)?).into()]).await?;
    let mut holders: HashMap<String, String> = found.into_iter().map(|held| (held.barcode, held.sku)).collect();
    good.retain(|row| {
        let Some(barcode) = of(row) else { return true };
        match holders.entry(barcode) {
            Entry::Occupied(held) if *held.get() != row.sku => {
                let detail = format!("barcode: product {} has it", held.get());
                refused.push(Refused { line: row.line, detail });
                false
            }
            Entry::Occupied(_) => true,
            Entry::Vacant(free) => {
                free.insert(row.sku.clone());
                true
            }
        }
    });
    Ok(())
}

/// Imports rows in one transaction, which it commits.
///
/// # Errors
/// When the database is away; then nothing was done.
pub async fn import(mut tx: Tx, rows: &[ImportRow]) -> Result<ImportReport, StoreError> {
    let report = apply(&mut tx, rows).await?;
    tx.commit().await?;
    Ok(report)
}

/// Imports rows as part of a transaction, which must stage nothing else.
///
/// # Errors
/// When the database is away; then the transaction is to be given up.
pub async fn apply(tx: &mut Tx, rows: &[ImportRow]) -> Result<ImportReport, StoreError> {
    static FIND: Sql = Sql::new(
        "SELECT p.id, p.sku, p.name, p.category, p.barcode, p.unit_price_minor, p.currency, p.reorder_point, p.reorder_quantity, p.status, p.version, p.created_at, p.updated_at
         FROM products p WHERE p.sku IN (SELECT r.sku FROM {rows $1 r: sku TEXT}) ORDER BY p.id {lock p}",
    );
    static INSERT: Sql = Sql::new(
        "INSERT INTO products (sku, name, category, barcode, unit_price_minor, currency, reorder_point, reorder_quantity, status, created_at, updated_at)
         SELECT sku, name, category, barcode, unit_price_minor, currency, reorder_point, reorder_quantity, status, at, at
         FROM {rows $1 r: sku TEXT, name TEXT, category TEXT, barcode TEXT, unit_price_minor BIGINT, currency TEXT, reorder_point BIGINT, reorder_quantity BIGINT, status TEXT, at BIGINT}
         WHERE true RETURNING id, sku, name, category, barcode, unit_price_minor, currency, reorder_point, reorder_quantity, status, version, created_at, updated_at",
    );
    static ITEMS: Sql = Sql::new(
        "INSERT INTO stock_items (product_id, location_id, on_hand, reserved, reorder_point, created_at, updated_at)
         SELECT product_id, location_id, 0, 0, reorder_point, at, at
         FROM {rows $1 r: product_id BIGINT, location_id BIGINT, reorder_point BIGINT, at BIGINT}
         WHERE true ORDER BY product_id ON CONFLICT (product_id, location_id) DO NOTHING",
    );
    let mut report = ImportReport::default();
    let mut seen = HashSet::new();
    let mut good: Vec<&ImportRow> = Vec::with_capacity(rows.len());
    for row in rows {
        let refused = match check(row) {
            Err(refusal) => Some(explain(&refusal)),
            Ok(()) if !seen.insert(row.sku.as_str()) => Some(format!("sku: {} was in an earlier line", row.sku)),
            Ok(()) => None,
        };
        match refused {
            Some(detail) => report.refused.push(Refused { line: row.line, detail }),
            None => good.push(row),
        }
    }
    refuse_taken_barcodes(tx, &mut good, &mut report.refused).await?;
    if good.is_empty() {
        return Ok(report);
    }
    let now = tx.now();
    let main = locations::resolve(tx, DEFAULT_LOCATION_CODE).await?;
    let skus: Vec<_> = good.iter().map(|row| SkuRow { sku: &row.sku }).collect();
    let found: Vec<ProductAt> = tx.all(&FIND, &[(&json(&skus)?).into()]).await?;
    let found: BTreeMap<String, Product> = found.into_iter().map(|p| (p.0.sku.clone(), p.0)).collect();
    let status = |row: &ImportRow| {
        if row.discontinued {
            ProductStatus::Discontinued
        } else {
            ProductStatus::Active
        }
    };
    let new: Vec<_> = good
        .iter()
        .filter(|row| !found.contains_key(&row.sku))
        .map(|row| NewProductRow {
            sku: &row.sku,
            name: &row.name,
            category: row.category.as_deref(),
            barcode: row.barcode.as_ref().and_then(Option::as_deref),
            unit_price_minor: row.unit_price_minor,
            currency: &row.currency,
            reorder_point: row.reorder_point,
            reorder_quantity: row.reorder_quantity.unwrap_or_default(),
            status: status(row),
            at: now.micros(),
        })
        .collect();
    let inserted: Vec<ProductAt> = if new.is_empty() {
        Vec::new()
    } else {
        tx.all(&INSERT, &[(&json(&new)?).into()]).await?
    };
    for ProductAt(product) in &inserted {
        tx.audit("products_import", products::subject(product.id), None, Some(product))?;
        tx.event(EventType::ProductCreated, products::subject(product.id), product)?;
    }
    report.created = inserted.len();
    let mut products: BTreeMap<String, Product> = inserted.into_iter().map(|p| (p.0.sku.clone(), p.0)).collect();

    let mut changed = Vec::new();
    for row in &good {
        let Some(before) = found.get(&row.sku) else { continue };
        if before.status == ProductStatus::Archived {
            let detail = format!("product {} is archived", row.sku);
            report.refused.push(Refused { line: row.line, detail });
            continue;
        }
        let mut after = Product {
            name: row.name.clone(),
            category: row.category.clone(),
            barcode: row.barcode.clone().unwrap_or_else(|| before.barcode.clone()),
            unit_price_minor: row.unit_price_minor,
            currency: row.currency.clone(),
            reorder_point: row.reorder_point,
            reorder_quantity: row.reorder_quantity.unwrap_or(before.reorder_quantity),
            status: status(row),
            ..before.clone()
        };
        if after == *before {
            report.unchanged += 1;
        } else {
            after.version += 1;
            after.updated_at = now;
            tx.audit(
                "products_import",
                products::subject(after.id),
                Some(before),
                Some(&after),
            )?;
            tx.event(EventType::ProductUpdated, products::subject(after.id), &after)?;
            report.updated += 1;
            changed.push(after.sku.clone());
        }
        products.insert(row.sku.clone(), after);
    }

    let effective =
        |product: &Product, own| low_stock::effective_reorder_point(product.status, product.reorder_point, own);
    let items: Vec<_> = products
        .values()
        .map(|product| NewItemRow {
            product_id: product.id,
            location_id: main.id,
            reorder_point: effective(product, None),
            at: now.micros(),
        })
        .collect();
    if !items.is_empty() {
        tx.execute(&ITEMS, &[(&json(&items)?).into()]).await?;
    }
    let ids: Vec<i64> = products.values().map(|product| product.id).collect();
    let mut items = stock::lock_products(tx, &ids).await?;
    let wanted: BTreeMap<&str, &ImportRow> = good.iter().map(|row| (row.sku.as_str(), *row)).collect();
    for item in &mut items {
        let (Some(product), Some(row)) = (products.get(&item.sku), wanted.get(item.sku.as_str())) else {
            continue;
        };
        item.reorder_point = effective(product, item.own_reorder_point);
        let delta = row.on_hand - item.on_hand;
        if item.location_id != main.id || delta == 0 {
            continue;
        }
        let cause = Cause {
            reason: Some(Reason::Import),
            ..Cause::default()
        };
        match item.change(tx, MovementKind::Adjustment, delta, 0, cause) {
            Ok(()) => {
                report.stock_changed += 1;
                stock::record_adjustment(tx, "inventory_import", item)?;
            }
            Err(refusal) => report.refused.push(Refused {
                line: row.line,
                detail: explain(&refusal),
            }),
        }
    }
    let changed: Vec<_> = changed
        .iter()
        .filter_map(|sku| products.get(sku))
        .map(|product| ChangedProductRow {
            id: product.id,
            name: &product.name,
            category: product.category.as_deref(),
            barcode: product.barcode.as_deref(),
            unit_price_minor: product.unit_price_minor,
            currency: &product.currency,
            reorder_point: product.reorder_point,
            reorder_quantity: product.reorder_quantity,
            status: product.status,
            version: product.version,
            updated_at: product.updated_at.micros(),
        })
        .collect();
    let mut all = stock::settle(tx, items)?;
    all.push(("products", json(&changed)?));
    tx.stage(&IMPORT, all)?;
    Ok(report)
}
