//! One binding of a `function.json`, and the triggers among them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Section, Settings};

/// Which way data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the function.
    In,
    /// From the function.
    Out,
    /// Both.
    InOut,
}

/// One binding, its strings resolved.
#[derive(Debug, Clone)]
pub struct Binding {
    /// `type`, as written.
    pub kind: String,
    /// `name`: the key in `Data` or `Outputs`.
    pub name: String,
    /// `direction`.
    pub direction: Direction,
    /// `dataType`, lower case.
    pub data_type: Option<String>,
    /// Everything else that stands there, for whoever serves this type.
    pub properties: Map<String, Value>,
}

/// Who may call an HTTP function. Without `--enable-auth` nobody is asked for a key, as with `func start`. Each level
/// includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuthLevel {
    /// Anybody.
    Anonymous,
    /// Holders of a function key; what a missing `authLevel` means.
    Function,
    /// Holders of a system key.
    System,
    /// Holders of the master key.
    Admin,
}

impl AuthLevel {
    /// Reads the name, in any case; an empty one is `function`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "anonymous" => Some(Self::Anonymous),
            "" | "function" => Some(Self::Function),
            "system" => Some(Self::System),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }

    /// The name, as the host writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "Anonymous",
            Self::Function => "Function",
            Self::System => "System",
            Self::Admin => "Admin",
        }
    }
}

/// What an `httpTrigger` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTrigger {
    /// Upper-case methods; empty: all.
    pub methods: BTreeSet<String>,
    /// The route template without prefix; `None`: the function's name.
    pub route: Option<String>,
    /// `authLevel`.
    pub auth_level: AuthLevel,
}

/// What a `timerTrigger` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerTrigger {
    /// The schedule, resolved: NCRONTAB or a `TimeSpan`.
    pub schedule: String,
    /// Call once at every start.
    pub run_on_startup: bool,
    /// Remember the schedule over restarts.
    pub use_monitor: bool,
}

/// What a `serviceBusTrigger` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceBusTrigger {
    /// The broker's name of what is read: `queue`, `queue/$deadletterqueue`, `topic/Subscriptions/subscription`.
    pub entity: String,
    /// The topic and subscription, where it is one.
    pub subscription: Option<(String, String)>,
    /// The setting that holds the connection.
    pub connection: String,
    /// Batches (`cardinality: many`).
    pub many: bool,
    /// The entity requires sessions (`isSessionsEnabled`).
    pub sessions: bool,
    /// Whether the host settles after success; `None`: as `host.json` says.
    pub auto_complete: Option<bool>,
}

/// What starts a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// A request.
    Http(HttpTrigger),
    /// The clock.
    Timer(TimerTrigger),
    /// Messages.
    ServiceBus(ServiceBusTrigger),
    /// Something this host has no source for; the function can still be called through the admin API.
    Other(String),
}

impl Binding {
    /// Reads one element of `bindings`.
    pub(super) fn parse(value: &Value, place: &str, settings: &Settings) -> Result<Self, String> {
        let Value::Object(object) = value else {
            return Err(format!("{place} is not an object"));
        };
        let mut properties = Map::new();
        for (key, value) in object {
            properties.insert(key.clone(), resolved(value, place, key, settings)?);
        }
        let resolved = Value::Object(properties);
        let section = Section::new(&resolved, place);
        let text = |key: &str| section.get(key).text().map_err(|error| error.to_string());
        let kind = text("type")?.ok_or_else(|| format!("{place} has no \"type\""))?;
        let name = text("name")?.ok_or_else(|| format!("{place} ({kind}) has no \"name\""))?;
        let direction = match text("direction")?
            .unwrap_or_else(|| "in".to_owned())
            .to_ascii_lowercase()
            .as_str()
        {
            "in" => Direction::In,
            "out" => Direction::Out,
            "inout" => Direction::InOut,
            other => {
                return Err(format!(
                    "{place} ({kind}): direction \"{other}\" is not in, out or inout"
                ));
            }
        };
        let data_type = text("dataType")?.map(|text| text.to_ascii_lowercase());
        if let Some(other) = data_type.as_deref()
            && !matches!(other, "string" | "binary" | "stream")
        {
            return Err(format!(
                "{place} ({kind}): dataType \"{other}\" is not string, binary or stream"
            ));
        }
        if !is_binding_name(&name) {
            return Err(format!(
                "{place} ({kind}): the name \"{name}\" is not valid: letters and digits only, a letter first, at most \
                 128 (no \"_\" or \"-\"), or $return"
            ));
        }
        if name == "$return" && direction != Direction::Out {
            return Err(format!("{place} ({kind}): $return must have the direction out"));
        }
        let Value::Object(properties) = resolved else {
            return Err(format!("{place} is not an object"));
        };
        Ok(Self {
            kind,
            name,
            direction,
            data_type,
            properties,
        })
    }

    /// Whether its type says that it starts the function.
    pub fn is_trigger(&self) -> bool {
        self.kind.to_ascii_lowercase().ends_with("trigger")
    }

    /// Whether the function gets data through it.
    pub fn is_input(&self) -> bool {
        self.direction != Direction::Out
    }

    /// Whether the function gives data through it.
    pub fn is_output(&self) -> bool {
        self.direction != Direction::In
    }

    /// Whether its type is `kind`, in any case.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// The text property `key`, in any case.
    pub fn text(&self, key: &str) -> Result<Option<String>, String> {
        super::section::find(&self.properties, key)
            .filter(|value| !value.is_null())
            .map(|value| match value {
                Value::String(text) => Ok(text.clone()),
                Value::Number(number) => Ok(number.to_string()),
                other => Err(format!("{} of {} must be text, not {other}", key, self.name)),
            })
            .transpose()
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, String> {
        let Some(value) = super::section::find(&self.properties, key) else {
            return Ok(None);
        };
        Section::new(value, format!("{key} of {}", self.name))
            .flag()
            .map_err(|error| error.to_string())
    }

    /// What it says as a trigger of `function`.
    pub(super) fn trigger(&self, function: &str) -> Result<Trigger, String> {
        if self.is("httpTrigger") {
            self.http_trigger().map(Trigger::Http)
        } else if self.is("timerTrigger") {
            let schedule = self
                .text("schedule")?
                .filter(|text| !text.trim().is_empty())
                .ok_or_else(|| format!("the timer of {function} has no \"schedule\""))?;
            Ok(Trigger::Timer(TimerTrigger {
                schedule,
                run_on_startup: self.flag("runOnStartup")?.unwrap_or(false),
                use_monitor: self.flag("useMonitor")?.unwrap_or(true),
            }))
        } else if self.is("serviceBusTrigger") {
            self.service_bus_trigger().map(Trigger::ServiceBus)
        } else {
            Ok(Trigger::Other(self.kind.clone()))
        }
    }

    fn http_trigger(&self) -> Result<HttpTrigger, String> {
        let methods = match super::section::find(&self.properties, "methods") {
            None | Some(Value::Null) => BTreeSet::new(),
            Some(value) => Section::new(value, format!("methods of {}", self.name))
                .texts()
                .map_err(|error| error.to_string())?
                .into_iter()
                .map(|method| method.to_ascii_uppercase())
                .collect(),
        };
        let auth_level = match self.text("authLevel")? {
            None => AuthLevel::Function,
            Some(text) => AuthLevel::parse(&text)
                .ok_or_else(|| format!("authLevel \"{text}\" is not anonymous, function, system or admin"))?,
        };
        let route = self.text("route")?.filter(|route| !route.is_empty());
        Ok(HttpTrigger {
            methods,
            route,
            auth_level,
        })
    }

    fn service_bus_trigger(&self) -> Result<ServiceBusTrigger, String> {
        let queue = self.text("queueName")?.filter(|text| !text.is_empty());
        let topic = self.text("topicName")?.filter(|text| !text.is_empty());
        let subscription = self.text("subscriptionName")?.filter(|text| !text.is_empty());
        let (entity, subscription) = match (queue, topic, subscription) {
            (Some(queue), None, None) => (queue, None),
            (None, Some(topic), Some(subscription)) => (
                format!("{topic}/Subscriptions/{subscription}"),
                Some((topic, subscription)),
            ),
            _ => {
                return Err(
                    "a serviceBusTrigger needs \"queueName\", or \"topicName\" with \"subscriptionName\"".to_owned(),
                );
            }
        };
        let many = match self
            .text("cardinality")?
            .unwrap_or_default()
            .to_ascii_lowercase()
            .as_str()
        {
            "" | "one" => false,
            "many" => true,
            other => return Err(format!("cardinality \"{other}\" is not one or many")),
        };
        Ok(ServiceBusTrigger {
            entity,
            subscription,
            connection: self.connection()?,
            many,
            sessions: self.flag("isSessionsEnabled")?.unwrap_or(false),
            // The documentation still shows the older name.
            auto_complete: self.flag("autoCompleteMessages")?.or(self.flag("autoComplete")?),
        })
    }

    /// The setting that holds the connection of a Service Bus binding.
    pub fn connection(&self) -> Result<String, String> {
        Ok(self
            .text("connection")?
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "ServiceBus".to_owned()))
    }
}

fn is_binding_name(name: &str) -> bool {
    name == "$return"
        || (name.len() <= 128
            && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn resolved(value: &Value, place: &str, key: &str, settings: &Settings) -> Result<Value, String> {
    match value {
        Value::String(text) => settings
            .resolve(text)
            .map(Value::String)
            .map_err(|name| format!("{place}: '%{name}%' in \"{key}\" does not resolve to a value: no such setting")),
        Value::Array(items) => items
            .iter()
            .map(|item| resolved(item, place, key, settings))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        other => Ok(other.clone()),
    }
}
