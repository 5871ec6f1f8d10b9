//! The sender against real services: one suite for all of them, and what only one of them can show.

#![allow(clippy::unwrap_used, missing_docs)]

mod devhost_bus;
mod https;
mod interruptions;
mod rabbitmq;
mod suite;
mod tokens;

use std::path::{Path, PathBuf};

use uuid::Uuid;

/// A folder of its own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

macro_rules! suite {
    ($name:ident, $service:ty) => {
        mod $name {
            use super::suite::{self, Service as _};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn everything_of_a_message_arrives() {
                suite::everything_of_a_message_arrives(&mut <$service>::start().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sessions_stay_in_order_and_many_senders_share_a_client() {
                suite::sessions_stay_in_order_and_many_senders_share_a_client(&mut <$service>::start().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn nothing_is_lost_or_out_of_order_when_the_broker_goes_and_comes() {
                suite::nothing_is_lost_or_out_of_order_when_the_broker_goes_and_comes(&mut <$service>::start().await)
                    .await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_broker_that_is_away_is_a_transient_error_until_it_is_back() {
                suite::a_broker_that_is_away_is_a_transient_error_until_it_is_back(&mut <$service>::start().await)
                    .await;
            }
        }
    };
}

suite!(devhost_plain, crate::devhost_bus::Plain);
suite!(devhost_tls_with_tokens, crate::devhost_bus::Tls);
suite!(devhost_https, crate::https::Https);
suite!(another_broker, crate::rabbitmq::RabbitMq);
