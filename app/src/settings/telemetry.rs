//! What is told of the work: logs, traces.

use super::{
    Reader,
    identity::is_safe_url,
    setting::{Group, Setting},
    source::Source,
};
use crate::{secrets::SecretString, telemetry};
use std::time::Duration;

static ENVIRONMENT: Setting = Setting::text(
    "ENVIRONMENT",
    Some("local"),
    "The environment's name, for logs, traces and `/health`.",
);
static LOG_LEVEL: Setting = Setting::text(
    "LOG_LEVEL",
    Some("info"),
    "What is logged, as JSON lines on stdout: `error`, `warn`, `info`, `debug` (with one line a request), `trace`, or by part \
     (`info,inventory_store=debug`).",
);
static APPLICATION_INSIGHTS: Setting = Setting::text(
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    None,
    "`InstrumentationKey=…;IngestionEndpoint=…`: traces and metrics go to this Application Insights, by its key (Entra authentication is not \
     supported). The Functions host reads the same setting for its own.",
);
static OTLP_ENDPOINT: Setting = Setting::text(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    None,
    "`http://HOST:4318`: traces and metrics go to this OpenTelemetry collector, as protobuf over HTTP (OTLP).",
);
static OTLP_HEADERS: Setting = Setting::text(
    "OTEL_EXPORTER_OTLP_HEADERS",
    None,
    "Headers for the collector: `name=value`, separated by commas. They may hold a key, so the collector must then have TLS (or be on \
     this machine).",
);
static OTLP_TIMEOUT: Setting = Setting::number(
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    10_000,
    100..=60_000,
    "How long sending one batch of telemetry may take, in milliseconds.",
);
static SERVICE_NAME: Setting = Setting::text(
    "OTEL_SERVICE_NAME",
    Some("inventory"),
    "The name under which telemetry is found (Application Insights: the cloud role).",
);
static RESOURCE_ATTRIBUTES: Setting = Setting::text(
    "OTEL_RESOURCE_ATTRIBUTES",
    None,
    "What else telemetry says of this program: `name=value`, separated by commas.",
);
static SAMPLE_RATIO: Setting = Setting::text(
    "OTEL_TRACES_SAMPLER_ARG",
    Some("1"),
    "The part of all traces that begin here which is recorded, from `0` to `1`. A request that belongs to a trace is recorded where \
     its caller's part was.",
);

pub(super) static GROUP: Group = Group {
    title: "Telemetry",
    about: "Without `APPLICATIONINSIGHTS_CONNECTION_STRING` and `OTEL_EXPORTER_OTLP_ENDPOINT` nothing is exported and nothing is spent \
            on it. [Telemetry](telemetry.md) says what there is to see.",
    settings: &[
        &ENVIRONMENT,
        &LOG_LEVEL,
        &APPLICATION_INSIGHTS,
        &OTLP_ENDPOINT,
        &OTLP_HEADERS,
        &OTLP_TIMEOUT,
        &SERVICE_NAME,
        &RESOURCE_ATTRIBUTES,
        &SAMPLE_RATIO,
    ],
};

/// What is told of the work.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// `local`, `dev`, `production`, …: for logs and traces.
    pub environment: String,
    /// Log filter (`info`, `inventory=debug`, …).
    pub log_level: String,
    /// The connection string of Application Insights; `None`: nothing is sent there.
    pub application_insights: Option<SecretString>,
    /// Where an OpenTelemetry collector is; `None`: nothing is sent to one.
    pub otlp: Option<Otlp>,
    /// How long sending a batch may take.
    pub export_timeout: Duration,
    /// The name of the service.
    pub service_name: String,
    /// What else is said of it.
    pub resource_attributes: Vec<(String, String)>,
    /// The part of new traces that is recorded, from 0 to 1.
    pub sample_ratio: f64,
}

/// An OpenTelemetry collector.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// Its address, without the signals' paths and without `/` at the end.
    pub endpoint: String,
    /// Names and values of headers for it.
    pub headers: Vec<(String, SecretString)>,
}

pub(super) fn read(source: &mut Source<'_>, reader: Reader) -> Telemetry {
    let log_level = source.text(&LOG_LEVEL).unwrap_or_default();
    if !telemetry::is_log_level(&log_level) {
        source.wrong(
            &LOG_LEVEL,
            "must be a level (`info`) or levels by part (`info,inventory_store=debug`)",
        );
    }
    let application_insights = source.text(&APPLICATION_INSIGHTS);
    if application_insights
        .as_deref()
        .is_some_and(|text| !telemetry::is_connection_string(text))
    {
        source.wrong(
            &APPLICATION_INSIGHTS,
            "must be the connection string of an Application Insights",
        );
    }
    let sample_ratio = source
        .text(&SAMPLE_RATIO)
        .unwrap_or_default()
        .parse()
        .unwrap_or(f64::NAN);
    if !(0.0..=1.0).contains(&sample_ratio) {
        source.wrong(&SAMPLE_RATIO, "must be a number from 0 to 1");
    }
    let resource_attributes = pairs(source, &RESOURCE_ATTRIBUTES);
    Telemetry {
        environment: source.text(&ENVIRONMENT).unwrap_or_default(),
        log_level,
        // What a tool does is over before it could be told of.
        application_insights: application_insights
            .filter(|_| reader == Reader::Handler)
            .map(Into::into),
        otlp: otlp(source).filter(|_| reader == Reader::Handler),
        export_timeout: Duration::from_millis(u64::from(source.number(&OTLP_TIMEOUT))),
        service_name: source.text(&SERVICE_NAME).unwrap_or_default(),
        resource_attributes,
        sample_ratio,
    }
}

fn otlp(source: &mut Source<'_>) -> Option<Otlp> {
    let headers = pairs(source, &OTLP_HEADERS);
    if !headers.iter().all(|(name, value)| telemetry::is_header(name, value)) {
        source.wrong(&OTLP_HEADERS, "must be names and values that headers may have");
    }
    let endpoint = source.text(&OTLP_ENDPOINT)?;
    if !is_endpoint(&endpoint) {
        source.wrong(
            &OTLP_ENDPOINT,
            "must be an http or https URL without user, password, query and fragment",
        );
    } else if !headers.is_empty() && !is_safe_url(&endpoint) {
        source.wrong(&OTLP_ENDPOINT, "must be https where OTEL_EXPORTER_OTLP_HEADERS is set");
    }
    Some(Otlp {
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        headers: headers.into_iter().map(|(name, value)| (name, value.into())).collect(),
    })
}

/// An address may be told in a log, so it holds no secret.
fn is_endpoint(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

/// `name=value`, separated by commas.
fn pairs(source: &mut Source<'_>, setting: &Setting) -> Vec<(String, String)> {
    let Some(text) = source.text(setting) else {
        return Vec::new();
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    let pairs: Option<Vec<_>> = text
        .split(',')
        .filter(|part| !part.trim().is_empty())
        .map(pair)
        .collect();
    pairs.unwrap_or_else(|| {
        source.wrong(setting, "must be `name=value`, separated by commas");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn of(settings: &[(&str, &str)]) -> (Telemetry, Vec<String>) {
        let values: BTreeMap<_, _> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut source = Source::new(&values);
        let telemetry = read(&mut source, Reader::Handler);
        (telemetry, source.wrong)
    }

    #[test]
    fn nothing_is_exported_by_default() {
        let (telemetry, wrong) = of(&[]);
        assert!(wrong.is_empty());
        assert!(telemetry.application_insights.is_none() && telemetry.otlp.is_none());
        assert_eq!(telemetry.service_name, "inventory");
    }

    #[test]
    fn what_cannot_be_is_told_without_its_value() {
        for (name, value) in [
            ("LOG_LEVEL", "info,inventory=hunter2"),
            ("APPLICATIONINSIGHTS_CONNECTION_STRING", "hunter2"),
            (
                "APPLICATIONINSIGHTS_CONNECTION_STRING",
                "IngestionEndpoint=https://hunter2/",
            ),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "hunter2"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://hunter2"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@collector:4318"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318?key=hunter2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "not a name=hunter2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "name=hunter2\n"),
            ("OTEL_RESOURCE_ATTRIBUTES", "=hunter2"),
            ("OTEL_TRACES_SAMPLER_ARG", "hunter2"),
            ("OTEL_TRACES_SAMPLER_ARG", "1.1"),
            ("OTEL_TRACES_SAMPLER_ARG", "NaN"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ] {
            // White space around a value is taken off, so a line break must stand in the middle.
            let value = value.replace('\n', "\na");
            let (_, wrong) = of(&[(name, &value)]);
            assert_eq!(wrong.len(), 1, "{name}={value}: {wrong:?}");
            assert!(wrong[0].starts_with(name), "{wrong:?}");
            assert!(!wrong[0].contains("hunter2"), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_for_the_collector_needs_tls() {
        let key = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2");
        for (endpoint, is_wrong) in [
            ("http://collector:4318", true),
            ("https://collector:4318", false),
            ("http://127.0.0.1:4318/", false),
        ] {
            let (telemetry, wrong) = of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), key]);
            assert_eq!(!wrong.is_empty(), is_wrong, "{endpoint}");
            let otlp = telemetry.otlp.unwrap();
            assert_eq!(otlp.endpoint, endpoint.trim_end_matches('/'));
            assert!(!format!("{otlp:?}").contains("hunter2"));
        }
    }
}
