//! The accept loop over real sockets, with small limits.

use super::{Limits, listen, serve};
use axum::{Router, body::Body, extract::State, http::StatusCode, routing::get};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, oneshot},
    task::JoinHandle,
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
/// Long enough never to pass in a test that does not wait for it.
const LONG: Duration = Duration::from_mins(5);
const SHORT: Duration = Duration::from_millis(50);
/// More than the sockets of both sides hold.
const HUGE: usize = 64 * 1024 * 1024;

/// Nothing ends by itself.
fn patient() -> Limits {
    Limits {
        connections_max: 8,
        head_bytes_max: 16 * 1024,
        head_time_max: LONG,
        write_stall_max: LONG,
        linger_max: LONG,
        grace: LONG,
    }
}

struct Server {
    address: SocketAddr,
    serving: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    /// A request to `/wait` has come.
    waits: Arc<Notify>,
    /// Lets it go on.
    go: Arc<Notify>,
}

impl Server {
    fn start(limits: Limits) -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (waits, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let router = Router::new()
            .route("/", get(|| async { "fine" }))
            .route("/huge", get(|| async { vec![b'x'; HUGE] }))
            .route(
                "/refused",
                get(|| async {}).post(|| async { StatusCode::PAYLOAD_TOO_LARGE }),
            )
            .route(
                "/wait",
                get(|State((waits, go)): State<(Arc<Notify>, Arc<Notify>)>| async move {
                    waits.notify_one();
                    go.notified().await;
                    "waited"
                }),
            )
            .with_state::<()>((waits.clone(), go.clone()));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(listener, router.into_service::<Body>(), limits, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            serving,
            stop,
            waits,
            go,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request over a connection of its own.
    async fn ask(&self, request: &[u8]) -> TcpStream {
        let mut client = self.connect().await;
        client.write_all(request).await.unwrap();
        client
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap();
    }
}

/// What comes until the server closes the connection.
async fn rest(mut client: TcpStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    text
}

/// The first bytes of an answer.
async fn beginning(client: &mut TcpStream) -> String {
    let mut bytes = [0; 12];
    client.read_exact(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_come_in_time_is_not_waited_for() {
    let server = Server::start(Limits {
        head_time_max: SHORT,
        ..patient()
    });
    assert_eq!(rest(server.connect().await).await, "", "nothing at all");
    assert_eq!(rest(server.ask(b"GET / HTTP/1.1\r\nx: y\r\n").await).await, "", "half");
    let answered = rest(server.ask(GET).await).await;
    assert!(
        answered.starts_with("HTTP/1.1 200"),
        "{answered}: then idle, then closed"
    );
}

#[tokio::test]
async fn a_head_has_bounds() {
    let server = Server::start(patient());
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "many: y\r\n".repeat(200));
    let endless = "x".repeat(1_000_000);
    for head in [&long, &many, &format!("GET /{endless} HTTP/1.1\r\n\r\n"), &endless] {
        let answer = rest(server.ask(head.as_bytes()).await).await;
        let name = &head[..head.len().min(40)];
        assert!(answer.starts_with("HTTP/1.1 431"), "{name}: {answer}");
    }
    assert!(beginning(&mut server.ask(GET).await).await.ends_with("200"));
}

#[tokio::test]
async fn who_asks_is_served_though_all_connections_are_taken() {
    let server = Server::start(Limits {
        grace: SHORT,
        ..patient()
    });
    // One is being answered, one was; the rest say nothing, or not all.
    let mut busy = server.ask(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    server.waits.notified().await;
    let mut idle = server.ask(GET).await;
    assert!(beginning(&mut idle).await.ends_with("200"));
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(server.ask(b"GET / HT").await);
        assert!(beginning(&mut server.ask(GET).await).await.ends_with("200"));
    }
    assert!(rest(idle).await.ends_with("fine"), "closed after its answer");
    server.go.notify_one();
    assert!(beginning(&mut busy).await.ends_with("200"), "not cut off");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_waited_for() {
    let server = Server::start(Limits {
        connections_max: 1,
        write_stall_max: SHORT,
        ..patient()
    });
    let deaf = server.ask(b"GET /huge HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(beginning(&mut server.ask(GET).await).await.ends_with("200"));
    drop(deaf);
}

#[tokio::test]
async fn a_client_that_sends_too_much_reads_why() {
    let server = Server::start(patient());
    let mut client = server
        .ask(format!("POST /refused HTTP/1.1\r\nhost: x\r\ncontent-length: {HUGE}\r\n\r\n").as_bytes())
        .await;
    client.write_all(&vec![b'x'; HUGE]).await.unwrap();
    client.shutdown().await.unwrap();
    let answer = rest(client).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // One that never ends is cut off.
    let server = Server::start(Limits {
        linger_max: SHORT,
        ..patient()
    });
    let mut client = server
        .ask(b"POST /refused HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    assert!(beginning(&mut client).await.ends_with("413"));
    let chunk = [&b"1000\r\n"[..], &[b'x'; 0x1000], b"\r\n"].concat();
    while client.write_all(&chunk).await.is_ok() {}
}

#[tokio::test]
async fn stopping_waits_for_answers_and_for_nothing_else() {
    let server = Server::start(patient());
    let silent = server.ask(b"GET / HT").await;
    let mut idle = server.ask(GET).await;
    assert!(beginning(&mut idle).await.ends_with("200"));
    let busy = server.ask(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    server.waits.notified().await;
    let go = server.go.clone();
    let answered = tokio::spawn(async move {
        // Closed means that the stop has been heard.
        assert_eq!(rest(silent).await, "");
        assert!(rest(idle).await.ends_with("fine"));
        go.notify_one();
        rest(busy).await
    });
    server.stop().await;
    assert!(answered.await.unwrap().ends_with("waited"));
}
