//! One message a call, several calls at once, their locks renewed.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{Receiver, single_call};
use crate::servicebus::Delivery;

/// The shortest pause between two renewals of a lock.
const RENEWAL_FLOOR: Duration = Duration::from_millis(100);

/// Receives and calls until told to stop, then waits for the calls under way.
pub(super) async fn run(receiver: Receiver) {
    let free = Arc::new(Semaphore::new(receiver.options.max_concurrent_calls));
    let calls = TaskTracker::new();
    'receiving: loop {
        // One permit at least, then as many messages as there are permits.
        let Ok(first) = Arc::clone(&free).acquire_owned().await else {
            break;
        };
        let room = 1 + free.available_permits();
        drop(first);
        let Some(deliveries) = receiver.receive(room).await else {
            break;
        };
        for delivery in deliveries {
            let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
                break 'receiving;
            };
            let receiver = receiver.clone();
            calls.spawn(async move {
                call(&receiver, delivery).await;
                drop(permit);
            });
        }
    }
    calls.close();
    calls.wait().await;
}

/// Calls the function with one message and settles it.
pub(super) async fn call(receiver: &Receiver, delivery: Delivery) {
    let call = single_call(&receiver.function, &delivery);
    let invocation = receiver.invoker.invoke(&receiver.function, call);
    tokio::pin!(invocation);
    let renewal = renew(receiver, &delivery);
    tokio::pin!(renewal);
    let succeeded = tokio::select! {
        result = &mut invocation => result.is_ok(),
        // Renewal has come to its end before the call has.
        () = &mut renewal => invocation.await.is_ok(),
    };
    receiver.settle(std::slice::from_ref(&delivery), succeeded).await;
}

/// Renews the lock of a message each half of its duration, for as long as the options allow.
async fn renew(receiver: &Receiver, delivery: &Delivery) {
    let end = receiver.options.max_auto_lock_renewal.map(|most| Instant::now() + most);
    let lock = Duration::try_from(delivery.locked_until - OffsetDateTime::now_utc()).unwrap_or_default();
    let pause = (lock / 2).max(RENEWAL_FLOOR);
    loop {
        let next = Instant::now() + pause;
        if end.is_some_and(|end| next > end) {
            return;
        }
        tokio::time::sleep_until(next).await;
        if let Err(error) = receiver
            .broker
            .renew(&receiver.trigger.entity, &[delivery.lock_token])
            .await
        {
            receiver.invoker.console().warn(format_args!(
                "Functions.{}: the lock of message {} cannot be renewed: {error}",
                receiver.function.name, delivery.message.message_id
            ));
            return;
        }
    }
}
