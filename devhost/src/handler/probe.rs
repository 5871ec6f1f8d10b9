//! Waits until the handler answers.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{Either, Full};

use super::Connections;

const INTERVAL: Duration = Duration::from_millis(25);

/// Asks `GET /` every 25 ms until anything answers: any status will do. Never returns without an answer; the caller
/// holds the clock.
pub(super) async fn until_answered(connections: &Connections) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let Ok(mut sender) = connections.connect().await else {
            continue;
        };
        let request = Request::get("/")
            .header(http::header::HOST, connections.address().to_string())
            .body(Either::Left(Full::new(Bytes::new())));
        let Ok(request) = request else { continue };
        if sender.send_request(request).await.is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    /// Vector 1.
    #[tokio::test]
    async fn refused_is_not_yet_and_404_is_ready() {
        let port = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let connections = Connections::new(port, CancellationToken::new());
        assert!(connections.connect().await.is_err());
        let (asked, ()) = tokio::join!(
            async {
                let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 14];
                stream.read_exact(&mut head).await.unwrap();
                stream
                    .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                    .await
                    .unwrap();
                head
            },
            until_answered(&connections),
        );
        assert_eq!(asked, b"GET / HTTP/1.1");
    }
}
