//! Suppliers in the database, and what they supply.

use crate::{
    StoreError, Tx,
    db::{FromRow, Reader, Run, Sql, Store, json},
    filter::Filter,
    paging::{Column, Page, Sorting},
    products::expect_version,
};
use inventory_domain::{
    Conflict, Refusal, Violation,
    event::EventType,
    supplier::{NewSupplier, SuppliedProduct, Supplier, SupplierChanges},
};
use serde::Serialize;

impl FromRow for Supplier {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            code: row.text()?,
            name: row.text()?,
            currency: row.text()?,
            enabled: row.int()? != 0,
            products: None,
            version: row.int()?,
            created_at: row.time()?,
            updated_at: row.time()?,
        })
    }
}

impl FromRow for SuppliedProduct {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            product_id: row.int()?,
            lead_time_days: row.int()?,
            minimum_quantity: row.int()?,
            pack_size: row.int()?,
            unit_cost_minor: row.int()?,
            safety_stock: row.int()?,
            priority: row.int()?,
        })
    }
}

/// What suppliers may be sorted by: there are not many.
pub static SORTING: Sorting = Sorting::new(
    "id",
    &[
        Column::int("id", "id"),
        Column::text("code", "code"),
        Column::text("name", "name"),
    ],
);

/// A page of suppliers, without their products.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, page: Page) -> Result<Vec<Supplier>, StoreError> {
    let select = "SELECT id, code, name, currency, enabled, version, created_at, updated_at FROM suppliers";
    let (sql, args) = Filter::new().page(select, &SORTING, page);
    store.all(sql, &args).await
}

/// How many suppliers.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store) -> Result<i64, StoreError> {
    let (sql, args) = Filter::new().count("suppliers");
    store.one(sql, &args).await
}

/// One supplier with its products.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: i64) -> Result<Supplier, StoreError> {
    static GET: Sql = Sql::new(
        "SELECT id, code, name, currency, enabled, version, created_at, updated_at FROM suppliers WHERE id = $1",
    );
    let found: Option<Supplier> = store.first(&GET, &[id.into()]).await?;
    // The products after their supplier: an ETag may be older than what it stands for, never newer.
    with_products(store, found, id).await
}

async fn lock(tx: &mut Tx, id: i64) -> Result<Supplier, StoreError> {
    static LOCK: Sql = Sql::new(
        "SELECT id, code, name, currency, enabled, version, created_at, updated_at FROM suppliers WHERE id = $1 {lock}",
    );
    let found: Option<Supplier> = tx.first(&LOCK, &[id.into()]).await?;
    with_products(tx, found, id).await
}

async fn with_products(run: impl Run, found: Option<Supplier>, id: i64) -> Result<Supplier, StoreError> {
    static PRODUCTS: Sql = Sql::new(
        "SELECT product_id, lead_time_days, minimum_quantity, pack_size, unit_cost_minor, safety_stock, priority
         FROM supplied_products WHERE supplier_id = $1 ORDER BY product_id",
    );
    let mut supplier = found.ok_or_else(|| Refusal::not_found("supplier", id))?;
    supplier.products = Some(run.all(&PRODUCTS, &[id.into()]).await?);
    Ok(supplier)
}

fn subject(id: i64) -> String {
    format!("suppliers/{id}")
}

fn taken(error: StoreError, code: &str) -> StoreError {
    error.on_constraint("suppliers_code_key", "suppliers.code", || {
        let detail = format!("another supplier has the code {code:?}");
        Refusal::conflict(Conflict::SupplierCodeTaken, detail)
    })
}

#[derive(Serialize)]
struct SuppliedRow<'a> {
    supplier_id: i64,
    #[serde(flatten)]
    product: &'a SuppliedProduct,
}

/// Refuses products that do not exist, naming all of them.
pub(crate) async fn expect_products(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = i64>,
    pointer: impl Fn(usize) -> String,
) -> Result<(), StoreError> {
    #[derive(Serialize)]
    struct IdRow {
        at: usize,
        id: i64,
    }
    static MISSING: Sql = Sql::new(
        "SELECT r.at, r.id FROM {rows $1 r: at BIGINT, id BIGINT} WHERE NOT EXISTS (SELECT 1 FROM products p WHERE p.id = r.id) ORDER BY r.at",
    );
    struct Missing(i64, i64);
    impl FromRow for Missing {
        fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
            Ok(Self(row.int()?, row.int()?))
        }
    }
    let rows: Vec<_> = ids.into_iter().enumerate().map(|(at, id)| IdRow { at, id }).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let missing: Vec<Missing> = tx.all(&MISSING, &[(&json(&rows)?).into()]).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let violation = |Missing(at, id)| Violation {
        pointer: pointer(usize::try_from(at).unwrap_or_default()),
        code: "unknown_product",
        detail: format!("product {id} does not exist"),
    };
    Err(Refusal::Invalid(missing.into_iter().map(violation).collect()).into())
}

async fn write_products(tx: &mut Tx, supplier_id: i64, products: &[SuppliedProduct]) -> Result<(), StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO supplied_products (supplier_id, product_id, lead_time_days, minimum_quantity, pack_size, unit_cost_minor, safety_stock, priority)
         SELECT supplier_id, product_id, lead_time_days, minimum_quantity, pack_size, unit_cost_minor, safety_stock, priority
         FROM {rows $1 r: supplier_id BIGINT, product_id BIGINT, lead_time_days BIGINT, minimum_quantity BIGINT, pack_size BIGINT, unit_cost_minor BIGINT, safety_stock BIGINT, priority BIGINT}",
    );
    let ids = products.iter().map(|product| product.product_id);
    expect_products(tx, ids, |at| format!("/products/{at}/product_id")).await?;
    let rows: Vec<_> = products
        .iter()
        .map(|product| SuppliedRow { supplier_id, product })
        .collect();
    tx.execute(&INSERT, &[(&json(&rows)?).into()]).await?;
    Ok(())
}

/// Creates a supplier.
///
/// # Errors
/// When the input breaks a rule, a product does not exist, or the code is taken.
pub async fn create(tx: &mut Tx, new: &NewSupplier) -> Result<Supplier, StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO suppliers (code, name, currency, enabled, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)
         RETURNING id, code, name, currency, enabled, version, created_at, updated_at",
    );
    new.validate()?;
    let code = new.code();
    let args = [
        (&code).into(),
        (&new.name).into(),
        (&new.currency).into(),
        i64::from(new.enabled).into(),
        tx.now().into(),
    ];
    let mut supplier: Supplier = tx.one(&INSERT, &args).await.map_err(|error| taken(error, &code))?;
    write_products(tx, supplier.id, &new.products).await?;
    let mut products = new.products.clone();
    products.sort_by_key(|product| product.product_id);
    supplier.products = Some(products);
    tx.audit("suppliers_create", subject(supplier.id), None, Some(&supplier))?;
    tx.event(EventType::SupplierChanged, subject(supplier.id), &supplier.summary())?;
    Ok(supplier)
}

/// Changes a supplier.
///
/// # Errors
/// When the input breaks a rule, a product does not exist, the version is another one, or the code is taken.
pub async fn update(
    tx: &mut Tx,
    id: i64,
    expected: Option<i64>,
    changes: &SupplierChanges,
) -> Result<Supplier, StoreError> {
    static UPDATE: Sql = Sql::new(
        "UPDATE suppliers SET code = $2, name = $3, currency = $4, enabled = $5, version = $6, updated_at = $7 WHERE id = $1",
    );
    static FORGET: Sql = Sql::new("DELETE FROM supplied_products WHERE supplier_id = $1");
    let before = lock(tx, id).await?;
    expect_version(expected, before.version)?;
    let mut after = changes.apply(&before)?;
    if after == before {
        return Ok(before);
    }
    after.version += 1;
    after.updated_at = tx.now();
    let args = [
        id.into(),
        (&after.code).into(),
        (&after.name).into(),
        (&after.currency).into(),
        i64::from(after.enabled).into(),
        after.version.into(),
        after.updated_at.into(),
    ];
    tx.execute(&UPDATE, &args)
        .await
        .map_err(|error| taken(error, &after.code))?;
    if after.products != before.products {
        tx.execute(&FORGET, &[id.into()]).await?;
        // In the order given, so that a wrong one is named by its place there.
        write_products(tx, id, changes.products.as_deref().unwrap_or_default()).await?;
    }
    tx.audit("suppliers_update", subject(id), Some(&before), Some(&after))?;
    tx.event(EventType::SupplierChanged, subject(id), &after.summary())?;
    Ok(after)
}
