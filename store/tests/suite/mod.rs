//! What every test starts from.

pub mod accounts;
pub mod catalogue;
pub mod counts;
pub mod files;
pub mod fulfilment;
pub mod holds;
pub mod levels;
pub mod lists;
pub mod model;
pub mod orders;
pub mod payments;
pub mod privacy;
pub mod purchases;
pub mod receivers;
pub mod records;
pub mod replenishment;
pub mod stock;
pub mod transfers;

use inventory_domain::{
    order::{NewOrder, NewOrderLine, OnShortage},
    parked::ParkReason,
    product::{NewProduct, Product},
    stock::{AddStock, StockItem},
};
pub use inventory_store::Engine;
use inventory_store::{Caller, Options, Store, Tx, parked::NewParked, processing::OrderMessage};
use inventory_tests::postgres::TestDatabase;
use std::time::Duration;
use uuid::Uuid;

/// A migrated database of which others are copies.
pub enum Template {
    Sqlite(Directory),
    Postgres(TestDatabase),
}

impl Template {
    pub async fn new(engine: Engine) -> Self {
        let (template, url) = match engine {
            Engine::Sqlite => {
                let directory = Directory::new();
                let url = directory.url();
                (Self::Sqlite(directory), url)
            }
            Engine::Postgres => {
                let database = inventory_tests::postgres::database();
                let url = database.url.clone();
                (Self::Postgres(database), url)
            }
        };
        let store = Store::open(&options(url)).unwrap();
        store.migrate().await.unwrap();
        // The last connection of SQLite leaves everything in one file.
        store.close().await;
        template
    }

    /// A copy, whose store has one connection: whoever holds it and waits for another waits for ever.
    pub fn copy(&self) -> Database {
        let (url, keep): (String, Box<dyn std::any::Any + Send + Sync>) = match self {
            Self::Sqlite(template) => {
                let copy = Directory::new();
                std::fs::copy(template.file(), copy.file()).unwrap();
                (copy.url(), Box::new(copy))
            }
            Self::Postgres(template) => {
                let copy = template.copy().unwrap();
                (copy.url.clone(), Box::new(copy))
            }
        };
        let one = Options {
            connections_max: 1,
            ..options(url.clone())
        };
        Database {
            store: Store::open(&one).unwrap(),
            url,
            _keep: keep,
        }
    }
}

/// A fresh, migrated database, gone when dropped.
pub struct Database {
    pub store: Store,
    url: String,
    _keep: Box<dyn std::any::Any + Send + Sync>,
}

pub struct Directory(std::path::PathBuf);

impl Directory {
    fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("inventory-{}", Uuid::now_v7()));
        std::fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.join("test.db")
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn options(url: String) -> Options {
    Options {
        url,
        password: None,
        authentication: inventory_store::Authentication::Password,
        connections_max: 10,
        acquire_timeout: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(30),
    }
}

impl Database {
    pub async fn sqlite() -> Self {
        let directory = Directory::new();
        let url = directory.url();
        let store = Store::open(&options(url.clone())).unwrap();
        store.migrate().await.unwrap();
        Self {
            store,
            url,
            _keep: Box::new(directory),
        }
    }

    pub async fn postgres() -> Self {
        let database = inventory_tests::postgres::database();
        let store = Store::open(&options(database.url.clone())).unwrap();
        store.migrate().await.unwrap();
        Self {
            store,
            url: database.url.clone(),
            _keep: Box::new(database),
        }
    }

    /// Another store over the same database, whose statements follow each other on one connection.
    pub fn with_one_connection(&self) -> Store {
        let one = Options {
            connections_max: 1,
            ..options(self.url.clone())
        };
        Store::open(&one).unwrap()
    }

    pub fn begin(&self) -> Tx {
        self.store.begin(caller())
    }

    pub async fn number(&self, sql: &str) -> i64 {
        self.store.number_raw(sql).await.unwrap()
    }

    /// What must hold after every test: the levels agree with ledger, reservations and purchase orders.
    pub async fn check(self) {
        let drift = inventory_store::reconcile::drift(&self.store, 10).await.unwrap();
        assert_eq!(
            drift,
            [],
            "levels must agree with ledger, reservations and purchase orders"
        );
        assert_eq!(
            self.number("SELECT COUNT(*) FROM order_lines WHERE NOT (0 <= shipped AND shipped <= reserved AND reserved <= quantity)").await,
            0
        );
        let held = "SELECT COUNT(*) FROM (SELECT l.order_id, l.line, l.reserved - l.shipped AS held, \
                    (SELECT COALESCE(SUM(v.quantity), 0) FROM reservations v WHERE v.order_id = l.order_id AND v.line = l.line AND v.state = 'active') AS active \
                    FROM order_lines l JOIN orders o ON o.id = l.order_id) x WHERE held <> active";
        assert_eq!(
            self.number(held).await,
            0,
            "what a line holds is what is reserved for it"
        );
        let shipped = "SELECT COUNT(*) FROM (SELECT l.shipped, (SELECT COALESCE(SUM(i.quantity), 0) FROM shipments h JOIN shipment_lines i ON i.shipment_id = h.id \
                       WHERE h.order_id = l.order_id AND i.line = l.line) AS sent FROM order_lines l) x WHERE shipped <> sent";
        assert_eq!(self.number(shipped).await, 0, "what has left is in shipments");
        let apart = "SELECT COUNT(*) FROM holds h JOIN hold_lines n ON n.hold_id = h.id WHERE n.status <> h.status OR n.expires_at <> h.expires_at";
        assert_eq!(self.number(apart).await, 0, "the lines of a hold say what it says");
        self.store.close().await;
    }

    pub async fn product(&self, sku: &str, reorder_point: i64) -> Product {
        let mut tx = self.begin();
        let new = NewProduct {
            sku: sku.to_owned(),
            name: format!("Product {sku}"),
            category: None,
            barcode: None,
            unit_price_minor: 250,
            currency: "USD".to_owned(),
            reorder_point,
            reorder_quantity: 0,
        };
        let product = inventory_store::products::create(&mut tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        product
    }

    pub async fn add(&self, product_id: i64, quantity: i64, location: Option<&str>) -> StockItem {
        let mut tx = self.begin();
        let add = AddStock {
            product_id,
            quantity,
            location: location.map(str::to_owned),
            location_id: None,
            reason: None,
            reorder_point: None,
        };
        let (item, _) = inventory_store::stock::add(&mut tx, &add).await.unwrap();
        tx.commit().await.unwrap();
        item
    }
}

pub fn caller() -> Caller {
    Caller::new("tester", "request-1")
}

pub fn order(lines: &[(&str, i64)], on_shortage: OnShortage) -> NewOrder {
    NewOrder {
        customer: "C-1".to_owned(),
        on_shortage,
        hold_minutes: None,
        payment: None,
        lines: lines
            .iter()
            .map(|(sku, quantity)| NewOrderLine {
                product_id: None,
                sku: Some((*sku).to_owned()),
                quantity: *quantity,
            })
            .collect(),
    }
}

pub fn message(order_id: Uuid, order: NewOrder) -> OrderMessage {
    OrderMessage {
        order_id,
        order,
        customer_id: None,
        trace: None,
        message: parked(&order_id.to_string(), "{}"),
    }
}

pub fn parked(message_id: &str, body: &str) -> NewParked {
    NewParked {
        source: "orders".to_owned(),
        message_id: message_id.to_owned(),
        delivery_count: 1,
        reason: ParkReason::NotJson,
        detail: "a test".to_owned(),
        body: body.to_owned(),
    }
}
