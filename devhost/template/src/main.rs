//! The custom handler: the Functions host starts it, tells it a port, and calls it there.

use std::net::{Ipv4Addr, SocketAddr};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::var("FUNCTIONS_CUSTOMHANDLER_PORT")
        .map_err(|_| "FUNCTIONS_CUSTOMHANDLER_PORT is not set: start this with devhost, or with func start")?
        .parse()?;
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    axum::serve(listener, new_app::app()).await?;
    Ok(())
}
