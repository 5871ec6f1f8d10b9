//! `inventory health`

use crate::{
    ALL_WELL, NEEDS_ATTENTION,
    failure::Failure,
    output::Output,
    service::{Facts, Report, Service, health, live, ready},
};

pub(crate) async fn run(url: &str, environment: Option<&str>, output: Output) -> Result<u8, Failure> {
    let service = Service::new(url)?;
    let wanted = Facts {
        version: None,
        environment: environment.map(str::to_owned),
    };
    let live = live(&service).await;
    let (health, facts) = health(&service, &wanted).await;
    let ready = ready(&service).await;
    let report = Report::new(&service, facts, vec![live, health, ready]);
    output.result(&report, || report.text())?;
    Ok(if report.ok { ALL_WELL } else { NEEDS_ATTENTION })
}
