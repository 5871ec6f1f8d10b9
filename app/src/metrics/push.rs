//! The same numbers for OpenTelemetry, where the settings name a destination: sent every minute, and once more at the end.
//!
//! Counters and gauges are read from the registry when the SDK collects. A histogram cannot be handed over so (the SDK takes
//! single measurements only), so a duration is recorded twice, and only where there is a destination.

use super::family::{Family, Kind};
use crate::telemetry::{Export, Watch};
use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, Histogram, Meter, MeterProvider as _},
};
use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{PeriodicReader, SdkMeterProvider, Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
};
use prometheus::{
    core::Collector,
    proto::{Metric, MetricFamily},
};
use std::{future::Future, time::Duration};

/// How often numbers are sent.
const EVERY: Duration = Duration::from_mins(1);

/// Sends metrics, where there is a destination.
#[derive(Default)]
pub(super) struct Push(Option<(SdkMeterProvider, Meter)>);

impl Push {
    pub(super) fn new(export: Option<&Export>) -> Self {
        let Some(export) = export else {
            return Self::default();
        };
        let mut builder = SdkMeterProvider::builder().with_resource(export.resource.clone());
        if let Some(exporter) = otlp(export) {
            builder = builder.with_reader(reader(exporter, "otlp"));
        }
        if let Some(exporter) = export.application_insights() {
            builder = builder.with_reader(reader(exporter, "application_insights"));
        }
        Self::over(builder.build())
    }

    fn over(provider: SdkMeterProvider) -> Self {
        let meter = provider.meter("inventory");
        Self(Some((provider, meter)))
    }

    /// Whether there is a destination.
    pub(super) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Has the SDK read a family of counters or gauges whenever it collects. What is still zero of counters is not sent: most
    /// functions never end in most ways.
    pub(super) fn observe(&self, family: &'static Family, source: impl Collector + 'static) {
        let Some((_, meter)) = &self.0 else { return };
        let callback = move |observer: &dyn AsyncInstrument<f64>| {
            for metric in source.collect().iter().flat_map(MetricFamily::get_metric) {
                if let Some(value) = value(family.kind, metric) {
                    observer.observe(value, &attributes(metric));
                }
            }
        };
        match family.kind {
            Kind::Counter => drop(
                meter
                    .f64_observable_counter(family.name)
                    .with_description(family.help)
                    .with_unit(unit(family))
                    .with_callback(callback)
                    .build(),
            ),
            Kind::Gauge | Kind::Histogram => drop(
                meter
                    .f64_observable_gauge(family.name)
                    .with_description(family.help)
                    .with_unit(unit(family))
                    .with_callback(callback)
                    .build(),
            ),
        }
    }

    /// A second histogram beside the registry's, where there is a destination.
    pub(super) fn histogram(&self, family: &'static Family, buckets: &[f64]) -> Option<Histogram<f64>> {
        let (_, meter) = self.0.as_ref()?;
        let histogram = meter
            .f64_histogram(family.name)
            .with_description(family.help)
            .with_unit(unit(family))
            .with_boundaries(buckets.to_vec())
            .build();
        Some(histogram)
    }

    /// Sends the last numbers, as far as they can be sent in a few seconds.
    pub(super) async fn shutdown(&self) {
        if let Some((provider, _)) = &self.0 {
            let provider = provider.clone();
            // It waits for the readers' threads. What they say has been logged there.
            let _ = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        }
    }
}

/// The unit in UCUM, as OpenTelemetry has it.
fn unit(family: &Family) -> &'static str {
    match family.unit() {
        "seconds" => "s",
        "bytes" => "By",
        _ => "1",
    }
}

fn value(kind: Kind, metric: &Metric) -> Option<f64> {
    match kind {
        Kind::Counter => Some(metric.get_counter().get_value()).filter(|value| *value > 0.0),
        Kind::Gauge | Kind::Histogram => Some(metric.get_gauge().get_value()),
    }
}

fn attributes(metric: &Metric) -> Vec<KeyValue> {
    let labels = metric.get_label().iter();
    labels
        .map(|label| KeyValue::new(label.name().to_owned(), label.value().to_owned()))
        .collect()
}

fn reader<E: PushMetricExporter>(exporter: E, destination: &'static str) -> PeriodicReader<Watched<E>> {
    let watch = Watch::new("metrics", destination);
    PeriodicReader::builder(Watched { exporter, watch })
        .with_interval(EVERY)
        .build()
}

fn otlp(export: &Export) -> Option<MetricExporter> {
    let (endpoint, headers) = export.otlp("metrics")?;
    MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(export.client.clone())
        .with_endpoint(endpoint)
        .with_headers(headers)
        .with_timeout(export.timeout)
        .build()
        .inspect_err(|error| tracing::error!(%error, "metrics cannot be exported"))
        .ok()
}

/// An exporter that says when its destination is away.
struct Watched<E> {
    exporter: E,
    watch: Watch,
}

impl<E: PushMetricExporter> PushMetricExporter for Watched<E> {
    fn export(&self, metrics: &ResourceMetrics) -> impl Future<Output = OTelSdkResult> + Send {
        let sending = self.exporter.export(metrics);
        async move {
            let sent = sending.await;
            self.watch.note(&sent);
            sent
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use async_trait::async_trait;
    use flate2::read::GzDecoder;
    use inventory_store::Engine;
    use opentelemetry_application_insights::Exporter;
    use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
    use serde_json::{Value, json};
    use std::{
        io::Read as _,
        sync::{Arc, Mutex},
    };

    /// Application Insights, which keeps what it is sent.
    #[derive(Clone, Debug, Default)]
    struct Insights(Arc<Mutex<Vec<Value>>>);

    #[async_trait]
    impl HttpClient for Insights {
        async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
            assert_eq!(request.uri(), "https://insights.example/v2/track");
            let mut text = String::new();
            GzDecoder::new(&request.body()[..]).read_to_string(&mut text)?;
            let items: Vec<Value> = serde_json::from_str(&text)?;
            let answer = json!({ "itemsReceived": items.len(), "itemsAccepted": items.len(), "errors": [] });
            self.0.lock().unwrap().extend(items);
            Ok(Response::new(answer.to_string().into()))
        }
    }

    #[test]
    fn application_insights_is_told_what_happened_since_it_was_told_last() {
        let insights = Insights::default();
        let text = "InstrumentationKey=00000000-0000-0000-0000-000000000001;IngestionEndpoint=https://insights.example";
        let exporter = Exporter::new_from_connection_string(text, insights.clone()).unwrap();
        let provider = SdkMeterProvider::builder()
            .with_reader(reader(exporter, "application_insights"))
            .build();
        let metrics = Metrics::made(Engine::Sqlite, Push::over(provider.clone())).unwrap();
        let function = metrics.function("orders_get");
        let sent = |name: &str| -> Vec<Value> {
            let items = insights.0.lock().unwrap();
            let data = items.iter().map(|item| &item["data"]["baseData"]);
            let found = data.filter(|data| data["metrics"][0]["name"] == name);
            found
                .map(|data| json!([data["properties"]["status"], data["metrics"][0]["value"]]))
                .collect()
        };
        for status in [200, 200, 503] {
            function.begin().end(status);
        }
        provider.force_flush().unwrap();
        let mut ended = sent("inventory_requests_total");
        ended.sort_by_key(ToString::to_string);
        assert_eq!(
            ended,
            [json!(["2xx", 2.0]), json!(["5xx", 1.0])],
            "nothing of what never happened"
        );
        assert_eq!(sent("inventory_request_duration_seconds").len(), 1);
        assert_eq!(sent("inventory_requests_in_flight"), [json!([null, 0.0])]);
        insights.0.lock().unwrap().clear();
        function.begin().end(200);
        provider.shutdown().unwrap();
        assert!(sent("inventory_requests_total").contains(&json!(["2xx", 1.0])));
    }

    #[test]
    fn without_a_destination_there_is_nothing() {
        let push = Push::new(None);
        assert!(!push.is_on());
        assert!(push.histogram(&crate::metrics::requests::DURATION, &[1.0]).is_none());
    }
}
