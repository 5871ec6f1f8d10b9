//! What is looked at to tell whether a service is well.

use super::{Answer, NoAnswer, Service};
use reqwest::StatusCode;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check {
    /// What.
    pub(crate) name: &'static str,
    /// Whether it is as it must be.
    pub(crate) ok: bool,
    /// What was found.
    pub(crate) detail: String,
    /// How long the answer took; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) milliseconds: Option<f64>,
}

impl Check {
    /// What `judge` makes of an answer with the status 200; any other is wrong.
    fn of(
        name: &'static str,
        answer: Result<Answer, NoAnswer>,
        judge: impl FnOnce(&Answer) -> Result<String, String>,
    ) -> Self {
        let (result, took) = match answer {
            Err(why) => (Err(why), None),
            Ok(answer) => {
                let result = if answer.status == StatusCode::OK {
                    judge(&answer)
                } else {
                    Err(answer.problem())
                };
                (result, Some(answer.took))
            }
        };
        let ok = result.is_ok();
        Self {
            name,
            ok,
            detail: result.unwrap_or_else(|why| why),
            milliseconds: took.map(|took| took.as_secs_f64() * 1e3),
        }
    }

    /// There was nothing to judge.
    pub(crate) const fn failed(name: &'static str, detail: String) -> Self {
        Self {
            name,
            ok: false,
            detail,
            milliseconds: None,
        }
    }

    pub(crate) fn line(&self) -> String {
        let mark = if self.ok { "ok  " } else { "FAIL" };
        let took = self
            .milliseconds
            .map_or_else(String::new, |took| format!(" ({took:.1} ms)"));
        format!("{mark}  {:<12} {}{took}\n", self.name, self.detail)
    }
}

/// What a service says of itself.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Facts {
    /// Its version.
    pub(crate) version: Option<String>,
    /// Its environment.
    pub(crate) environment: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// Where.
    pub(crate) url: String,
    /// Whether all is well.
    pub(crate) ok: bool,
    /// What the service says of itself.
    #[serde(flatten)]
    pub(crate) facts: Facts,
    /// How often it was looked at until all was well, or the time was over.
    pub(crate) attempts: u32,
    /// Everything that was looked at, the last time.
    pub(crate) checks: Vec<Check>,
}

impl Report {
    pub(crate) fn new(service: &Service, facts: Facts, checks: Vec<Check>) -> Self {
        Self {
            url: service.url().to_owned(),
            ok: checks.iter().all(|check| check.ok),
            facts,
            attempts: 1,
            checks,
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text: String = self.checks.iter().map(Check::line).collect();
        let wrong = self.checks.iter().filter(|check| !check.ok).count();
        let _ = match wrong {
            0 => writeln!(text, "{} is well", self.url),
            wrong => writeln!(text, "{}: {wrong} of {} checks failed", self.url, self.checks.len()),
        };
        text
    }
}

/// The process answers.
pub(crate) async fn live(service: &Service) -> Check {
    Check::of("live", service.get("/live").await, |answer| {
        word(&answer.body, "status", "live")
    })
}

/// It has started, and it is the one that is meant: this version in this environment, where they are given.
pub(crate) async fn health(service: &Service, wanted: &Facts) -> (Check, Facts) {
    let answer = service.get("/health").await;
    let mut facts = Facts::default();
    if let Ok(answer) = &answer {
        let text = |member: &str| answer.body[member].as_str().map(str::to_owned);
        facts = Facts {
            version: text("version"),
            environment: text("environment"),
        };
    }
    let check = Check::of("health", answer, |answer| {
        word(&answer.body, "status", "healthy")?;
        let same = |what: &str, is: &Option<String>, wanted: &Option<String>| match wanted {
            Some(wanted) if is.as_ref() != Some(wanted) => Err(format!(
                "its {what} is {}, not {wanted}",
                is.as_deref().unwrap_or("unknown")
            )),
            _ => Ok(is.clone().unwrap_or_else(|| "unknown".to_owned())),
        };
        let version = same("version", &facts.version, &wanted.version)?;
        let environment = same("environment", &facts.environment, &wanted.environment)?;
        Ok(format!("version {version} in {environment}"))
    });
    (check, facts)
}

/// Everything that it needs is there.
pub(crate) async fn ready(service: &Service) -> Check {
    let mut answer = service.get("/ready").await;
    // 503 says why in its body, which is as good as an answer.
    if let Ok(answer) = &mut answer
        && answer.body["checks"].is_object()
    {
        answer.status = StatusCode::OK;
    }
    Check::of("ready", answer, |answer| {
        let missing: Vec<String> = answer.body["checks"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, check)| check["ok"] != true)
            .map(|(name, check)| format!("{name}: {}", check["detail"].as_str().unwrap_or("away")))
            .collect();
        word(&answer.body, "status", "ready").map_err(|why| [&[why][..], &missing].concat().join("; "))
    })
}

/// The API document is one, and of the version that the program says it is.
pub(crate) async fn openapi(service: &Service, facts: &Facts) -> Check {
    Check::of("openapi", service.get("/openapi.json").await, |answer| {
        let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        let document = text(&answer.body["openapi"]);
        if !document.starts_with("3.") {
            return Err("no OpenAPI document".to_owned());
        }
        let version = text(&answer.body["info"]["version"]);
        if facts.version.as_ref().is_some_and(|program| *program != version) {
            return Err(format!("the document is of version {version}, the program is not"));
        }
        let paths = answer.body["paths"].as_object().map_or(0, serde_json::Map::len);
        Ok(format!("OpenAPI {document}, version {version}, {paths} paths"))
    })
}

/// A read through to the database works. Without credentials, where they are needed, the refusal is what is looked for.
pub(crate) async fn read(service: &Service) -> Check {
    let mut answer = service.get("/api/v1/products?limit=1").await;
    let is_refusal = matches!(&answer, Ok(answer) if answer.status == StatusCode::UNAUTHORIZED);
    if is_refusal
        && !service.is_signed_in()
        && let Ok(answer) = &mut answer
    {
        answer.status = StatusCode::OK;
    }
    Check::of("read", answer, |answer| match answer.body.as_array() {
        Some(found) => Ok(format!("products: {}", found.len())),
        None if is_refusal && answer.body["code"].is_string() => {
            Ok("refused without credentials, as it must be (set INVENTORY_TOKEN to read)".to_owned())
        }
        None => Err("no list of products".to_owned()),
    })
}

fn word(body: &Value, member: &str, wanted: &str) -> Result<String, String> {
    match body[member].as_str() {
        Some(found) if found == wanted => Ok(found.to_owned()),
        Some(found) => Err(format!("{member} is {found}")),
        None => Err(format!("the answer says no {member}")),
    }
}
