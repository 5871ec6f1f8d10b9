//! `inventory baseline`

use crate::{
    ALL_WELL, NEEDS_ATTENTION,
    args::{Baseline as Command, Load},
    baseline::{Baseline, Regression, Tolerance, measure, regressions},
    failure::Failure,
    output::Output,
    progress,
    service::{Access, Facts, Service, health},
};
use serde_json::json;
use std::fmt::Write as _;

pub(crate) async fn run(command: &Command, environment: Option<&str>, output: Output) -> Result<u8, Failure> {
    match command {
        Command::Record { url, file, load } => {
            let measured = look(url, environment, load).await?;
            if measured.failed() > 0 {
                output.result(&measured, || measured.text())?;
                Output::note("some requests failed: this is no baseline, and the file is as it was");
                return Ok(NEEDS_ATTENTION);
            }
            measured.write(file)?;
            output.result(&measured, || {
                format!("{}recorded in {}", measured.text(), file.display())
            })?;
            Ok(ALL_WELL)
        }
        Command::Compare {
            url,
            file,
            tolerance_percent,
            tolerance_ms,
        } => {
            let before = Baseline::read(file)?;
            // The same load as then: other times would say nothing.
            let load = Load {
                requests: before.requests.clamp(1, Load::REQUESTS_MAX),
                connections: before.connections.clamp(1, Load::CONNECTIONS_MAX),
                orders: before.orders,
            };
            let now = look(url, environment, &load).await?;
            let tolerance = Tolerance {
                percent: *tolerance_percent,
                milliseconds: *tolerance_ms,
            };
            let worse = regressions(&before, &now, tolerance);
            output.result(
                &json!({ "ok": worse.is_empty(), "regressions": worse, "now": now, "before": before }),
                || format!("{}{}", now.text(), told(&worse)),
            )?;
            Ok(if worse.is_empty() { ALL_WELL } else { NEEDS_ATTENTION })
        }
    }
}

async fn look(url: &str, environment: Option<&str>, load: &Load) -> Result<Baseline, Failure> {
    let mut service = Service::new(url)?;
    let access = Access::from_env()?;
    let wanted = Facts {
        version: None,
        environment: environment.map(str::to_owned),
    };
    let (health, facts) = health(&service, &wanted).await;
    if !health.ok {
        return Err(Failure::Refused(format!(
            "the service is not well, or another one: {}",
            health.detail
        )));
    }
    service.sign_in(&access).await.map_err(Failure::Refused)?;
    let spinner = progress::spinner("measuring");
    let measured = measure(&service, facts, load.requests, load.connections, load.orders).await;
    spinner.finish_and_clear();
    measured
}

fn told(worse: &[Regression]) -> String {
    let mut text = String::new();
    for Regression {
        operation,
        what,
        before,
        limit,
        now,
    } in worse
    {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "WORSE  {operation} {what}: {now:.2}, was {before:.2}, may be {limit:.2}"
        );
    }
    if worse.is_empty() {
        text.push_str("nothing has become worse beyond the tolerance");
    }
    text
}
