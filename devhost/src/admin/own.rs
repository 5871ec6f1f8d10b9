//! `/_devhost/…`: what only this host has, for the tools around it.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::send::read_messages;
use super::{Admin, refuse, refuse_broker};
use crate::examples;
use crate::http::{HostBody, empty, json_response, query_pairs};

const SHOWN_INVOCATIONS: usize = 100;

impl Admin {
    pub(super) async fn own(&self, method: &Method, path: &str, query: &str, body: &Bytes) -> Response<HostBody> {
        let parts: Vec<&str> = path.split('/').collect();
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["app"]) => return json_response(StatusCode::OK, &self.overview()),
            ("POST", ["functions", name]) => return self.call(name, body),
            ("GET", ["functions", name, "examples"]) => return self.examples(name).await,
            ("GET", ["invocations", id]) => return self.invocation(id),
            _ => {}
        }
        match (method.as_str(), path) {
            ("GET", "servicebus") => json_response(StatusCode::OK, &self.entities()),
            (verb, path) if path.starts_with("servicebus/") => {
                let entity = query_pairs(&path["servicebus/".len()..].replace('+', "%2B"));
                let entity = entity.into_iter().next().map(|(name, _)| name).unwrap_or_default();
                match self.messages(method, &entity, query, body).await {
                    Some(answer) => answer,
                    None if verb == "POST" => self.send(&entity, body).await,
                    None => empty(StatusCode::NOT_FOUND),
                }
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

    fn invocation(&self, id: &str) -> Response<HostBody> {
        match id.parse().ok().and_then(|id| self.history.get(id)) {
            Some(invocation) => json_response(StatusCode::OK, &invocation),
            None => refuse(StatusCode::NOT_FOUND, "this invocation is not known, or not any more"),
        }
    }

    async fn examples(&self, function: &str) -> Response<HostBody> {
        let Some(function) = self.function(function).cloned() else {
            return empty(StatusCode::NOT_FOUND);
        };
        let root = self.root.clone();
        let read = tokio::task::spawn_blocking(move || examples::all(&root, &function.name)).await;
        match read.map_err(|error| error.to_string()).flatten() {
            Ok(all) => {
                let all = all
                    .into_iter()
                    .map(|(name, content)| json!({"name": name, "content": content}));
                json_response(StatusCode::OK, &all.collect())
            }
            Err(reason) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &reason),
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
                    "deferred": counts.deferred,
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
            Err(error) => refuse_broker(&error),
        }
    }
}
