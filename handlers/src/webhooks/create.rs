//! `webhooks_create`

use crate::{
    examples,
    http::{
        Answer, Write,
        document::Document,
        problem::{self, conflict_code},
        secret::WebhookWithSecret,
        write,
    },
};
use inventory_app::receivers::webhooks;
use inventory_domain::{Conflict, webhook::NewWebhook};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewWebhook>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let (webhook, secret) = webhooks::create(&mut work, &new).await?;
    let path = format!("/api/v1/webhooks/{}", webhook.id);
    let version = webhook.version;
    write::created_secret(work, path, version, &WebhookWithSecret::new(webhook, secret)).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Adds an address that is told what happens, from now on: `POST` of `{\"event\", \"data\", \"timestamp\", \"subject\"}` with the \
         headers of Standard Webhooks (`webhook-id`, the same in every try; `webhook-timestamp`; `webhook-signature`). Any 2xx within \
         15 s is a success; redirects are not followed; 410 switches the webhook off. What fails is tried again after 5 s, 5 min, 30 \
         min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, or when `Retry-After` says. An event may come twice and events may come out of order. \
         The secret is in this answer and nowhere else; sent again with the same `Idempotency-Key`, the answer comes without it. With \
         `\"kind\": \"export\"` and no `url` the events are written to the place for files instead, for analytics: about once a minute what \
         has come is one file of JSON lines, `events/YYYY/MM/DD/HH/<place of the first event>-<id>.jsonl`, which is the same in every try; \
         its deliveries name it.",
    )
    .body::<NewWebhook>(json!({ "name": "Web shop", "url": "https://shop.example/hooks/inventory", "events": ["inventory.order.*", "inventory.stock.out"] }))
    .versioned(201, "Created.", &examples::webhook_with_secret())
    .problems(&[
        conflict_code(Conflict::ReceiverNameTaken),
        conflict_code(Conflict::ReceiverLimit),
        problem::NOT_CONFIGURED,
    ])
}
