//! `inventory kpis`

use crate::{ALL_WELL, NEEDS_ATTENTION, args::Span, database, failure::Failure, output::Output, progress};
use inventory_app::kpis::{self, Kpis};
use std::{collections::BTreeMap, fmt::Write as _};

pub(crate) async fn run(url: Option<&str>, span: &Span, output: Output) -> Result<u8, Failure> {
    let period = span.period()?;
    let app = database::open(url).await?;
    let spinner = progress::spinner("counting");
    let found = kpis::of(&app, &database::caller(), period.from, period.to).await;
    spinner.finish_and_clear();
    app.shutdown().await;
    let found = found?;
    output.result(&found, || text(&found))?;
    Ok(if found.missed.is_empty() {
        ALL_WELL
    } else {
        NEEDS_ATTENTION
    })
}

fn text(kpis: &Kpis) -> String {
    let mut text = format!("{} to {}\n", kpis.from, kpis.to);
    let mut line = |name: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<24} {value}");
    };
    let percent = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.3} %", rate * 100.0));
    let orders = &kpis.orders;
    line("orders", listed(&orders.by_status));
    line("messages parked", listed(&orders.parked));
    line(
        "orders decided",
        format!("{}, {}", orders.decided, percent(orders.success_rate)),
    );
    if let Some(processing) = orders.processing {
        let (average, p95, p99) = (processing.average_ms, processing.p95_ms, processing.p99_ms);
        line(
            "processing time",
            format!("{average:.0} ms on average, p95 {p95:.0} ms, p99 {p99:.0} ms"),
        );
    }
    line("low-stock alerts", listed(&kpis.stock.alerts));
    let (items, drift) = (kpis.stock.items, kpis.stock.drift);
    line(
        "stock accuracy",
        format!("{}: {drift} of {items} items drift", percent(kpis.stock.accuracy)),
    );
    if let Some(accuracy) = &kpis.counts.accuracy {
        let (counted, agreeing) = (accuracy.counted, accuracy.agreeing);
        line(
            "counted",
            format!("{}: {agreeing} of {counted} lines agree", percent(Some(accuracy.rate))),
        );
        for value in &accuracy.value {
            line(&format!("counted, {}", value.currency), percent(value.rate));
        }
    }
    let security = &kpis.security;
    line(
        "failed sign-ins",
        format!(
            "by {} names and addresses, at most {} in a row",
            security.failed_sign_in_subjects, security.failed_sign_ins_most
        ),
    );
    line("tokens revoked, live", security.revoked_tokens.to_string());
    line("account changes", listed(&security.account_changes));
    for missed in &kpis.missed {
        line("MISSED", missed.clone());
    }
    text
}

fn listed(counts: &BTreeMap<String, i64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    each.join(", ")
}
