//! How to reach Service Bus.

use super::{
    setting::{Group, Setting},
    source::Source,
};
use inventory_azure::{ServiceBusConnection, ServiceBusTransport};

static CONNECTION: Setting = Setting::text(
    "ServiceBusConnection",
    None,
    "What opens Service Bus: the namespace's connection string (`Endpoint=sb://…`), whose key never travels; with \
     `UseDevelopmentEmulator=true` it is plain AMQP on this machine. Or the URL of another AMQP 1.0 broker such as RabbitMQ, \
     `amqp://USER:PASSWORD@HOST[:PORT][/VHOST]` (`amqps://` with TLS), to which the outbox is sent. The handler does not start \
     without this or `ServiceBusConnection__fullyQualifiedNamespace`. The triggers of `orders_process` and `orders_deadletter` \
     name this setting.",
);

static NAMESPACE: Setting = Setting::text(
    "ServiceBusConnection__fullyQualifiedNamespace",
    None,
    "Instead of `ServiceBusConnection`: the namespace (`NAME.servicebus.windows.net`), opened without a secret, by tokens of Entra \
     ID. The identity needs the role Azure Service Bus Data Sender; the host's triggers, which read the same setting, need Data \
     Receiver.",
);

static CLIENT_ID: Setting = Setting::text(
    "ServiceBusConnection__clientId",
    None,
    "With a namespace: the client id of the user-assigned managed identity. Without it: the system-assigned one.",
);

static CREDENTIAL: Setting = Setting::word(
    "ServiceBusConnection__credential",
    &["managedidentity"],
    "With a namespace: the host wants it beside a client id. The handler knows by itself which identity there is.",
);

static TRANSPORT: Setting = Setting::word(
    "SERVICE_BUS_TRANSPORT",
    &["amqp", "https"],
    "How messages are sent. `https` is for networks that close port 5671: one request a message, on port 443, in a program built \
     with the feature `servicebus-https`; only to a namespace.",
);

pub(super) static GROUP: Group = Group {
    title: "Service Bus",
    about: "",
    settings: &[&CONNECTION, &NAMESPACE, &CLIENT_ID, &CREDENTIAL, &TRANSPORT],
};

/// How to connect. Without a connection: an error where something is `to_be_sent`.
pub(super) fn read(source: &mut Source<'_>, to_be_sent: bool) -> Option<ServiceBusConnection> {
    let text = source.text(&CONNECTION);
    let namespace = source.text(&NAMESPACE);
    let client_id = source.text(&CLIENT_ID);
    source.word(&CREDENTIAL);
    let parsed = match (text, namespace) {
        (Some(_), Some(_)) => {
            let what = "is given beside ServiceBusConnection: only one of them can be meant";
            source.wrong(&NAMESPACE, what);
            None
        }
        (Some(text), None) => text
            .parse()
            .map_err(|error| source.wrong(&CONNECTION, format_args!("is not valid: {error}")))
            .ok(),
        (None, Some(namespace)) => ServiceBusConnection::with_identity(&namespace, client_id)
            .map_err(|error| source.wrong(&NAMESPACE, format_args!("is not valid: {error}")))
            .ok(),
        (None, None) => {
            if to_be_sent {
                let what = "is missing (a connection string; or give ServiceBusConnection__fullyQualifiedNamespace)";
                source.wrong(&CONNECTION, what);
            }
            None
        }
    };
    let transport = match source.word(&TRANSPORT) {
        "https" => ServiceBusTransport::Https,
        _ => ServiceBusTransport::Amqp,
    };
    let connection = parsed.and_then(|connection: ServiceBusConnection| {
        connection
            .over(transport)
            .map_err(|error| source.wrong(&TRANSPORT, format_args!("cannot be: {error}")))
            .ok()
    });
    connection.filter(|_| to_be_sent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn read(pairs: &[(&str, &str)]) -> (Option<ServiceBusConnection>, Vec<String>) {
        let values: BTreeMap<_, _> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut source = Source::new(&values);
        let connection = super::read(&mut source, true);
        (connection, source.wrong)
    }

    const NAME: &str = "ServiceBusConnection__fullyQualifiedNamespace";

    #[test]
    fn a_namespace_with_or_without_a_client_id() {
        let (connection, wrong) = read(&[(NAME, "n.servicebus.windows.net"), ("ServiceBusConnection", "")]);
        assert_eq!(connection.unwrap().identity(), Some(None));
        assert!(wrong.is_empty(), "{wrong:?}");
        let (connection, wrong) = read(&[
            (NAME, "n.servicebus.windows.net"),
            ("ServiceBusConnection__clientId", "an-id"),
            ("ServiceBusConnection__credential", "managedidentity"),
        ]);
        assert_eq!(connection.unwrap().identity(), Some(Some("an-id")));
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn other_brokers() {
        let (connection, wrong) = read(&[("ServiceBusConnection", "amqps://guest:hunter2@rabbit/shop")]);
        assert!(connection.unwrap().is_other_broker());
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn https_is_for_namespaces() {
        let emulator =
            "Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=hunter2;UseDevelopmentEmulator=true";
        let (_, wrong) = read(&[("ServiceBusConnection", emulator), ("SERVICE_BUS_TRANSPORT", "https")]);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].starts_with("SERVICE_BUS_TRANSPORT cannot be"), "{wrong:?}");
        // Whether this build has it depends on its features; the word itself is fine.
        let (_, wrong) = read(&[(NAME, "n"), ("SERVICE_BUS_TRANSPORT", "https")]);
        assert!(
            wrong.iter().all(|wrong| wrong.contains("servicebus-https")),
            "{wrong:?}"
        );
    }

    #[test]
    fn what_cannot_be_meant_is_told_without_values() {
        for pairs in [
            &[][..],
            &[(NAME, "https://n.servicebus.windows.net")],
            &[(NAME, "n"), ("ServiceBusConnection", "amqp://guest:hunter2@rabbit")],
            &[("ServiceBusConnection", "amqp://guest:hunter2@")],
            &[(NAME, "n"), ("ServiceBusConnection__credential", "hunter2")],
        ] {
            let (_, wrong) = read(pairs);
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            assert!(wrong[0].starts_with("ServiceBusConnection"), "{wrong:?}");
            assert!(!wrong[0].contains("hunter2"), "{wrong:?}");
        }
    }
}
