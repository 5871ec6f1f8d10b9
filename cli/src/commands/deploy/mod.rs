//! `inventory deploy`: the whole stack from a desk, by the steps that the pipelines take.

mod facts;
mod steps;

use crate::{ALL_WELL, NEEDS_ATTENTION, args::Deploy, failure::Failure, output::Output};
use facts::{Facts, Hosting};
use serde::Serialize;
use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
    path::Path,
};
use steps::{Steps, Taken};

/// The environment that is backed up before it is migrated.
const PRODUCTION: &str = "production";
/// How long a new version may take to be well.
const VERIFY_SECONDS: &str = "600";

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    environment: String,
    release: String,
    /// succeeded, failed, or rolled-back where it was in production already; absent of a rehearsal.
    outcome: Option<String>,
    /// Why it did not succeed.
    reason: Option<String>,
    steps: Vec<Taken>,
}

/// What is deployed where.
struct Deployment<'a> {
    arguments: &'a Deploy,
    environment: &'a str,
    /// Whose name it has beside the packages: the commit, shortened.
    release: String,
    commit: String,
    facts: Facts,
}

pub(crate) async fn run(
    url: Option<&str>,
    arguments: &Deploy,
    environment: Option<&str>,
    output: Output,
) -> Result<u8, Failure> {
    let environment =
        environment.ok_or_else(|| Failure::Input("--env NAME says which environment is deployed".to_owned()))?;
    let package = arguments.package.canonicalize();
    let package = package.map_err(|error| Failure::Input(format!("{}: {error}", arguments.package.display())))?;
    // What is none of ours is not deployed.
    crate::package::read(&package, crate::package::HANDLER)?;
    let package = package.to_string_lossy().into_owned();
    let mut steps = Steps::new(&arguments.repository, arguments.dry_run)?;
    let commit = steps.ask(Path::new("git"), &["rev-parse", "HEAD"]).await?;
    let release: String = commit.chars().take(12).collect();
    steps.set("ENVIRONMENT", environment);

    if !arguments.without_infrastructure {
        infrastructure(&mut steps, arguments, environment).await?;
    }
    let facts = steps.ask_script("terraform", &["output", environment]).await?;
    let facts = Facts::read(&facts)?;
    if let Some(url) = url {
        steps.set("DATABASE_URL", url);
    } else if let Some(role) = &arguments.database_role {
        steps.set("DATABASE_URL", &facts.database_url(role)?);
        steps.set("DATABASE_AUTHENTICATION", "entra");
    } else {
        return Err(Failure::Input(
            "--database-role NAME says as whom the schema is migrated (or --database-url, where)".to_owned(),
        ));
    }
    let deployment = Deployment {
        arguments,
        environment,
        release,
        commit,
        facts,
    };
    let done = deployment.run(&mut steps, &package).await;
    let (outcome, reason) = match done {
        Ok(()) => ("succeeded".to_owned(), None),
        Err((outcome, failure)) => (outcome, Some(failure.to_string())),
    };
    if let Err(failure) = deployment.record(&mut steps, &outcome).await {
        Output::note(&format!("the log of deployments does not have it: {failure}"));
    }
    let report = Report {
        ok: reason.is_none(),
        environment: environment.to_owned(),
        release: deployment.release,
        outcome: (!arguments.dry_run).then_some(outcome),
        reason,
        steps: steps.taken,
    };
    output.result(&report, || report.text())?;
    Ok(if report.ok { ALL_WELL } else { NEEDS_ATTENTION })
}

/// Plans, has the plan read, and applies just that.
async fn infrastructure(steps: &mut Steps, arguments: &Deploy, environment: &str) -> Result<(), Failure> {
    steps.script("terraform", &["plan", environment]).await?;
    if !arguments.yes && !arguments.dry_run && !is_approved(environment)? {
        return Err(Failure::Refused(
            "the plan was not approved: nothing was changed".to_owned(),
        ));
    }
    steps.script("terraform", &["apply", environment]).await
}

/// Asks whoever sits there.
fn is_approved(environment: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Input(
            "nobody is here to approve the plan: --yes applies it unseen, --without-infrastructure leaves it"
                .to_owned(),
        ));
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "Type {environment} to apply this plan: ")
        .and_then(|()| io::stderr().flush())
        .and_then(|()| io::stdin().read_line(&mut answer));
    asked.map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(answer.trim() == environment)
}

impl Deployment<'_> {
    /// All of it; where it fails, how it has ended.
    async fn run(&self, steps: &mut Steps, package: &str) -> Result<(), (String, Failure)> {
        let failed = |failure| ("failed".to_owned(), failure);
        self.migrate(steps).await.map_err(failed)?;
        match self.facts.hosting {
            Hosting::Flex => {
                self.replace(steps, package).await.map_err(failed)?;
                self.accept(steps).await.map_err(failed)
            }
            Hosting::ElasticPremium => {
                let slot = self.slot_url().map_err(failed)?;
                let done = async {
                    self.swap(steps, package, &slot).await?;
                    self.accept(steps).await
                };
                match done.await {
                    Ok(()) => Ok(()),
                    Err(failure) => Err((self.roll_back(steps).await, failure)),
                }
            }
        }
    }

    async fn migrate(&self, steps: &mut Steps) -> Result<(), Failure> {
        if self.environment == PRODUCTION {
            steps
                .script("back-up", &[self.environment, &self.facts.packages_url])
                .await?;
        }
        let how = if self.arguments.contract { "contract" } else { "expand" };
        steps.script("migrate", &[self.environment, how]).await
    }

    /// Where there are no slots.
    async fn replace(&self, steps: &mut Steps, package: &str) -> Result<(), Failure> {
        let Facts {
            resource_group, app, ..
        } = &self.facts;
        steps
            .script("replace-instances", &[resource_group, app, package])
            .await?;
        self.verify(steps, &self.facts.api_url).await?;
        self.watch(steps, &[app]).await
    }

    /// Tried in the slot, given more and more requests, swapped in.
    async fn swap(&self, steps: &mut Steps, package: &str, slot_url: &str) -> Result<(), Failure> {
        let Facts {
            resource_group, app, ..
        } = &self.facts;
        let slot = self.arguments.slot.as_str();
        steps
            .script(
                "put-into-slot",
                &[resource_group, app, slot, package, &self.package_url()],
            )
            .await?;
        self.verify(steps, slot_url).await?;
        for percent in &self.arguments.shares {
            let percent = percent.to_string();
            steps.script("share", &[resource_group, app, slot, &percent]).await?;
            self.watch(steps, &[app, &format!("{app}-{slot}")]).await?;
        }
        steps.script("swap", &[resource_group, app, slot]).await?;
        self.verify(steps, &self.facts.api_url).await?;
        self.watch(steps, &[app]).await
    }

    async fn verify(&self, steps: &mut Steps, url: &str) -> Result<(), Failure> {
        steps
            .inventory(&["verify", url, "--within", VERIFY_SECONDS, "--env", self.environment])
            .await
    }

    async fn watch(&self, steps: &mut Steps, roles: &[&str]) -> Result<(), Failure> {
        let minutes = self.arguments.watch_minutes.to_string();
        let Facts {
            resource_group,
            application_insights,
            ..
        } = &self.facts;
        let what = [resource_group.as_str(), application_insights, &minutes];
        steps.script("watch", &[&what, roles].concat()).await
    }

    async fn accept(&self, steps: &mut Steps) -> Result<(), Failure> {
        let Facts {
            api_url,
            key_vault,
            packages_url,
            ..
        } = &self.facts;
        steps
            .script(
                "accept",
                &[self.environment, api_url, key_vault, packages_url, "--without-alert"],
            )
            .await
    }

    /// Production as it was; how the deployment has ended.
    async fn roll_back(&self, steps: &Steps) -> String {
        let Facts {
            resource_group, app, ..
        } = &self.facts;
        let slot = self.arguments.slot.as_str();
        let gone = steps
            .ask_script("roll-back", &[resource_group, app, slot, &self.package_url()])
            .await;
        match gone {
            Ok(outcome) => outcome.lines().last().unwrap_or("failed").to_owned(),
            Err(failure) => {
                Output::note(&format!("NOT rolled back: {failure}. See docs/runbooks/rollback.md"));
                "failed".to_owned()
            }
        }
    }

    async fn record(&self, steps: &mut Steps, outcome: &str) -> Result<(), Failure> {
        let Facts { packages_url, .. } = &self.facts;
        steps
            .script(
                "record-deployment",
                &[self.environment, packages_url, &self.release, &self.commit, outcome],
            )
            .await
    }

    fn package_url(&self) -> String {
        format!("{}/inventory-{}.zip", self.facts.packages_url, self.release)
    }

    /// Where the slot answers.
    fn slot_url(&self) -> Result<String, Failure> {
        if let Some(url) = &self.arguments.slot_url {
            return Ok(url.clone());
        }
        let slot = &self.arguments.slot;
        let host = self.facts.slots.get(slot);
        host.map(|host| format!("https://{host}"))
            .ok_or_else(|| Failure::Input(format!("{} has no slot {slot}", self.facts.app)))
    }
}

impl Report {
    fn text(&self) -> String {
        let mut text = String::new();
        for Taken { name, ok, seconds } in &self.steps {
            let word = if *ok { "ok  " } else { "FAIL" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{word}  {name:<20} {seconds:.1} s");
        }
        let Self {
            release, environment, ..
        } = self;
        let _ = match (&self.outcome, &self.reason) {
            (_, Some(reason)) => write!(
                text,
                "{release} in {environment}: {}: {reason}",
                self.outcome.as_deref().unwrap_or("failed")
            ),
            (None, None) => write!(text, "nothing was done: these would be the steps"),
            (Some(_), None) => write!(text, "{release} is in {environment}"),
        };
        text
    }
}
