//! Webhooks and channels.

use super::{
    identity::is_elsewhere,
    setting::{Group, Setting},
    source::Source,
};

static ALLOW_LOOPBACK: Setting = Setting::flag(
    "WEBHOOK_ALLOW_LOOPBACK",
    false,
    "For work on one machine: webhooks may be on this machine, and there plain HTTP and any port are allowed. Never in Azure or \
     Kubernetes. Everything else must be `https://` on the public internet, port 443 or 8443.",
);
static RETENTION: Setting = Setting::number(
    "DELIVERIES_RETENTION_DAYS",
    30,
    1..=3_650,
    "How long deliveries to webhooks and channels are kept after they ended, with their attempts. One can be sent again while its \
     event is kept.",
);

pub(super) static GROUP: Group = Group {
    title: "Webhooks and channels",
    about: "",
    settings: &[&ALLOW_LOOPBACK, &RETENTION],
};

/// How others are told.
#[derive(Clone, Debug)]
pub struct Receivers {
    /// Whether webhooks may be on this machine.
    pub allows_loopback: bool,
    /// How long deliveries are kept after they ended, in days.
    pub retention_days: i64,
}

pub(super) fn read(source: &mut Source<'_>) -> Receivers {
    let allows_loopback = source.flag(&ALLOW_LOOPBACK);
    if allows_loopback && is_elsewhere(source) {
        source.wrong(
            &ALLOW_LOOPBACK,
            "is for work on one machine, neither in Azure nor in Kubernetes",
        );
    }
    Receivers {
        allows_loopback,
        retention_days: i64::from(source.number(&RETENTION)),
    }
}
