//! One loaded app: from the reading of its files to its unloading.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::announce;
use super::data::DataFolder;
use super::entities::ensure_entities;
use crate::admin::Admin;
use crate::check::{self, Severity};
use crate::config::{App, Function, FunctionProblem, Trigger};
use crate::console::Console;
use crate::handler::{Handler, HandlerCommand, HandlerState, Launcher, SupervisorOptions, supervise};
use crate::http::{Cors, Router, Site, Throttle};
use crate::invocation::{CosmosFiles, History, Invoker, InvokerOptions, Outputs};
use crate::keys::Keys;
use crate::servicebus::Broker;
use crate::servicebus_trigger::{self, Receiver};
use crate::timers::{self, Schedule, StatusStore, TimerBoard, TimerRunner, Zone};

/// How long an app that is unloaded may take for what is under way, and then for settling it.
const FAREWELL: Duration = Duration::from_secs(5);

/// What outlives every app.
pub(super) struct Surroundings {
    pub(super) console: Console,
    pub(super) broker: Broker,
    pub(super) launcher: Launcher,
    pub(super) debug: Option<Arc<Notify>>,
    pub(super) timer_store: StatusStore,
    pub(super) history: History,
    pub(super) cosmos: CosmosFiles,
    pub(super) _data_folder: DataFolder,
    pub(super) keys: Keys,
    pub(super) cors: Cors,
    pub(super) instance: Uuid,
    pub(super) started: Instant,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) amqp_port: Option<u16>,
    pub(super) rest_port: Option<u16>,
    pub(super) ready_file: Option<PathBuf>,
}

impl Surroundings {
    /// The address as people write it.
    pub(super) fn base_url(&self) -> String {
        let host = if self.address.is_loopback() || self.address.is_unspecified() {
            "localhost".to_owned()
        } else {
            self.address.to_string()
        };
        format!("http://{host}:{}", self.port)
    }
}

/// An app that runs.
pub(super) struct Generation {
    pub(super) site: Arc<Site>,
    pub(super) handler: Handler,
    supervisor: JoinHandle<()>,
    end_handler: CancellationToken,
    stop_triggers: CancellationToken,
    triggers: TaskTracker,
}

impl Generation {
    /// Starts `app`.
    pub(super) fn start(app: &App, around: &Arc<Surroundings>) -> Self {
        let console = &around.console;
        for finding in check::app_findings(app) {
            match finding.severity {
                Severity::Error => console.error(&finding),
                Severity::Warning => console.warn(&finding),
            }
        }
        let functions: Vec<Arc<Function>> = app.functions.iter().cloned().map(Arc::new).collect();
        let mut problems = app.problems.clone();
        let router = Router::new(&functions, &app.host.http.route_prefix, &mut problems);
        let end_handler = CancellationToken::new();
        let (handler, supervisor) = supervise(
            SupervisorOptions {
                command: HandlerCommand::new(app, around.port, around.amqp_port),
                initialization_timeout: app.host.handler.initialization_timeout,
                launcher: around.launcher.clone(),
                debug: around.debug.clone(),
            },
            console.clone(),
            end_handler.clone(),
        );
        let invoker = Invoker::new(InvokerOptions {
            handler: handler.clone(),
            console: console.clone(),
            outputs: Outputs::new(Some(around.broker.clone()), around.cosmos.clone(), console.clone()),
            timeout: app.host.function_timeout,
            follows_redirects: !app.host.handler.forwards,
        });
        let board = TimerBoard::default();
        // A wrong one has been told.
        let zone = Zone::of(&app.settings).unwrap_or_else(|_| Zone::utc());
        let stop_triggers = CancellationToken::new();
        let triggers = TaskTracker::new();
        let starter = Starter {
            app,
            around,
            invoker: &invoker,
            board: &board,
            zone,
            stop: &stop_triggers,
            triggers: &triggers,
        };
        let unfit = ensure_entities(&around.broker, || functions.iter().map(AsRef::as_ref));
        for function in &functions {
            if unfit.iter().any(|problem| problem.name == function.name) {
                continue;
            }
            if let Err(reason) = starter.start(function) {
                problems.push(FunctionProblem {
                    name: function.name.clone(),
                    reason,
                });
            }
        }
        problems.extend(unfit);
        for problem in &problems {
            console.error(format_args!(
                "The '{}' function is in error: {}",
                problem.name, problem.reason
            ));
        }
        triggers.spawn(announce::run(announce::Announcement {
            around: Arc::clone(around),
            handler: handler.clone(),
            lines: announce::lines(&functions, &router, &around.base_url()),
            stop: stop_triggers.clone(),
        }));
        triggers.close();
        let routes = router
            .routes()
            .iter()
            .map(|route| (route.function.name.clone(), route.text.clone()))
            .collect();
        let admin = Admin {
            root: app.root.clone(),
            functions,
            problems,
            base_url: around.base_url(),
            routes,
            invoker: invoker.clone(),
            history: around.history.clone(),
            timers: board,
            broker: around.broker.clone(),
            keys: around.keys.clone(),
            instance: around.instance,
            started: around.started,
        };
        let home_page = !app
            .settings
            .get("AzureWebJobsDisableHomepage")
            .is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let site = Arc::new(Site {
            router,
            invoker,
            cors: around.cors.clone(),
            admin,
            proxies: app.host.handler.proxies,
            forwards: app.host.handler.forwards,
            legacy: app.host.handler.legacy,
            body_limit: app.host.body_limit,
            keys: around.keys.clone(),
            throttle: Throttle::new(&app.host.http),
            custom_headers: custom_headers(app, console),
            home_page,
        });
        Self {
            site,
            handler,
            supervisor,
            end_handler,
            stop_triggers,
            triggers,
        }
    }

    /// Unloads it: no new work, then the end of the handler. `politely` lets it finish first what is under way. What it
    /// could not finish is given back.
    pub(super) async fn stop(self, politely: bool) {
        self.stop_triggers.cancel();
        if politely && let HandlerState::Ready(live) = self.handler.state() {
            live.in_flight.close();
            let _ = tokio::time::timeout(FAREWELL, live.in_flight.wait()).await;
        }
        self.end_handler.cancel();
        // A supervisor that panicked has dropped its child, which kills it.
        let _ = self.supervisor.await;
        let _ = tokio::time::timeout(FAREWELL, self.triggers.wait()).await;
    }
}

/// Starts what calls functions besides HTTP.
struct Starter<'a> {
    app: &'a App,
    around: &'a Arc<Surroundings>,
    invoker: &'a Invoker,
    board: &'a TimerBoard,
    zone: Zone,
    stop: &'a CancellationToken,
    triggers: &'a TaskTracker,
}

impl Starter<'_> {
    fn start(&self, function: &Arc<Function>) -> Result<(), String> {
        match &function.trigger {
            Trigger::Timer(trigger) => {
                let schedule = Schedule::parse(&trigger.schedule, &self.zone)?;
                if !function.disabled {
                    self.triggers.spawn(timers::run(TimerRunner {
                        function: Arc::clone(function),
                        trigger: trigger.clone(),
                        schedule,
                        invoker: self.invoker.clone(),
                        store: self.around.timer_store.clone(),
                        board: self.board.clone(),
                        stop: self.stop.clone(),
                    }));
                }
            }
            Trigger::ServiceBus(trigger) => {
                if !function.disabled {
                    self.triggers.spawn(servicebus_trigger::run(Receiver {
                        function: Arc::clone(function),
                        trigger: trigger.clone(),
                        options: self.app.host.service_bus.clone(),
                        broker: self.around.broker.clone(),
                        invoker: self.invoker.clone(),
                        stop: self.stop.clone(),
                    }));
                }
            }
            // By its address; by hand only.
            Trigger::Http(_) | Trigger::Other(_) => {}
        }
        Ok(())
    }
}

/// `customHeaders`; what cannot be a header is told and left out.
fn custom_headers(app: &App, console: &Console) -> Vec<(HeaderName, HeaderValue)> {
    let read = |(name, value): &(String, String)| {
        let header = name.parse().ok().zip(HeaderValue::from_str(value).ok());
        if header.is_none() {
            console.warn(format_args!(
                "host.json: extensions.http.customHeaders.{name} is no header"
            ));
        }
        header
    };
    app.host.http.custom_headers.iter().filter_map(read).collect()
}
