//! What `inventory` understands.

use crate::{
    dora::{Outcome, Period},
    failure::Failure,
};
use clap::{Args, Parser, Subcommand};
use inventory_app::{clock, secrets::Secret};
use inventory_domain::{Role, Timestamp, file_job::ExportKind, parked::ParkReason};
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0    done, and all is well
  1    done, but something needs attention: lines refused, drift found, a message not sent again, no such message, a service that
       is not well; or what was asked for is refused
  2    the command line, a setting or the input file is wrong; nothing was done
  3    the database is away; trying later may help
  4    the database's schema is older than this program: run `inventory migrate`
  5    a fault of the program or the database";

/// Operates an inventory database.
#[derive(Debug, Parser)]
#[command(name = "inventory", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The database: sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        global = true,
        value_name = "URL"
    )]
    pub(crate) database_url: Option<String>,
    /// Prints one JSON document instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The environment that is meant (dev, qa, staging, production, …): where the service or the setting ENVIRONMENT says another,
    /// nothing is done.
    #[arg(long, global = true, value_name = "NAME", value_parser = environment)]
    pub(crate) env: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Brings the database's schema up to date; safe to run again and from several places at once.
    Migrate {
        /// Makes a backup first, and migrates only when that has worked: to this file, which must not be there, or to one named
        /// after environment and time in this directory.
        #[arg(long, value_name = "PATH")]
        backup: Option<PathBuf>,
    },
    /// Backups of the database: of PostgreSQL by pg_dump, of SQLite by VACUUM INTO.
    #[command(subcommand)]
    Backup(Backup),
    /// Puts a backup into the database, all of it or nothing, and holds the stock against the ledger.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Drops what the database holds. Stop the function app first.
        #[arg(long)]
        overwrite: bool,
    },
    /// Rehearses a disaster on a copy: backs it up, destroys it, restores it, and says what was lost and how long it took.
    ///
    /// The database itself is read once and not changed. The copy is a database beside it on the same server (the user must be
    /// allowed to create databases), and gone afterwards. Exit code 1: not everything that the backup must have is there, or it
    /// took longer than the targets.
    Drill(Drill),
    /// Verifies a deployment: alive, healthy, ready, with its document, and able to read. Tries again until all is well or the time
    /// is over.
    ///
    /// Credentials come from the environment: INVENTORY_TOKEN, or INVENTORY_API_KEY, or INVENTORY_CLIENT_ID with
    /// INVENTORY_CLIENT_SECRET. Without them the read must be refused.
    Verify(Verify),
    /// Says how a service is, once.
    Health {
        /// Where it is: https://HOST.
        #[arg(env = "INVENTORY_URL", hide_env_values = true)]
        url: String,
    },
    /// Runs the main flow on a product of its own: created, stocked, ordered, decided, low, and taken away again.
    ///
    /// Safe in production, and to run again: it touches nothing but its own product SMOKE-…, which is archived afterwards, at
    /// location MAIN. Its low-stock alert is a real one, which receivers are told of (--without-alert). Credentials of a manager
    /// come from the environment: INVENTORY_TOKEN, or INVENTORY_API_KEY, or INVENTORY_CLIENT_ID with INVENTORY_CLIENT_SECRET.
    Smoke(Smoke),
    /// Loads products and their stock from a CSV file, keyed by SKU; running it again changes nothing.
    ///
    /// The first line names the columns, in any order. Needed: sku, name, unit_price_minor, currency, on_hand. Used where
    /// present: category, barcode, reorder_point, reorder_quantity, discontinued (t or f). Other columns are ignored with a
    /// note. `on_hand` becomes the stock at location MAIN. A bad line is reported by its number and keeps no other line from being loaded.
    #[command(verbatim_doc_comment)]
    Import {
        /// The file, or - for standard input.
        file: PathBuf,
    },
    /// Writes products (in the form that import reads), inventory, movements or orders to a CSV file.
    Export(Export),
    /// Holds stock levels against the ledger of movements and the reservations.
    Reconcile {
        /// Repairs what does not agree.
        #[arg(long)]
        fix: bool,
    },
    /// Erases a customer for ever: who it was goes, orders and the ledger stay. Doing it again changes nothing.
    EraseCustomer {
        /// The customer's reference or, where nobody has it as such, the id.
        customer: String,
    },
    /// How fast a service answers: recorded in a file, and held against it later.
    ///
    /// A small load of reads and, with --orders, of orders on a product of its own, which is archived afterwards and raises no alert.
    /// Credentials come from the environment, as for `verify`; --orders needs a manager's.
    #[command(subcommand)]
    Baseline(Baseline),
    /// Says whether the previous release could take over again without touching the database.
    ///
    /// Migrations expand: they add, and leave alone what a release before them reads and writes. This looks at the migrations that
    /// the database has, or gets from this program, and the previous release does not know, and fails where one of them contracts
    /// (drops, renames, or demands something). Without a previous release it holds the database's migrations against this program's.
    RollbackCheck(RollbackCheck),
    /// Logs of the handler.
    #[command(subcommand)]
    Logs(Logs),
    /// Figures of a period: orders by outcome and how long they took, alerts, accuracy of the stock, security. Exit code 1: a target
    /// was missed.
    Kpis(Span),
    /// The four metrics of DORA, from the log of deployments that the pipelines write. --env says whose; production where it does not.
    #[command(subcommand)]
    Dora(Dora),
    /// Prints the usage of all commands, in Markdown, for docs/operations.md.
    #[command(hide = true)]
    Document,
    /// Messages that could not be processed.
    #[command(subcommand)]
    Parked(Parked),
    /// Programs that sign in with a secret.
    #[command(subcommand)]
    Clients(Clients),
    /// People who sign in with a password.
    #[command(subcommand)]
    Users(Users),
    /// Deploys the whole stack of --env from a desk, by the steps that the pipelines take: infrastructure (its plan is shown and asked
    /// about), backup and schema, package, verification, main flow and baseline. Where something fails, production is as it was.
    ///
    /// Needs the repository, git, Terraform, jq and an Azure CLI that is signed in, inside the environment's network. Exit code 1: it
    /// did not succeed; what was done is in the report and in the log of deployments.
    Deploy(Deploy),
    /// Secrets in the Key Vault that AZURE_KEYVAULT_URL names, by this machine's identity or the login of the Azure CLI. No value is
    /// ever printed.
    #[command(subcommand)]
    Secrets(Secrets),
    /// The settings that the handler starts with.
    #[command(subcommand)]
    Settings(Settings),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Backup {
    /// Makes one.
    Create {
        /// A file that is not there, or a directory for one named after environment and time.
        path: PathBuf,
    },
    /// Restores one into a database of its own beside the one named, counts, holds the stock against the ledger, and drops it.
    Verify {
        /// The backup.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Drill {
    /// The most that may be lost, in seconds.
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS")]
    pub(crate) rpo_max_seconds: u32,
    /// The longest that it may take, in seconds.
    #[arg(long, default_value_t = 14_400, value_name = "SECONDS")]
    pub(crate) rto_max_seconds: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Where it is: https://HOST.
    #[arg(env = "INVENTORY_URL", hide_env_values = true)]
    pub(crate) url: String,
    /// How long it is tried again, in seconds; 0: once.
    #[arg(long, default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=3_600))]
    pub(crate) within: u32,
    /// The version that must answer.
    #[arg(long, value_name = "VERSION")]
    pub(crate) expect_version: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Smoke {
    /// Where it is: https://HOST.
    #[arg(env = "INVENTORY_URL", hide_env_values = true)]
    pub(crate) url: String,
    /// How long the order may take to be decided, in seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub(crate) within: u32,
    /// Raises no alert: nobody is woken.
    #[arg(long)]
    pub(crate) without_alert: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Baseline {
    /// Measures, and keeps the figures in a file.
    Record {
        /// Where the service is: https://HOST.
        url: String,
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        load: Load,
    },
    /// Measures as the file's figures were measured; exit code 1 where something has become worse.
    Compare {
        /// Where the service is: https://HOST.
        url: String,
        /// The file.
        file: PathBuf,
        /// How much slower is no regression, in percent…
        #[arg(long, default_value_t = 50, value_name = "PERCENT")]
        tolerance_percent: u32,
        /// … and in milliseconds beside that.
        #[arg(long, default_value_t = 20, value_name = "MILLISECONDS")]
        tolerance_ms: u32,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// Requests of each operation.
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(Load::REQUESTS_MAX)))]
    pub(crate) requests: u32,
    /// Requests at once.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(Load::CONNECTIONS_MAX)))]
    pub(crate) connections: u32,
    /// Places orders, too, on a product of its own.
    #[arg(long)]
    pub(crate) orders: bool,
}

impl Load {
    /// As many units as one request may add to the stock.
    pub(crate) const REQUESTS_MAX: u32 = 10_000;
    /// More would be a load test.
    pub(crate) const CONNECTIONS_MAX: u32 = 64;
}

#[derive(Debug, Args)]
pub(crate) struct RollbackCheck {
    /// The previous release: the zip that was deployed, or its folder. What its program knows is read from it.
    #[arg(long, value_name = "PATH", conflicts_with = "previous_migration")]
    pub(crate) package: Option<PathBuf>,
    /// The last migration that the previous release knows.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) previous_migration: Option<i64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Logs {
    /// Groups of errors, rates, the trend, operations and the slowest requests. Exit code 1: there are errors.
    ///
    /// Reads the JSON lines that the handler writes to stdout, one pass, in bounded memory. What a host puts before a line is left
    /// out; lines that are none of ours are counted.
    Analyze {
        /// The files, or - for standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The trend's step, in seconds; it becomes longer where the logs span too much time for it.
        #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
        trend_seconds: u32,
    },
}

/// A span of time.
#[derive(Debug, Args)]
pub(crate) struct Span {
    /// So many days up to now, or up to --to.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=3_650))]
    days: i64,
    /// From this moment (RFC 3339: 2026-01-05T00:00:00Z).
    #[arg(long, value_name = "MOMENT", value_parser = moment, conflicts_with = "days")]
    from: Option<Timestamp>,
    /// Up to this moment, which is not in it.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    to: Option<Timestamp>,
}

impl Span {
    pub(crate) fn period(&self) -> Result<Period, Failure> {
        let to = self.to.unwrap_or_else(clock);
        let from = self.from.unwrap_or_else(|| to.plus_minutes(-self.days * 24 * 60));
        if from < to {
            Ok(Period { from, to })
        } else {
            Err(Failure::Input("--from must be before --to".to_owned()))
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dora {
    /// Prints the four metrics.
    Report {
        /// The log.
        log: PathBuf,
        #[command(flatten)]
        span: Span,
    },
    /// Appends a deployment that has ended.
    Record(Deployment),
    /// Appends a failure that a deployment has caused.
    Incident(Incident),
}

#[derive(Debug, Args)]
pub(crate) struct Deployment {
    /// The log; it is made where it is not there.
    pub(crate) log: PathBuf,
    /// The version that was deployed.
    #[arg(long, value_name = "VERSION")]
    pub(crate) release: String,
    /// Its commit.
    #[arg(long)]
    pub(crate) commit: String,
    /// When the commit was made (RFC 3339).
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub(crate) committed_at: Timestamp,
    /// How it ended.
    #[arg(long)]
    pub(crate) outcome: Outcome,
    /// When it ended; now where it is not given.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub(crate) time: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct Incident {
    /// The log; it is made where it is not there.
    pub(crate) log: PathBuf,
    /// The version that caused it.
    #[arg(long, value_name = "VERSION")]
    pub(crate) release: String,
    /// When it began (RFC 3339).
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub(crate) started_at: Timestamp,
    /// When all was well again; left out while it is not.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub(crate) restored_at: Option<Timestamp>,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "a moment as in RFC 3339: 2026-01-05T09:30:00Z".to_owned())
}

/// A name as resources have them: it becomes part of file names.
fn environment(text: &str) -> Result<String, String> {
    let is_name = (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("small letters, digits and -, at most 32".to_owned())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Clients {
    /// Adds a client and prints its secret, this once.
    Add {
        /// Its name: small letters, digits, -, _, . and @.
        name: String,
        /// What it may do: viewer, clerk, manager or admin.
        #[arg(long, value_parser = role)]
        role: Role,
    },
    /// Gives a client another secret and prints it, this once.
    Rotate {
        /// Its name.
        name: String,
        /// For so many hours the former secret is good too; 0: not at all, and tokens given so far are void.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(i64).range(0..=inventory_domain::limits::SECRET_OVERLAP_HOURS_MAX))]
        overlap_hours: i64,
    },
    /// Lists clients.
    List,
    /// Lets a client in no more; its tokens are void seconds later.
    Disable {
        /// Its name.
        name: String,
    },
    /// Lets a client in again.
    Enable {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    /// Adds a user; prints a password, this once, where none is given.
    Add {
        /// The name: small letters, digits, -, _, . and @.
        name: String,
        /// What the user may do: viewer, clerk, manager or admin.
        #[arg(long, value_parser = role)]
        role: Role,
        /// Reads the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Gives a user another password; tokens given so far are void.
    Password {
        /// The name.
        name: String,
        /// Reads the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Lists users.
    List,
    /// Lets a user in no more; the user's tokens are void seconds later.
    Disable {
        /// The name.
        name: String,
    },
    /// Lets a user in again.
    Enable {
        /// The name.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// products, inventory, movements or orders.
    #[arg(value_parser = kind)]
    pub(crate) kind: ExportKind,
    /// The file, or - for standard output. One that is there is replaced when all of it is written.
    pub(crate) file: PathBuf,
    /// Products of this category only.
    #[arg(long)]
    pub(crate) category: Option<String>,
    /// Inventory or movements at the location with this code only.
    #[arg(long, value_name = "CODE")]
    pub(crate) location: Option<String>,
    /// Movements or orders from this moment on only (2026-01-05T09:30:00Z).
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<Timestamp>,
    /// Movements or orders before this moment only.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<Timestamp>,
}

fn kind(text: &str) -> Result<ExportKind, String> {
    ExportKind::parse(text).ok_or_else(|| "one of products, inventory, movements, orders".to_owned())
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "an RFC 3339 date and time such as 2026-01-05T09:30:00Z".to_owned())
}

fn role(text: &str) -> Result<Role, String> {
    Role::grantable(text).ok_or_else(|| "one of viewer, clerk, manager, admin".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// The package, as `cargo xtask package` makes it.
    #[arg(long, value_name = "ZIP", default_value = "target/inventory-functions.zip")]
    pub(crate) package: PathBuf,
    /// The repository: Terraform and the pipelines' scripts.
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub(crate) repository: PathBuf,
    /// Names the steps and takes none.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Leaves the infrastructure as it is.
    #[arg(long)]
    pub(crate) without_infrastructure: bool,
    /// Applies the plan without asking.
    #[arg(long)]
    pub(crate) yes: bool,
    /// As whom the schema is migrated: your role in the database.
    #[arg(long, value_name = "ROLE")]
    pub(crate) database_role: Option<String>,
    /// The schema may lose what the running release needs: going back then needs a restore.
    #[arg(long)]
    pub(crate) contract: bool,
    /// The slot beside production.
    #[arg(long, value_name = "NAME", default_value = "next")]
    pub(crate) slot: String,
    /// Where the slot answers, if not at its own address.
    #[arg(long, value_name = "URL")]
    pub(crate) slot_url: Option<String>,
    /// Percent of the requests that the slot gets, one step after the other.
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_value = "10,25,50,100", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) shares: Vec<u8>,
    /// How long the alerts' queries are asked after each step.
    #[arg(long, value_name = "MINUTES", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub(crate) watch_minutes: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Lists what the handler reads: whether it is there and good, its versions, its age. Exit code 1: one cannot be read.
    List,
    /// Makes a new value and puts it into the vault. Running handlers take it over by themselves, and nobody is interrupted.
    ///
    /// `jwt-keys`: the former key stays good until its version is disabled. `database-password`: a password of --role, put into the
    /// vault first and then into PostgreSQL, where --database-url comes in as somebody who may; when that fails, run it again.
    /// `webhook-master-key`: made where there is none, never replaced, since what is sealed under it could not be opened again.
    Rotate {
        /// jwt-keys, database-password or webhook-master-key.
        #[arg(value_parser = secret)]
        secret: Secret,
        /// What the new key of `jwt-keys` is; as the current one where it is not given.
        #[arg(long, value_name = "ALGORITHM")]
        algorithm: Option<KeyAlgorithm>,
        /// Whose password it is.
        #[arg(long, value_name = "ROLE", required_if_eq("secret", "database-password"))]
        role: Option<String>,
    },
    /// Writes what the vault holds into the Values of a local.settings.json, for work on a desk with an environment's own secrets.
    ///
    /// Other values stay. The file is readable by its owner only afterwards.
    Sync {
        /// The file, which must be there.
        #[arg(default_value = "local.settings.json")]
        file: PathBuf,
    },
}

/// What signs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyAlgorithm {
    /// A shared secret.
    Hs256,
    /// A private key on the curve P-256.
    Es256,
}

fn secret(text: &str) -> Result<Secret, String> {
    Secret::named(text).ok_or_else(|| {
        let names: Vec<_> = Secret::ALL.iter().map(|secret| secret.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum Settings {
    /// Checks the settings in the environment as the handler does when it starts; starts and connects nothing.
    Check,
    /// Prints the description of every setting, in Markdown.
    Document,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Parked {
    /// Lists parked messages, newest first.
    List(ParkedList),
    /// Shows one message with its body.
    Show {
        /// Its id.
        id: i64,
    },
    /// Sends messages to the orders queue again, as they came.
    Replay {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<i64>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ParkedList {
    /// Only those parked for this reason.
    #[arg(long, value_parser = reason)]
    pub(crate) reason: Option<ParkReason>,
    /// Those sent again before, too.
    #[arg(long)]
    pub(crate) all: bool,
    /// Messages left out at the start.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..=inventory_domain::limits::PAGE_SKIP_MAX))]
    pub(crate) skip: i64,
    /// Messages at most.
    #[arg(long, default_value_t = inventory_domain::limits::PAGE_LIMIT_DEFAULT,
          value_parser = clap::value_parser!(i64).range(1..=inventory_domain::limits::PAGE_LIMIT_MAX))]
    pub(crate) limit: i64,
}

fn reason(text: &str) -> Result<ParkReason, String> {
    ParkReason::parse(text).ok_or_else(|| {
        let all: Vec<_> = ParkReason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("one of {}", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
