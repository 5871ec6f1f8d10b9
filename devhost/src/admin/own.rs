//! `/_devhost/…`: what only this host has, for the tools around it.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::send::read_messages;
use super::{Admin, refuse};
use crate::http::{HostBody, empty, json_response, query_pairs};
use crate::servicebus::BrokerError;

const SHOWN_INVOCATIONS: usize = 100;

impl Admin {
    pub(super) async fn own(&self, method: &Method, path: &str, query: &str, body: &Bytes) -> Response<HostBody> {
        match (method.as_str(), path) {
            ("GET", "servicebus") => json_response(StatusCode::OK, &self.entities()),
            ("POST", path) if path.starts_with("servicebus/") => {
                let entity = query_pairs(&path["servicebus/".len()..].replace('+', "%2B"));
                let entity = entity.into_iter().next().map(|(name, _)| name).unwrap_or_default();
                self.send(&entity, body).await
            }
            ("GET", "timers") => json_response(StatusCode::OK, &self.timers.to_json()),
            ("GET", "invocations") => {
                let count = query_pairs(query)
                    .into_iter()
                    .find(|(name, _)| name == "count")
                    .map_or(Ok(SHOWN_INVOCATIONS), |(_, value)| value.parse());
                match count {
                    Ok(count) => json_response(StatusCode::OK, &self.history.last(count)),
                    Err(_) => refuse(StatusCode::BAD_REQUEST, "count must be a number"),
                }
            }
            _ => empty(StatusCode::NOT_FOUND),
        }
    }

    fn entities(&self) -> Value {
        self.broker
            .entities()
            .into_iter()
            .map(|name| match self.broker.counts(&name) {
                Ok(counts) => json!({
                    "name": name,
                    "active": counts.active,
                    "scheduled": counts.scheduled,
                    "deadLettered": counts.dead_lettered,
                }),
                Err(error) => json!({"name": name, "error": error.to_string()}),
            })
            .collect()
    }

    async fn send(&self, entity: &str, body: &Bytes) -> Response<HostBody> {
        let messages = match read_messages(body) {
            Ok(messages) => messages,
            Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
        };
        match self.broker.send(entity, messages).await {
            Ok(numbers) => json_response(StatusCode::CREATED, &json!({"sequenceNumbers": numbers})),
            Err(error @ BrokerError::NotFound(_)) => refuse(StatusCode::NOT_FOUND, &error.to_string()),
            Err(error @ BrokerError::TooLarge { .. }) => refuse(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string()),
            Err(error @ BrokerError::Invalid(_)) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }
}
