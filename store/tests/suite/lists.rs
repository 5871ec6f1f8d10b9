use super::Database;
use inventory_domain::product::{NewProduct, Product, ProductChanges};
use inventory_store::{
    Engine, Kept, Key, Page, Sorting,
    products::{self, ProductFilter},
};
use std::time::Duration;

/// Where the page after `product` begins in an order.
fn after(sorting: &Sorting, order: &str, product: &Product) -> Page {
    let mut page = Page::new(0, 3);
    page.sort = sorting.parse(order).unwrap();
    page.after = sorting
        .order(&page.sort)
        .into_iter()
        .map(|(column, _)| match column.name {
            "id" => Key::Int(product.id),
            "sku" => Key::Text(product.sku.clone()),
            "name" => Key::Text(product.name.clone()),
            _ => Key::Int(product.updated_at.micros()),
        })
        .collect();
    page
}

pub async fn pages_in_every_order_are_the_whole_list(database: &Database) {
    for number in 0..11 {
        let mut tx = database.begin();
        let new = NewProduct {
            // Several of each.
            name: format!("N{}", number % 3),
            ..super::catalogue::new(&format!("S{}", number * 7 % 11))
        };
        products::create(&mut tx, &new).await.unwrap();
        tx.commit().await.unwrap();
    }
    let filter = ProductFilter::default();
    let names: Vec<_> = products::SORTING.columns().iter().map(|column| column.name).collect();
    let signed: Vec<_> = names
        .iter()
        .flat_map(|name| [(*name).to_owned(), format!("-{name}")])
        .collect();
    let mut orders = signed.clone();
    orders.extend(
        signed
            .iter()
            .flat_map(|first| signed.iter().map(move |second| format!("{first},{second}"))),
    );
    for order in orders {
        let mut whole = Page::new(0, 100);
        whole.sort = products::SORTING.parse(&order).unwrap();
        let whole = products::list(&database.store, &filter, whole).await.unwrap();
        assert_eq!(whole.len(), 11);
        let mut page = Page::new(0, 3);
        page.sort = products::SORTING.parse(&order).unwrap();
        let mut seen = Vec::new();
        loop {
            let found = products::list(&database.store, &filter, page).await.unwrap();
            let Some(last) = found.last() else { break };
            page = after(&products::SORTING, &order, last);
            seen.extend(found);
        }
        assert_eq!(seen, whole, "{order}");
    }
}

pub async fn searches_and_deep_pages_use_their_indexes(database: &Database) {
    let text = "lower(sku || ' ' || name || ' ' || COALESCE(category, '') || ' ' || COALESCE(barcode, ''))";
    for (statement, index) in [
        (
            format!("SELECT id FROM products WHERE {text} LIKE lower('%green%') ESCAPE '\\' ORDER BY id LIMIT 10"),
            "products_search",
        ),
        (
            "SELECT id FROM products WHERE (updated_at, id) < (5, 7) ORDER BY updated_at DESC, id DESC LIMIT 10".to_owned(),
            "products_updated",
        ),
        (
            "SELECT id FROM products WHERE (name, id) > ('x', 7) ORDER BY name, id LIMIT 10".to_owned(),
            "products_name",
        ),
        (
            "SELECT id FROM orders WHERE (created_at, id) < (5, '019b8d7a-7c00-7000-8000-000000000001') ORDER BY created_at DESC, \
             id DESC LIMIT 10"
                .to_owned(),
            "orders_created",
        ),
    ] {
        if let Some(plan) = database.store.explain(&statement).await.unwrap() {
            assert!(plan.contains(index), "{statement}\n{plan}");
        }
    }
}

async fn rename(database: &Database, store: &inventory_store::Store, id: i64, name: &str) {
    let changes = ProductChanges {
        name: Some(name.to_owned()),
        ..ProductChanges::default()
    };
    let mut tx = store.begin(super::caller());
    products::update(&mut tx, id, None, &changes).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(products::get(&database.store, id).await.unwrap().name, name);
}

pub async fn changes_are_heard_of(database: &Database) {
    let product = database.product("A-1", 0).await;
    let other = database.product("A-2", 0).await;
    let store = &database.store;
    if store.engine() == Engine::Sqlite {
        let before = store.mark(Kept::Product, product.id).unwrap();
        rename(database, store, product.id, "Renamed").await;
        assert_ne!(store.mark(Kept::Product, product.id), Some(before));
        return;
    }
    assert_eq!(store.mark(Kept::Product, product.id), None, "nobody listens");
    let (began, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let listening = store.clone();
    let task = tokio::spawn(async move {
        listening
            .hear_changes(|| {
                let _ = began.send(());
            })
            .await
    });
    has_begun.recv().await.unwrap();
    let before = store.mark(Kept::Product, product.id).unwrap();
    let untouched = store.mark(Kept::Product, other.id).unwrap();
    // Another instance, which knows nothing of this one.
    let elsewhere = database.with_one_connection();
    rename(database, &elsewhere, product.id, "Renamed").await;
    let heard = async {
        while store.mark(Kept::Product, product.id) == Some(before) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), heard).await.unwrap();
    assert_eq!(store.mark(Kept::Product, other.id), Some(untouched));
    // The connection is lost: what others do is not heard of.
    store
        .execute_raw("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(30), task)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(store.mark(Kept::Product, product.id), None);
}
