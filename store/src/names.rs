//! What the names in orders stand for: products by id or SKU, and the customers, who are added where they are new. Looked up
//! before any lock is taken: ids never change.

use crate::{
    StoreError, Tx, customers,
    db::{FromRow, Group, Reader, Run as _, Sql, Store, all_failed, json},
};
use inventory_domain::{
    Conflict, Refusal,
    order::{NewOrder, NewOrderLine, OnShortage, OrderLine},
    product::ProductStatus,
};
use serde::Serialize;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use uuid::Uuid;

/// What names stand for.
#[derive(Default)]
pub(crate) struct Names {
    by_id: HashMap<i64, (String, ProductStatus)>,
    by_sku: HashMap<String, i64>,
    customer_by_id: HashMap<i64, String>,
    customer_by_reference: HashMap<String, i64>,
    reservations: HashSet<Uuid>,
}

/// Who orders.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ordering<'a> {
    /// Who has this reference; a new customer where nobody has.
    Reference(&'a str),
    /// Who has this id.
    Id(i64),
    /// Nobody yet: units are held, or moved.
    Nobody,
}

/// Lines alone, in the form in which names are looked up.
pub(crate) fn wanted(lines: &[NewOrderLine]) -> NewOrder {
    NewOrder {
        customer: String::new(),
        on_shortage: OnShortage::Reject,
        hold_minutes: None,
        payment: None,
        lines: lines.to_vec(),
    }
}

/// The names of orders that arrive one by one: those that come together are looked up together.
pub(crate) type NameLookups = Group<Wanted, Result<Arc<Names>, StoreError>>;

/// Names to be looked up.
#[derive(Default)]
pub(crate) struct Wanted {
    product_ids: Vec<i64>,
    skus: Vec<String>,
    customers: Vec<String>,
    customer_ids: Vec<i64>,
    order_ids: Vec<Uuid>,
}

impl Wanted {
    fn add(&mut self, order: &NewOrder, ordering: Ordering<'_>) {
        for line in &order.lines {
            self.product_ids.extend(line.product_id);
            self.skus.extend(line.sku.clone());
        }
        match ordering {
            Ordering::Reference(reference) => self.customers.push(reference.to_owned()),
            Ordering::Id(id) => self.customer_ids.push(id),
            Ordering::Nobody => {}
        }
    }

    fn append(&mut self, mut other: Self) {
        self.product_ids.append(&mut other.product_ids);
        self.skus.append(&mut other.skus);
        self.customers.append(&mut other.customers);
        self.customer_ids.append(&mut other.customer_ids);
        self.order_ids.append(&mut other.order_ids);
    }

    fn sort(&mut self) {
        for ids in [&mut self.product_ids, &mut self.customer_ids] {
            ids.sort_unstable();
            ids.dedup();
        }
        for names in [&mut self.skus, &mut self.customers] {
            names.sort_unstable();
            names.dedup();
        }
    }
}

/// What has a name, where that is no customer.
enum Named {
    Product(ProductStatus),
    Reservation,
}

impl Named {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "reservation" => Some(Self::Reservation),
            _ => ProductStatus::parse(text).map(Self::Product),
        }
    }
}

/// A name that was looked up; id or name is missing where nothing has it.
struct NameRow {
    id: Option<i64>,
    name: Option<String>,
    named: Option<Named>,
}

impl FromRow for NameRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int_opt()?,
            name: row.text_opt()?,
            named: row.word_opt(Named::parse)?,
        })
    }
}

#[derive(Serialize)]
struct IdRow {
    product_id: i64,
}

#[derive(Serialize)]
struct SkuRow<'a> {
    sku: &'a str,
}

#[derive(Serialize)]
struct ReferenceRow<'a> {
    reference: &'a str,
}

#[derive(Serialize)]
struct CustomerIdRow {
    customer_id: i64,
}

#[derive(Serialize)]
struct OrderIdRow {
    order_id: Uuid,
    name: Uuid,
}

// Subselects instead of joins: each name is one look-up by an index, whatever the planner thinks of the number of rows.
static LOOK_UP: Sql = Sql::new(
    "SELECT r.product_id, (SELECT p.sku FROM products p WHERE p.id = r.product_id), (SELECT p.status FROM products p WHERE p.id = r.product_id)
     FROM {rows $1 r: product_id BIGINT}
     UNION ALL SELECT (SELECT p.id FROM products p WHERE p.sku = q.sku), q.sku, (SELECT p.status FROM products p WHERE p.sku = q.sku)
     FROM {rows $2 q: sku TEXT}
     UNION ALL SELECT (SELECT c.id FROM customers c WHERE c.reference = k.reference), k.reference, NULL
     FROM {rows $3 k: reference TEXT}
     UNION ALL SELECT d.customer_id, (SELECT c.reference FROM customers c WHERE c.id = d.customer_id), NULL
     FROM {rows $4 d: customer_id BIGINT}
     UNION ALL SELECT NULL, e.name, 'reservation'
     FROM {rows $5 e: order_id UUID, name TEXT} WHERE (SELECT h.version FROM holds h WHERE h.id = e.order_id) IS NOT NULL",
);

/// What the names in `orders` stand for. Their customers are there afterwards.
pub(crate) async fn resolve(tx: &mut Tx, orders: &[(&NewOrder, Ordering<'_>)]) -> Result<Arc<Names>, StoreError> {
    resolve_with_ids(tx, orders, Vec::new()).await
}

/// As [`resolve`]; tells of `order_ids`, too, which are reservations' ([`Names::is_reservation`]).
pub(crate) async fn resolve_with_ids(
    tx: &mut Tx,
    orders: &[(&NewOrder, Ordering<'_>)],
    order_ids: Vec<Uuid>,
) -> Result<Arc<Names>, StoreError> {
    let mut wanted = Wanted {
        order_ids,
        ..Wanted::default()
    };
    for (order, ordering) in orders {
        wanted.add(order, *ordering);
    }
    if !tx.has_begun() {
        let store = tx.store().clone();
        // A batch from the queue is a group already.
        return match orders {
            [_] => store.name_lookups.join(&store, wanted, look_up_group).await?,
            _ => look_up(&store, wanted).await.map(Arc::new),
        };
    }
    // On SQLite another connection could wait for this transaction for ever.
    wanted.sort();
    let args = parameters(&wanted)?;
    let rows = tx.all(&LOOK_UP, &args.each_ref().map(Into::into)).await?;
    let (mut names, new) = gather(rows, wanted.customers);
    if !new.is_empty() {
        let rows = customers::rows(&new, tx.now())?;
        tx.execute(&customers::ENSURE, &[(&rows).into()]).await?;
        names.extend(tx.all(&customers::NAMED, &[(&rows).into()]).await?);
    }
    Ok(Arc::new(names))
}

/// Looks the names of a group up at once.
async fn look_up_group(store: Store, group: Vec<Wanted>) -> Vec<Result<Arc<Names>, StoreError>> {
    let count = group.len();
    let mut all = Wanted::default();
    for wanted in group {
        all.append(wanted);
    }
    match look_up(&store, all).await {
        Ok(names) => {
            let names = Arc::new(names);
            (0..count).map(|_| Ok(Arc::clone(&names))).collect()
        }
        Err(error) => all_failed(error, count),
    }
}

async fn look_up(store: &Store, mut wanted: Wanted) -> Result<Names, StoreError> {
    wanted.sort();
    let args = parameters(&wanted)?;
    let rows = store.all(&LOOK_UP, &args.each_ref().map(Into::into)).await?;
    let (mut names, new) = gather(rows, wanted.customers);
    if !new.is_empty() {
        let rows = customers::rows(&new, crate::clock())?;
        store.execute(&customers::ENSURE, &[(&rows).into()]).await?;
        names.extend(store.all(&customers::NAMED, &[(&rows).into()]).await?);
    }
    Ok(names)
}

fn parameters(wanted: &Wanted) -> Result<[String; 5], StoreError> {
    let ids: Vec<_> = wanted
        .product_ids
        .iter()
        .map(|&product_id| IdRow { product_id })
        .collect();
    let skus: Vec<_> = wanted.skus.iter().map(|sku| SkuRow { sku }).collect();
    let customers: Vec<_> = wanted
        .customers
        .iter()
        .map(|reference| ReferenceRow { reference })
        .collect();
    let customer_ids: Vec<_> = wanted
        .customer_ids
        .iter()
        .map(|&customer_id| CustomerIdRow { customer_id })
        .collect();
    let order_ids: Vec<_> = wanted
        .order_ids
        .iter()
        .map(|&order_id| OrderIdRow {
            order_id,
            name: order_id,
        })
        .collect();
    Ok([
        json(&ids)?,
        json(&skus)?,
        json(&customers)?,
        json(&customer_ids)?,
        json(&order_ids)?,
    ])
}

/// Names as they were found, and the customers of `customers` (sorted) that were not.
fn gather(rows: Vec<NameRow>, mut customers: Vec<String>) -> (Names, Vec<String>) {
    let mut names = Names::default();
    names.extend(rows);
    customers.retain(|reference| !names.customer_by_reference.contains_key(reference));
    (names, customers)
}

impl Names {
    fn extend(&mut self, rows: Vec<NameRow>) {
        for row in rows {
            match (row.id, row.name, row.named) {
                (Some(id), Some(sku), Some(Named::Product(status))) => {
                    self.by_sku.insert(sku.clone(), id);
                    self.by_id.insert(id, (sku, status));
                }
                (Some(id), Some(reference), None) => {
                    self.customer_by_id.insert(id, reference.clone());
                    self.customer_by_reference.insert(reference, id);
                }
                (None, Some(id), Some(Named::Reservation)) => self.reservations.extend(Uuid::parse_str(&id).ok()),
                _ => {}
            }
        }
    }

    /// The id and the reference of who orders; `None` where nobody has the id.
    pub(crate) fn customer(&self, ordering: Ordering<'_>) -> Option<(i64, String)> {
        match ordering {
            Ordering::Reference(reference) => {
                let id = self.customer_by_reference.get(reference)?;
                Some((*id, reference.to_owned()))
            }
            Ordering::Id(id) => Some((id, self.customer_by_id.get(&id)?.clone())),
            Ordering::Nobody => None,
        }
    }

    /// Whether an order's id is that of a reservation, which may have become that very order.
    pub(crate) fn is_reservation(&self, order_id: Uuid) -> bool {
        self.reservations.contains(&order_id)
    }

    /// As [`Names::lines`]; refuses products that are archived, too.
    pub(crate) fn stocked_lines(&self, order: &NewOrder) -> Result<Vec<OrderLine>, Refusal> {
        let (lines, statuses) = self.lines(order)?;
        match statuses.iter().position(|status| *status == ProductStatus::Archived) {
            None => Ok(lines),
            Some(index) => {
                let detail = format!("product {} is archived", lines[index].product_id);
                Err(Refusal::conflict(Conflict::ProductArchived, detail))
            }
        }
    }

    /// The lines of an order, with the status of each product; the pointers of unknown products otherwise.
    pub(crate) fn lines(&self, order: &NewOrder) -> Result<(Vec<OrderLine>, Vec<ProductStatus>), Refusal> {
        let mut check = inventory_domain::Check::new();
        let mut lines = Vec::with_capacity(order.lines.len());
        let mut statuses = Vec::with_capacity(order.lines.len());
        for (index, line) in order.lines.iter().enumerate() {
            let id = line
                .product_id
                .or_else(|| self.by_sku.get(line.sku.as_deref()?).copied());
            if let Some((product_id, (sku, status))) = id.and_then(|id| Some((id, self.by_id.get(&id)?))) {
                lines.push(OrderLine::new(index as i64 + 1, product_id, sku.clone(), line.quantity));
                statuses.push(*status);
            } else {
                let (pointer, name) = match (line.product_id, &line.sku) {
                    (Some(id), _) => (format!("/lines/{index}/product_id"), id.to_string()),
                    (None, sku) => (format!("/lines/{index}/sku"), sku.clone().unwrap_or_default()),
                };
                check.fail(pointer, "unknown_product", format!("product {name} does not exist"));
            }
        }
        check.finish()?;
        Ok((lines, statuses))
    }
}
