//! Webhooks, with receivers that fail, point elsewhere, are slow or do not want to hear of us. The clock is the test's.
#![allow(clippy::unwrap_used)]

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures_util::TryStreamExt as _;
use http::Response;
use inventory_app::{
    App, Begun, Call, Error, Page, Reply, Settings, Work, clock,
    outbox::{self, Destination},
    products,
    receivers::{self, DeliveryFilter, DeliveryReport, Resource, deliver_at, webhooks},
};
use inventory_azure::{BlobAccount, BlobStorage};
use inventory_domain::{
    Refusal, Timestamp,
    account::Rotation,
    delivery::{Delivery, DeliveryState, DisabledReason, SCHEDULE_SECONDS},
    webhook::{NewWebhook, Webhook, WebhookChanges, WebhookKind},
};
use inventory_store::notifications;
use inventory_tests::{
    azurite::Azurite,
    credential::TestCredential,
    receiver::{Received, Receiver},
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
use uuid::Uuid;

/// The program over a database of its own, which goes with it.
struct Program {
    app: App,
    directory: PathBuf,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

const LOOPBACK: (&str, &str) = ("WEBHOOK_ALLOW_LOOPBACK", "true");

impl Program {
    /// One that does nothing by itself.
    async fn new(settings: &[(&str, &str)]) -> Self {
        let directory = std::env::temp_dir().join(format!("inventory-webhooks-{}", Uuid::new_v4()));
        std::fs::create_dir(&directory).unwrap();
        let program = Self {
            app: App::build(Self::settings(&directory, settings)).unwrap(),
            directory,
        };
        program.app.migrate().await.unwrap();
        program
    }

    fn settings(directory: &std::path::Path, settings: &[(&str, &str)]) -> Settings {
        let url = format!("sqlite:{}", directory.join("inventory.db").display());
        let values: BTreeMap<String, String> = [
            ("DATABASE_URL", url.as_str()),
            ("ENVIRONMENT", "local"),
            ("AZURE_FUNCTIONS_ENVIRONMENT", "Development"),
            (
                "ServiceBusConnection",
                "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true",
            ),
            ("MIGRATE_ON_START", "true"),
            ("WEBHOOK_MASTER_KEY", "a master key of these tests"),
        ]
        .iter()
        .chain(settings)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
        Settings::from_values(&values).unwrap()
    }

    /// The same database, with other settings.
    fn again(&self, settings: &[(&str, &str)]) -> App {
        App::build(Self::settings(&self.directory, settings)).unwrap()
    }

    async fn work(&self) -> Work {
        let call = Call {
            operation: "test",
            actor: "test".to_owned(),
            request_id: "test".to_owned(),
            address: None,
            trace: None,
            idempotency: None,
        };
        match self.app.begin(call).await.unwrap() {
            Begun::Work(work) => work,
            Begun::Replay(_) => panic!("nothing was done before"),
        }
    }

    async fn webhook(&self, url: String, events: &[&str]) -> (Webhook, String) {
        let mut work = self.work().await;
        let new = NewWebhook {
            kind: WebhookKind::Webhook,
            name: Uuid::new_v4().to_string(),
            url: Some(url),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
        };
        let (made, secret) = webhooks::create(&mut work, &new).await.unwrap();
        commit(work).await;
        (made, secret.unwrap())
    }

    async fn export(&self, events: &[&str]) -> Result<Webhook, Error> {
        let mut work = self.work().await;
        let new = NewWebhook {
            kind: WebhookKind::Export,
            name: "Analytics".to_owned(),
            url: None,
            events: events.iter().map(|event| (*event).to_owned()).collect(),
        };
        let (made, secret) = webhooks::create(&mut work, &new).await?;
        assert_eq!(secret, None, "nothing is signed");
        commit(work).await;
        Ok(made)
    }

    /// Something happens, and the relay hands it over.
    async fn event(&self, sku: &str) {
        let mut work = self.work().await;
        let new = serde_json::json!({ "sku": sku, "name": sku, "unit_price_minor": 1 });
        products::create(&mut work, &serde_json::from_value(new).unwrap())
            .await
            .unwrap();
        commit(work).await;
        outbox::relay_to(&self.app, Destination::Receivers).await.unwrap();
    }

    async fn deliveries(&self, webhook: i64) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            resource: Resource::Webhooks,
            receiver_id: webhook,
            state: None,
        };
        receivers::deliveries(&self.app, &filter, Page::default())
            .await
            .unwrap()
    }

    /// The only delivery of a webhook.
    async fn delivery(&self, webhook: i64) -> Delivery {
        let [delivery] = <[Delivery; 1]>::try_from(self.deliveries(webhook).await).unwrap();
        delivery
    }

    async fn is_enabled(&self, webhook: i64) -> (bool, Option<DisabledReason>) {
        let webhook = webhooks::get(&self.app, webhook).await.unwrap();
        (webhook.enabled, webhook.disabled_reason)
    }

    async fn number(&self, sql: &str) -> i64 {
        self.app.store().number_raw(sql).await.unwrap()
    }
}

async fn commit(work: Work) {
    let reply = Reply {
        code: 200,
        location: None,
        version: None,
        body: "{}".to_owned(),
    };
    work.commit(reply).await.unwrap();
}

const WAITING: DeliveryReport = DeliveryReport {
    delivered: 0,
    waiting: 1,
    failed: 0,
};
const DELIVERED: DeliveryReport = DeliveryReport {
    delivered: 1,
    waiting: 0,
    failed: 0,
};
const FAILED: DeliveryReport = DeliveryReport {
    delivered: 0,
    waiting: 0,
    failed: 1,
};

/// Whether one of the signatures of a request is by this secret.
fn is_signed(received: &Received, secret: &str) -> bool {
    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let (id, time) = (received.header("webhook-id"), received.header("webhook-timestamp"));
    let content = format!("{id}.{time}.{}", received.body);
    received.header("webhook-signature").split(' ').any(|signature| {
        let tag = BASE64.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
        hmac::verify(&key, content.as_bytes(), &tag).is_ok()
    })
}

#[tokio::test]
async fn what_fails_is_tried_as_the_schedule_says_then_switched_off_and_everybody_is_told() {
    let program = Program::new(&[LOOPBACK]).await;
    let receiver = Receiver::with_status(500).await;
    let (webhook, secret) = program.webhook(receiver.url("/hook"), &["inventory.product.*"]).await;
    program.event("A-1").await;
    let mut times: Vec<Timestamp> = Vec::new();
    for pause in SCHEDULE_SECONDS {
        let due = program.delivery(webhook.id).await.next_at.unwrap();
        let before = Timestamp::from_micros(due.micros() - 1);
        assert_eq!(
            deliver_at(&program.app, before).await.unwrap(),
            DeliveryReport::default()
        );
        let report = deliver_at(&program.app, due).await.unwrap();
        assert_eq!(report, if times.len() == 9 { FAILED } else { WAITING });
        if let Some(last) = times.last() {
            let waited = (due.micros() - last.micros()) as f64 / 1e6;
            let pause = pause as f64;
            assert!((pause * 0.9..=pause * 1.1).contains(&waited), "{waited} for {pause}");
        }
        times.push(due);
    }
    let delivery = program.delivery(webhook.id).await;
    assert_eq!((delivery.state, delivery.next_at), (DeliveryState::Failed, None));
    let logged: Vec<_> = delivery.attempts.iter().map(|attempt| attempt.at).collect();
    assert_eq!(logged, times);
    assert!(delivery.attempts.iter().all(|attempt| attempt.status == Some(500)));

    let received = receiver.received();
    assert_eq!(received.len(), SCHEDULE_SECONDS.len());
    for (one, at) in received.iter().zip(&times) {
        assert_eq!(one.header("webhook-id"), delivery.event_id.to_string());
        assert_eq!(one.body, received[0].body, "the same bytes in every try");
        assert_eq!(one.header("webhook-timestamp"), (at.micros() / 1_000_000).to_string());
        assert!(is_signed(one, &secret));
    }
    let body: serde_json::Value = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(body["event"], "inventory.product.created");
    assert_eq!(body["data"]["sku"], "A-1");
    assert!(Timestamp::parse(body["timestamp"].as_str().unwrap()).is_some());

    assert_eq!(
        program.is_enabled(webhook.id).await,
        (false, Some(DisabledReason::Failing))
    );
    let told = "SELECT COUNT(*) FROM outbox WHERE type = 'inventory.webhook.disabled'";
    assert_eq!(program.number(told).await, 1);
    // Nothing is kept for it from now on, and none of it costs a row.
    program.event("A-2").await;
    assert_eq!(program.deliveries(webhook.id).await.len(), 1);
    assert_eq!(program.number("SELECT COUNT(*) FROM subscriptions").await, 0);
}

#[tokio::test]
async fn one_success_and_it_is_not_switched_off() {
    let program = Program::new(&[LOOPBACK]).await;
    let receiver = Receiver::start(|received| {
        let is_first = received.body.contains("A-1");
        Response::builder()
            .status(if is_first { 503 } else { 204 })
            .body(String::new())
            .ok()
    })
    .await;
    let (webhook, _) = program.webhook(receiver.url("/"), &["*"]).await;
    program.event("A-1").await;
    let mut now = program.delivery(webhook.id).await.next_at.unwrap();
    for try_number in 1..=SCHEDULE_SECONDS.len() {
        deliver_at(&program.app, now).await.unwrap();
        if try_number == 5 {
            program.event("B-1").await;
            assert_eq!(deliver_at(&program.app, now).await.unwrap(), DELIVERED);
            assert_eq!(
                webhooks::get(&program.app, webhook.id).await.unwrap().failing_since,
                None
            );
        }
        let first = program.deliveries(webhook.id).await.pop().unwrap();
        now = first.next_at.unwrap_or(now);
    }
    let first = program.deliveries(webhook.id).await.pop().unwrap();
    assert_eq!(
        (first.state, first.attempts.len()),
        (DeliveryState::Failed, SCHEDULE_SECONDS.len())
    );
    assert_eq!(program.is_enabled(webhook.id).await, (true, None));
}

#[tokio::test]
async fn redirects_are_failures_and_a_wait_that_is_asked_for_is_granted() {
    let program = Program::new(&[LOOPBACK]).await;
    let target = Receiver::with_status(200).await;
    let elsewhere = target.url("/elsewhere");
    let receiver = Receiver::start(move |received| {
        let answer = Response::builder()
            .header("location", &elsewhere)
            .header("retry-after", "3600");
        let status = if received.path == "/moved" { 308 } else { 429 };
        answer.status(status).body("not\0here".to_owned()).ok()
    })
    .await;
    for path in ["/moved", "/busy"] {
        let (webhook, _) = program.webhook(receiver.url(path), &["*"]).await;
        program.event(path).await;
        let due = program.delivery(webhook.id).await.next_at.unwrap();
        deliver_at(&program.app, due).await.unwrap();
        let delivery = program.delivery(webhook.id).await;
        assert_eq!(delivery.state, DeliveryState::Pending);
        assert_eq!(delivery.next_at.unwrap(), due.plus_seconds(3600), "not after 5 s");
        assert_eq!(delivery.attempts[0].answer.as_deref(), Some("not\u{FFFD}here"));
        assert!(delivery.attempts[0].problem.is_some());
        let mut work = program.work().await;
        webhooks::delete(&mut work, webhook.id, None).await.unwrap();
        commit(work).await;
    }
    assert_eq!(target.received().len(), 0, "nobody followed");
    assert_eq!(program.number("SELECT COUNT(*) FROM notification_attempts").await, 0);
}

#[tokio::test]
async fn who_is_gone_is_told_nothing_more() {
    let program = Program::new(&[LOOPBACK]).await;
    let receiver = Receiver::with_status(410).await;
    let (webhook, _) = program.webhook(receiver.url("/"), &["*"]).await;
    program.event("A-1").await;
    program.event("A-2").await;
    let now = inventory_app::clock();
    assert_eq!(deliver_at(&program.app, now).await.unwrap().failed, 2);
    assert_eq!(
        program.is_enabled(webhook.id).await,
        (false, Some(DisabledReason::Gone))
    );
    let states: Vec<_> = program
        .deliveries(webhook.id)
        .await
        .iter()
        .map(|one| one.state)
        .collect();
    assert_eq!(states, [DeliveryState::Failed; 2]);
    // It is back: from then on it is told again, and what it has missed on demand.
    let mut work = program.work().await;
    let enabled = webhooks::enable(&mut work, webhook.id, None).await.unwrap();
    commit(work).await;
    assert!(enabled.enabled && enabled.disabled_reason.is_none() && enabled.failing_since.is_none());
    let missed = program.deliveries(webhook.id).await.pop().unwrap();
    let mut work = program.work().await;
    receivers::redeliver(&mut work, Resource::Webhooks, missed.id, "webhooks_redeliver")
        .await
        .unwrap();
    commit(work).await;
    assert_eq!(deliver_at(&program.app, inventory_app::clock()).await.unwrap(), FAILED);
    let again = program.deliveries(webhook.id).await.pop().unwrap();
    assert_eq!((again.id, again.attempts.len()), (missed.id, 2));
    let ids: Vec<_> = receiver
        .received()
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    assert!(
        ids.iter().filter(|id| **id == missed.event_id.to_string()).count() == 2,
        "{ids:?}"
    );
}

#[tokio::test]
async fn while_a_secret_is_changed_both_sign_and_then_only_the_new_one() {
    let program = Program::new(&[LOOPBACK]).await;
    let receiver = Receiver::with_status(200).await;
    let (webhook, old) = program.webhook(receiver.url("/"), &["*"]).await;
    let mut work = program.work().await;
    let rotation = Rotation { overlap_hours: 24 };
    let (after, new) = webhooks::rotate(&mut work, webhook.id, Some(webhook.version), &rotation)
        .await
        .unwrap();
    commit(work).await;
    assert_eq!(after.version, webhook.version + 1);
    program.event("A-1").await;
    program.event("A-2").await;
    let now = inventory_app::clock();
    let [_, first] = <[Delivery; 2]>::try_from(program.deliveries(webhook.id).await).unwrap();
    deliver_at(&program.app, now).await.unwrap();
    assert!(
        receiver
            .received()
            .iter()
            .all(|one| is_signed(one, &old) && is_signed(one, &new))
    );
    let mut work = program.work().await;
    receivers::redeliver(&mut work, Resource::Webhooks, first.id, "webhooks_redeliver")
        .await
        .unwrap();
    commit(work).await;
    deliver_at(&program.app, now.plus_minutes(25 * 60)).await.unwrap();
    let last = receiver.received().pop().unwrap();
    assert!(!is_signed(&last, &old) && is_signed(&last, &new));
    // What lies in the database is none of them.
    for secret in [&old, &new] {
        let found = format!("SELECT COUNT(*) FROM receivers WHERE secrets LIKE '%{}%'", &secret[6..]);
        assert_eq!(program.number(&found).await, 0);
    }
}

#[tokio::test]
async fn events_go_to_those_that_want_them_and_where_nobody_does_no_row_is_written() {
    let program = Program::new(&[LOOPBACK]).await;
    program.event("A-1").await;
    let rows = "SELECT COUNT(*) FROM deliveries WHERE destination = 'receivers'";
    assert_eq!(program.number(rows).await, 0);
    let receiver = Receiver::with_status(200).await;
    let (orders, _) = program.webhook(receiver.url("/orders"), &["inventory.order.*"]).await;
    program.event("A-2").await;
    assert_eq!(program.number(rows).await, 0, "nobody wants to know of products");
    let (products, _) = program
        .webhook(
            receiver.url("/products"),
            &["inventory.product.created", "inventory.stock.low"],
        )
        .await;
    program.event("A-3").await;
    assert_eq!(program.number(rows).await, 1, "one, however many want it");
    // The relay that comes to the same events again finds them on their way.
    outbox::relay_to(&program.app, Destination::Receivers).await.unwrap();
    assert_eq!(
        deliver_at(&program.app, inventory_app::clock()).await.unwrap(),
        DELIVERED
    );
    assert_eq!(program.deliveries(orders.id).await.len(), 0);
    assert_eq!(program.deliveries(products.id).await.len(), 1);
    let received = receiver.received();
    assert_eq!((received.len(), received[0].path.as_str()), (1, "/products"));
    assert!(received[0].body.contains("A-3"));
    // Switched off by hand: what happens meanwhile is not sent later.
    let changes = WebhookChanges {
        enabled: Some(false),
        ..WebhookChanges::default()
    };
    let mut work = program.work().await;
    webhooks::update(&mut work, products.id, None, &changes).await.unwrap();
    commit(work).await;
    program.event("A-4").await;
    let mut work = program.work().await;
    webhooks::enable(&mut work, products.id, None).await.unwrap();
    commit(work).await;
    assert_eq!(
        deliver_at(&program.app, inventory_app::clock()).await.unwrap(),
        DeliveryReport::default()
    );
}

#[tokio::test]
async fn nothing_is_sent_to_this_machine_unless_the_setting_says_so() {
    let program = Program::new(&[LOOPBACK]).await;
    let receiver = Receiver::with_status(200).await;
    let (webhook, _) = program.webhook(receiver.url("/"), &["*"]).await;
    program.event("A-1").await;
    // Kept from when it was allowed.
    let strict = program.again(&[]);
    let now = inventory_app::clock();
    assert_eq!(deliver_at(&strict, now).await.unwrap(), WAITING);
    let attempt = program.delivery(webhook.id).await.attempts.pop().unwrap();
    assert_eq!((attempt.status, attempt.answer), (None, None));
    assert!(attempt.problem.unwrap().contains("address"));
    // Another master key: nothing is sent unsigned either.
    let other = program.again(&[LOOPBACK, ("WEBHOOK_MASTER_KEY", "another")]);
    let due = program.delivery(webhook.id).await.next_at.unwrap();
    assert_eq!(deliver_at(&other, due).await.unwrap(), WAITING);
    let attempt = program.delivery(webhook.id).await.attempts.pop().unwrap();
    assert!(attempt.problem.unwrap().contains("master key"));
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn one_that_never_answers_delays_no_other() {
    let program = Program::new(&[LOOPBACK]).await;
    let silent = Receiver::start(|_| None).await;
    let good = Receiver::with_status(200).await;
    program.webhook(silent.url("/"), &["*"]).await;
    program.app.start().await;
    program.event("A-1").await;
    silent.until(1).await;
    // While that one hangs, another comes and is told.
    let (webhook, secret) = program.webhook(good.url("/"), &["*"]).await;
    program.event("A-2").await;
    let received = good.until(1).await;
    assert!(is_signed(&received[0], &secret) && received[0].body.contains("A-2"));
    let mut work = program.work().await;
    webhooks::test(&mut work, webhook.id).await.unwrap();
    commit(work).await;
    let received = good.until(2).await;
    assert!(
        received[1].body.starts_with(r#"{"event":"inventory.receiver.test""#),
        "{}",
        received[1].body
    );
    drop(silent);
    program.app.shutdown().await;
}

/// The files below a folder, by their names, with their lines.
fn files_in(folder: &std::path::Path) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(name, text.lines().map(str::to_owned).collect());
            }
        }
    }
    found
}

/// The programs' clock, and a minute later, when what has come together is written.
fn a_minute_later() -> Timestamp {
    clock().plus_seconds(61)
}

#[tokio::test]
async fn an_export_is_files_of_lines() {
    let directory = std::env::temp_dir().join(format!("inventory-export-{}", Uuid::new_v4()));
    let program = Program::new(&[("FILES_DIRECTORY", directory.to_str().unwrap())]).await;
    let export = program.export(&["inventory.product.*"]).await.unwrap();
    assert_eq!((export.kind, &export.url), (WebhookKind::Export, &None));
    for sku in ["A-1", "A-2", "A-3"] {
        program.event(sku).await;
    }
    let early = deliver_at(&program.app, clock()).await.unwrap();
    assert_eq!(early, DeliveryReport::default(), "others may come");
    let report = deliver_at(&program.app, a_minute_later()).await.unwrap();
    assert_eq!((report.delivered, report.waiting, report.failed), (3, 0, 0));
    let files = files_in(&directory);
    let (name, lines) = files.first_key_value().unwrap();
    assert_eq!((files.len(), lines.len()), (1, 3), "{files:?}");
    let first = program.number("SELECT MIN(seq) FROM notifications").await;
    let time = program
        .number("SELECT MIN(time) FROM outbox WHERE seq = (SELECT MIN(seq) FROM notifications)")
        .await;
    let at = Timestamp::from_micros(time).to_datetime();
    let (month, day, hour) = (u8::from(at.month()), at.day(), at.hour());
    let folder = format!("events/{}/{month:02}/{day:02}/{hour:02}/{first}-", at.year());
    assert!(name.starts_with(&folder), "{name} {folder}");
    let skus: Vec<_> = lines
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["data"]["sku"].clone())
        .collect();
    assert_eq!(skus, ["A-1", "A-2", "A-3"], "in the order of the outbox");
    // The log says where each of them is.
    for delivery in program.deliveries(export.id).await {
        assert_eq!(delivery.state, DeliveryState::Delivered);
        assert_eq!(delivery.attempts[0].answer.as_ref(), Some(name));
    }
    // What comes next is another file.
    program.event("A-4").await;
    deliver_at(&program.app, a_minute_later()).await.unwrap();
    assert_eq!(files_in(&directory).len(), 2);
    let mut work = program.work().await;
    let rotated = webhooks::rotate(&mut work, export.id, None, &Rotation { overlap_hours: 1 }).await;
    assert!(matches!(rotated, Err(Error::Refused(_))), "there is no secret");
    drop(work);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn a_file_of_an_export_is_the_same_in_every_try() {
    let directory = std::env::temp_dir().join(format!("inventory-export-{}", Uuid::new_v4()));
    let program = Program::new(&[("FILES_DIRECTORY", directory.to_str().unwrap())]).await;
    let export = program.export(&["*"]).await.unwrap();
    program.event("A-1").await;
    program.event("A-2").await;
    // A program that dies after it has stored the file, before it could say so: its claim is all that is left.
    let (store, now) = (program.app.store(), a_minute_later());
    let began = notifications::claim_batch(store, export.id, Uuid::now_v7(), now, now.plus_seconds(120), 100)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(began.events.len(), 2);
    program.event("A-3").await;
    let meanwhile = deliver_at(&program.app, now.plus_seconds(100)).await.unwrap();
    assert_eq!(meanwhile, DeliveryReport::default(), "it may still be at it");
    let none = notifications::claim_batch(store, export.id, Uuid::now_v7(), now.plus_seconds(100), now, 100).await;
    assert!(none.unwrap().is_none());

    // The place for files is no directory: nothing can be stored.
    std::fs::write(&directory, "in the way").unwrap();
    let later = now.plus_seconds(121);
    let report = deliver_at(&program.app, later).await.unwrap();
    assert_eq!((report.delivered, report.waiting), (0, 2));
    let failed = webhooks::get(&program.app, export.id).await.unwrap();
    assert!(failed.failing_since.is_some() && failed.enabled);
    let deliveries = program.deliveries(export.id).await;
    let tried = deliveries.iter().filter(|delivery| !delivery.attempts.is_empty());
    let problems: Vec<_> = tried
        .map(|delivery| delivery.attempts[0].problem.as_deref().unwrap())
        .collect();
    assert_eq!(problems.len(), 2);
    assert!(problems[0].starts_with("the directory of files"), "{problems:?}");
    let still = deliver_at(&program.app, later).await.unwrap();
    assert_eq!(still, DeliveryReport::default(), "not before its time");

    std::fs::remove_file(&directory).unwrap();
    let report = deliver_at(&program.app, later.plus_minutes(1)).await.unwrap();
    assert_eq!((report.delivered, report.waiting), (3, 0));
    let files = files_in(&directory);
    let first = files
        .iter()
        .find(|(name, _)| name.contains(&began.id.to_string()))
        .unwrap();
    let bodies: Vec<_> = began
        .events
        .iter()
        .map(|event| event.due.body.clone().unwrap())
        .collect();
    assert_eq!(first.1, &bodies, "the same events under the same name");
    assert_eq!(
        (files.len(), files.values().map(Vec::len).sum::<usize>()),
        (2, 3),
        "{files:?}"
    );
    assert!(
        webhooks::get(&program.app, export.id)
            .await
            .unwrap()
            .failing_since
            .is_none()
    );
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn an_export_in_blob_storage() {
    let azurite = Azurite::start();
    let connection = azurite.connection_string();
    let program = Program::new(&[("BLOB_STORAGE_CONNECTION_STRING", connection.as_str())]).await;
    let export = program.export(&["inventory.product.*"]).await.unwrap();
    for sku in ["A-1", "A-2"] {
        program.event(sku).await;
    }
    let report = deliver_at(&program.app, a_minute_later()).await.unwrap();
    assert_eq!((report.delivered, report.waiting), (2, 0));
    let account = BlobAccount::from_connection_string(&connection).unwrap();
    let storage = BlobStorage::new(account, "inventory-files", Arc::new(TestCredential::default()));
    let stored = storage.list("events/", 10).await.unwrap();
    let [blob] = stored.as_slice() else {
        panic!("{stored:?}")
    };
    let delivery = program.deliveries(export.id).await.remove(0);
    assert_eq!(delivery.attempts[0].answer.as_ref(), Some(&blob.name));
    let parts: Vec<_> = storage.get(&blob.name).await.unwrap().try_collect().await.unwrap();
    let text = String::from_utf8(parts.concat()).unwrap();
    let ids: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].clone())
        .collect();
    let mut told: Vec<_> = program
        .deliveries(export.id)
        .await
        .iter()
        .map(|one| one.event_id.to_string())
        .collect();
    told.reverse();
    assert_eq!(ids, told);
    assert!(text.ends_with('\n'));
}

#[tokio::test]
async fn without_a_place_for_files_there_is_no_export() {
    let program = Program::new(&[]).await;
    assert!(matches!(program.export(&["*"]).await, Err(Error::NotConfigured(_))));
    for (kind, url, code) in [
        (WebhookKind::Webhook, None, "missing"),
        (WebhookKind::Export, Some("https://shop.example/"), "not_for_kind"),
    ] {
        let new = NewWebhook {
            kind,
            name: "x".to_owned(),
            url: url.map(str::to_owned),
            events: vec!["*".to_owned()],
        };
        match new.validate() {
            Err(Refusal::Invalid(found)) => assert_eq!((found[0].pointer.as_str(), found[0].code), ("/url", code)),
            other => panic!("{other:?}"),
        }
    }
}
