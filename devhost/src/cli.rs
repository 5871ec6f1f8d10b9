//! The command line.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::check::{Listeners, Report};
use crate::host::{DEFAULT_AMQP_PORT, HostOptions};
use crate::invoke::InvokeArgs;
use crate::queues::QueuesArgs;

/// The Azure Functions host on your desk: runs a custom handler with HTTP, timers and Service Bus.
#[derive(Debug, Parser)]
#[command(name = "devhost", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without a word: start.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `start`.
    #[command(flatten)]
    pub start: StartArgs,
}

/// What it can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the app in a folder.
    Start(Box<StartArgs>),
    /// Look at the messages of a host that runs, delete them, send some, give dead letters another chance.
    Queues(Box<QueuesArgs>),
    /// Call a function of a host that runs: with a request, a message or by hand, as its trigger is.
    Invoke(Box<InvokeArgs>),
    /// Write a small function app in Rust: one HTTP, one queue and one timer function, with tests.
    New {
        /// The folder to make; its name is the app's.
        app: PathBuf,
    },
    /// Find what is wrong with the app in a folder without starting it; exit code 1 where something is.
    Check(CheckArgs),
    /// For the host itself: becomes the handler.
    #[command(name = crate::handler::LAUNCH_COMMAND, hide = true)]
    Launch {
        /// The host's process, the program and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<OsString>,
    },
}

/// The options of `start`.
#[derive(Debug, Clone, Args)]
pub struct StartArgs {
    /// The folder with host.json.
    #[arg(long, visible_alias = "prefix", value_name = "DIR", default_value = ".")]
    pub script_root: PathBuf,
    /// The HTTP port; 0: any free one [default: that of local.settings.json, else 7071].
    #[arg(short, long)]
    pub port: Option<u16>,
    /// The address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub address: IpAddr,
    /// The port on which Service Bus SDKs can send and receive (AMQP 1.0, no TLS); 0: any free one.
    #[arg(long, default_value_t = DEFAULT_AMQP_PORT)]
    pub amqp_port: u16,
    /// The port on which Service Bus's REST operations can send (no TLS); 0: any free one; without it there is none.
    #[arg(long)]
    pub rest_port: Option<u16>,
    /// Do not listen for Service Bus SDKs.
    #[arg(long)]
    pub no_amqp: bool,
    /// Where queues and timers are kept.
    #[arg(long, value_name = "DIR", default_value = ".devhost")]
    pub data: PathBuf,
    /// Origins that browsers may call from, separated by commas, or *.
    #[arg(long, value_name = "ORIGINS")]
    pub cors: Option<String>,
    /// Let browsers send credentials along.
    #[arg(long)]
    pub cors_credentials: bool,
    /// Load these functions only.
    #[arg(long, num_args = 1.., value_name = "NAME")]
    pub functions: Vec<String>,
    /// Ask callers for function and host keys, as Azure does.
    #[arg(long, alias = "enableAuth")]
    pub enable_auth: bool,
    /// No lines about invocations that succeed.
    #[arg(short, long)]
    pub quiet: bool,
    /// The console as JSON, an object a line, for tools.
    #[arg(long)]
    pub json: bool,
    /// Start the handler anew when its executable changes.
    #[arg(long)]
    pub watch_binary: bool,
    /// Do not load the app anew when its files change.
    #[arg(long)]
    pub no_watch: bool,
    /// The handler waits for a debugger before its first instruction (Linux).
    #[arg(long)]
    pub debug: bool,
    /// Write ports and process ids as JSON to this file once the handler answers.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// The options of `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The folder with host.json.
    #[arg(long, visible_alias = "prefix", value_name = "DIR", default_value = ".")]
    pub script_root: PathBuf,
    /// The HTTP port that is to be free [default: that of local.settings.json, else 7071].
    #[arg(short, long)]
    pub port: Option<u16>,
    /// The address that is to be free.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub address: IpAddr,
    /// The port for Service Bus SDKs that is to be free.
    #[arg(long, default_value_t = DEFAULT_AMQP_PORT)]
    pub amqp_port: u16,
    /// Do not look whether ports are free.
    #[arg(long)]
    pub no_ports: bool,
    /// Findings as JSON.
    #[arg(long)]
    pub json: bool,
}

impl CheckArgs {
    /// What is found, with the environment of this process.
    pub fn report(&self) -> Report {
        let root = self
            .script_root
            .canonicalize()
            .unwrap_or_else(|_| self.script_root.clone());
        let listeners = if self.no_ports {
            Listeners::none()
        } else {
            Listeners {
                address: Some(self.address),
                port: self.port,
                amqp_port: Some(self.amqp_port),
            }
        };
        let environment = HostOptions::new(&root).environment;
        Report::of(&root, environment, &listeners)
    }
}

impl StartArgs {
    /// What the host is to do, with the environment of this process. This program is its own launcher.
    pub fn into_options(self) -> HostOptions {
        let root = self.script_root.canonicalize().unwrap_or(self.script_root);
        HostOptions {
            address: self.address,
            port: self.port,
            amqp_port: (!self.no_amqp).then_some(self.amqp_port),
            rest_port: self.rest_port,
            data: self.data,
            cors: self.cors,
            cors_credentials: self.cors_credentials,
            functions: self.functions,
            enable_auth: self.enable_auth,
            watch: !self.no_watch,
            watch_binary: self.watch_binary,
            debug: self.debug,
            ready_file: self.ready_file,
            launcher: std::env::current_exe().ok(),
            ..HostOptions::new(root)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn start_is_what_is_meant_without_a_word() {
        let cli = Cli::try_parse_from(["devhost", "--port", "0", "--functions", "a", "b"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.start.functions, ["a", "b"]);
        let cli = Cli::try_parse_from(["devhost", "start", "--no-amqp", "-q"]).unwrap();
        let Some(Command::Start(args)) = cli.command else {
            panic!("not start")
        };
        assert!(args.quiet);
        assert_eq!(args.into_options().amqp_port, None);
    }
}
