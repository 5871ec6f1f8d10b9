//! Loads, unloads and loads again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::HostOptions;
use super::generation::{Generation, Surroundings};
use crate::config::App;
use crate::handler::{Handler, HandlerState};
use crate::http::Site;
use crate::watch::{Change, Watch};

/// How long a host that failed stays down, as the platform keeps it.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What the manager may be told to do.
#[derive(Debug)]
pub(super) enum Order {
    Reload(String),
    Restart(String),
}

pub(super) struct Manager {
    pub(super) options: HostOptions,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) site: watch::Sender<Option<Arc<Site>>>,
    pub(super) handler: watch::Sender<Option<Handler>>,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    pub(super) shutdown: CancellationToken,
}

enum Next {
    Load(Box<App>),
    LoadAfterFailure,
    Stop,
}

impl Manager {
    pub(super) async fn run(mut self, first: App) {
        let mut app = first;
        loop {
            let generation = Generation::start(&app, &self.surroundings);
            self.site.send_replace(Some(Arc::clone(&generation.site)));
            self.handler.send_replace(Some(generation.handler.clone()));
            let next = self.attend(&app, &generation).await;
            if !matches!(next, Next::Stop) {
                // From here on requests wait for the next app.
                self.site.send_replace(None);
            }
            generation.stop(matches!(next, Next::Load(_))).await;
            app = match next {
                Next::Stop => return,
                Next::Load(app) => *app,
                Next::LoadAfterFailure => {
                    tokio::select! {
                        () = tokio::time::sleep(AFTER_FAILURE) => {}
                        () = self.shutdown.cancelled() => return,
                    }
                    self.surroundings.console.info("Starting the Functions Host again.");
                    self.load().unwrap_or(app)
                }
            };
        }
    }

    /// Waits for something that ends this app.
    async fn attend(&mut self, app: &App, generation: &Generation) -> Next {
        let mut watch = self.watch(app);
        let mut state = generation.handler.watch();
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return Next::Stop,
                _ = state.wait_for(|state| matches!(state, HandlerState::Failed)) => return Next::LoadAfterFailure,
                order = self.orders.recv() => match order {
                    None => return Next::Stop,
                    Some(Order::Restart(reason)) => generation.handler.renew(reason),
                    Some(Order::Reload(reason)) => if let Some(app) = self.reload(&reason) {
                        return Next::Load(Box::new(app));
                    },
                },
                change = changed(watch.as_mut()) => match change {
                    Change::Binary => generation.handler.renew("its executable has changed"),
                    Change::App => if let Some(app) = self.reload("the app's files have changed") {
                        return Next::Load(Box::new(app));
                    },
                },
            }
        }
    }

    fn reload(&self, reason: &str) -> Option<App> {
        let app = self.load()?;
        self.surroundings
            .console
            .info(format_args!("Restarting the host: {reason}."));
        Some(app)
    }

    fn load(&self) -> Option<App> {
        let options = &self.options;
        match App::load(&options.root, options.environment.iter().cloned(), &options.functions) {
            Ok(app) => Some(app),
            Err(error) => {
                self.surroundings
                    .console
                    .error(format_args!("{error}. The app stays as it was loaded last."));
                None
            }
        }
    }

    fn watch(&self, app: &App) -> Option<Watch> {
        if !self.options.watch && !self.options.watch_binary {
            return None;
        }
        Watch::new(app, self.options.watch_binary)
            .inspect_err(|error| {
                self.surroundings
                    .console
                    .warn(format_args!("The app's files cannot be watched: {error}"));
            })
            .ok()
    }
}

async fn changed(watch: Option<&mut Watch>) -> Change {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
