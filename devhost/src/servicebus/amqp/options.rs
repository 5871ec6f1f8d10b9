//! How the listener behaves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::servicebus::Access;

/// How an AMQP listener behaves.
#[derive(Debug, Clone)]
pub struct AmqpOptions {
    /// Who may send.
    pub access: Access,
    /// How long a sender's link may be idle before it is detached; in Azure it is ten minutes, too.
    pub link_idle_max: Duration,
    /// How many messages are taken in a second before senders are told to wait; `None`: any number.
    pub throttle: Option<Throttle>,
}

impl Default for AmqpOptions {
    /// Everybody may send as much as they like.
    fn default() -> Self {
        Self {
            access: Access::open(),
            link_idle_max: Duration::from_mins(10),
            throttle: None,
        }
    }
}

/// Counts the messages of a second. Clones share the count.
#[derive(Debug, Clone)]
pub struct Throttle {
    messages_max: u32,
    window: Arc<Mutex<(Option<Instant>, u32)>>,
}

impl Throttle {
    /// So many messages in a second are taken.
    pub fn new(messages_max: u32) -> Self {
        Self {
            messages_max,
            window: Arc::default(),
        }
    }

    /// Whether one more is taken now.
    pub(super) fn takes(&self) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, count) = &mut *window;
        if began.is_none_or(|began| began.elapsed() >= Duration::from_secs(1)) {
            (*began, *count) = (Some(Instant::now()), 0);
        }
        *count += 1;
        *count <= self.messages_max
    }
}
