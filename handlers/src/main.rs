//! The process that the Functions host starts: binds the port it was given, then brings the application up.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod server;

use inventory_app::{App, Settings, telemetry};
use server::{Limits, open_files};
use std::{net::Ipv4Addr, process::ExitCode};

/// Wrong configuration (`EX_CONFIG` of sysexits.h). Not 0, which the host takes for a normal end and never restarts.
const EXIT_CONFIG: u8 = 78;
const EXIT_FAILURE: u8 = 1;
/// Where the host says which port it expects an answer on.
const PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";
/// The port without a host.
const PORT_DEFAULT: u16 = 8080;

fn main() -> ExitCode {
    let port = match std::env::var(PORT) {
        Ok(text) => match text.trim().parse() {
            Ok(port) => port,
            Err(_) => return stop(EXIT_CONFIG, &format!("{PORT} must be a port number")),
        },
        Err(_) => PORT_DEFAULT,
    };
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => return stop(EXIT_CONFIG, &error.to_string()),
    };
    telemetry::init(&settings.telemetry.log_level, inventory_handlers::log_context);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return stop(EXIT_FAILURE, &format!("no runtime: {error}")),
    };
    runtime.block_on(run(port, settings))
}

async fn run(port: u16, settings: Settings) -> ExitCode {
    // The host connects to this address and no other; nobody else has business here.
    let listener = match server::listen((Ipv4Addr::LOCALHOST, port).into()) {
        Ok(listener) => listener,
        Err(error) => return stop(EXIT_FAILURE, &format!("cannot listen on port {port}: {error}")),
    };
    let app = match App::build(settings) {
        Ok(app) => app,
        Err(error) => return stop(EXIT_CONFIG, &format!("the settings are not valid: {error}")),
    };
    let handler = inventory_handlers::handler(app.clone());
    let http = &app.settings().http;
    let limits = Limits {
        connections_max: open_files::for_connections(http.connections_max),
        ..Limits::default()
    };
    let serving = server::serve(listener, handler, limits, asked_to_stop());
    tokio::pin!(serving);
    // `/` answers from here on; what needs the application waits for it.
    tokio::select! {
        () = &mut serving => {}
        () = app.start() => serving.await,
    }
    app.shutdown().await;
    ExitCode::SUCCESS
}

/// Waits for Ctrl-C or SIGTERM. (The host itself kills without asking.)
async fn asked_to_stop() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}

/// Says why on stderr, which the host shows as an error.
fn stop(code: u8, why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(code)
}
