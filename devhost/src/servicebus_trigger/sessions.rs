//! `isSessionsEnabled`: several sessions at once, the messages of each in their order. The broker gives out a session's
//! messages to one receiver at a time, so each of the receivers here works as if it were alone.

use futures_util::future::join_all;
use tokio_util::task::TaskTracker;

use super::{Receiver, batch, single};

/// Receives and calls until told to stop, then waits for the calls under way.
pub(super) async fn run(receiver: Receiver) {
    let receivers = TaskTracker::new();
    for _ in 0..receiver.options.max_concurrent_sessions {
        receivers.spawn(one_at_a_time(receiver.clone()));
    }
    receivers.close();
    receivers.wait().await;
}

/// Works on one session after the other, as long as each has messages.
async fn one_at_a_time(receiver: Receiver) {
    let most = if receiver.trigger.many {
        receiver.options.max_batch_size
    } else {
        receiver.options.max_concurrent_calls_per_session
    };
    // What is received at once is of one session; nobody else gets any of it until all of this is settled.
    while let Some(deliveries) = receiver.receive(most).await {
        if receiver.trigger.many {
            batch::call(&receiver, &deliveries).await;
        } else {
            join_all(deliveries.into_iter().map(|delivery| single::call(&receiver, delivery))).await;
        }
    }
}
