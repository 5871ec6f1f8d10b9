//! The AMQP 1.0 door: Service Bus SDKs send and receive through it, with the connection string of Microsoft's emulator.
//!
//! It is written against the specification rather than on top of a client library: the bytes come from anybody, so
//! nesting, sizes and counts are checked before anything is built from them, and what SDKs expect of Service Bus
//! beyond the specification (`$cbs`, `$management`, batches, sessions, lock tokens) is answered exactly.
//!
//! | file | what it is |
//! |---|---|
//! | `value`, `decode`, `encode` | AMQP's types |
//! | `frame`, `handshake` | what goes over the wire, and what comes first |
//! | `connection`, `session`, `link` | the protocol's state |
//! | `node` | what an address means |
//! | `cbs`, `management` | requests and their answers |
//! | `grants` | what tokens allow |
//! | `message`, `json`, `outgoing` | messages in the broker's terms, and back |
//! | `disposition` | what becomes of a message that was received |

mod cbs;
mod connection;
mod decode;
mod disposition;
mod encode;
mod frame;
mod grants;
mod handshake;
mod json;
mod link;
mod management;
mod message;
mod node;
mod options;
mod outgoing;
mod session;
mod value;

use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use connection::serve_halves;
pub use options::{AmqpOptions, Throttle};

use super::Broker;

/// Serves AMQP connections until `shutdown`, and then until the messages that have arrived are stored and their
/// senders know.
pub async fn serve_amqp(
    broker: Broker,
    listener: TcpListener,
    options: AmqpOptions,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let served = connection::serve(stream, broker.clone(), options.clone(), shutdown.clone());
                    connections.spawn(async move {
                        // Clients that are killed end like this all the time.
                        if let Err(error) = served.await {
                            tracing::debug!(%peer, %error, "an AMQP connection broke");
                        }
                    });
                }
                Err(error) => {
                    // Out of file descriptors, as a rule: it helps to wait until some are closed.
                    tracing::warn!(%error, "cannot accept an AMQP connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = shutdown.cancelled() => break,
        }
    }
    // New connections are refused at once, not left waiting.
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}
