//! What both ways of receiving share.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{batch, sessions, single};
use crate::config::{Function, ServiceBusOptions, ServiceBusTrigger};
use crate::handler::HandlerState;
use crate::invocation::Invoker;
use crate::servicebus::{Broker, BrokerError, Delivery};

/// How long to leave a broker alone that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What one trigger needs. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    /// The function.
    pub function: Arc<Function>,
    /// What its trigger says.
    pub trigger: ServiceBusTrigger,
    /// `extensions.serviceBus`.
    pub options: ServiceBusOptions,
    /// Where messages come from.
    pub broker: Broker,
    /// Calls.
    pub invoker: Invoker,
    /// Stops receiving; what has been received is still finished.
    pub stop: CancellationToken,
}

/// Receives until told to stop.
pub async fn run(receiver: Receiver) {
    if receiver.trigger.sessions {
        sessions::run(receiver).await;
    } else if receiver.trigger.many {
        batch::run(receiver).await;
    } else {
        single::run(receiver).await;
    }
}

impl Receiver {
    /// Up to `max` messages, as long as there is a handler to take them: none is received while it is down, so that its
    /// restarts use up no deliveries. `None`: it is time to stop.
    pub(super) async fn receive(&self, max: usize) -> Option<Vec<Delivery>> {
        let mut state = self.invoker.handler().watch();
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                ready = state.wait_for(|state| matches!(state, HandlerState::Ready(_))) => if ready.is_err() {
                    return None;
                },
            }
            let received = tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                left = state.wait_for(|state| !matches!(state, HandlerState::Ready(_))) => match left {
                    Ok(_) => continue,
                    Err(_) => return None,
                },
                received = self.broker.receive(&self.trigger.entity, max) => received,
            };
            match received {
                Ok(deliveries) => return Some(deliveries),
                Err(BrokerError::Stopped) => return None,
                Err(error) => {
                    self.invoker.console().error(format_args!(
                        "Functions.{}: cannot receive from {}: {error}",
                        self.function.name, self.trigger.entity
                    ));
                    tokio::select! {
                        () = tokio::time::sleep(AFTER_FAILURE) => {}
                        () = self.stop.cancelled() => return None,
                    }
                }
            }
        }
    }

    /// Completes or gives back, as the call went.
    pub(super) async fn settle(&self, deliveries: &[Delivery], succeeded: bool) {
        let tokens: Vec<_> = deliveries.iter().map(|delivery| delivery.lock_token).collect();
        let entity = &self.trigger.entity;
        let settled = if succeeded {
            if !self.trigger.auto_complete.unwrap_or(self.options.auto_complete) {
                // The handler has no way to settle either: the lock runs out and the message comes again.
                return;
            }
            self.broker.complete(entity, &tokens).await
        } else {
            self.broker.abandon(entity, &tokens).await
        };
        if let Err(error) = settled {
            self.invoker.console().warn(format_args!(
                "Functions.{}: {} of {entity} failed: {error}",
                self.function.name,
                if succeeded {
                    "completing messages"
                } else {
                    "giving back messages"
                }
            ));
        }
    }
}
