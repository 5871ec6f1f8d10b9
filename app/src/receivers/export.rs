//! Exports: a batch of events is one file of JSON lines.

use super::outbound::Sent;
use crate::{
    App,
    files::{FileError, FileName, Spool},
};
use inventory_store::notifications::Batch;
use std::time::{Duration, Instant};

/// How long storing a file may take: less than the lease on its events.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Writes the file of a batch. Its name is the same in every try, and so are its lines, so that a repetition changes nothing.
pub(super) async fn write(app: &App, batch: &Batch) -> Sent {
    let started = Instant::now();
    let stored = tokio::time::timeout(TIMEOUT, store(app, batch)).await;
    let (answer, problem) = match stored {
        Ok(Ok(name)) => (Some(name.to_string()), None),
        Ok(Err(error)) => (None, Some(error.to_string())),
        Err(_) => (None, Some("the file was not stored in time".to_owned())),
    };
    Sent {
        answer,
        duration: started.elapsed(),
        problem,
        ..Sent::not_at_all(String::new())
    }
}

async fn store(app: &App, batch: &Batch) -> Result<FileName, FileError> {
    let files = app
        .files()
        .ok_or_else(|| FileError::Away(format!("there is no {}", crate::files::WHAT)))?;
    let first = batch.events.first().ok_or(FileError::NotFound)?;
    let name = FileName::of_events(first.time, first.seq, batch.id);
    let mut spool = Spool::new().await?;
    for body in batch.events.iter().filter_map(|event| event.due.body.as_deref()) {
        spool.write(body.as_bytes()).await?;
        spool.write(b"\n").await?;
    }
    files.put(name, spool).await?;
    Ok(name)
}
