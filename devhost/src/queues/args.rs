//! The words of `devhost queues`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

/// The options of `queues`.
#[derive(Debug, Clone, Args)]
pub struct QueuesArgs {
    /// The HTTP port of the host that runs [default: that of local.settings.json, else 7071].
    #[arg(short, long, global = true)]
    pub port: Option<u16>,
    /// The folder with the app's local.settings.json.
    #[arg(
        long,
        visible_alias = "prefix",
        value_name = "DIR",
        default_value = ".",
        global = true
    )]
    pub script_root: PathBuf,
    /// Print the host's answers as they are.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do; without a word: list.
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What can be done with queues.
#[derive(Debug, Clone, Subcommand)]
pub enum Action {
    /// All queues, topics and subscriptions, and how many messages they hold.
    List,
    /// Show messages and leave them as they are.
    Peek(PeekArgs),
    /// Delete messages that no receiver holds.
    Purge {
        /// The queue, or topic/Subscriptions/name.
        entity: String,
        /// Which of its messages.
        #[arg(long)]
        state: State,
    },
    /// Give dead letters back to their queue or subscription, as if they came for the first time.
    Resubmit {
        /// The queue, or topic/Subscriptions/name.
        entity: String,
        /// All of them.
        #[arg(long, conflicts_with = "numbers", required_unless_present = "numbers")]
        all: bool,
        /// Their sequence numbers.
        numbers: Vec<i64>,
    },
    /// Send a message.
    Send(SendArgs),
}

/// Which messages to show.
#[derive(Debug, Clone, Args)]
pub struct PeekArgs {
    /// The queue, or topic/Subscriptions/name; either with /$deadletterqueue.
    pub entity: String,
    /// Which of its messages.
    #[arg(long, default_value = "active")]
    pub state: State,
    /// How many to pass over.
    #[arg(long, default_value_t = 0)]
    pub skip: usize,
    /// How many to show.
    #[arg(long, default_value_t = 50)]
    pub count: usize,
}

/// What to send.
#[derive(Debug, Clone, Args)]
pub struct SendArgs {
    /// The queue or topic.
    pub entity: String,
    /// The body of the message.
    #[arg(conflicts_with = "messages")]
    pub body: Option<String>,
    /// A file with a message, or a list of them, as JSON.
    #[arg(long, value_name = "FILE")]
    pub messages: Option<PathBuf>,
    /// Its id.
    #[arg(long)]
    pub message_id: Option<String>,
    /// Its session.
    #[arg(long)]
    pub session_id: Option<String>,
    /// What it is about.
    #[arg(long, visible_alias = "label")]
    pub subject: Option<String>,
    /// What its body is.
    #[arg(long)]
    pub content_type: Option<String>,
    /// What it belongs to.
    #[arg(long)]
    pub correlation_id: Option<String>,
    /// When it becomes available (2026-01-31T12:00:00Z).
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// A property of its own; what is not JSON is a text. May be given several times.
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = property)]
    pub properties: Vec<(String, Value)>,
}

/// Where messages are in their lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Available, or with a receiver.
    Active,
    /// Waiting for their time.
    Scheduled,
    /// Put aside by a receiver.
    Deferred,
    /// In the dead-letter queue.
    Deadletter,
}

impl State {
    /// As addresses spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Scheduled => "scheduled",
            Self::Deferred => "deferred",
            Self::Deadletter => "deadletter",
        }
    }
}

fn property(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("a property is NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}
