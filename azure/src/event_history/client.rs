//! The client: writes events, subject by subject, and reads them back.

use super::{Endpoint, HistoryError, HistoryEvent, item};
use azure_core::credentials::{Secret, TokenCredential};
use azure_data_cosmos::{
    AccountEndpoint, AccountReference, ContainerClient, CosmosClient, FeedScope, Query, RoutingStrategy,
    TransactionalBatch,
    models::TimeToLive,
    options::{
        BatchOptions, EndToEndOperationLatencyPolicy, ItemWriteOptions, MaxItemCountHint, OperationOptions,
        QueryOptions, ThrottlingRetryOptionsBuilder,
    },
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Map, Value, value::RawValue};
use std::{collections::HashMap, num::NonZeroU32, sync::Arc, time::Duration};
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout, timeout_at},
};

/// Operations of one transactional batch at most
/// (<https://learn.microsoft.com/azure/cosmos-db/nosql/transactional-batch#limitations>).
const BATCH_OPERATIONS_MAX: usize = 100;
/// Bytes of events of one batch at most: the request may have 2 MB, and items are a little larger than their events.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Subjects written at once.
const SUBJECTS_AT_ONCE: usize = 16;

/// How the account gives access.
#[derive(Clone)]
pub enum Access {
    /// With Microsoft Entra ID: the identity needs the role `Cosmos DB Built-in Data Contributor`.
    Entra(Arc<dyn TokenCredential>),
    /// With an account key: for emulators.
    Key(Secret),
}

/// Where the event history is, and how patient to be with it.
#[derive(Clone)]
pub struct EventHistoryOptions {
    /// The account: `https://<account>.documents.azure.com/`.
    pub endpoint: Endpoint,
    /// How it gives access.
    pub access: Access,
    /// The database.
    pub database: String,
    /// The container, partitioned by `/subject`, with its time to live switched on.
    pub container: String,
    /// How long connecting may take, and a read.
    pub read_timeout: Duration,
    /// How long [`EventHistory::record`] may take. 429 is waited out within it.
    pub record_timeout: Duration,
}

impl std::fmt::Debug for EventHistoryOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventHistoryOptions")
            .field("endpoint", &self.endpoint)
            .field("database", &self.database)
            .field("container", &self.container)
            .finish_non_exhaustive()
    }
}

/// The event history. Clones share their connections.
#[derive(Clone)]
pub struct EventHistory {
    inner: Arc<Inner>,
}

struct Inner {
    options: EventHistoryOptions,
    container: OnceCell<ContainerClient>,
}

impl std::fmt::Debug for EventHistory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("EventHistory").field(&self.inner.options).finish()
    }
}

impl EventHistory {
    /// Connects when first needed.
    pub fn new(options: EventHistoryOptions) -> Self {
        let container = OnceCell::new();
        Self {
            inner: Arc::new(Inner { options, container }),
        }
    }

    /// Keeps events; those of one subject must come in their order and are written in it. Keeping one again changes nothing.
    ///
    /// `Err`: nothing was kept. Otherwise there is an outcome for every event, in their order; after a transient one the
    /// event may be kept again, and later events of its subject were not kept.
    pub async fn record(&self, events: &[HistoryEvent<'_>]) -> Result<Vec<Result<(), HistoryError>>, HistoryError> {
        let deadline = Instant::now() + self.inner.options.record_timeout;
        let container = self.container().await?;
        let outcomes: Vec<_> = stream::iter(by_subject(events))
            .map(|indices| record_subject(container, events, indices, deadline))
            .buffer_unordered(SUBJECTS_AT_ONCE)
            .collect()
            .await;
        let mut all = vec![Ok(()); events.len()];
        for (index, outcome) in outcomes.into_iter().flatten() {
            all[index] = outcome;
        }
        Ok(all)
    }

    /// Events of a subject, oldest first, as they were sent.
    pub async fn read(
        &self,
        subject: &str,
        event_type: Option<&str>,
        skip: i64,
        limit: i64,
    ) -> Result<Vec<Box<RawValue>>, HistoryError> {
        let read = async {
            let container = self.container().await?;
            let query = query(subject, event_type, skip, limit).map_err(HistoryError::from)?;
            let mut options =
                QueryOptions::default().with_operation_options(operation_options(self.inner.options.read_timeout));
            if let Some(count) = u32::try_from(limit).ok().and_then(NonZeroU32::new) {
                options = options.with_max_item_count(MaxItemCountHint::Limit(count));
            }
            let scope = FeedScope::partition(subject.to_owned());
            // Boxed: the SDK's futures are large.
            let items = Box::pin(container.query_items::<Map<String, Value>>(query, scope, Some(options))).await?;
            let items: Vec<_> = items.try_collect().await?;
            items
                .into_iter()
                .map(|item| item::event(item).map_err(|error| HistoryError::Away(error.to_string())))
                .collect()
        };
        timeout(self.inner.options.read_timeout, Box::pin(read))
            .await
            .unwrap_or(Err(HistoryError::TimedOut))
    }

    /// Whether it can be reached now, and deletes what has expired.
    pub async fn check(&self) -> Result<(), HistoryError> {
        let check = async {
            let container = self.container().await?;
            if keeps_for_ever(container).await? {
                Err(HistoryError::TimeToLiveOff)
            } else {
                Ok(())
            }
        };
        timeout(self.inner.options.read_timeout, Box::pin(check))
            .await
            .unwrap_or(Err(HistoryError::TimedOut))
    }

    /// The container, found when first asked for, and again as long as that did not work.
    async fn container(&self) -> Result<&ContainerClient, HistoryError> {
        let connect = self
            .inner
            .container
            .get_or_try_init(|| Box::pin(connect(&self.inner.options)));
        timeout(self.inner.options.read_timeout, connect)
            .await
            .unwrap_or(Err(HistoryError::TimedOut))
    }
}

async fn connect(options: &EventHistoryOptions) -> Result<ContainerClient, HistoryError> {
    let endpoint = AccountEndpoint::from(options.endpoint.url().clone());
    let account = match &options.access {
        Access::Entra(credential) => AccountReference::with_credential(endpoint, credential.clone()),
        Access::Key(key) => AccountReference::with_authentication_key(endpoint, key.clone()),
    };
    // No preference: the account's own order of regions.
    let client = CosmosClient::builder()
        .build(account, RoutingStrategy::PreferredRegions(Vec::new()))
        .await?;
    let container = client
        .database_client(options.database.clone())
        .container_client(options.container.clone(), None)
        .await?;
    if keeps_for_ever(&container).await? {
        tracing::warn!(container = options.container, error = %HistoryError::TimeToLiveOff);
    }
    Ok(container)
}

/// Whether the container ignores the time to live of its items, as one does that has none of its own.
async fn keeps_for_ever(container: &ContainerClient) -> Result<bool, HistoryError> {
    let properties = Box::pin(container.read(None)).await?.into_model()?;
    Ok(properties.default_ttl == TimeToLive::Forever)
}

/// The events by subject, as indices, each subject's in their order.
fn by_subject(events: &[HistoryEvent<'_>]) -> Vec<Vec<usize>> {
    let mut places = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let place = *places.entry(event.subject).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(index);
    }
    groups
}

/// Writes a subject's events, as many at once as a batch takes.
async fn record_subject(
    container: &ContainerClient,
    events: &[HistoryEvent<'_>],
    indices: Vec<usize>,
    deadline: Instant,
) -> Vec<(usize, Result<(), HistoryError>)> {
    let mut outcomes = Vec::with_capacity(indices.len());
    let mut rest = indices.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(batch_length(events, rest));
        rest = later;
        let mut outcome = within(deadline, Box::pin(write(container, events, batch))).await;
        if matches!(outcome, Err(HistoryError::Refused(_))) && batch.len() > 1 {
            // A batch is taken or refused as a whole: alone, only the culprits are refused.
            outcome = Ok(());
            for (at, index) in batch.iter().enumerate() {
                let one = within(deadline, Box::pin(write(container, events, &[*index]))).await;
                if let Err(error) = &one
                    && error.is_transient()
                {
                    outcome = Err(error.clone());
                    outcomes.extend(batch[at..].iter().map(|index| (*index, one.clone())));
                    break;
                }
                outcomes.push((*index, one));
            }
        } else {
            outcomes.extend(batch.iter().map(|index| (*index, outcome.clone())));
        }
        if let Err(error) = outcome
            && error.is_transient()
        {
            outcomes.extend(rest.iter().map(|index| (*index, Err(error.clone()))));
            break;
        }
    }
    outcomes
}

/// How many of these events go into one batch: at least one.
fn batch_length(events: &[HistoryEvent<'_>], indices: &[usize]) -> usize {
    let mut bytes = 0;
    indices
        .iter()
        .take(BATCH_OPERATIONS_MAX)
        .take_while(|index| {
            bytes += events[**index].body.len();
            bytes <= BATCH_BYTES_MAX
        })
        .count()
        .max(1)
}

/// Writes events of one subject: all of them or none.
async fn write(
    container: &ContainerClient,
    events: &[HistoryEvent<'_>],
    indices: &[usize],
) -> Result<(), HistoryError> {
    let [first, others @ ..] = indices else {
        return Ok(());
    };
    let subject = events[*first].subject;
    let item = |index: &usize| {
        let refused = |error: serde_json::Error| HistoryError::Refused(error.to_string());
        events[*index].item().map_err(refused)
    };
    let operation = operation_options(WRITE_TIMEOUT);
    if others.is_empty() {
        let id = events[*first].id.to_string();
        let options = ItemWriteOptions::default().with_operation_options(operation);
        container
            .upsert_item(subject.to_owned(), &id, item(first)?, Some(options))
            .await?;
        return Ok(());
    }
    let mut batch = TransactionalBatch::new(subject.to_owned());
    for index in indices {
        batch = batch.upsert_item(item(index)?, None)?;
    }
    let options = BatchOptions::default().with_operation_options(operation);
    let response = container.execute_transactional_batch(batch, Some(options)).await?;
    // 207: one of the writes failed, and so none was done; the others answer 424 (failed dependency).
    let results = response.into_model()?;
    let failed = results
        .results()
        .iter()
        .find(|result| !result.is_success() && result.status_code() != FAILED_DEPENDENCY);
    match failed {
        None => Ok(()),
        Some(result) => {
            let status = result.status_code();
            let detail = || format!("a write of the batch was answered {status}");
            Err(HistoryError::from_status(status, result.retry_after(), detail))
        }
    }
}

/// How long one write may take, its waiting out of 429 included.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
const FAILED_DEPENDENCY: u16 = 424;

fn query(
    subject: &str,
    event_type: Option<&str>,
    skip: i64,
    limit: i64,
) -> Result<Query, azure_data_cosmos::CosmosError> {
    let of_type = if event_type.is_some() {
        " AND c.type = @type"
    } else {
        ""
    };
    let text =
        format!("SELECT * FROM c WHERE c.subject = @subject{of_type} ORDER BY c.seq OFFSET {skip} LIMIT {limit}");
    let query = Query::from(text).with_parameter("@subject", subject)?;
    match event_type {
        Some(event_type) => query.with_parameter("@type", event_type),
        None => Ok(query),
    }
}

/// The SDK waits out 429 for as long as the service says; within `limit`.
fn operation_options(limit: Duration) -> OperationOptions {
    let mut options = OperationOptions::default();
    options.end_to_end_latency_policy = Some(EndToEndOperationLatencyPolicy::new(limit));
    options.throttling_retry_options = Some(
        ThrottlingRetryOptionsBuilder::new()
            .with_max_retry_wait_time(limit / 2)
            .build(),
    );
    options
}

async fn within<F: Future<Output = Result<(), HistoryError>>>(deadline: Instant, work: F) -> Result<(), HistoryError> {
    timeout_at(deadline, work).await.unwrap_or(Err(HistoryError::TimedOut))
}
