//! A Cosmos DB account on this machine: Microsoft's in-memory emulator behind an HTTP listener of ours, so that it is reached as
//! the real one is, and can go away and come back.

use azure_core::http::{AsyncRawResponse, Method, Request as CosmosRequest, Url};
use azure_data_cosmos_driver::in_memory_emulator::{
    ConsistencyLevel, ContainerConfig, InMemoryEmulatorHttpClient, VirtualAccountConfig, VirtualRegion,
};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, StatusCode, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

pub const DATABASE: &str = "inventory";
pub const CONTAINER: &str = "events";
/// Any key will do for the emulator.
pub const KEY: &str = "ZW11bGF0b3Ita2V5";

/// What the listener adds to the emulator.
pub struct Behaviour {
    /// The container's time to live is switched on. (The emulator forgets that setting, and expires nothing.)
    pub is_ttl_on: AtomicBool,
    /// So many writes are answered 429 before they reach the emulator, to be tried again after this many milliseconds.
    pub throttled: AtomicUsize,
    pub retry_after_ms: AtomicUsize,
    /// Answers that were 429.
    pub throttles_seen: AtomicUsize,
    /// Writes with this text are answered 400.
    pub poison: Mutex<Option<String>>,
    /// The bodies of the writes that were answered well, in their order.
    pub written: Mutex<Vec<Value>>,
    /// The bodies that hang: no answer comes.
    pub hangs: AtomicBool,
}

/// The account.
pub struct Cosmos {
    pub address: SocketAddr,
    pub behaviour: Arc<Behaviour>,
    emulator: Arc<InMemoryEmulatorHttpClient>,
    listener: Option<JoinHandle<()>>,
}

impl Cosmos {
    /// An account with the container; with `throughput` request units a second, 429 beyond.
    pub async fn start(throughput: Option<u64>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let region = VirtualRegion::new("East US", endpoint(address).parse().unwrap());
        let config = VirtualAccountConfig::new(vec![region])
            .unwrap()
            .with_consistency(ConsistencyLevel::Session)
            .with_throttling_enabled(throughput.is_some());
        let emulator = Arc::new(InMemoryEmulatorHttpClient::new(config));
        let store = emulator.store();
        store.create_database(DATABASE);
        let mut container = ContainerConfig::new().with_partition_count(if throughput.is_some() { 1 } else { 4 });
        if let Some(throughput) = throughput {
            container = container.with_throughput(throughput);
        }
        let key = json!({ "paths": ["/subject"], "kind": "Hash", "version": 2 });
        store.create_container_with_config(
            DATABASE,
            CONTAINER,
            serde_json::from_value(key).unwrap(),
            container.build().unwrap(),
        );
        let mut cosmos = Self {
            address,
            behaviour: Arc::new(Behaviour {
                is_ttl_on: AtomicBool::new(true),
                throttled: AtomicUsize::new(0),
                retry_after_ms: AtomicUsize::new(10),
                throttles_seen: AtomicUsize::new(0),
                poison: Mutex::default(),
                written: Mutex::default(),
                hangs: AtomicBool::new(false),
            }),
            emulator,
            listener: None,
        };
        cosmos.serve(listener);
        cosmos
    }

    pub fn endpoint(&self) -> String {
        endpoint(self.address)
    }

    /// Nobody listens any more, and connections break.
    pub async fn stop(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.abort();
            let _ = listener.await;
        }
    }

    /// Listens again, with everything that was kept.
    pub async fn restart(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    /// Bodies of the writes that were answered well, in their order; those of batches one by one.
    pub fn written(&self) -> Vec<Value> {
        self.behaviour.written.lock().unwrap().clone()
    }

    fn serve(&mut self, listener: TcpListener) {
        let (emulator, behaviour, address) = (self.emulator.clone(), self.behaviour.clone(), self.address);
        self.listener = Some(tokio::spawn(async move {
            // Dropped with the listener, and the connections with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (emulator, behaviour) = (emulator.clone(), behaviour.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let (emulator, behaviour) = (emulator.clone(), behaviour.clone());
                        async move { Ok::<_, Infallible>(answer(&emulator, &behaviour, address, request).await) }
                    });
                    // The SDK speaks HTTP/2 at once where there is no TLS to agree on it.
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        }));
    }
}

fn endpoint(address: SocketAddr) -> String {
    format!("http://{address}/")
}

async fn answer(
    emulator: &InMemoryEmulatorHttpClient,
    behaviour: &Behaviour,
    address: SocketAddr,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    if behaviour.hangs.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    let is_query = parts.headers.contains_key("x-ms-documentdb-isquery");
    let is_write = parts.method == hyper::Method::POST && parts.uri.path().ends_with("/docs") && !is_query;
    let throttle = |count: usize| count.checked_sub(1);
    if is_write
        && behaviour
            .throttled
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, throttle)
            .is_ok()
    {
        behaviour.throttles_seen.fetch_add(1, Ordering::SeqCst);
        return Response::builder()
            .status(StatusCode::TOO_MANY_REQUESTS)
            .header("x-ms-substatus", "3200")
            .header("x-ms-retry-after-ms", behaviour.retry_after_ms.load(Ordering::SeqCst))
            .body(Full::from("{}"))
            .unwrap();
    }
    let poison = behaviour.poison.lock().unwrap().clone();
    if is_write && poison.is_some_and(|poison| body.windows(poison.len()).any(|part| part == poison.as_bytes())) {
        return Response::builder()
            .status(StatusCode::BAD_REQUEST)
            .body(Full::from(r#"{"code":"BadRequest","message":"poison"}"#))
            .unwrap();
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url: Url = format!("http://{address}{path}").parse().unwrap();
    let method = match parts.method.as_str() {
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        _ => Method::Get,
    };
    let mut asked = CosmosRequest::new(url, method);
    for (name, value) in &parts.headers {
        asked.insert_header(name.as_str().to_owned(), value.to_str().unwrap().to_owned());
    }
    asked.set_body(body.clone());
    let answered: AsyncRawResponse = emulator.execute_request(&asked).await.unwrap();
    let answered = answered.try_into_raw_response().await.unwrap();
    let status = u16::from(answered.status());
    let mut bytes = Bytes::copy_from_slice(answered.body().as_ref());
    if status == 429 {
        behaviour.throttles_seen.fetch_add(1, Ordering::SeqCst);
    }
    if is_write && (200..300).contains(&status) {
        behaviour.written.lock().unwrap().extend(documents(&body));
    }
    let is_container = parts.uri.path() == format!("/dbs/{DATABASE}/colls/{CONTAINER}");
    if is_container && status == 200 && behaviour.is_ttl_on.load(Ordering::SeqCst) {
        let mut container: Value = serde_json::from_slice(&bytes).unwrap();
        container["defaultTtl"] = json!(-1);
        bytes = serde_json::to_vec(&container).unwrap().into();
    }
    let mut response = Response::builder().status(status);
    for (name, value) in answered.headers().iter() {
        if name.as_str() != "content-length" {
            response = response.header(name.as_str(), value.as_str());
        }
    }
    response.body(Full::new(bytes)).unwrap()
}

/// The documents of a write.
fn documents(body: &[u8]) -> Vec<Value> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(operations)) => operations
            .into_iter()
            .map(|operation| operation["resourceBody"].clone())
            .collect(),
        Ok(document) => vec![document],
        // Cosmos DB's binary form.
        Err(_) => vec![Value::Null],
    }
}
