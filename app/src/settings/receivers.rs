//! Webhooks and channels.

use super::{
    identity::is_elsewhere,
    is_loopback, is_safe_url,
    setting::{Group, Setting},
    source::Source,
};
use crate::secrets::{ExposeSecret as _, SecretString};
use lettre::{
    AsyncSmtpTransport, Tokio1Executor, message::Mailbox, transport::smtp::AsyncSmtpTransportBuilder,
    transport::smtp::Error as SmtpError,
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
static SMTP_URL: Setting = Setting::text(
    "SMTP_URL",
    None,
    "The mail server that e-mails of alerts go through, a secret: `smtps://USER:PASSWORD@HOST` or \
     `smtp://USER:PASSWORD@HOST:587?tls=required`; without TLS (`smtp://HOST`) only on this machine. Without it there are no channels \
     that are e-mails.",
);
static SMTP_FROM: Setting = Setting::text(
    "SMTP_FROM",
    None,
    "Who such e-mails are from: `inventory@example.org` or `Inventory <inventory@example.org>`. Needed with `SMTP_URL`.",
);
static TWILIO_URL: Setting = Setting::text(
    "TWILIO_URL",
    Some("https://api.twilio.com"),
    "Where text messages are given to Twilio. Another one is for tests.",
);

pub(super) static GROUP: Group = Group {
    title: "Webhooks and channels",
    about: "",
    settings: &[&ALLOW_LOOPBACK, &RETENTION, &SMTP_URL, &SMTP_FROM, &TWILIO_URL],
};

/// How others are told.
#[derive(Clone, Debug)]
pub struct Receivers {
    /// Whether webhooks may be on this machine.
    pub allows_loopback: bool,
    /// How long deliveries are kept after they ended, in days.
    pub retention_days: i64,
    /// The mail server; `None`: there is none.
    pub smtp: Option<Smtp>,
    /// Where text messages are given to Twilio.
    pub twilio_url: String,
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct Smtp {
    url: SecretString,
    /// Who e-mails are from.
    pub from: String,
}

impl Smtp {
    /// What connects to it.
    pub(crate) fn transport(&self) -> Result<AsyncSmtpTransportBuilder, SmtpError> {
        AsyncSmtpTransport::<Tokio1Executor>::from_url(self.url.expose_secret())
    }

    /// The domain that e-mails come from.
    pub(crate) fn domain(&self) -> &str {
        let (_, domain) = self.from.rsplit_once('@').unwrap_or_default();
        domain.trim_end_matches('>')
    }
}

/// Whether passwords and alerts go to a server over TLS, or nowhere.
fn is_closed(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else {
        return false;
    };
    match url.scheme() {
        "smtps" => true,
        "smtp" => {
            let is_required = url
                .query_pairs()
                .any(|(name, value)| name == "tls" && value == "required");
            is_required || is_loopback(&url)
        }
        _ => false,
    }
}

fn smtp(source: &mut Source<'_>) -> Option<Smtp> {
    let (url, from) = (source.text(&SMTP_URL), source.text(&SMTP_FROM));
    if url.is_some() != from.is_some() {
        source.wrong(&SMTP_FROM, "and SMTP_URL need each other");
    }
    let smtp = Smtp {
        url: url?.into(),
        from: from?,
    };
    if !is_closed(smtp.url.expose_secret()) || smtp.transport().is_err() {
        source.wrong(
            &SMTP_URL,
            "must be smtps://…, smtp://…?tls=required, or on this machine",
        );
    }
    if smtp.from.parse::<Mailbox>().is_err() {
        source.wrong(&SMTP_FROM, "must be an e-mail address");
    }
    Some(smtp)
}

pub(super) fn read(source: &mut Source<'_>) -> Receivers {
    let allows_loopback = source.flag(&ALLOW_LOOPBACK);
    if allows_loopback && is_elsewhere(source) {
        source.wrong(
            &ALLOW_LOOPBACK,
            "is for work on one machine, neither in Azure nor in Kubernetes",
        );
    }
    let twilio_url = source.text(&TWILIO_URL).unwrap_or_default();
    if !is_safe_url(&twilio_url) {
        source.wrong(&TWILIO_URL, "must be https://…, or on this machine");
    }
    Receivers {
        allows_loopback,
        retention_days: i64::from(source.number(&RETENTION)),
        smtp: smtp(source),
        twilio_url: twilio_url.trim_end_matches('/').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(pairs: &[(&str, &str)]) -> String {
        let values = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut source = Source::new(&values);
        read(&mut source);
        source.wrong.join("; ")
    }

    #[test]
    fn passwords_for_mail_go_over_tls_and_are_not_shown() {
        let from = ("SMTP_FROM", "Inventory <inventory@example.org>");
        for good in [
            "smtps://user:hunter2@mail.example",
            "smtp://user:hunter2@mail.example:587?tls=required",
            "smtp://127.0.0.1:2525",
        ] {
            assert_eq!(wrong(&[("SMTP_URL", good), from]), "", "{good}");
        }
        for bad in [
            "smtp://user:hunter2@mail.example",
            "smtp://user:hunter2@mail.example?tls=opportunistic",
            "https://user:hunter2@mail.example",
            "hunter2",
        ] {
            let wrong = wrong(&[("SMTP_URL", bad), from]);
            assert!(wrong.contains("SMTP_URL") && !wrong.contains("hunter2"), "{wrong}");
        }
        assert!(wrong(&[from]).contains("SMTP_FROM"));
        assert!(wrong(&[("SMTP_URL", "smtps://mail.example"), ("SMTP_FROM", "nobody")]).contains("SMTP_FROM"));
        assert!(wrong(&[("TWILIO_URL", "http://api.example")]).contains("TWILIO_URL"));
    }

    #[test]
    fn this_machine_is_for_work_on_this_machine() {
        let loopback = ("WEBHOOK_ALLOW_LOOPBACK", "true");
        assert_eq!(wrong(&[loopback]), "");
        for name in [
            "WEBSITE_INSTANCE_ID",
            "WEBSITE_SITE_NAME",
            "CONTAINER_NAME",
            "KUBERNETES_SERVICE_HOST",
        ] {
            assert!(
                wrong(&[loopback, (name, "x")]).contains("WEBHOOK_ALLOW_LOOPBACK"),
                "{name}"
            );
        }
    }
}
