//! Everything that bytes from outside are read by, each as one function that takes any bytes at all. `devhost/fuzz` feeds them
//! what a fuzzer makes up, `tests/fuzz_corpus.rs` what was worth keeping of it. They return when all is well and panic when not.

use crate::{
    config::{HostJson, LocalSettings, Settings, parse_function},
    http::{Template, map_response},
    invocation::{Reply, named_outputs},
    servicebus::{AmqpOptions, Broker, BrokerMessage, Entities, Filter, QueueOptions, Rule, serve_halves},
    timers::Cron,
};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{LazyLock, Mutex, PoisonError},
};
use time::macros::datetime;
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

/// A target: its name, which is also its corpus' folder, and what it is.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 6] = [
    ("amqp", amqp),
    ("configuration", configuration),
    ("cron", cron),
    ("reply", reply),
    ("rules", rules),
    ("template", template),
];

/// What a client sends to the AMQP listener, until it goes away. The broker behind it is real, and in memory.
pub fn amqp(bytes: &[u8]) {
    static BROKER: LazyLock<(tokio::runtime::Runtime, Mutex<(Broker, u32)>)> = LazyLock::new(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        (runtime, Mutex::new((broker(), 0)))
    });
    let (runtime, broker_and_count) = &*BROKER;
    let broker = {
        let mut state = broker_and_count.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 += 1;
        if state.1.is_multiple_of(10_000) {
            // What was stored so far is not what is measured.
            state.0 = self::broker();
        }
        state.0.clone()
    };
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(READ_BYTES);
        let served = serve_halves(
            server,
            tokio::io::sink(),
            broker.clone(),
            AmqpOptions::default(),
            CancellationToken::new(),
        );
        let sent = async {
            for piece in bytes.chunks(READ_BYTES) {
                if client.write_all(piece).await.is_err() {
                    break;
                }
                // The broker is at hand again: what was asked of it so far has been answered, as it is for a real client.
                drop(broker.cancel_scheduled("q", &[0]).await);
            }
            drop(client);
        };
        // A client that goes away ends a connection, well or not.
        drop(tokio::join!(served, sent));
    });
}

/// How much of what a client sends comes at once.
const READ_BYTES: usize = 512;

fn broker() -> Broker {
    let broker = Broker::open(Path::new(":memory:"), Entities::default()).expect("a broker");
    for queue in ["q", "orders"] {
        broker.ensure_queue(queue, QueueOptions::default()).expect("a queue");
    }
    let options = QueueOptions {
        requires_session: true,
        ..QueueOptions::default()
    };
    broker.ensure_queue("sessions", options).expect("a queue");
    for subscription in ["all", "ruled"] {
        broker
            .ensure_subscription("inventory-events", subscription, QueueOptions::default())
            .expect("a subscription");
    }
    broker
}

/// `host.json`, and a `function.json`: one after the other, with a NUL between them.
pub fn configuration(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let mut next = || serde_json::from_slice::<Value>(parts.next().unwrap_or_default()).unwrap_or_default();
    let (host, function) = (next(), next());
    let settings = Settings::merge(
        [("CRON".to_owned(), "0 0 * * * *".to_owned())],
        &LocalSettings::default(),
        &mut Vec::new(),
    );
    drop(HostJson::examine(host, Path::new("/app"), &settings, &mut Vec::new()));
    if let Ok(function) = parse_function("f", Path::new("/app/f"), &function, &settings) {
        assert!(!function.trigger_kind().is_empty());
    }
}

/// A schedule: what comes next comes later, and is what the schedule says.
pub fn cron(bytes: &[u8]) {
    let Some(cron) = std::str::from_utf8(bytes).ok().and_then(|text| Cron::parse(text).ok()) else {
        return;
    };
    let mut at = datetime!(2024-02-28 23:59:58);
    for _ in 0..4 {
        let Some(next) = cron.next_after(at) else {
            return;
        };
        assert!(next > at, "{next} after {at}");
        at = next;
    }
}

/// A handler's answer to an envelope: status, media type and body, as far as its response. The first byte chooses the first two.
pub fn reply(bytes: &[u8]) {
    static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
        let connection = "Endpoint=sb://localhost;UseDevelopmentEmulator=true;".to_owned();
        Settings::merge(
            [("SB".to_owned(), connection)],
            &LocalSettings::default(),
            &mut Vec::new(),
        )
    });
    let (choice, body) = bytes.split_first().map_or((0, bytes), |(choice, body)| (*choice, body));
    let status = [200, 200, 200, 201, 204, 404, 500, 301][usize::from(choice % 8)];
    let media = [
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("text/json"),
        Some("text/plain"),
        None,
    ][usize::from(choice / 8 % 5)];
    let bindings = json!({ "bindings": [
        { "type": "httpTrigger", "direction": "in", "name": "req" },
        { "type": "http", "direction": "out", "name": if choice >= 128 { "$return" } else { "res" } },
        { "type": "serviceBus", "direction": "out", "name": "out", "queueName": "q", "connection": "SB" },
    ]});
    let function = parse_function("f", Path::new("/app/f"), &bindings, &SETTINGS).expect("a function");
    if let Ok(reply) = Reply::accept(status, media, body) {
        drop(named_outputs(&function, &reply));
        drop(map_response(&function, &reply));
    }
}

/// A subscription's rule, in SQL, and a message that it looks at: its filter and, after a NUL, its action.
pub fn rules(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (filter, action) = match text.split_once('\0') {
        Some((filter, action)) => (filter, Some(action.to_owned())),
        None => (text, None),
    };
    if let Ok(rule) = Rule::new("r", Filter::Sql(filter.to_owned()), action) {
        let message = BrokerMessage {
            message_id: "m".to_owned(),
            subject: Some("s".to_owned()),
            ..BrokerMessage::default()
        };
        rule.is_about(&message);
    }
}

/// A route template and, on the second line, a path.
pub fn template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (template, path) = text.split_once('\n').unwrap_or((&text, "a/1"));
    if let Ok(template) = Template::parse(template) {
        let path: Vec<String> = path.split('/').map(str::to_owned).collect();
        drop(template.matches(&path));
    }
}
