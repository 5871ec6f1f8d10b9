//! Orders that wait for stock get it when it comes: at once where it came through this instance, else with the timer
//! `orders_backfill`.

use crate::{App, Caller, Error, clock};
use inventory_store::backorders::{self as store, Place};
use std::{collections::BTreeSet, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// Lines looked at in one transaction.
const BATCH: i64 = 100;
/// After stock came more is waited for, so that many small deliveries are one reason to look.
const GATHER: Duration = Duration::from_millis(20);
/// First wait after the database was away; doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// How old orders may be that a program of before has decided, in minutes: it runs beside this one while that is deployed.
const ADOPT_MINUTES: i64 = 24 * 60;

/// Gives what is available of all products to the orders that wait for them; says how many got something.
pub async fn fill_all(app: &App, caller: &Caller) -> Result<usize, Error> {
    store::adopt(app.store(), clock().plus_minutes(-ADOPT_MINUTES)).await?;
    let mut products = store::products_to_hand_out(app.store()).await?;
    fill(app, caller, &mut products).await
}

/// Gives what is available of `products` to the orders that wait for them. What is left in `products` is not done.
async fn fill(app: &App, caller: &Caller, products: &mut BTreeSet<i64>) -> Result<usize, Error> {
    let mut filled = 0;
    while let Some(product_id) = products.first().copied() {
        let mut place = Some(Place::START);
        while let Some(after) = place {
            let step = store::fill(app.store().begin(caller.clone()), product_id, after, BATCH).await?;
            if step.orders > 0 {
                filled += step.orders;
                app.nudge().wake();
            }
            place = step.next;
        }
        products.remove(&product_id);
    }
    Ok(filled)
}

/// Looks whenever stock came through this instance, until it is stopped.
pub(crate) fn spawn(app: &App, tasks: &TaskTracker, stop: &CancellationToken) {
    let (app, stop) = (app.clone(), stop.clone());
    tasks.spawn(async move {
        let mut products = BTreeSet::new();
        let mut wait = RETRY;
        loop {
            if products.is_empty() {
                tokio::select! {
                    () = store::stock_came(app.store()) => {}
                    () = stop.cancelled() => return,
                }
            }
            let pause = if products.is_empty() { GATHER } else { wait };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
            products.extend(store::products_that_came(app.store()));
            let caller = Caller::new("orders_backfill", Uuid::now_v7().to_string());
            match fill(&app, &caller, &mut products).await {
                Ok(_) => wait = RETRY,
                Err(error) => {
                    tracing::warn!(%error, "orders go on waiting for stock that is there");
                    wait = (wait * 2).min(RETRY_MAX);
                }
            }
        }
    });
}
