//! Metrics that are sent to an OpenTelemetry collector, played by the test.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use inventory_app::{App, Settings};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value::Value as Text},
    metrics::v1::{Metric, metric::Data, number_data_point::Value as Number},
};
use prost::Message as _;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

type Taken = Arc<Mutex<Vec<(String, Bytes)>>>;

/// Takes whatever it is sent, by path.
async fn receiver() -> (String, Taken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = Taken::default();
    let keep = taken.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let keep = keep.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let keep = keep.clone();
                async move {
                    let path = request.uri().path().to_owned();
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    keep.lock().unwrap().push((path, body));
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, taken)
}

fn attributes(all: &[KeyValue]) -> BTreeMap<&str, &str> {
    all.iter()
        .filter_map(|pair| match pair.value.as_ref()?.value.as_ref()? {
            Text::StringValue(text) => Some((pair.key.as_str(), text.as_str())),
            _ => None,
        })
        .collect()
}

/// The value of the point of a counter or gauge with these labels.
fn number(metric: &Metric, labels: &[(&str, &str)]) -> f64 {
    let points = match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => {
            assert!(sum.is_monotonic);
            &sum.data_points
        }
        Data::Gauge(gauge) => &gauge.data_points,
        other => panic!("{other:?}"),
    };
    let labels: BTreeMap<_, _> = labels.iter().copied().collect();
    let point = points.iter().find(|point| attributes(&point.attributes) == labels);
    match point.unwrap().value.unwrap() {
        Number::AsDouble(value) => value,
        Number::AsInt(value) => value as f64,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_of_a_scrape_go_to_a_collector() {
    let (url, taken) = receiver().await;
    let database = std::env::temp_dir().join(format!("inventory-{}.db", uuid::Uuid::new_v4()));
    let values = [
        ("DATABASE_URL", format!("sqlite:{}", database.display())),
        ("MIGRATE_ON_START", "true".to_owned()),
        ("ENVIRONMENT", "local".to_owned()),
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Development".to_owned()),
        (
            "ServiceBusConnection",
            "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true".to_owned(),
        ),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.clone()),
    ];
    let values = values
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let app = App::build(Settings::from_values(&values).unwrap()).unwrap();
    app.start().await;
    let function = app.metrics().function("orders_get");
    for status in [200, 200, 503] {
        function.begin().end(status);
    }
    // As `/metrics` says them.
    let text = inventory_app::metrics::text(&app).await.unwrap();
    app.shutdown().await;
    let _ = std::fs::remove_file(&database);

    let taken = taken.lock().unwrap();
    let bodies = |path: &str| -> Vec<Bytes> {
        let found = taken.iter().filter(|(to, _)| to == path);
        found.map(|(_, body)| body.clone()).collect()
    };
    let sent = bodies("/v1/metrics");
    let sent = ExportMetricsServiceRequest::decode(sent.last().unwrap().clone()).unwrap();
    let of_resource = &sent.resource_metrics[0];
    let resource = attributes(&of_resource.resource.as_ref().unwrap().attributes);
    assert_eq!(resource["service.name"], "inventory");
    let metrics: BTreeMap<&str, &Metric> = of_resource.scope_metrics[0]
        .metrics
        .iter()
        .map(|metric| (metric.name.as_str(), metric))
        .collect();
    let requests = metrics["inventory_requests_total"];
    let ended = |status| number(requests, &[("function", "orders_get"), ("status", status)]);
    assert_eq!((ended("2xx"), ended("5xx")), (2.0, 1.0));
    let max = number(metrics["inventory_database_connections"], &[("state", "max")]);
    assert!(
        text.contains(&format!("inventory_database_connections{{state=\"max\"}} {max}\n")),
        "{text}"
    );
    assert_eq!(number(metrics["inventory_parked_messages"], &[]), 0.0);
    assert!(
        number(
            metrics["inventory_levels_read_timestamp_seconds"],
            &[("reading", "waiting")]
        ) > 0.0
    );
    let duration = metrics["inventory_request_duration_seconds"];
    assert_eq!(duration.unit, "s");
    let Some(Data::Histogram(histogram)) = &duration.data else {
        panic!("{duration:?}");
    };
    let point = &histogram.data_points[0];
    assert_eq!(
        attributes(&point.attributes),
        BTreeMap::from([("function", "orders_get")])
    );
    assert_eq!((point.count, point.explicit_bounds.len()), (3, 14));
    // All that a scrape shows is sent, but for counters that have not moved.
    let silent: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .filter(|(name, kind)| *kind == "gauge" && !metrics.contains_key(name))
        .map(|(name, _)| name)
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}
