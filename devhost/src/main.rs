//! `devhost`: the Azure Functions host on your desk.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use devhost::cli::{CheckArgs, Cli, Command, StartArgs};
use devhost::console::{Console, Form};
use devhost::handler::launch;
use devhost::host::Host;
use devhost::queues;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let args = match cli.command {
        Some(Command::Launch { arguments }) => {
            eprintln!("{}", launch(arguments));
            return ExitCode::from(127);
        }
        Some(Command::Queues(args)) => return queues::run(&args),
        Some(Command::Invoke(args)) => return devhost::invoke::run(&args),
        Some(Command::New { app }) => return create(&app),
        Some(Command::Check(args)) => return check(&args),
        Some(Command::Start(args)) => *args,
        None => cli.start,
    };
    let filter = EnvFilter::try_from_env("DEVHOST_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let form = if args.json { Form::Json } else { Form::Text };
    let console = Console::stdout(args.quiet, form);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.error(format_args!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(start(args, console))
}

fn create(app: &Path) -> ExitCode {
    match devhost::new::write(app) {
        Ok(name) => {
            println!("Made {name}.\n\n  cd {}\n  cargo build && devhost\n", app.display());
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn check(args: &CheckArgs) -> ExitCode {
    let report = args.report();
    let mut out = std::io::stdout().lock();
    let text = if args.json {
        report.to_json().to_string()
    } else {
        report.to_string()
    };
    // A closed pipe changes nothing about the app.
    let _ = writeln!(out, "{text}");
    if report.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn start(args: StartArgs, console: Console) -> ExitCode {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        console.error("cannot listen for signals");
        return ExitCode::FAILURE;
    };
    console.plain("");
    console.plain(format_args!(
        "devhost, the Azure Functions host on your desk ({})",
        env!("CARGO_PKG_VERSION")
    ));
    console.plain(format_args!(
        "Function Runtime Version: {}",
        devhost::invocation::HOST_VERSION
    ));
    console.plain("");
    let debug = args.debug;
    let host = match Host::start(args.into_options(), console.clone()).await {
        Ok(host) => host,
        Err(error) => {
            console.error(error);
            return ExitCode::FAILURE;
        }
    };
    console.info(format_args!("Listening on port {}.", host.port()));
    if let Some(port) = host.amqp_port() {
        console.info(format_args!(
            "Service Bus SDKs can use port {port} (UseDevelopmentEmulator=true)."
        ));
    }
    if let Some(port) = host.rest_port() {
        console.info(format_args!("Service Bus's REST operations can send to port {port}."));
    }
    let mut keys = debug.then(entered_lines);
    loop {
        let entered = async {
            match &mut keys {
                Some(keys) => keys.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            entered = entered => match entered {
                Some(()) => host.go_on(),
                None => keys = None,
            },
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    console.info("Stopping.");
    host.stop().await;
    ExitCode::SUCCESS
}

/// Each line that is entered. A thread of its own: one that waits for the keyboard cannot be told to stop.
fn entered_lines() -> mpsc::UnboundedReceiver<()> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            if line.is_err() || sender.send(()).is_err() {
                return;
            }
        }
    });
    lines
}
