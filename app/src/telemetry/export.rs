//! Where telemetry is sent: as whom, by which client, and what is said when a destination is away.

use crate::{
    secrets::{ExposeSecret as _, SecretString},
    settings::{Otlp, Telemetry as Settings},
};
use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry_application_insights::Exporter as ApplicationInsights;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::{Resource, error::OTelSdkResult};
use reqwest::header::{HeaderName, HeaderValue};
use std::{
    fmt::Display,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Handle;
use uuid::Uuid;

/// How long connecting may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether Application Insights can be found by a connection string.
pub fn is_connection_string(text: &str) -> bool {
    #[derive(Debug)]
    struct Nobody;
    ApplicationInsights::new_from_connection_string(text, Nobody).is_ok()
}

/// Whether a header can have this name and value.
pub fn is_header(name: &str, value: &str) -> bool {
    HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok()
}

/// The way out, for all signals. Made only where there is a destination.
#[derive(Debug)]
pub(crate) struct Export {
    /// Who we are.
    pub(crate) resource: Resource,
    /// Sends to all destinations.
    pub(crate) client: Client,
    /// The collector.
    pub(crate) otlp: Option<Otlp>,
    /// The connection string of Application Insights.
    pub(crate) application_insights: Option<SecretString>,
    /// How long sending a batch may take.
    pub(crate) timeout: Duration,
}

impl Export {
    /// The way to the destinations of the settings; `None` without any. To be called within a runtime, which does the sending.
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        if settings.otlp.is_none() && settings.application_insights.is_none() {
            return None;
        }
        let Ok(runtime) = Handle::try_current() else {
            tracing::error!("telemetry is not exported: there is no runtime to send it");
            return None;
        };
        Some(Self {
            resource: resource(settings),
            client: Client {
                runtime,
                timeout: settings.export_timeout,
                http: Arc::default(),
            },
            otlp: settings.otlp.clone(),
            application_insights: settings.application_insights.clone(),
            timeout: settings.export_timeout,
        })
    }

    /// The collector's address for a signal (`traces`, `metrics`), and its headers.
    pub(crate) fn otlp(&self, signal: &str) -> Option<(String, std::collections::HashMap<String, String>)> {
        let otlp = self.otlp.as_ref()?;
        let header = |(name, value): &(String, SecretString)| (name.clone(), value.expose_secret().to_owned());
        Some((
            format!("{}/v1/{signal}", otlp.endpoint),
            otlp.headers.iter().map(header).collect(),
        ))
    }

    /// The exporter to Application Insights.
    pub(crate) fn application_insights(&self) -> Option<ApplicationInsights<Client>> {
        let text = self.application_insights.as_ref()?;
        // The settings have read it before.
        ApplicationInsights::new_from_connection_string(text.expose_secret(), self.client.clone()).ok()
    }
}

/// Names as in OpenTelemetry's semantic conventions for resources. What the settings say wins.
fn resource(settings: &Settings) -> Resource {
    let given = settings
        .resource_attributes
        .iter()
        .map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", Uuid::now_v7().to_string()),
            KeyValue::new("deployment.environment.name", settings.environment.clone()),
        ])
        .with_attributes(given)
        .with_service_name(settings.service_name.clone())
        .build()
}

/// The HTTP client under all exporters. They run on threads of their own, where there is no runtime: the program's does the work.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    runtime: Handle,
    timeout: Duration,
    /// Made by the first batch, not at start.
    http: Arc<OnceLock<reqwest::Client>>,
}

impl Client {
    fn http(&self) -> Result<reqwest::Client, reqwest::Error> {
        if let Some(client) = self.http.get() {
            return Ok(client.clone());
        }
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.timeout)
            // A redirect would carry a key to wherever it points.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(self.http.get_or_init(|| client).clone())
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.http()?;
        let sent = self.runtime.spawn(async move { client.send_bytes(request).await });
        sent.await?.map_err(|error| match error.downcast::<reqwest::Error>() {
            Ok(error) => Box::new(error.without_url()) as HttpError,
            Err(error) => error,
        })
    }
}

/// Says once that a destination is away, and once that it is back, however many batches are lost meanwhile.
#[derive(Debug)]
pub(crate) struct Watch {
    signal: &'static str,
    destination: &'static str,
    is_away: AtomicBool,
}

impl Watch {
    pub(crate) const fn new(signal: &'static str, destination: &'static str) -> Self {
        Self {
            signal,
            destination,
            is_away: AtomicBool::new(false),
        }
    }

    /// Takes note of what became of a batch.
    pub(crate) fn note(&self, sent: &OTelSdkResult) {
        match sent {
            Ok(()) => self.here(),
            Err(error) => self.away(error),
        }
    }

    fn here(&self) {
        let (signal, destination) = (self.signal, self.destination);
        if self.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!(signal, destination, "telemetry is exported again");
        }
    }

    /// The destination does not take a batch, or not yet.
    pub(crate) fn away(&self, error: &dyn Display) {
        let (signal, destination) = (self.signal, self.destination);
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, signal, destination, "telemetry cannot be exported; what does not fit into the queue is lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::log::tests::logged;
    use opentelemetry_sdk::error::OTelSdkError;

    #[test]
    fn a_destination_that_is_away_is_told_of_once() {
        let lines = logged(|| {
            let watch = Watch::new("traces", "otlp");
            let away = || Err(OTelSdkError::InternalFailure("refused".to_owned()));
            for sent in [Ok(()), away(), away(), away(), Ok(()), Ok(())] {
                watch.note(&sent);
            }
        });
        let messages: Vec<_> = lines.iter().map(|line| (&line["level"], &line["message"])).collect();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert_eq!((messages[0].0, messages[1].0), (&"WARN".into(), &"INFO".into()));
    }
}
