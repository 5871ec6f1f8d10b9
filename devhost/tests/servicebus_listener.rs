//! The listener and bytes that no well-behaved client sends: it must neither fall over nor get in anybody's way.

#![allow(clippy::unwrap_used, missing_docs)]

mod servicebus_support;

use std::net::SocketAddr;
use std::time::Duration;

use devhost::servicebus::{AmqpOptions, Broker, Entities, QueueOptions, serve_amqp};
use servicebus_support::Scratch;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const AMQP: &[u8] = b"AMQP\x00\x01\x00\x00";
const SASL: &[u8] = b"AMQP\x03\x01\x00\x00";

struct Bus {
    address: SocketAddr,
    shutdown: CancellationToken,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
    _scratch: Scratch,
}

async fn start() -> Bus {
    let scratch = Scratch::new();
    let broker = Broker::open(&scratch.file(), Entities::default()).unwrap();
    broker.ensure_queue("orders", QueueOptions::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(serve_amqp(broker, listener, AmqpOptions::default(), shutdown.clone()));
    Bus {
        address,
        shutdown,
        served,
        _scratch: scratch,
    }
}

/// Sends bytes, and returns what comes back until the listener closes the connection.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The listener may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut answer))
        .await
        .unwrap();
    answer
}

/// A frame on channel 0 with these bytes as its body.
fn frame(body: &[u8]) -> Vec<u8> {
    let size = (body.len() as u32 + 8).to_be_bytes();
    [&size[..], &[2, 0, 0, 0], body].concat()
}

/// An open with a container id and nothing else.
fn open() -> Vec<u8> {
    frame(b"\x00\x53\x10\xc0\x04\x01\xa1\x01c")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_bytes_end_their_own_connection_only() {
    let bus = start().await;
    let nested = frame(&[&b"\x00\x53\x10"[..], &vec![0x00; 60_000]].concat());
    for bytes in [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        b"AM".to_vec(),
        [AMQP, &[0xff; 64]].concat(),
        [AMQP, &[0; 64]].concat(),
        [SASL, &[0, 0, 0, 8, 2, 1, 0, 0], &[0x55; 100]].concat(),
        [AMQP, &nested].concat(),
        [AMQP, &open(), &nested].concat(),
        // A begin before the open; a transfer without a session; an attach without fields; an unknown performative.
        [AMQP, &frame(b"\x00\x53\x11\x45")].concat(),
        [AMQP, &open(), &frame(b"\x00\x53\x14\x45")].concat(),
        [AMQP, &open(), &frame(b"\x00\x53\x11\x45"), &frame(b"\x00\x53\x12\x45")].concat(),
        [AMQP, &open(), &frame(b"\x00\x53\x11\x45"), &frame(b"\x00\x53\x99\x45")].concat(),
        [AMQP, &open(), &open()].concat(),
    ] {
        exchange(bus.address, &bytes).await;
    }
    // Garbage of every length behind a good beginning; the same in every run.
    let mut state = 1_u32;
    for length in 0..200 {
        let garbage: Vec<u8> = (0..length)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        exchange(bus.address, &[AMQP, &open(), &frame(&garbage)].concat()).await;
    }
    let answer = exchange(bus.address, &[AMQP, &open(), &frame(b"\x00\x53\x18\x45")].concat()).await;
    assert!(answer.starts_with(AMQP), "others are still served");
    assert!(
        answer.ends_with(&frame(b"\x00\x53\x18\xd0\x00\x00\x00\x04\x00\x00\x00\x00")),
        "{answer:?}"
    );
    bus.shutdown.cancel();
    bus.served.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_are_served_and_let_go_at_shutdown() {
    let bus = start().await;
    let mut connections = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(bus.address).await.unwrap();
        stream.write_all(&[AMQP, &open()].concat()).await.unwrap();
        connections.push(stream);
    }
    for stream in &mut connections {
        let mut header = [0; 8];
        stream.read_exact(&mut header).await.unwrap();
        assert_eq!(header, AMQP);
    }
    bus.shutdown.cancel();
    bus.served.await.unwrap().unwrap();
    for stream in &mut connections {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        let text = String::from_utf8_lossy(&rest).into_owned();
        assert!(text.contains("amqp:connection:forced"), "{text}");
    }
}
