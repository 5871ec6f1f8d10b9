//! Keeps tokens fresh while a connection lasts: each entity's is put anew well before it runs out.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::backoff;
use crate::service_bus::error::SendError;

/// The part of a token's life after which it is put anew. What is left is for trying again.
const REFRESH_AFTER: f64 = 0.75;
/// Tokens are not put more often than this, however short they live.
const REFRESH_INTERVAL_MIN: Duration = Duration::from_millis(100);
/// How many entities may wait for their first token.
const WAITING_MAX: usize = 64;

/// Where tokens are put.
pub(super) trait Authority {
    /// Puts a fresh token for an entity. Answers how long it is good for.
    fn put(&mut self, entity: &str) -> impl Future<Output = Result<Duration, SendError>> + Send;
}

/// Asks for tokens. When the last one is dropped, tokens are not kept fresh any more.
#[derive(Clone)]
pub(super) struct Authorizer(mpsc::Sender<Request>);

struct Request {
    entity: String,
    done: oneshot::Sender<Result<(), SendError>>,
}

impl Authorizer {
    /// Puts a token for an entity now and keeps it fresh from then on.
    pub(super) async fn authorize(&self, entity: &str) -> Result<(), SendError> {
        let ended = || SendError::NotConnected("tokens are not taken any more".to_owned());
        let (done, answer) = oneshot::channel();
        let request = Request {
            entity: entity.to_owned(),
            done,
        };
        self.0.send(request).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Whether tokens are still kept fresh.
    pub(super) fn is_alive(&self) -> bool {
        !self.0.is_closed()
    }
}

/// An [`Authorizer`], and what does its work: ends when the last clone of it is dropped, or at the first failure that
/// leaves the link to `authority` in doubt.
pub(super) fn authorizer(authority: impl Authority + Send) -> (Authorizer, impl Future<Output = ()> + Send) {
    let (requests, receiver) = mpsc::channel(WAITING_MAX);
    (Authorizer(requests), keep_fresh(authority, receiver))
}

/// When an entity's token is put anew.
struct Due {
    at: Instant,
    failures: u32,
}

async fn keep_fresh(mut authority: impl Authority, mut requests: mpsc::Receiver<Request>) {
    let mut due: HashMap<String, Due> = HashMap::new();
    loop {
        let next = due
            .iter()
            .min_by_key(|(_, due)| due.at)
            .map(|(entity, due)| (entity.clone(), due.at));
        tokio::select! {
            biased;
            request = requests.recv() => {
                let Some(Request { entity, done }) = request else { return };
                let result = authority.put(&entity).await;
                let ends = matches!(result, Err(SendError::Unanswered(_)));
                // Nobody waits any more: the token is there all the same.
                let _ = done.send(result.map(|lifetime| {
                    due.insert(entity, fresh(lifetime));
                }));
                if ends {
                    return;
                }
            }
            () = at(next.as_ref().map(|(_, at)| *at)) => {
                let Some((entity, _)) = next else { continue };
                let failures = due.get(&entity).map_or(0, |due| due.failures);
                match authority.put(&entity).await {
                    Ok(lifetime) => {
                        tracing::debug!(entity, ?lifetime, "the Service Bus token was put anew");
                        due.insert(entity, fresh(lifetime));
                    }
                    Err(error @ SendError::Unanswered(_)) => {
                        tracing::warn!(%error, entity, "the Service Bus token could not be put anew");
                        return;
                    }
                    Err(error) => {
                        tracing::warn!(%error, entity, "the Service Bus token could not be put anew");
                        let failures = failures.saturating_add(1);
                        let at = Instant::now() + backoff::pause(failures).max(REFRESH_INTERVAL_MIN);
                        due.insert(entity, Due { at, failures });
                    }
                }
            }
        }
    }
}

fn fresh(lifetime: Duration) -> Due {
    let wait = lifetime.mul_f64(REFRESH_AFTER).max(REFRESH_INTERVAL_MIN);
    Due {
        at: Instant::now() + wait,
        failures: 0,
    }
}

/// Returns at a time, or never.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    /// Answers as scripted, else a token for an hour, and writes down when it was asked for what.
    #[derive(Default)]
    struct Scripted {
        answers: VecDeque<Result<Duration, SendError>>,
        asked: Arc<Mutex<Vec<(Instant, String)>>>,
    }

    const HOUR: Duration = Duration::from_hours(1);

    impl Authority for Scripted {
        async fn put(&mut self, entity: &str) -> Result<Duration, SendError> {
            self.asked
                .lock()
                .expect("whole")
                .push((Instant::now(), entity.to_owned()));
            self.answers.pop_front().unwrap_or(Ok(HOUR))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_put_anew_before_they_run_out() {
        let scripted = Scripted::default();
        let asked = Arc::clone(&scripted.asked);
        let (authorizer, keeper) = authorizer(scripted);
        let keeper = tokio::spawn(keeper);
        let start = Instant::now();
        assert_eq!(authorizer.authorize("orders").await, Ok(()));
        tokio::time::sleep(HOUR / 4).await;
        assert_eq!(authorizer.authorize("events").await, Ok(()));
        tokio::time::sleep(HOUR * 7 / 4).await;
        drop(authorizer);
        keeper.await.expect("ends");
        let asked = asked.lock().expect("whole");
        let minutes: Vec<_> = asked
            .iter()
            .map(|(at, entity)| ((*at - start).as_secs() / 60, entity.as_str()))
            .collect();
        let expected = [
            (0, "orders"),
            (15, "events"),
            (45, "orders"),
            (60, "events"),
            (90, "orders"),
            (105, "events"),
        ];
        assert_eq!(minutes, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_told_and_a_failed_refresh_is_tried_again_in_time() {
        let refused = || Err(SendError::Unauthorized("the key was changed".to_owned()));
        let scripted = Scripted {
            answers: [refused(), Ok(HOUR), refused(), refused(), refused(), Ok(HOUR)].into(),
            ..Scripted::default()
        };
        let asked = Arc::clone(&scripted.asked);
        let (authorizer, keeper) = authorizer(scripted);
        let keeper = tokio::spawn(keeper);
        let error = authorizer.authorize("orders").await;
        assert!(matches!(error, Err(SendError::Unauthorized(_))), "{error:?}");
        assert_eq!(authorizer.authorize("orders").await, Ok(()));
        let start = Instant::now();
        tokio::time::sleep(HOUR).await;
        assert!(authorizer.is_alive());
        drop(authorizer);
        keeper.await.expect("ends");
        let asked = asked.lock().expect("whole");
        assert_eq!(asked.len(), 6);
        assert!(asked[5].0 - start < HOUR, "before the first token ran out");
        assert!(asked[2].0 - start >= HOUR.mul_f64(REFRESH_AFTER));
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_answer_it_ends_and_says_so() {
        let scripted = Scripted {
            answers: [Err(SendError::Unanswered("broken".to_owned()))].into(),
            ..Scripted::default()
        };
        let (authorizer, keeper) = authorizer(scripted);
        let keeper = tokio::spawn(keeper);
        assert!(authorizer.authorize("orders").await.is_err());
        keeper.await.expect("ends");
        assert!(!authorizer.is_alive());
        assert!(matches!(
            authorizer.authorize("orders").await,
            Err(SendError::NotConnected(_))
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_has_expired_already_makes_no_busy_loop() {
        let scripted = Scripted {
            answers: std::iter::repeat_n(Ok(Duration::ZERO), 1_000).collect(),
            ..Scripted::default()
        };
        let asked = Arc::clone(&scripted.asked);
        let (authorizer, keeper) = authorizer(scripted);
        let keeper = tokio::spawn(keeper);
        assert_eq!(authorizer.authorize("orders").await, Ok(()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(authorizer);
        keeper.await.expect("ends");
        assert!((10..=12).contains(&asked.lock().expect("whole").len()));
    }
}
