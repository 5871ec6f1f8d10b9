//! Tells that the handler answers: the list of functions on the console, and the file that tools wait for.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::generation::Surroundings;
use crate::config::{Function, Trigger};
use crate::handler::{Handler, HandlerState, Live};
use crate::http::Router;

pub(super) struct Announcement {
    pub(super) around: Arc<Surroundings>,
    pub(super) handler: Handler,
    pub(super) lines: Vec<String>,
    pub(super) stop: CancellationToken,
}

/// The list of functions: HTTP ones by address, the rest by trigger.
pub(super) fn lines(functions: &[Arc<Function>], router: &Router, base_url: &str) -> Vec<String> {
    functions
        .iter()
        .filter_map(|function| {
            if function.disabled {
                return Some(format!("\tFunction {} is disabled.", function.name));
            }
            let Trigger::Http(trigger) = &function.trigger else {
                return Some(format!("\t{}: {}", function.name, function.trigger_kind()));
            };
            let route = router
                .routes()
                .iter()
                .find(|route| route.function.name == function.name)?;
            let mut line = format!("\t{}: ", function.name);
            if !trigger.methods.is_empty() {
                let methods: Vec<&str> = trigger.methods.iter().map(String::as_str).collect();
                let _ = write!(line, "{} ", methods.join(","));
            }
            let _ = write!(line, "{base_url}/{}", route.text);
            Some(line)
        })
        .collect()
}

/// Tells of each life of the handler; the list only once.
pub(super) async fn run(announcement: Announcement) {
    let Announcement {
        around,
        handler,
        mut lines,
        stop,
    } = announcement;
    let mut state = handler.watch();
    let mut told = 0;
    loop {
        let live = {
            let is_new = |state: &HandlerState| matches!(state, HandlerState::Ready(live) if live.number != told);
            let ready = tokio::select! {
                ready = state.wait_for(is_new) => ready,
                () = stop.cancelled() => return,
            };
            match ready.as_deref() {
                Ok(HandlerState::Ready(live)) => Arc::clone(live),
                _ => return,
            }
        };
        told = live.number;
        write_ready_file(&around, &live);
        if !lines.is_empty() {
            around.console.plain("");
            around.console.heading("Functions:");
            around.console.plain("");
            for line in lines.drain(..) {
                around.console.plain(line);
                around.console.plain("");
            }
        }
    }
}

fn write_ready_file(around: &Surroundings, live: &Live) {
    let Some(path) = &around.ready_file else { return };
    let text = json!({
        "port": around.port,
        "amqp_port": around.amqp_port,
        "rest_port": around.rest_port,
        "handler_port": live.port,
        "handler_pid": live.pid,
        "pid": std::process::id(),
    })
    .to_string();
    // Whoever waits for the file must not see half of it.
    let draft = path.with_extension("draft");
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, path));
    if let Err(error) = written {
        around
            .console
            .error(format_args!("{} cannot be written: {error}", path.display()));
    }
}
