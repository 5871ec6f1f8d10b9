//! `cargo xtask dev`: the whole system on this machine.

mod database;
mod demo;
mod ready;
mod watch;

use crate::failure::{Context as _, Failure, Result};
use crate::group::Group;
use crate::settings;
use crate::signals::Signals;
use crate::workspace::{self, Profile};
use database::Database;
pub(crate) use ready::Ready;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use watch::Rebuild;

/// Overrides host.json, which says what is true in Azure: there the handler lies beside it.
pub(crate) const HANDLER_SETTING: &str = "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The HTTP port; 0: any free one.
    #[arg(long, default_value_t = 7071)]
    port: u16,
    /// The port on which Service Bus SDKs can send and receive; 0: any free one.
    #[arg(long, default_value_t = 5672, value_name = "PORT")]
    amqp_port: u16,
    /// Build and run the release profile.
    #[arg(long)]
    release: bool,
    /// Where database, queues and timers are kept [default: .inventory].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The database: sqlite:PATH or postgres://… [default: DATABASE_URL of the shell, else of local.settings.json, else
    /// the SQLite file inventory.db in the data folder].
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Do not load the demo catalogue into an empty database.
    #[arg(long)]
    no_demo: bool,
    /// Do not rebuild when sources change.
    #[arg(long)]
    no_watch: bool,
    /// The handler waits for a debugger, or Enter, before its first instruction (Linux).
    #[arg(long)]
    debug: bool,
}

/// How one run is set up.
struct Session<'a> {
    options: &'a Options,
    root: PathBuf,
    data: PathBuf,
    database: Database,
    profile: Profile,
}

pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    let mut signals = Signals::new()?;
    let prepared = tokio::select! {
        // Dropping the preparation kills the build.
        () = signals.recv() => return Ok(ExitCode::SUCCESS),
        prepared = Session::prepare(options) => prepared?,
    };
    prepared.run(&mut signals).await
}

impl<'a> Session<'a> {
    /// Everything up to the start: ports, settings, folders, build.
    async fn prepare(options: &'a Options) -> Result<Session<'a>> {
        // Asked before a build that may take minutes.
        check_port(options.port, "--port")?;
        check_port(options.amqp_port, "--amqp-port")?;
        let root = workspace::root();
        if settings::make(&root)? {
            println!("Made local.settings.json from local.settings.json.example.");
        }
        let data = match &options.data {
            Some(data) => std::path::absolute(data)?,
            None => root.join(".inventory"),
        };
        std::fs::create_dir_all(data.join("devhost")).context(data.display())?;
        let database = Database::choose(options, &root, &data)?;
        let profile = Profile::of(options.release);
        if !Group::spawn(workspace::build(profile))?.wait().await?.success() {
            return Err(Failure::new("the build failed"));
        }
        Ok(Self {
            options,
            root,
            data,
            database,
            profile,
        })
    }

    async fn run(self, signals: &mut Signals) -> Result<ExitCode> {
        let ready = Ready::new(&self.data)?;
        // Watching begins before the start: a change in between is not lost.
        let rebuild = if self.options.no_watch {
            None
        } else {
            Some(Rebuild::start(&self.root, self.profile)?)
        };
        let mut host = if self.options.debug {
            Group::spawn_with_keys(self.host(ready.path()))?
        } else {
            Group::spawn(self.host(ready.path()))?
        };
        let ended = {
            let welcome = async {
                self.welcome(ready.wait().await.port).await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = signals.recv() => None,
                status = host.wait() => Some(status?),
                () = welcome => None,
            }
        };
        drop(rebuild);
        host.stop().await?;
        match ended {
            None => Ok(ExitCode::SUCCESS),
            Some(status) if status.success() => Ok(ExitCode::SUCCESS),
            // It has said why.
            Some(_) => Ok(ExitCode::FAILURE),
        }
    }

    fn host(&self, ready_file: &Path) -> Command {
        let mut command = Command::new(workspace::program(self.profile, "devhost"));
        workspace::on_a_desk(&mut command);
        command
            .current_dir(&self.root)
            .arg("start")
            .arg("--script-root")
            .arg(&self.root)
            .args(["--port", &self.options.port.to_string()])
            .args(["--amqp-port", &self.options.amqp_port.to_string()])
            .arg("--data")
            .arg(self.data.join("devhost"))
            .arg("--ready-file")
            .arg(ready_file)
            .arg(if self.options.no_watch {
                "--no-watch"
            } else {
                "--watch-binary"
            })
            .env(HANDLER_SETTING, workspace::program(self.profile, "inventory-handler"));
        if self.options.debug {
            command.arg("--debug");
        }
        if !self.database.in_settings {
            command.env("DATABASE_URL", &self.database.url);
        }
        command
    }

    /// What there is to do once the functions answer. Nothing in it is worth stopping for.
    async fn welcome(&self, port: u16) {
        if !self.options.no_demo {
            let program = workspace::program(self.profile, "inventory");
            match demo::load(port, &program, &self.root, &self.database.url).await {
                Ok(true) => println!("Loaded the demo catalogue (demo/products.csv)."),
                Ok(false) => {}
                Err(failure) => eprintln!("The demo catalogue is not loaded: {failure}"),
            }
        }
        println!("{}", next_steps(port));
    }
}

fn check_port(port: u16, flag: &str) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(Failure(format!(
            "port {port} is in use, perhaps by another `cargo xtask dev`: end that, or choose another with {flag}"
        ))),
        Err(error) => Err(Failure(format!("port {port} cannot be used: {error}"))),
    }
}

fn next_steps(port: u16) -> String {
    let url = format!("http://localhost:{port}");
    format!(
        "
Next steps, in another terminal:

  curl '{url}/api/v1/products?limit=3'
  curl -X POST {url}/api/v1/orders -H 'Content-Type: application/json' \\
       -d '{{\"customer\": \"C-1\", \"lines\": [{{\"sku\": \"TEA-SENCHA\", \"quantity\": 2}}]}}'
  curl {url}/api/v1/inventory/low-stock
  cargo xtask invoke orders_process --example batch{}

The API, to try in a browser: {url}/docs
Ctrl-C stops.
",
        if port == 7071 {
            String::new()
        } else {
            format!(" --port {port}")
        }
    )
}
