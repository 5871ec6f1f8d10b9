//! What bindings name is made at the broker.

use crate::config::{Function, FunctionProblem, ServiceBusTrigger, Trigger};
use crate::invocation::CosmosTarget;
use crate::servicebus::{Broker, QueueOptions};

/// Sees to it that what the functions read and write is there, and can be read as they say. Those for which it is not are
/// named.
pub(crate) fn ensure_entities<'a, F: Iterator<Item = &'a Function>>(
    broker: &Broker,
    functions: impl Fn() -> F,
) -> Vec<FunctionProblem> {
    // Before an output makes the queue that a trigger wants with sessions. What fails is told below.
    for function in functions() {
        if let Trigger::ServiceBus(trigger) = &function.trigger {
            let _ = ensure_source(broker, trigger);
        }
    }
    let problem = |function: &Function| {
        Some(FunctionProblem {
            name: function.name.clone(),
            reason: ensure(broker, function).err()?,
        })
    };
    functions().filter_map(problem).collect()
}

fn ensure(broker: &Broker, function: &Function) -> Result<(), String> {
    for binding in function.outputs() {
        if binding.is("cosmosDB") {
            CosmosTarget::of(binding)?;
        } else if binding.is("serviceBus") {
            let ensured = match (binding.text("queueName")?, binding.text("topicName")?) {
                (Some(queue), _) => broker.ensure_queue(&queue, QueueOptions::default()),
                (None, Some(topic)) => broker.ensure_topic(&topic, QueueOptions::default()),
                (None, None) => Ok(()),
            };
            ensured.map_err(|error| error.to_string())?;
        }
    }
    match &function.trigger {
        Trigger::ServiceBus(trigger) => ensure_source(broker, trigger),
        _ => Ok(()),
    }
}

fn ensure_source(broker: &Broker, trigger: &ServiceBusTrigger) -> Result<(), String> {
    let options = QueueOptions {
        requires_session: trigger.sessions,
        ..QueueOptions::default()
    };
    let ensured = match &trigger.subscription {
        Some((topic, name)) => broker.ensure_subscription(topic, name, options),
        None => broker.ensure_queue(queue_of(&trigger.entity), options),
    };
    ensured
        .and_then(|()| broker.check_receiver(&trigger.entity, trigger.sessions))
        .map_err(|error| error.to_string())
}

/// The queue whose dead letters may be meant.
fn queue_of(entity: &str) -> &str {
    let (queue, rest) = entity.split_once("/$").unwrap_or((entity, ""));
    if rest.eq_ignore_ascii_case("deadletterqueue") {
        queue
    } else {
        entity
    }
}
