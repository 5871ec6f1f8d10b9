//! `inventory verify`

use crate::{
    ALL_WELL, NEEDS_ATTENTION,
    args::Verify,
    failure::Failure,
    output::Output,
    progress,
    service::{Access, Check, Facts, Report, Service, health, live, openapi, read, ready, retry},
};
use std::time::Duration;

pub(crate) async fn run(arguments: &Verify, environment: Option<&str>, output: Output) -> Result<u8, Failure> {
    let mut service = Service::new(&arguments.url)?;
    let access = Access::from_env()?;
    let wanted = Facts {
        version: arguments.expect_version.clone(),
        environment: environment.map(str::to_owned),
    };
    let spinner = progress::spinner("looking at the deployment");
    let within = Duration::from_secs(u64::from(arguments.within));
    let attempt = async || look(&mut service, &access, &wanted).await;
    let (mut report, attempts) = retry(within, attempt, |report| report.ok).await;
    spinner.finish_and_clear();
    report.attempts = attempts;
    output.result(&report, || report.text())?;
    Ok(if report.ok { ALL_WELL } else { NEEDS_ATTENTION })
}

async fn look(service: &mut Service, access: &Access, wanted: &Facts) -> Report {
    let live = live(service).await;
    let (health, facts) = health(service, wanted).await;
    let ready = ready(service).await;
    let openapi = openapi(service, &facts).await;
    let read = match service.sign_in(access).await {
        Ok(()) => read(service).await,
        Err(why) => Check::failed("read", why),
    };
    Report::new(service, facts, vec![live, health, ready, openapi, read])
}
