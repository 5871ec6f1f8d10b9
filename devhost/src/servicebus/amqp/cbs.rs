//! `$cbs`: where SDKs put their tokens. Where everybody may send, every token is good; what is looked at is the entity it is
//! for.

use bytes::Bytes;

use super::grants::Grants;
use super::message::{Message, reply};
use super::node::Node;
use super::value::Value;
use crate::servicebus::Broker;

/// The token type of Node's SDK. With it a missing entity is best said here; Python's SDK hears of it best when it
/// attaches its link.
const SAS_TOKEN: &str = "servicebus.windows.net:sastoken";

/// Answers a request.
pub(super) fn answer(request: &Message, broker: &Broker, grants: &mut Grants) -> Bytes {
    let text = |name| request.application_property(name).and_then(Value::as_str);
    let audience = text("name").unwrap_or_default();
    let missing = match Node::parse(audience).entity() {
        Some(entity) if text("type") == Some(SAS_TOKEN) && !entity.is_empty() => broker.counts(entity).is_err(),
        _ => false,
    };
    let (status, description) = match text("operation") {
        Some("put-token") if missing => (
            404,
            format!(
                "The messaging entity '{audience}' could not be found. TrackingId:{}",
                uuid::Uuid::new_v4()
            ),
        ),
        Some("put-token") => {
            let token = request.value.as_ref().and_then(Value::as_str).unwrap_or_default();
            match grants.put(audience, text("type").unwrap_or_default(), token) {
                Ok(()) => (202, "Accepted".to_owned()),
                Err(reason) => (401, format!("{reason} TrackingId:{}", uuid::Uuid::new_v4())),
            }
        }
        _ => (501, "The operation is not supported.".to_owned()),
    };
    // SDKs disagree about the names.
    let properties = vec![
        ("status-code", Value::Int(status)),
        ("status-description", Value::string(&description)),
        ("statusCode", Value::Int(status)),
        ("statusDescription", Value::string(&description)),
    ];
    reply(request.message_id().clone(), properties, Value::Null)
}
