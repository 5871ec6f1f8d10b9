//! Locations in the database.

use crate::{
    StoreError, Tx,
    db::{FromRow, Reader, Run as _, Sql, Store},
    filter::Filter,
    paging::{Column, Page, Sorting},
    products::expect_version,
};
use inventory_domain::{
    Conflict, Refusal,
    event::EventType,
    location::{DEFAULT_LOCATION_CODE, DEFAULT_PRIORITY, Location, LocationChanges, NewLocation, code_from_name},
};

impl FromRow for Location {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            code: row.text()?,
            name: row.text()?,
            priority: row.int()?,
            version: row.int()?,
            created_at: row.time()?,
            updated_at: row.time()?,
        })
    }
}

/// What locations may be sorted by: there are not many.
pub static SORTING: Sorting = Sorting::new(
    "id",
    &[
        Column::int("id", "id"),
        Column::text("code", "code"),
        Column::text("name", "name"),
        Column::int("priority", "priority"),
    ],
);

/// A page of locations.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, page: Page) -> Result<Vec<Location>, StoreError> {
    let select = "SELECT id, code, name, priority, version, created_at, updated_at FROM locations";
    let (sql, args) = Filter::new().page(select, &SORTING, page);
    store.all(sql, &args).await
}

/// How many locations.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store) -> Result<i64, StoreError> {
    let (sql, args) = Filter::new().count("locations");
    store.one(sql, &args).await
}

/// One location.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: i64) -> Result<Location, StoreError> {
    static GET: Sql =
        Sql::new("SELECT id, code, name, priority, version, created_at, updated_at FROM locations WHERE id = $1");
    Ok(store
        .first(&GET, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("location", id))?)
}

fn subject(id: i64) -> String {
    format!("locations/{id}")
}

fn taken(error: StoreError, code: &str, name: &str) -> StoreError {
    error
        .on_constraint("locations_code_key", "locations.code", || {
            Refusal::conflict(
                Conflict::LocationCodeTaken,
                format!("another location has the code {code:?}"),
            )
        })
        .on_constraint("locations_name_key", "locations.name", || {
            Refusal::conflict(
                Conflict::LocationNameTaken,
                format!("another location has the name {name:?}"),
            )
        })
}

/// Creates a location.
///
/// # Errors
/// When the input breaks a rule, or code or name are taken.
pub async fn create(tx: &mut Tx, new: &NewLocation) -> Result<Location, StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO locations (code, name, priority, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
         RETURNING id, code, name, priority, version, created_at, updated_at",
    );
    new.validate("/name")?;
    let code = new.code();
    let args = [
        (&code).into(),
        (&new.name).into(),
        new.priority.unwrap_or(DEFAULT_PRIORITY).into(),
        tx.now().into(),
    ];
    let location: Location = tx
        .one(&INSERT, &args)
        .await
        .map_err(|error| taken(error, &code, &new.name))?;
    created(tx, &location)?;
    Ok(location)
}

fn created(tx: &mut Tx, location: &Location) -> Result<(), StoreError> {
    tx.audit("locations_create", subject(location.id), None, Some(location))?;
    tx.event(EventType::LocationChanged, subject(location.id), location)
}

static FIND: Sql = Sql::new(
    "SELECT id, code, name, priority, version, created_at, updated_at FROM locations
     WHERE name = $1 OR code = $2 ORDER BY CASE WHEN name = $1 THEN 0 ELSE 1 END LIMIT 1",
);

/// The location that a caller means by a name or code, or by an id, each with its pointer in the input; `None` where neither is
/// given.
///
/// # Errors
/// When there is no such location.
pub(crate) async fn look_up(
    tx: &mut Tx,
    (name, text): (&str, Option<&str>),
    (id_name, id): (&str, Option<i64>),
) -> Result<Option<Location>, StoreError> {
    static BY_ID: Sql =
        Sql::new("SELECT id, code, name, priority, version, created_at, updated_at FROM locations WHERE id = $1");
    let (pointer, found, what) = match (text, id) {
        (Some(text), _) => {
            let code = code_from_name(text);
            (
                name,
                tx.first(&FIND, &[text.into(), (&code).into()]).await?,
                text.to_owned(),
            )
        }
        (None, Some(id)) => (id_name, tx.first(&BY_ID, &[id.into()]).await?, id.to_string()),
        (None, None) => return Ok(None),
    };
    if found.is_none() {
        let detail = format!("location {what} does not exist");
        return Err(Refusal::invalid(pointer, "unknown_location", detail).into());
    }
    Ok(found)
}

/// The location that a caller means by `text`: its name, or its code (`Warehouse A` is `WAREHOUSE-A`); created where it is
/// not there.
pub(crate) async fn resolve(tx: &mut Tx, text: &str) -> Result<Location, StoreError> {
    // Two requests may find that it is missing: one creates it, the other takes what was created.
    static INSERT: Sql = Sql::new(
        "INSERT INTO locations (code, name, priority, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT DO NOTHING RETURNING id, code, name, priority, version, created_at, updated_at",
    );
    let new = NewLocation::named(text);
    new.validate("/location")?;
    let code = code_from_name(text);
    let find = [text.into(), (&code).into()];
    if let Some(location) = tx.first(&FIND, &find).await? {
        return Ok(location);
    }
    let insert = [(&code).into(), text.into(), DEFAULT_PRIORITY.into(), tx.now().into()];
    if let Some(location) = tx.first(&INSERT, &insert).await? {
        created(tx, &location)?;
        return Ok(location);
    }
    tx.one(&FIND, &find).await
}

/// The location with this id, else the one that is meant by this name or code (`MAIN` where there is none).
pub(crate) async fn named(tx: &mut Tx, id: Option<i64>, name: Option<&str>) -> Result<Location, StoreError> {
    if id.is_none() {
        return resolve(tx, name.unwrap_or(DEFAULT_LOCATION_CODE)).await;
    }
    let found = look_up(tx, ("/location", None), ("/location_id", id)).await?;
    found.ok_or(StoreError::Internal(sqlx::Error::RowNotFound))
}

/// Changes a location.
///
/// # Errors
/// When the input breaks a rule, the version is another one, or code or name are taken.
pub async fn update(
    tx: &mut Tx,
    id: i64,
    expected: Option<i64>,
    changes: &LocationChanges,
) -> Result<Location, StoreError> {
    static LOCK: Sql = Sql::new(
        "SELECT id, code, name, priority, version, created_at, updated_at FROM locations WHERE id = $1 {lock}",
    );
    static UPDATE: Sql = Sql::new(
        "UPDATE locations SET code = $2, name = $3, priority = $4, version = $5, updated_at = $6 WHERE id = $1",
    );
    let before: Location = tx
        .first(&LOCK, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("location", id))?;
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
        after.priority.into(),
        after.version.into(),
        after.updated_at.into(),
    ];
    tx.execute(&UPDATE, &args)
        .await
        .map_err(|error| taken(error, &after.code, &after.name))?;
    tx.audit("locations_update", subject(id), Some(&before), Some(&after))?;
    tx.event(EventType::LocationChanged, subject(id), &after)?;
    Ok(after)
}
