//! Messages on a link, and their answers.

use fe2o3_amqp::link::SendError as LinkSendError;
use fe2o3_amqp::link::delivery::DeliveryFut;
use fe2o3_amqp_types::messaging::Outcome as AmqpOutcome;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::connection::{ConnectionEnd, Link};
use crate::service_bus::error::SendError;
use crate::service_bus::message::OutgoingMessage;
use crate::service_bus::rounds::Outcome;

/// The answer to one message, to come.
type Answer = DeliveryFut<Result<AmqpOutcome, LinkSendError>>;

/// Puts messages on the link, one after the other without waiting in between, and collects the answers until the
/// deadline. Returns what became of each, by its index, and whether the link broke.
pub(super) async fn deliver(
    link: &Link,
    entity: &str,
    indices: &[usize],
    messages: &[OutgoingMessage],
    deadline: Instant,
) -> (Vec<(usize, Outcome)>, bool) {
    let (answers, mut broken) = put(link, entity, indices, messages, deadline).await;
    let mut end = link.connection_end();
    let mut outcomes = Vec::with_capacity(indices.len());
    for (index, answer) in indices.iter().zip(answers) {
        // Once the link is broken, only what is there already is taken: the rest does not come.
        let limit = if broken { Instant::now() } else { deadline };
        let outcome = match answer {
            Ok(answer) => outcome(answer, entity, limit, &mut end).await,
            Err(error) => Err(error),
        };
        broken |= matches!(&outcome, Err(error) if breaks(error));
        outcomes.push((*index, outcome));
    }
    (outcomes, broken)
}

/// Whether nothing more can be expected of the link.
fn breaks(error: &SendError) -> bool {
    matches!(
        error,
        SendError::Unanswered(_) | SendError::TimedOut | SendError::Unauthorized(_) | SendError::EntityNotFound(_)
    )
}

/// Returns what each message may expect, and whether the link broke.
async fn put(
    link: &Link,
    entity: &str,
    indices: &[usize],
    messages: &[OutgoingMessage],
    deadline: Instant,
) -> (Vec<Result<Answer, SendError>>, bool) {
    let mut answers = Vec::with_capacity(indices.len());
    let mut failure: Option<SendError> = None;
    let mut end = link.connection_end();
    let Ok(mut sender) = timeout_at(deadline, link.sender.lock()).await else {
        return (indices.iter().map(|_| Err(SendError::TimedOut)).collect(), true);
    };
    for index in indices {
        if let Some(failure) = &failure {
            answers.push(Err(failure.clone()));
            continue;
        }
        let message = messages[*index].to_amqp(link.is_durable);
        let answer = tokio::select! {
            biased;
            put = sender.send_batchable(message) => put.map_err(|error| link_error(error, entity)),
            () = end.wait() => Err(SendError::Unanswered("the connection ended".to_owned())),
            () = sleep_until(deadline) => Err(SendError::TimedOut),
        };
        if let Err(error) = &answer
            && breaks(error)
        {
            // The rest is not even tried.
            failure = Some(match error {
                SendError::Unanswered(_) | SendError::TimedOut => SendError::NotConnected(error.to_string()),
                other => other.clone(),
            });
        }
        answers.push(answer);
    }
    (answers, failure.is_some())
}

/// Waits for the answer to a message: until the limit, and not beyond the end of the connection.
async fn outcome(answer: Answer, entity: &str, limit: Instant, end: &mut ConnectionEnd) -> Outcome {
    tokio::select! {
        biased;
        answer = answer => match answer {
            Err(error) => Err(link_error(error, entity)),
            Ok(AmqpOutcome::Accepted(_)) => Ok(()),
            Ok(AmqpOutcome::Rejected(rejected)) => Err(SendError::from_service(rejected.error.as_ref(), entity)),
            // Released or modified: neither stored nor refused.
            Ok(_) => Err(SendError::Busy("it gave the message back".to_owned())),
        },
        () = end.wait() => Err(SendError::Unanswered("the connection ended".to_owned())),
        () = sleep_until(limit) => Err(SendError::TimedOut),
    }
}

/// What went wrong with a link while a message was on it.
fn link_error(error: LinkSendError, entity: &str) -> SendError {
    use fe2o3_amqp::link::{DetachError, LinkStateError};
    match error {
        LinkSendError::MessageSizeExceeded(size) => SendError::TooLarge(size.to_string()),
        LinkSendError::MessageEncodeError => SendError::Rejected("it cannot be encoded".to_owned()),
        LinkSendError::LinkStateError(
            LinkStateError::RemoteClosedWithError(error) | LinkStateError::RemoteDetachedWithError(error),
        )
        | LinkSendError::Detached(
            DetachError::RemoteClosedWithError(error) | DetachError::RemoteDetachedWithError(error),
        ) => match SendError::from_service(Some(&error), entity) {
            // The link is gone because of one message, and it need not be this one.
            SendError::TooLarge(reason) | SendError::Rejected(reason) | SendError::Busy(reason) => {
                SendError::Unanswered(reason)
            }
            other => other,
        },
        other => SendError::Unanswered(other.to_string()),
    }
}
