//! A Key Vault for tests: HTTPS under an authority of its own, speaking the part of the REST interface that reads and sets
//! secrets, with faults on demand.
//! <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret>

use crate::tls::Authority;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use inventory_azure::{KeyVaultOptions, Transport, VaultUrl};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// The scope that the vault's challenge names.
pub const SCOPE: &str = "https://vault.azure.net/.default";

/// What the vault does to a request instead of answering it.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with this status, with `Retry-After` where there are seconds.
    Status(u16, Option<u64>),
    /// Never answers.
    Hang,
}

/// A version of a secret.
#[derive(Clone, Debug)]
struct Version {
    id: String,
    value: String,
    created: i64,
    enabled: bool,
    expires: Option<i64>,
}

#[derive(Debug, Default)]
struct State {
    secrets: BTreeMap<String, Vec<Version>>,
    faults: VecDeque<Fault>,
    /// The fault of every request, while there is one.
    outage: Option<Fault>,
    token: String,
    versions: i64,
}

impl State {
    fn put(&mut self, name: &str, value: &str) {
        self.versions += 1;
        let version = Version {
            id: format!("{:032x}", self.versions),
            value: value.to_owned(),
            created: 1_700_000_000 + self.versions,
            enabled: true,
            expires: None,
        };
        self.secrets.entry(name.to_owned()).or_default().push(version);
    }
}

/// A vault. Dropped: gone.
#[derive(Debug)]
pub struct TestVault {
    authority: Authority,
    address: SocketAddr,
    /// What it calls itself: a host, perhaps with a port.
    host: String,
    acceptor: TlsAcceptorDebug,
    state: Arc<Mutex<State>>,
    requests: Arc<watch::Sender<Vec<String>>>,
    socket: Option<TcpSocket>,
    serving: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct TlsAcceptorDebug(TlsAcceptor);

impl std::fmt::Debug for TlsAcceptorDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptor")
    }
}

impl Drop for TestVault {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

impl TestVault {
    /// A vault that takes `token` and is reached by nobody before [`TestVault::start`].
    pub fn new(token: &str) -> Self {
        Self::with_host(token, None)
    }

    /// A vault that answers, and calls itself `host`: for those who come through a proxy.
    pub fn named(token: &str, host: &str) -> Self {
        let mut vault = Self::with_host(token, Some(host));
        vault.start();
        vault
    }

    fn with_host(token: &str, host: Option<&str>) -> Self {
        let authority = Authority::new();
        let identity = authority.issue(host.unwrap_or("127.0.0.1"));
        // Bound, so that nobody else gets the port, and refusing connections while it does not listen.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let address = socket.local_addr().expect("an address");
        Self {
            authority,
            address,
            host: host.map_or_else(|| address.to_string(), str::to_owned),
            acceptor: TlsAcceptorDebug(identity.acceptor()),
            state: Arc::new(Mutex::new(State {
                token: token.to_owned(),
                ..State::default()
            })),
            requests: Arc::new(watch::Sender::new(Vec::new())),
            socket: Some(socket),
            serving: None,
        }
    }

    /// A vault that answers.
    pub fn started(token: &str) -> Self {
        let mut vault = Self::new(token);
        vault.start();
        vault
    }

    /// From now on it answers.
    pub fn start(&mut self) {
        let socket = self.socket.take().expect("it is started once");
        let listener = socket.listen(128).expect("a listener");
        self.serving = Some(tokio::spawn(serve(
            listener,
            self.acceptor.0.clone(),
            Arc::clone(&self.state),
            Arc::clone(&self.requests),
            self.host.clone(),
        )));
    }

    /// Its address.
    pub fn url(&self) -> VaultUrl {
        self.address_text().parse().expect("an address")
    }

    /// Its address as a setting has it.
    pub fn address_text(&self) -> String {
        format!("https://{}", self.host)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority that its certificate is of, in PEM.
    pub fn authority(&self) -> String {
        self.authority.certificate()
    }

    /// The values of a secret, the oldest first.
    pub fn values(&self, name: &str) -> Vec<String> {
        let state = lock(&self.state);
        let versions = state.secrets.get(name).map(Vec::as_slice).unwrap_or_default();
        versions.iter().map(|version| version.value.clone()).collect()
    }

    /// How a client trusts it.
    pub fn options(&self, timeout: Duration) -> KeyVaultOptions {
        let authority = reqwest::Certificate::from_pem(self.authority.certificate().as_bytes()).expect("a certificate");
        let client = reqwest::Client::builder()
            .tls_certs_only([authority])
            .build()
            .expect("a client");
        KeyVaultOptions {
            timeout,
            transport: Some(Transport::new(Arc::new(client))),
            verify_challenge_resource: false,
        }
    }

    /// Adds a version of a secret, the current one from now on.
    pub fn put(&self, name: &str, value: &str) {
        lock(&self.state).put(name, value);
    }

    /// Removes a secret.
    pub fn remove(&self, name: &str) {
        lock(&self.state).secrets.remove(name);
    }

    /// Disables a secret's version: 0 is the current one, 1 the one before.
    pub fn disable(&self, name: &str, back: usize) {
        self.change(name, back, |version| version.enabled = false);
    }

    /// Lets a secret's version have expired.
    pub fn expire(&self, name: &str, back: usize) {
        self.change(name, back, |version| version.expires = Some(1_700_000_000));
    }

    fn change(&self, name: &str, back: usize, change: impl FnOnce(&mut Version)) {
        let mut state = lock(&self.state);
        let versions = state.secrets.get_mut(name).expect("the secret");
        let index = versions.len() - 1 - back;
        change(&mut versions[index]);
    }

    /// The next request meets this fault.
    pub fn fail_once(&self, fault: Fault) {
        lock(&self.state).faults.push_back(fault);
    }

    /// All requests meet this fault, until it is `None` again.
    pub fn outage(&self, fault: Option<Fault>) {
        lock(&self.state).outage = fault;
    }

    /// The paths of all requests so far that had a valid token, or met a fault.
    pub fn requests(&self) -> watch::Receiver<Vec<String>> {
        self.requests.subscribe()
    }

    /// Waits until the secret is asked for another time.
    pub async fn asked_again(&self, name: &str) {
        let path = format!("/secrets/{name}/");
        let count = move |requests: &Vec<String>| requests.iter().filter(|request| **request == path).count();
        let mut requests = self.requests.subscribe();
        let before = count(&requests.borrow_and_update());
        requests
            .wait_for(|requests| count(requests) > before)
            .await
            .expect("a vault");
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    state: Arc<Mutex<State>>,
    requests: Arc<watch::Sender<Vec<String>>>,
    host: String,
) {
    // Connections end with the vault.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, state, requests) = (acceptor.clone(), Arc::clone(&state), Arc::clone(&requests));
        let host = host.clone();
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
                let (state, requests, host) = (Arc::clone(&state), Arc::clone(&requests), host.clone());
                async move { Ok::<_, Infallible>(answer(&state, &requests, request, &host).await) }
            });
            // A client that goes away is none of our business.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    state: &Mutex<State>,
    requests: &watch::Sender<Vec<String>>,
    request: Request<hyper::body::Incoming>,
    host: &str,
) -> Response<Full<bytes::Bytes>> {
    let path = request.uri().path().to_owned();
    let given = request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let (fault, is_allowed) = {
        let mut state = lock(state);
        let is_allowed = given == Some(&format!("Bearer {}", state.token));
        let fault = if given.is_some() {
            state.faults.pop_front()
        } else {
            None
        };
        (fault.or_else(|| state.outage.clone()), is_allowed)
    };
    if fault.is_some() || is_allowed {
        requests.send_modify(|requests| requests.push(path.clone()));
    }
    match fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Status(status, retry_after)) => {
            let mut response = error(status, "Fault", None);
            if let Some(seconds) = retry_after {
                response.headers_mut().insert("retry-after", seconds.into());
            }
            return response;
        }
        None => {}
    }
    if !is_allowed {
        let mut response = error(401, "Unauthorized", None);
        let challenge = "Bearer authorization=\"https://login.microsoftonline.com/tenant\", \
                         resource=\"https://vault.azure.net\"";
        let challenge = challenge.parse().expect("a header");
        response.headers_mut().insert("www-authenticate", challenge);
        return response;
    }
    let mut parts = path.trim_matches('/').split('/');
    let (kind, name, version) = (parts.next(), parts.next().unwrap_or_default(), parts.next());
    if request.method() == http::Method::PUT {
        let name = name.to_owned();
        let Ok(sent) = request.into_body().collect().await else {
            return error(400, "BadParameter", None);
        };
        let sent: Value = serde_json::from_slice(&sent.to_bytes()).unwrap_or_default();
        let Some(value) = sent["value"].as_str() else {
            return error(400, "BadParameter", None);
        };
        let mut state = lock(state);
        state.put(&name, value);
        let id = format!("https://{host}/secrets/{name}/{:032x}", state.versions);
        return body(
            200,
            &json!({ "value": value, "id": id, "attributes": { "enabled": true } }),
        );
    }
    let state = lock(state);
    let Some(versions) = state.secrets.get(name).filter(|_| kind == Some("secrets")) else {
        return error(404, "SecretNotFound", None);
    };
    let id = |version: &Version| format!("https://{host}/secrets/{name}/{}", version.id);
    let attributes = |version: &Version| json!({ "enabled": version.enabled, "created": version.created, "updated": version.created, "exp": version.expires });
    if version == Some("versions") {
        let list: Vec<Value> = versions
            .iter()
            .map(|version| json!({ "id": id(version), "attributes": attributes(version) }))
            .collect();
        // A page for each, in no particular order.
        let after: usize = request
            .uri()
            .query()
            .and_then(|query| query.split('&').find_map(|pair| pair.split_once("skiptoken=")))
            .map(|(_, token)| token)
            .and_then(|token| token.parse().ok())
            .unwrap_or(0);
        let next = (after + 1 < list.len()).then(|| {
            format!(
                "https://{host}/secrets/{name}/versions?api-version=7.6&$skiptoken={}",
                after + 1
            )
        });
        return body(
            200,
            &json!({ "value": list.get(after).into_iter().collect::<Vec<_>>(), "nextLink": next }),
        );
    }
    let found = match version {
        None => versions.last(),
        Some(wanted) => versions.iter().find(|version| version.id == wanted),
    };
    match found {
        None => error(404, "SecretNotFound", None),
        Some(version) if !version.enabled => error(403, "Forbidden", Some("SecretDisabled")),
        Some(version) => body(
            200,
            &json!({ "value": version.value, "id": id(version), "attributes": attributes(version) }),
        ),
    }
}

fn error(status: u16, code: &str, inner: Option<&str>) -> Response<Full<bytes::Bytes>> {
    let mut value = json!({ "error": { "code": code, "message": "made by a test" } });
    if let Some(inner) = inner {
        value["error"]["innererror"] = json!({ "code": inner });
    }
    body(status, &value)
}

fn body(status: u16, value: &Value) -> Response<Full<bytes::Bytes>> {
    let mut response = Response::new(Full::from(value.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    let json = "application/json".parse().expect("a header");
    response.headers_mut().insert("content-type", json);
    response
}
