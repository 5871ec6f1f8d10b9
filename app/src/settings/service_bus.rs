//! How to reach Service Bus.

use super::{
    setting::{Group, Setting},
    source::Source,
};
use inventory_azure::ConnectionString;

static CONNECTION: Setting = Setting::text(
    "ServiceBusConnection",
    None,
    "The namespace's connection string; the handler does not start without it. The triggers of `orders_process` and \
     `orders_deadletter` name this setting, and the outbox is sent with it. With `UseDevelopmentEmulator=true` it is plain AMQP \
     on this machine.",
);

pub(super) static GROUP: Group = Group {
    title: "Service Bus",
    about: "",
    settings: &[&CONNECTION],
};

/// How to connect. Without a connection: an error where something is `to_be_sent`.
pub(super) fn read(source: &mut Source<'_>, to_be_sent: bool) -> Option<ConnectionString> {
    match source.text(&CONNECTION).map(|text| text.parse::<ConnectionString>()) {
        Some(Ok(connection)) => return Some(connection).filter(|_| to_be_sent),
        Some(Err(error)) => source.wrong(&CONNECTION, format_args!("is not valid: {error}")),
        None if to_be_sent => source.wrong(&CONNECTION, "is missing (a Service Bus connection string)"),
        None => {}
    }
    None
}
