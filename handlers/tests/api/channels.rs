//! Channels of alerts, with local servers for each kind.

use crate::client::Api;
use http::Method;
use inventory_app::{
    clock,
    outbox::{self, Destination},
    receivers::{DeliveryReport, deliver_at},
};
use inventory_tests::{receiver::Receiver, smtp::MailServer};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/channels";
const SID: &str = "AC0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

async fn api(settings: &[(&str, &str)]) -> Api {
    let usual = [
        ("WEBHOOK_MASTER_KEY", "a master key of these tests"),
        ("WEBHOOK_ALLOW_LOOPBACK", "true"),
        ("SMTP_FROM", "Inventory <inventory@shop.example>"),
    ];
    let api = Api::unstarted(&[&usual, settings].concat());
    api.app.start().await;
    api
}

async fn channel(api: &Api, new: &Value) -> i64 {
    let made = api.post(PATH, new).await.expect(201).body();
    made["channel"]["id"].as_i64().unwrap()
}

async fn delivery(api: &Api, channel: i64) -> Value {
    api.get(&format!("{PATH}/{channel}/deliveries"))
        .await
        .expect(200)
        .items()[0]
        .clone()
}

#[tokio::test]
async fn each_kind_of_channel_is_told_in_its_own_way() {
    let mail = MailServer::start(0).await;
    let chat = Receiver::with_status(200).await;
    let twilio = Receiver::with_status(201).await;
    let (smtp, sms) = (mail.url(), twilio.url(""));
    let api = api(&[("SMTP_URL", &smtp), ("TWILIO_URL", &sms)]).await;
    channel(
        &api,
        &json!({ "kind": "email", "name": "Mail", "to": ["ops@shop.example", "mary@shop.example"] }),
    )
    .await;
    let slack = channel(
        &api,
        &json!({ "kind": "slack", "name": "Slack", "url": chat.url("/services/hunter2") }),
    )
    .await;
    channel(
        &api,
        &json!({ "kind": "teams", "name": "Teams", "url": chat.url("/teams/hunter2") }),
    )
    .await;
    channel(&api, &json!({ "kind": "sms", "name": "Sms", "to": ["+4915112345678"], "from": "+15005550006", "account_sid": SID, "auth_token": "hunter2" })).await;
    let signed = api
        .post(
            PATH,
            &json!({ "kind": "webhook", "name": "Hook", "url": chat.url("/hook") }),
        )
        .await
        .expect(201)
        .body();
    assert!(signed["secret"].as_str().unwrap().starts_with("whsec_"));
    // Who wants to know of other alerts, or of other places, is told nothing.
    for (name, filter) in [
        ("Worse", json!({ "level_min": "critical" })),
        ("Other", json!({ "alerts": ["out", "recovered"] })),
        ("Elsewhere", json!({ "location_ids": [999] })),
    ] {
        channel(
            &api,
            &json!({ "kind": "slack", "name": name, "url": chat.url("/wrong"), "filter": filter }),
        )
        .await;
    }

    let (_, item) = api.product("TEA<b>", 5, 10).await;
    let text = "5 units are left; the reorder point is 10.";
    let mails = mail.until(1).await;
    assert_eq!(mails[0].from, "inventory@shop.example");
    assert_eq!(mails[0].to, ["ops@shop.example", "mary@shop.example"]);
    // Long lines are folded in quoted-printable.
    let whole = mails[0].text.replace("=\n", "");
    for part in [
        "Subject: Low: TEA<b> at MAIN",
        "Content-Type: text/plain",
        "Content-Type: text/html",
        "Auto-Submitted: auto-generated",
        "TEA&lt;b&gt;",
        text,
    ] {
        assert!(whole.contains(part), "{part}: {whole}");
    }
    let sms = &twilio.until(1).await[0];
    assert_eq!(sms.path, format!("/2010-04-01/Accounts/{SID}/Messages.json"));
    assert!(sms.header("authorization").starts_with("Basic "));
    assert!(
        sms.body.starts_with("To=%2B4915112345678&From=%2B15005550006&Body=Low"),
        "{}",
        sms.body
    );
    let told = chat.until(3).await;
    let to = |path: &str| -> Value {
        let one = told.iter().find(|one| one.path == path).unwrap();
        serde_json::from_str(&one.body).unwrap()
    };
    assert_eq!(to("/services/hunter2")["blocks"][1]["text"]["text"], text);
    assert_eq!(
        to("/teams/hunter2")["attachments"][0]["content"]["body"][1]["text"],
        text
    );
    assert_eq!(to("/hook")["subject"], format!("inventory/{item}"));
    assert_eq!(chat.received().len(), 3, "nobody else");

    // Secrets are shown nowhere, neither in the trail.
    for path in [PATH, "/api/v1/audit?limit=1000", &format!("{PATH}/{slack}/deliveries")] {
        let shown = api.get(path).await.expect(200);
        assert!(!String::from_utf8_lossy(&shown.bytes).contains("hunter2"), "{path}");
    }
    // Changed without its secrets it keeps them.
    let path = format!("{PATH}/{slack}");
    let changed = api
        .json(Method::PATCH, &path, &[], &json!({ "name": "Team" }))
        .await
        .expect(200)
        .body();
    assert_eq!((&changed["name"], &changed["version"]), (&json!("Team"), &json!(2)));
    api.post(&format!("{path}/test"), &json!({})).await.expect(202);
    let last = chat.until(4).await.pop().unwrap();
    assert_eq!(last.path, "/services/hunter2");
    assert!(last.body.contains("Test of this channel"));
    api.json(Method::DELETE, &path, &[], &json!({})).await.expect(200);
    api.get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_channel_that_fails_is_tried_again_and_visible() {
    let mail = MailServer::start(1).await;
    let smtp = mail.url();
    let api = api(&[("SMTP_URL", &smtp)]).await;
    let id = channel(
        &api,
        &json!({ "kind": "email", "name": "Mail", "to": ["ops@shop.example"] }),
    )
    .await;
    let test = api
        .post(&format!("{PATH}/{id}/test"), &json!({}))
        .await
        .expect(202)
        .body();
    // The first try is refused; the next comes by itself after some five seconds, or now.
    let later = clock().plus_seconds(60);
    while delivery(&api, id).await["attempts"].as_array().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    deliver_at(&api.app, later).await.unwrap();
    let mails = mail.until(1).await;
    assert_eq!(mails.len(), 1);
    while delivery(&api, id).await["state"] != "delivered" {
        tokio::task::yield_now().await;
    }
    let done = delivery(&api, id).await;
    assert_eq!(
        (&done["id"], &done["attempts"][0]["status"]),
        (&test["id"], &json!(451))
    );
    assert_eq!(
        (&done["attempts"][1]["status"], &done["attempts"][1]["problem"]),
        (&json!(250), &Value::Null)
    );
    assert!(
        mails[0].text.contains(test["event_id"].as_str().unwrap()),
        "known again by its message id"
    );
}

#[tokio::test]
async fn an_alert_that_rests_is_not_told_until_its_time_is_over() {
    let chat = Receiver::with_status(200).await;
    let api = api(&[("SMTP_URL", "smtp://127.0.0.1:9")]).await;
    channel(&api, &json!({ "kind": "slack", "name": "Slack", "url": chat.url("/") })).await;
    let (_, item) = api.product("TEA", 5, 10).await;
    chat.until(1).await;
    let alert = &api.get("/api/v1/alerts").await.items()[0];
    let snooze = format!("/api/v1/alerts/{}/snooze", alert["id"]);
    api.post(&snooze, &json!({ "minutes": -1 }))
        .await
        .problem(422, "invalid");
    let resting = api.post(&snooze, &json!({ "minutes": 60 })).await.expect(200).body();
    assert!(resting["snoozed_until"].is_string());
    // It gets worse, and nobody is told.
    let adjust = format!("/api/v1/inventory/{item}/adjust");
    api.post(&adjust, &json!({ "delta": -5, "reason": "damage" }))
        .await
        .expect(200);
    outbox::relay_to(&api.app, Destination::Receivers).await.unwrap();
    assert_eq!(deliver_at(&api.app, clock()).await.unwrap(), DeliveryReport::default());
    // The time is over: they are reminded of how it stands.
    api.app
        .store()
        .execute_raw("UPDATE alerts SET snoozed_until = 1")
        .await
        .unwrap();
    api.tick("stock_sweep").await.expect(200);
    let told = chat.until(2).await;
    assert!(told[1].body.contains("Out of stock: TEA"), "{}", told[1].body);
    let awake = api.get(&format!("/api/v1/alerts/{}", alert["id"])).await.body();
    assert_eq!(awake["snoozed_until"], Value::Null);
    // Recovered is told although it rests again.
    api.post(&snooze, &json!({ "minutes": 60 })).await.expect(200);
    api.post(&adjust, &json!({ "delta": 50, "reason": "count" }))
        .await
        .expect(200);
    assert!(chat.until(3).await[2].body.contains("Recovered: TEA"));
    api.post(&snooze, &json!({ "minutes": 60 }))
        .await
        .problem(409, "alert_cleared");
}

#[tokio::test]
async fn what_a_channel_cannot_be_is_refused() {
    let api = api(&[("SMTP_URL", "smtp://127.0.0.1:9")]).await;
    for (new, pointer) in [
        (
            json!({ "kind": "slack", "name": "x", "url": "https://10.0.0.1/" }),
            "/url",
        ),
        (json!({ "kind": "teams", "name": "x" }), "/url"),
        (json!({ "kind": "email", "name": "x", "to": ["nobody"] }), "/to/0"),
        (
            json!({ "kind": "email", "name": "x", "to": ["a@b.example\r\nBcc: c@d.example"] }),
            "/to/0",
        ),
        (
            json!({ "kind": "sms", "name": "x", "to": ["1"], "from": "+15005550006", "account_sid": SID, "auth_token": "t" }),
            "/to/0",
        ),
    ] {
        let refused = api.post(PATH, &new).await.problem(422, "invalid");
        assert_eq!(refused.pointers()[0], pointer, "{new}");
    }
}

#[tokio::test]
async fn without_a_mail_server_there_are_no_e_mails() {
    let api = Api::unstarted(&[("WEBHOOK_MASTER_KEY", "a master key of these tests")]);
    api.app.start().await;
    let new = json!({ "kind": "email", "name": "Mail", "to": ["ops@shop.example"] });
    api.post(PATH, &new).await.problem(503, "not_configured");
}
