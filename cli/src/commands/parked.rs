//! `inventory parked`

use crate::{
    ALL_WELL, NEEDS_ATTENTION,
    args::{Parked, ParkedList},
    database,
    failure::Failure,
    output::Output,
};
use inventory_app::{
    App, Begun, Call, Error, Page, Reply,
    parked::{self, ParkedFilter},
};
use inventory_domain::parked::ParkedMessage;
use serde::Serialize;
use std::fmt::Write as _;

pub(crate) async fn run(url: Option<&str>, command: &Parked, output: Output) -> Result<u8, Failure> {
    let app = database::open(url).await?;
    let code = match command {
        Parked::List(wanted) => list(&app, wanted, output).await,
        Parked::Show { id } => show(&app, *id, output).await,
        Parked::Replay { ids } => replay(&app, ids, output).await,
    };
    app.shutdown().await;
    code
}

async fn list(app: &App, wanted: &ParkedList, output: Output) -> Result<u8, Failure> {
    let filter = ParkedFilter {
        source: None,
        reason: wanted.reason,
        replayed: if wanted.all { None } else { Some(false) },
    };
    let found = parked::list(app, &filter, Page::new(wanted.skip, wanted.limit)).await?;
    output.result(&found, || {
        if found.is_empty() {
            return "no parked messages".to_owned();
        }
        found.iter().map(line).collect()
    })?;
    Ok(ALL_WELL)
}

fn line(message: &ParkedMessage) -> String {
    let ParkedMessage {
        id,
        parked_at,
        reason,
        message_id,
        detail,
        ..
    } = message;
    let replayed = if message.replayed_at.is_some() {
        ", sent again"
    } else {
        ""
    };
    format!(
        "{id:>6}  {parked_at}  {:<15}  {message_id}: {detail}{replayed}\n",
        reason.as_str()
    )
}

async fn show(app: &App, id: i64, output: Output) -> Result<u8, Failure> {
    let message = parked::get(app, id).await?;
    output.result(&message, || {
        let mut text = line(&message);
        let _ = writeln!(
            text,
            "from {}, delivered {} times",
            message.source, message.delivery_count
        );
        let cut = if message.truncated {
            " (cut: longer than is kept)"
        } else {
            ""
        };
        let _ = writeln!(text, "body{cut}:\n{}", message.body);
        text
    })?;
    Ok(ALL_WELL)
}

#[derive(Default, Serialize)]
struct ReplayReport {
    replayed: Vec<i64>,
    refused: Vec<NotReplayed>,
}

#[derive(Serialize)]
struct NotReplayed {
    id: i64,
    detail: String,
}

async fn replay(app: &App, ids: &[i64], output: Output) -> Result<u8, Failure> {
    let mut report = ReplayReport::default();
    for &id in ids {
        match replay_one(app, id).await {
            Ok(()) => report.replayed.push(id),
            Err(Error::Refused(refusal)) => report.refused.push(NotReplayed {
                id,
                detail: refusal.to_string(),
            }),
            Err(error) => return Err(error.into()),
        }
    }
    output.result(&report, || {
        let mut text = String::new();
        for NotReplayed { id, detail } in &report.refused {
            let _ = writeln!(text, "{id}: {detail}");
        }
        let _ = writeln!(
            text,
            "{} to be sent again by the running handler",
            report.replayed.len()
        );
        text
    })?;
    Ok(if report.refused.is_empty() {
        ALL_WELL
    } else {
        NEEDS_ATTENTION
    })
}

/// In a transaction of its own: one that cannot be sent again keeps no other back.
async fn replay_one(app: &App, id: i64) -> Result<(), Error> {
    let caller = database::caller();
    let call = Call {
        operation: "parked_replay",
        actor: caller.actor,
        request_id: caller.request_id,
        address: None,
        trace: None,
        idempotency: None,
    };
    if let Begun::Work(mut work) = app.begin(call).await? {
        parked::replay(&mut work, id).await?;
        // Nobody asks for this reply again: there is no idempotency key to keep it with.
        work.commit(Reply {
            code: 0,
            location: None,
            version: None,
            body: String::new(),
        })
        .await?;
    }
    Ok(())
}
