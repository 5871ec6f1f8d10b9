use super::{
    Database, message, order,
    purchases::{supplied, supplier},
};
use inventory_domain::{
    Conflict, Refusal, Timestamp,
    movement::Reason,
    order::OnShortage,
    product::{ProductChanges, ProductStatus},
    purchase::PurchaseStatus,
    replenishment::{Chosen, Horizon, Needs, Replenishment, Suggestion},
    shipment::NewShipment,
    stock::AdjustStock,
    supplier::{SuppliedProduct, SupplierChanges},
};
use inventory_store::{
    Page, StoreError, clock, fulfilment, processing, products,
    replenishment::{self, SuggestionFilter},
    stock, suppliers,
};
use uuid::Uuid;

async fn sell(database: &Database, item: i64, units: i64) {
    let mut tx = database.begin();
    let sale = AdjustStock {
        delta: -units,
        reason: Reason::Sale,
        note: None,
    };
    stock::adjust(&mut tx, item, None, &sale).await.unwrap();
    tx.commit().await.unwrap();
}

async fn suggestions(database: &Database, filter: &SuggestionFilter) -> Vec<Suggestion> {
    replenishment::suggestions(&database.store, filter, Horizon::default(), clock(), Page::default())
        .await
        .unwrap()
}

pub async fn suggestions_say_why(database: &Database) {
    let tea = database.product("TEA", 20).await;
    let item = database.add(tea.id, 120, None).await;
    // As if the item had been there for long.
    let long_ago = clock().micros() - 90 * 86_400_000_000;
    database
        .store
        .execute_raw(&format!("UPDATE stock_items SET created_at = {long_ago}"))
        .await
        .unwrap();
    let terms = SuppliedProduct {
        safety_stock: 5,
        pack_size: 12,
        ..supplied(tea.id)
    };
    let far = supplier(
        database,
        "FAR",
        vec![SuppliedProduct {
            priority: 200,
            ..terms.clone()
        }],
    )
    .await;
    let near = supplier(database, "NEAR", vec![terms]).await;
    sell(database, item.id, 54).await;
    // What is shipped counts as sold, what is only promised does not, and is not available.
    let (shipped, promised) = (Uuid::now_v7(), Uuid::now_v7());
    let batch = [
        message(shipped, order(&[("TEA", 30)], OnShortage::Reject)),
        message(promised, order(&[("TEA", 21)], OnShortage::Reject)),
    ];
    processing::process(&database.store, &super::caller(), &batch, &[])
        .await
        .unwrap();
    let mut tx = database.begin();
    fulfilment::ship(&mut tx, shipped, None, &NewShipment::default())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // 84 in 28 days: 21 until a delivery, 26 with the safety stock; 15 are available, 11 missing, 21 for the days to cover.
    let found = suggestions(database, &SuggestionFilter::default()).await;
    assert_eq!(found.len(), 1);
    let suggestion = &found[0];
    assert_eq!(
        suggestion.needs,
        Needs {
            available: 15,
            incoming: 0,
            drafted: 0,
            reorder_point: 20,
            reorder_quantity: 0,
            safety_stock: 5,
            lead_time_days: 7,
            minimum_quantity: 1,
            pack_size: 12,
            sold: 84,
            demand_days: 28,
            cover_days: 7,
        }
    );
    assert_eq!(
        (
            suggestion.lead_time_demand,
            suggestion.reorder_level,
            suggestion.position,
            suggestion.quantity
        ),
        (21, 26, 15, 36)
    );
    assert_eq!(suggestion.supplier_id, near.id, "the lower priority is first");
    for (filter, expected) in [
        (
            SuggestionFilter {
                supplier_id: Some(far.id),
                ..SuggestionFilter::default()
            },
            0,
        ),
        (
            SuggestionFilter {
                supplier_id: Some(near.id),
                ..SuggestionFilter::default()
            },
            1,
        ),
        (
            SuggestionFilter {
                location_id: Some(99),
                ..SuggestionFilter::default()
            },
            0,
        ),
        (
            SuggestionFilter {
                product_id: Some(tea.id),
                ..SuggestionFilter::default()
            },
            1,
        ),
    ] {
        assert_eq!(suggestions(database, &filter).await.len(), expected, "{filter:?}");
    }
    // Sales of long ago are not looked at.
    let later = Timestamp::from_micros(clock().micros() + 29 * 86_400_000_000);
    let found = replenishment::suggestions(
        &database.store,
        &SuggestionFilter::default(),
        Horizon::default(),
        later,
        Page::default(),
    )
    .await
    .unwrap();
    assert_eq!((found[0].needs.sold, found[0].quantity), (0, 12));
    // The other supplier takes over; then nobody is left; a discontinued product is not ordered at all.
    let off = SupplierChanges {
        enabled: Some(false),
        ..SupplierChanges::default()
    };
    for (id, next) in [(near.id, Some(far.id)), (far.id, None)] {
        let mut tx = database.begin();
        suppliers::update(&mut tx, id, None, &off).await.unwrap();
        tx.commit().await.unwrap();
        let found = suggestions(database, &SuggestionFilter::default()).await;
        assert_eq!(found.first().map(|suggestion| suggestion.supplier_id), next);
    }
    let on = SupplierChanges {
        enabled: Some(true),
        ..SupplierChanges::default()
    };
    let discontinue = ProductChanges {
        status: Some(ProductStatus::Discontinued),
        ..ProductChanges::default()
    };
    let mut tx = database.begin();
    suppliers::update(&mut tx, near.id, None, &on).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(suggestions(database, &SuggestionFilter::default()).await.len(), 1);
    let mut tx = database.begin();
    products::update(&mut tx, tea.id, None, &discontinue).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(suggestions(database, &SuggestionFilter::default()).await, []);
}

/// SQL decides which stock items are due, the domain how much: they must mean the same.
pub async fn suggestions_are_what_the_domain_says(database: &Database) {
    let mut terms = Vec::new();
    let mut expected = Vec::new();
    // Around the levels that matter: a reorder point of 10, and a demand of 1 a day until a delivery in 9 to 12 days.
    for (index, available) in (6..16)
        .flat_map(|available| [(0, available), (1, available)])
        .enumerate()
    {
        let (sold, available) = available;
        let product = database.product(&format!("P-{index}"), 10).await;
        let item = database.add(product.id, available + sold * 28, None).await;
        if sold > 0 {
            sell(database, item.id, 28).await;
        }
        let offer = SuppliedProduct {
            lead_time_days: 9 + index as i64 % 4,
            safety_stock: index as i64 % 2,
            ..supplied(product.id)
        };
        let needs = Needs {
            available,
            incoming: 0,
            drafted: 0,
            reorder_point: 10,
            reorder_quantity: 0,
            safety_stock: offer.safety_stock,
            lead_time_days: offer.lead_time_days,
            minimum_quantity: 1,
            pack_size: 1,
            sold: sold * 28,
            demand_days: 28,
            cover_days: 7,
        };
        if let Some(quantity) = needs.quantity() {
            expected.push((item.id, quantity));
        }
        terms.push(offer);
    }
    assert!((3..20).contains(&expected.len()), "{expected:?}");
    supplier(database, "S", terms).await;
    let long_ago = clock().micros() - 90 * 86_400_000_000;
    database
        .store
        .execute_raw(&format!("UPDATE stock_items SET created_at = {long_ago}"))
        .await
        .unwrap();
    let found = suggestions(database, &SuggestionFilter::default()).await;
    let found: Vec<_> = found.iter().map(|s| (s.stock_item_id, s.quantity)).collect();
    assert_eq!(found, expected);
    // Pages go on where the one before ended.
    let mut paged = Vec::new();
    for skip in 0..expected.len() as i64 {
        let page = Page::new(skip, 1);
        let filter = SuggestionFilter::default();
        let one = replenishment::suggestions(&database.store, &filter, Horizon::default(), clock(), page).await;
        paged.extend(one.unwrap().into_iter().map(|s| (s.stock_item_id, s.quantity)));
    }
    assert_eq!(paged, expected);
}

fn chosen(ids: &[i64], place: bool) -> Replenishment {
    let item = |&stock_item_id: &i64| Chosen {
        stock_item_id,
        quantity: None,
    };
    Replenishment {
        items: ids.iter().map(item).collect(),
        place,
        window_days: None,
        cover_days: None,
    }
}

pub async fn chosen_suggestions_are_ordered_once(database: &Database) {
    let (tea, milk, salt) = (
        database.product("TEA", 10).await,
        database.product("MILK", 10).await,
        database.product("SALT", 10).await,
    );
    let mut items = Vec::new();
    for (product, location) in [(&tea, None), (&milk, None), (&tea, Some("SHOP")), (&salt, None)] {
        items.push(database.add(product.id, 4, location).await.id);
    }
    supplier(database, "A", vec![supplied(tea.id), supplied(milk.id)]).await;
    let packs = SuppliedProduct {
        pack_size: 6,
        ..supplied(salt.id)
    };
    supplier(database, "B", vec![packs]).await;

    let wrong = Replenishment {
        items: vec![Chosen {
            stock_item_id: items[3],
            quantity: Some(7),
        }],
        ..chosen(&[], false)
    };
    let mut tx = database.begin();
    let refused = replenishment::order(&mut tx, &wrong).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(Refusal::Invalid(_)))),
        "{refused:?}"
    );
    drop(tx);
    let mut tx = database.begin();
    let refused = replenishment::order(&mut tx, &chosen(&[items[0], 999], false)).await;
    let Err(StoreError::Refused(Refusal::Invalid(wrong))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(wrong[0].pointer, "/items/1/stock_item_id");
    drop(tx);

    // Many ask for the same at once: one of them orders.
    let mut asks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut tx = database.begin();
        let ask = chosen(&items, true);
        asks.spawn(async move {
            match replenishment::order(&mut tx, &ask).await {
                Ok(orders) => {
                    tx.commit().await.unwrap();
                    Some(orders)
                }
                Err(StoreError::Refused(Refusal::Conflict {
                    conflict: Conflict::NotSuggested,
                    ..
                })) => None,
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    let mut ordered = asks.join_all().await.into_iter().flatten();
    let orders = ordered.next().unwrap();
    assert!(ordered.next().is_none());
    let told: Vec<_> = orders
        .iter()
        .map(|order| {
            (
                order.supplier.as_str(),
                order.location.as_str(),
                order.lines.as_ref().unwrap().len(),
                order.quantity,
            )
        })
        .collect();
    // 6 are missing up to the reorder point, one more is above it; salt comes in packs of six.
    assert_eq!(
        told,
        [
            ("Supplier A", "MAIN", 2, 14),
            ("Supplier A", "SHOP", 1, 7),
            ("Supplier B", "MAIN", 1, 12)
        ]
    );
    for order in &orders {
        assert_eq!(order.status, PurchaseStatus::Ordered);
        let kept = inventory_store::purchases::get(&database.store, order.id)
            .await
            .unwrap();
        assert_eq!(kept, *order);
    }
    assert_eq!(
        database
            .number("SELECT CAST(SUM(incoming) AS BIGINT) FROM stock_items")
            .await,
        33
    );
    assert_eq!(suggestions(database, &SuggestionFilter::default()).await, []);

    // Drafts count too, as long as they are there.
    sell(database, items[0], 3).await;
    let due = suggestions(database, &SuggestionFilter::default()).await;
    assert_eq!(due.len(), 1, "{due:?}");
    let mut tx = database.begin();
    let drafts = replenishment::order(&mut tx, &chosen(&[items[0]], false))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!((drafts[0].status, drafts[0].expected_at), (PurchaseStatus::Draft, None));
    assert_eq!(suggestions(database, &SuggestionFilter::default()).await, []);
    let mut tx = database.begin();
    inventory_store::purchases::cancel(&mut tx, drafts[0].id, None)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(suggestions(database, &SuggestionFilter::default()).await.len(), 1);
}

pub async fn suggestions_are_found_by_indexes(database: &Database) {
    let statement = replenishment::suggestions_statement();
    let statement = ["$1", "$2", "$3", "$4", "$5"]
        .iter()
        .zip(["0", "1", "28", "100", "0"])
        .fold(statement.to_owned(), |text, (parameter, value)| {
            text.replace(parameter, value)
        });
    if let Some(plan) = database.store.explain(&statement).await.unwrap() {
        for index in [
            "movements_sold",
            "stock_items_product_location_key",
            "purchase_lines_product",
            "supplied_products_product",
        ] {
            assert!(plan.contains(index), "{index}\n{plan}");
        }
        assert!(
            !plan.contains("Seq Scan on movements") && !plan.contains("Seq Scan on stock_items"),
            "{plan}"
        );
    }
}
