//! `cardinality: many`: one batch at a time, settled as a whole. Its locks are not renewed, as on the host.

use tokio::time::Instant;

use super::{Receiver, batch_call};
use crate::servicebus::Delivery;

/// Receives and calls until told to stop.
pub(super) async fn run(receiver: Receiver) {
    while let Some(mut deliveries) = receiver.receive(receiver.options.max_batch_size).await {
        fill(&receiver, &mut deliveries).await;
        call(&receiver, &deliveries).await;
    }
}

/// Calls the function with a batch and settles it.
pub(super) async fn call(receiver: &Receiver, deliveries: &[Delivery]) {
    let succeeded = match batch_call(&receiver.function, deliveries) {
        Ok(call) => receiver.invoker.invoke(&receiver.function, call).await.is_ok(),
        Err(error) => {
            receiver
                .invoker
                .console()
                .error(format_args!("Functions.{}: {error}", receiver.function.name));
            false
        }
    };
    receiver.settle(deliveries, succeeded).await;
}

/// Waits for `minMessageBatchSize`, no longer than `maxBatchWaitTime`; by default one is enough and nothing waits.
async fn fill(receiver: &Receiver, deliveries: &mut Vec<Delivery>) {
    let deadline = Instant::now() + receiver.options.max_batch_wait;
    while deliveries.len() < receiver.options.min_batch_size {
        let room = receiver.options.max_batch_size - deliveries.len();
        match tokio::time::timeout_at(deadline, receiver.receive(room)).await {
            Ok(Some(more)) => deliveries.extend(more),
            Ok(None) | Err(_) => return,
        }
    }
}
