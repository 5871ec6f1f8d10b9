//! One connection: one task that reads frames, keeps the sessions, and settles messages when the broker has them on
//! disk.

mod receiving;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::cbs;
use super::frame::{FRAME_BYTES_MAX, Frame, FrameKind, code, error, put_frame, put_heartbeat, take_frame};
use super::grants::Grants;
use super::handshake::handshake;
use super::management;
use super::message::{Message, broker_messages};
use super::node::Node;
use super::options::{AmqpOptions, Throttle};
use super::session::{Delivery, Session, SessionError, condition};
use super::value::{Value, field};
use crate::servicebus::{Broker, BrokerError};
use receiving::Pulled;

/// The highest channel: how many sessions a connection may have. Node's SDK makes one for each link.
const CHANNEL_MAX: u16 = 1_023;
/// Nothing more is read while so many bytes of messages are on their way to the disk.
const UNDER_WAY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Nothing more is read while so many bytes wait to be read by the peer.
const OUT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What a request may cost until its answer is there, in bytes.
const REQUEST_BYTES: usize = 1024 * 1024;
/// What a message under way takes beyond its content, in bytes.
const MESSAGE_BYTES_OVERHEAD: usize = 512;
/// How often links are looked at whose token may have run out, or that may have been idle for too long.
const LINKS_CHECK: Duration = Duration::from_millis(250);
/// How long a peer may take to begin, and to read what it is sent at the end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves a connection until either side ends it.
pub(super) async fn serve(
    mut stream: TcpStream,
    broker: Broker,
    options: AmqpOptions,
    shutdown: CancellationToken,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.split();
    serve_halves(reader, writer, broker, options, shutdown).await
}

/// Serves what is read from `reader` and answers to `writer`.
pub(crate) async fn serve_halves(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    broker: Broker,
    options: AmqpOptions,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    tokio::select! {
        done = timeout(PATIENCE, handshake(&mut reader, &mut writer, &mut buffer)) => done??,
        () = shutdown.cancelled() => return Ok(()),
    }
    let mut connection = Connection::new(broker, options);
    let ended = connection.run(&mut reader, &mut writer, &mut buffer, &shutdown).await;
    connection.give_back_unsent();
    // Whatever is left to say, above all why the connection is closed.
    let farewell = timeout(PATIENCE, writer.write_all(&connection.out)).await;
    ended.and(farewell?)
}

/// Something that was waited for.
enum Done {
    /// The broker has stored a message, or has not.
    Sent {
        session: SessionId,
        delivery_id: u32,
        settled: bool,
        bytes: usize,
        result: Result<(), BrokerError>,
    },
    /// A request has its answer.
    Answered {
        node: Node,
        reply_to: Option<String>,
        bytes: usize,
        answer: Bytes,
    },
    /// The broker has done what a receiver said of a message, or has not.
    Settled {
        session: SessionId,
        delivery_id: u32,
        settled: bool,
        outcome: Value,
        result: Result<(), BrokerError>,
    },
}

/// A session, as long as it lasts.
#[derive(Clone, Copy, PartialEq, Eq)]
struct SessionId {
    channel: u16,
    serial: u64,
}

struct Connection {
    broker: Broker,
    grants: Grants,
    throttle: Option<Throttle>,
    link_idle_max: Duration,
    /// What is to be written.
    out: BytesMut,
    sessions: HashMap<u16, Session>,
    serial: u64,
    under_way: FuturesUnordered<BoxFuture<'static, Done>>,
    /// What receivers wait for.
    pulls: FuturesUnordered<BoxFuture<'static, Pulled>>,
    /// The links that may want messages: channel and handle.
    wanting: BTreeSet<(u16, u32)>,
    under_way_bytes: usize,
    /// How many messages are being settled.
    settling: usize,
    /// A frame that ends something, until what is being settled has been answered.
    held_frame: Option<Frame>,
    peer_frame_bytes_max: u32,
    /// How often the peer wants to hear from us.
    heartbeat: Option<Duration>,
    is_open: bool,
    is_closed: bool,
}

impl Connection {
    fn new(broker: Broker, options: AmqpOptions) -> Self {
        Self {
            broker,
            grants: Grants::new(options.access),
            throttle: options.throttle,
            link_idle_max: options.link_idle_max,
            out: BytesMut::new(),
            sessions: HashMap::new(),
            serial: 0,
            under_way: FuturesUnordered::new(),
            pulls: FuturesUnordered::new(),
            wanting: BTreeSet::new(),
            under_way_bytes: 0,
            settling: 0,
            held_frame: None,
            peer_frame_bytes_max: 512,
            heartbeat: None,
            is_open: false,
            is_closed: false,
        }
    }

    async fn run(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
        buffer: &mut BytesMut,
        shutdown: &CancellationToken,
    ) -> io::Result<()> {
        let mut heartbeat = None;
        let mut leaving = false;
        let mut links = interval(LINKS_CHECK.min(self.link_idle_max / 2).max(Duration::from_millis(1)));
        links.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_closed {
            let reads = !leaving && self.may_read();
            if reads {
                self.take_frames(buffer);
                if self.is_closed {
                    break;
                }
                self.start_pulls();
            }
            if leaving && self.under_way.is_empty() {
                self.close("amqp:connection:forced", "The Service Bus listener is shutting down.");
                break;
            }
            if let (None, Some(period)) = (&heartbeat, self.heartbeat) {
                heartbeat = Some(interval_at(Instant::now() + period, period));
            }
            // The broker answers many messages at once: they are settled together.
            tokio::select! {
                Some(done) = self.under_way.next(), if !self.under_way.is_empty() => {
                    let mut all = vec![done];
                    while let Some(Some(done)) = self.under_way.next().now_or_never() {
                        all.push(done);
                    }
                    self.conclude(all);
                }
                Some(pulled) = self.pulls.next(), if !leaving && !self.pulls.is_empty() => self.on_pulled(pulled),
                written = writer.write_buf(&mut self.out), if !self.out.is_empty() => {
                    written?;
                }
                read = reader.read_buf(buffer), if reads && self.may_read() => {
                    if read? == 0 {
                        // Going without a word is how clients that are killed say goodbye.
                        return Ok(());
                    }
                }
                () = async { match &mut heartbeat {
                    Some(heartbeat) => { heartbeat.tick().await; }
                    None => std::future::pending().await,
                } } => put_heartbeat(&mut self.out),
                _ = links.tick() => {
                    for session in self.sessions.values_mut() {
                        session.check_links(&self.grants, self.link_idle_max, &mut self.out);
                    }
                }
                () = shutdown.cancelled(), if !leaving => leaving = true,
            }
        }
        Ok(())
    }

    /// Whether there is room for what the peer may want next.
    fn may_read(&self) -> bool {
        let may_end = self.held_frame.is_none() || self.settling == 0;
        may_end && self.under_way_bytes < UNDER_WAY_BYTES_MAX && self.out.len() < OUT_BYTES_MAX
    }

    /// Handles the frames that are complete.
    fn take_frames(&mut self, buffer: &mut BytesMut) {
        while !self.is_closed && self.may_read() {
            let next = match self.held_frame.take() {
                Some(frame) => Ok(Some(frame)),
                None => take_frame(buffer, FrameKind::Amqp),
            };
            match next {
                // A receiver that closes still waits to hear what became of the messages it has just settled.
                Ok(Some(frame)) if self.settling > 0 && frame.ends_something() => self.held_frame = Some(frame),
                Ok(Some(frame)) => self.on_frame(frame),
                Ok(None) => return,
                Err(reason) => {
                    self.close("amqp:connection:framing-error", &reason.to_string());
                }
            }
        }
    }

    fn put(&mut self, code: u64, fields: Vec<Value>) {
        put_frame(&mut self.out, FrameKind::Amqp, 0, code, fields, &[]);
    }

    fn close(&mut self, condition: &str, description: &str) {
        tracing::debug!(condition, description, "closing an AMQP connection");
        if !self.is_open {
            self.open();
        }
        self.put(code::CLOSE, vec![error(condition, description)]);
        self.is_closed = true;
    }

    fn open(&mut self) {
        self.put(
            code::OPEN,
            vec![
                Value::string("devhost"),
                Value::Null,
                Value::Uint(FRAME_BYTES_MAX),
                Value::Ushort(CHANNEL_MAX),
            ],
        );
        self.is_open = true;
    }

    fn on_frame(&mut self, frame: Frame) {
        let Some((code, fields)) = frame.performative else {
            return;
        };
        match code {
            code::OPEN if !self.is_open => {
                self.peer_frame_bytes_max = field(&fields, 2).as_u32().unwrap_or(u32::MAX).max(512);
                // Half of what the peer waits for; and no busy loop for one that asks for a millisecond.
                self.heartbeat = field(&fields, 4)
                    .as_u32()
                    .filter(|milliseconds| *milliseconds > 0)
                    .map(|milliseconds| Duration::from_millis(u64::from(milliseconds / 2).max(100)));
                self.open();
            }
            code::CLOSE => {
                if !self.is_open {
                    self.open();
                }
                self.put(code::CLOSE, Vec::new());
                self.sessions.values_mut().for_each(Session::let_all_go);
                self.is_closed = true;
            }
            _ if !self.is_open => self.close("amqp:not-allowed", "the first frame must be an open"),
            code::BEGIN if frame.channel <= CHANNEL_MAX && !self.sessions.contains_key(&frame.channel) => {
                self.serial += 1;
                let bytes_max = self.peer_frame_bytes_max.min(FRAME_BYTES_MAX);
                let broker = self.broker.clone();
                let session = Session::begin(broker, frame.channel, self.serial, &fields, bytes_max, &mut self.out);
                self.sessions.insert(frame.channel, session);
            }
            code::BEGIN | code::OPEN => self.close("amqp:not-allowed", "a channel is taken, or opened twice"),
            _ => self.on_session_frame(frame.channel, code, &fields, frame.payload),
        }
    }

    fn on_session_frame(&mut self, channel: u16, code: u64, fields: &[Value], payload: Bytes) {
        // Frames may still be on their way to a session that we have ended.
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        let out = &mut self.out;
        let id = SessionId {
            channel,
            serial: session.serial,
        };
        let done = match code {
            code::ATTACH => match session.attach(fields, &self.grants, out) {
                Ok(Some(request)) => {
                    self.wait_for_session(id, request);
                    Ok(())
                }
                other => other.map(|_| ()),
            },
            code::FLOW => {
                let receive = session.flow(fields, out);
                self.wanting.extend(receive.into_iter().map(|handle| (channel, handle)));
                Ok(())
            }
            code::DETACH => session.detach(fields, out),
            code::TRANSFER => match session.transfer(fields, payload, out) {
                Ok(None) => Ok(()),
                Ok(Some(delivery)) => {
                    self.on_delivery(id, delivery);
                    Ok(())
                }
                Err(error) => Err(error),
            },
            code::DISPOSITION => {
                for settling in session.disposition(fields) {
                    self.on_settling(id, settling);
                }
                Ok(())
            }
            code::END => {
                session.let_all_go();
                self.sessions.remove(&channel);
                put_frame(out, FrameKind::Amqp, channel, code::END, Vec::new(), &[]);
                Ok(())
            }
            _ => Err(SessionError("amqp:not-implemented", "an unknown performative")),
        };
        if let Err(SessionError(condition, description)) = done {
            tracing::debug!(condition, description, "ending an AMQP session");
            if let Some(mut session) = self.sessions.remove(&channel) {
                session.let_all_go();
            }
            let fields = vec![error(condition, description)];
            put_frame(&mut self.out, FrameKind::Amqp, channel, code::END, fields, &[]);
        }
    }

    fn on_delivery(&mut self, session: SessionId, delivery: Delivery) {
        let Delivery {
            id: delivery_id,
            node,
            format,
            settled,
            payload,
            too_large,
        } = delivery;
        if let Some((bytes, limit)) = too_large {
            let entity = node.entity().unwrap_or("$cbs").to_owned();
            let result = Err(BrokerError::TooLarge { entity, bytes, limit });
            return self.conclude(vec![Done::Sent {
                session,
                delivery_id,
                settled,
                bytes: 0,
                result,
            }]);
        }
        let is_throttled = matches!(node, Node::Entity(_)) && self.throttle.as_ref().is_some_and(|t| !t.takes());
        if is_throttled {
            return self.conclude(vec![Done::Sent {
                session,
                delivery_id,
                settled,
                bytes: 0,
                result: Err(BrokerError::Busy),
            }]);
        }
        // With what an empty message costs too.
        let bytes = payload.len() + MESSAGE_BYTES_OVERHEAD;
        match node {
            Node::Entity(entity) => {
                // Handed to the broker here and now, so that messages stay in their order; only the answer is awaited.
                let begun = broker_messages(payload, format)
                    .map_err(|error| BrokerError::Invalid(format!("The message cannot be read: {error}.")))
                    .and_then(|messages| self.broker.begin_send(&entity, messages));
                self.under_way_bytes += bytes;
                self.under_way.push(
                    async move {
                        let result = match begun {
                            Ok(answer) => answer.await.unwrap_or(Err(BrokerError::Stopped)).map(|_| ()),
                            Err(error) => Err(error),
                        };
                        Done::Sent {
                            session,
                            delivery_id,
                            settled,
                            bytes,
                            result,
                        }
                    }
                    .boxed(),
                );
            }
            Node::Cbs | Node::Management(_) => {
                if !settled && let Some(session) = self.sessions.get(&session.channel) {
                    session.settle(delivery_id, delivery_id, accepted(), &mut self.out);
                }
                match Message::decode(payload) {
                    Ok(request) => self.on_request(node, request),
                    // Without a message there is nobody to answer.
                    Err(error) => tracing::debug!(%error, "a request that cannot be read"),
                }
            }
        }
    }

    fn on_request(&mut self, node: Node, request: Message) {
        let reply_to = request.reply_to().map(ToOwned::to_owned);
        if let Node::Management(entity) = &node {
            let held = self.held_session(entity, &request);
            let answer = management::answer(request, entity.clone(), held, self.broker.clone());
            self.under_way_bytes += REQUEST_BYTES;
            let answered = async move {
                Done::Answered {
                    node,
                    reply_to,
                    bytes: REQUEST_BYTES,
                    answer: answer.await,
                }
            };
            self.under_way.push(answered.boxed());
        } else {
            let answer = cbs::answer(&request, &self.broker, &mut self.grants);
            self.reply(&node, reply_to.as_deref(), answer);
        }
    }

    /// Sends an answer to the link that the request names; some SDKs name none, and have only one for the node. It may
    /// belong to another session than the request.
    fn reply(&mut self, node: &Node, reply_to: Option<&str>, answer: Bytes) {
        let addresses = [reply_to, None];
        for address in addresses.iter().skip(usize::from(reply_to.is_none())) {
            for session in self.sessions.values_mut() {
                if let Some(handle) = session.reply_link(node, *address) {
                    session.reply(handle, answer, &mut self.out);
                    return;
                }
            }
        }
        tracing::debug!(?node, ?reply_to, "no link takes the answer to a request");
    }

    /// Settles messages and sends answers. Neighbours that were accepted are settled with one frame.
    fn conclude(&mut self, all: Vec<Done>) {
        let mut run: Option<(SessionId, u32, u32)> = None;
        for done in all {
            let (session, delivery_id, settled, result) = match done {
                Done::Answered {
                    node,
                    reply_to,
                    bytes,
                    answer,
                } => {
                    self.under_way_bytes -= bytes;
                    self.reply(&node, reply_to.as_deref(), answer);
                    continue;
                }
                Done::Settled {
                    session,
                    delivery_id,
                    settled,
                    outcome,
                    result,
                } => {
                    self.settling -= 1;
                    if !settled {
                        self.answer_receiver(session, delivery_id, outcome, result);
                    }
                    continue;
                }
                Done::Sent {
                    session,
                    delivery_id,
                    settled,
                    bytes,
                    result,
                } => {
                    self.under_way_bytes -= bytes;
                    (session, delivery_id, settled, result)
                }
            };
            match result {
                _ if settled => {}
                Ok(()) => match &mut run {
                    Some((of, _, last)) if *of == session && last.wrapping_add(1) == delivery_id => {
                        *last = delivery_id;
                    }
                    _ => {
                        self.settle(run.replace((session, delivery_id, delivery_id)), &accepted());
                    }
                },
                Err(reason) => {
                    let error = error(condition(&reason), &reason.to_string());
                    let rejected = Value::composite(code::REJECTED, vec![error]);
                    self.settle(Some((session, delivery_id, delivery_id)), &rejected);
                }
            }
        }
        self.settle(run, &accepted());
    }

    fn settle(&mut self, run: Option<(SessionId, u32, u32)>, state: &Value) {
        if let Some((id, first, last)) = run
            && let Some(session) = self.sessions.get(&id.channel)
            && session.serial == id.serial
        {
            session.settle(first, last, state.clone(), &mut self.out);
        }
    }
}

fn accepted() -> Value {
    Value::composite(code::ACCEPTED, Vec::new())
}
