use super::Database;
use inventory_domain::{
    Conflict, Refusal,
    product::{NewProduct, ProductChanges, ProductStatus},
};
use inventory_store::{
    Page, StoreError,
    catalogue::{self, ImportRow},
    products::{self, ProductFilter},
    stock::{self, StockFilter},
};

pub async fn products_live(database: &Database) {
    let product = database.product("A-1", 10).await;
    assert_eq!(
        (product.id > 0, product.version, product.status),
        (true, 1, ProductStatus::Active)
    );
    let mut tx = database.begin();
    let again = NewProduct {
        sku: "A-1".into(),
        ..new("x")
    };
    let error = products::create(&mut tx, &again).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Refused(Refusal::Conflict {
                conflict: Conflict::SkuTaken,
                ..
            })
        ),
        "{error:?}"
    );
    drop(tx);

    let mut tx = database.begin();
    let changes = ProductChanges {
        name: Some("Renamed".into()),
        ..ProductChanges::default()
    };
    let stale = products::update(&mut tx, product.id, Some(7), &changes)
        .await
        .unwrap_err();
    assert!(
        matches!(stale, StoreError::Refused(Refusal::VersionMismatch { current: 1 })),
        "{stale:?}"
    );
    let renamed = products::update(&mut tx, product.id, Some(1), &changes).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.version), ("Renamed", 2));

    database.add(product.id, 5, None).await;
    let mut tx = database.begin();
    let refused = products::archive(&mut tx, product.id, None).await.unwrap_err();
    assert!(matches!(
        refused,
        StoreError::Refused(Refusal::Conflict {
            conflict: Conflict::ProductHasStock,
            ..
        })
    ));
    drop(tx);

    let other = database.product("A-2", 0).await;
    let mut tx = database.begin();
    let archived = products::archive(&mut tx, other.id, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(archived.status, ProductStatus::Archived);
    let filter = ProductFilter {
        status: Some(ProductStatus::Active),
        ..ProductFilter::default()
    };
    let active = products::list(&database.store, &filter, Page::default()).await.unwrap();
    assert_eq!(active.iter().map(|p| p.id).collect::<Vec<_>>(), [product.id]);
    assert_eq!(
        products::count(&database.store, &ProductFilter::default())
            .await
            .unwrap(),
        2
    );
    assert_eq!(products::get(&database.store, product.id).await.unwrap(), renamed);
    assert!(matches!(
        products::get(&database.store, 999).await,
        Err(StoreError::Refused(Refusal::NotFound { .. }))
    ));
}

pub fn new(sku: &str) -> NewProduct {
    NewProduct {
        sku: sku.into(),
        name: "A name".into(),
        category: None,
        barcode: None,
        unit_price_minor: 0,
        currency: "USD".into(),
        reorder_point: 0,
        reorder_quantity: 0,
    }
}

fn row(line: u64, sku: &str, on_hand: i64) -> ImportRow {
    ImportRow {
        line,
        sku: sku.into(),
        name: format!("Product {sku}"),
        category: Some("Tea".into()),
        barcode: None,
        unit_price_minor: 1_800,
        currency: "USD".into(),
        on_hand,
        reorder_point: 10,
        reorder_quantity: None,
        discontinued: line == 3,
    }
}

pub async fn import_twice_changes_nothing_the_second_time(database: &Database) {
    let mut rows: Vec<_> = (1..=700).map(|n| row(n, &format!("NW-{n:03}"), n as i64)).collect();
    rows.push(row(701, "NW-001", 5));
    rows.push(ImportRow {
        currency: "dollars".into(),
        on_hand: -1,
        ..row(702, "NW-702", 5)
    });
    let statements = database.store.statements();
    let report = catalogue::import(database.begin(), &rows).await.unwrap();
    let used = database.store.statements() - statements;
    assert!(used < 40, "{used} statements for 700 rows");
    assert_eq!((report.created, report.updated, report.stock_changed), (700, 0, 700));
    let lines: Vec<_> = report.refused.iter().map(|refused| refused.line).collect();
    assert_eq!(lines, [701, 702]);

    rows.truncate(700);
    let again = catalogue::import(database.begin(), &rows).await.unwrap();
    assert_eq!(
        (again.created, again.updated, again.unchanged, again.stock_changed),
        (0, 0, 700, 0)
    );
    rows[0].on_hand = 3;
    rows[1].name = "Another name".into();
    let third = catalogue::import(database.begin(), &rows).await.unwrap();
    assert_eq!((third.updated, third.unchanged, third.stock_changed), (1, 699, 1));
    let filter = StockFilter {
        sku: Some("NW-001".into()),
        ..StockFilter::default()
    };
    let item = stock::list(&database.store, &filter, Page::default())
        .await
        .unwrap()
        .remove(0);
    assert_eq!((item.quantity, item.location.as_str()), (3, "MAIN"));
    // NW-003 has 3 units and a reorder point of 10, but is discontinued: never low.
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM alerts WHERE status <> 'cleared'")
            .await,
        9
    );
}

pub async fn barcodes_belong_to_one_product(database: &Database) {
    let with = |line, sku, barcode: Option<&str>| ImportRow {
        barcode: Some(barcode.map(str::to_owned)),
        reorder_quantity: Some(7),
        ..row(line, sku, 1)
    };
    let rows = [
        with(2, "A", Some("1")),
        with(3, "B", Some("2")),
        with(4, "C", Some("1")),
        with(5, "D", None),
    ];
    let report = catalogue::import(database.begin(), &rows).await.unwrap();
    assert_eq!(report.created, 3);
    assert_eq!(
        report.refused,
        [catalogue::Refused {
            line: 4,
            detail: "barcode: product A has it".to_owned()
        }]
    );
    let again = catalogue::import(database.begin(), &rows).await.unwrap();
    assert_eq!((again.unchanged, again.refused), (3, report.refused));
    // A file without these columns leaves them as they are; one with empty cells does not.
    let report = catalogue::import(database.begin(), &[row(2, "A", 1)]).await.unwrap();
    assert_eq!(report.unchanged, 1);
    let rows = [with(2, "A", None), with(3, "B", Some("2"))];
    let report = catalogue::import(database.begin(), &rows).await.unwrap();
    assert_eq!((report.updated, report.unchanged), (1, 1));
    let report = catalogue::import(database.begin(), &[with(2, "C", Some("1"))])
        .await
        .unwrap();
    assert_eq!(report.created, 1);
}
