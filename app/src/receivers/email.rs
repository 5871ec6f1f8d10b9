//! E-mails, by the SMTP server of the settings.

use super::{message::Message, outbound::Sent};
use crate::settings::Smtp;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    message::{Mailbox, Message as Email, MultiPart, header},
};
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

/// How long each step of sending may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long sending may take.
const TIMEOUT_IN_ALL: Duration = Duration::from_secs(45);

/// Sends e-mails; connects when it is first needed.
#[derive(Default)]
pub(crate) struct Mailer {
    transport: OnceLock<AsyncSmtpTransport<Tokio1Executor>>,
}

/// Whether this is an e-mail address.
pub(crate) fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

impl Mailer {
    fn transport(&self, smtp: &Smtp) -> Result<&AsyncSmtpTransport<Tokio1Executor>, String> {
        if let Some(transport) = self.transport.get() {
            return Ok(transport);
        }
        let builder = smtp.transport().map_err(|_| "SMTP_URL cannot be used".to_owned())?;
        let transport = builder.timeout(Some(TIMEOUT)).build();
        Ok(self.transport.get_or_init(|| transport))
    }

    /// Sends one message to all of `to`; `id` is the same in every try, so that mailboxes may know it again.
    pub(crate) async fn send(&self, smtp: &Smtp, to: &[String], message: &Message, id: &str) -> Result<Sent, String> {
        let mailbox = |address: &str| {
            address
                .parse::<Mailbox>()
                .map_err(|_| "an address cannot be read".to_owned())
        };
        let mut email = Email::builder()
            .from(mailbox(&smtp.from)?)
            .subject(message.title.as_str())
            .message_id(Some(format!("<{id}@{}>", smtp.domain())))
            // No answers from machines (RFC 3834).
            .header(AutoSubmitted);
        for address in to {
            email = email.to(mailbox(address)?);
        }
        let parts = MultiPart::alternative_plain_html(message.plain(), message.html());
        let email = email.multipart(parts).map_err(|_| "the e-mail cannot be written")?;
        let transport = self.transport(smtp)?;
        let began = Instant::now();
        let sent = tokio::time::timeout(TIMEOUT_IN_ALL, transport.send(email)).await;
        let duration = began.elapsed();
        Ok(match sent {
            Ok(Ok(response)) => Sent {
                status: Some(u16::from(response.code())),
                problem: None,
                answer: response.first_line().map(str::to_owned),
                duration,
                retry_after: None,
            },
            Ok(Err(error)) => Sent {
                status: error.status().map(u16::from),
                duration,
                ..Sent::not_at_all(format!("the mail server: {error}"))
            },
            Err(_) => Sent {
                duration,
                ..Sent::not_at_all("no answer in time".to_owned())
            },
        })
    }
}

/// `Auto-Submitted` (RFC 3834, section 5): machines do not answer it.
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
