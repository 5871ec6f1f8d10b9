//! One session: its windows, its links, and what arrives on them (part 2 of the specification, sections 2.5 and 2.6).
//!
//! Our channel and handle numbers are those of the peer, so there is nothing to translate.

mod receiving;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::frame::{FrameKind, code, error, put_frame};
use super::grants::Grants;
use super::link::{CREDIT, IncomingLink, Link, OutgoingLink, Partial, remaining_credit};
use super::node::Node;
use super::value::{Value, field};
use crate::servicebus::{Broker, BrokerError};

use receiving::Unsettled;
pub(super) use receiving::{PullRequest, SessionRequest, Settling};

/// How many transfer frames the peer may send before it must hear from us.
const INCOMING_WINDOW: u32 = 8_192;
/// The highest handle: how many links a session may have.
const HANDLE_MAX: u32 = 1_023;
/// The largest request to `$cbs` or `$management`, in bytes. Scheduling takes whole batches.
const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How many replies wait for a peer that does not take them, and how many bytes they have.
const REPLIES_MAX: usize = 1_000;
const REPLIES_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The descriptor of a transaction coordinator as a target.
const COORDINATOR: u64 = 0x30;

/// A message that arrived completely.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) id: u32,
    pub(super) node: Node,
    pub(super) format: u32,
    /// Whether the peer wants no answer.
    pub(super) settled: bool,
    pub(super) payload: Bytes,
    /// If the message is larger than its link allows: how large, and what is allowed. Then there is no payload.
    pub(super) too_large: Option<(usize, usize)>,
}

/// The session must end, with this condition and description.
#[derive(Debug)]
pub(super) struct SessionError(pub(super) &'static str, pub(super) &'static str);

type SessionResult<T> = Result<T, SessionError>;

#[derive(Debug)]
pub(super) struct Session {
    broker: Broker,
    channel: u16,
    /// Distinguishes the sessions that have had the same channel.
    pub(super) serial: u64,
    next_incoming_id: u32,
    incoming_window: u32,
    next_outgoing_id: u32,
    /// Transfer frames the peer takes now.
    peer_window: u32,
    /// The largest frame the peer takes, in bytes.
    frame_bytes_max: u32,
    links: HashMap<u32, Link>,
    /// The number of the next message we send.
    next_delivery_id: u32,
    /// The messages that the peer has and has not settled, by their numbers.
    unsettled: BTreeMap<u32, Unsettled>,
    link_serial: u64,
}

impl Session {
    /// Answers a begin.
    pub(super) fn begin(
        broker: Broker,
        channel: u16,
        serial: u64,
        fields: &[Value],
        frame_bytes_max: u32,
        out: &mut BytesMut,
    ) -> Self {
        let session = Self {
            broker,
            channel,
            serial,
            next_incoming_id: field(fields, 1).as_u32().unwrap_or(0),
            incoming_window: INCOMING_WINDOW,
            next_outgoing_id: 0,
            peer_window: field(fields, 2).as_u32().unwrap_or(0),
            frame_bytes_max,
            links: HashMap::new(),
            next_delivery_id: 0,
            unsettled: BTreeMap::new(),
            link_serial: 0,
        };
        let fields = vec![
            Value::Ushort(channel),
            Value::Uint(0),
            Value::Uint(INCOMING_WINDOW),
            Value::Uint(u32::MAX),
            Value::Uint(HANDLE_MAX),
        ];
        session.put(code::BEGIN, fields, &[], out);
        session
    }

    fn put(&self, code: u64, fields: Vec<Value>, payload: &[u8], out: &mut BytesMut) {
        put_frame(out, FrameKind::Amqp, self.channel, code, fields, payload);
    }

    /// Answers an attach: with a link, or with one that has no target (or source) and is detached at once, which is
    /// how a peer is told why it cannot have it. A session that must be waited for is what it returns; the answer then
    /// comes by [`Session::session_accepted`].
    pub(super) fn attach(
        &mut self,
        fields: &[Value],
        grants: &Grants,
        out: &mut BytesMut,
    ) -> SessionResult<Option<SessionRequest>> {
        let name = field(fields, 0).as_str().unwrap_or_default().to_owned();
        let handle = handle(fields, 1)?;
        if handle > HANDLE_MAX || self.links.contains_key(&handle) {
            return Err(SessionError(
                "amqp:session:handle-in-use",
                "the handle is taken or too high",
            ));
        }
        let peer_receives = field(fields, 2).as_bool().unwrap_or(false);
        let (source, target) = (field(fields, 5), field(fields, 6));
        let mut answer = vec![Value::Null; 14];
        answer[0] = field(fields, 0).clone();
        answer[1] = Value::Uint(handle);
        answer[2] = Value::Bool(!peer_receives);
        answer[3] = field(fields, 3).clone();
        // Always "first": with "second" a peer would have to be told twice that a message is settled.
        answer[4] = Value::Ubyte(0);
        answer[5] = source.clone();
        answer[6] = target.clone();
        if peer_receives {
            answer[9] = Value::Uint(0);
            if let node @ Node::Entity(_) = Node::parse(address(source).unwrap_or_default()) {
                return Ok(self.attach_receiver(handle, node, fields, answer, grants, out));
            }
        }
        let link = if peer_receives {
            accept_replies(name, source, target, field(fields, 3), &self.broker)
        } else {
            accept_sender(target, &self.broker, grants)
        };
        match link {
            Ok(link) => {
                if let Link::Incoming(incoming) = &link {
                    answer[10] = Value::Ulong(incoming.message_bytes_max as u64);
                }
                self.put(code::ATTACH, answer, &[], out);
                self.links.insert(handle, link);
                if !peer_receives {
                    if let Some(Link::Incoming(incoming)) = self.links.get_mut(&handle) {
                        incoming.delivery_count = field(fields, 9).as_u32().unwrap_or(0);
                    }
                    self.grant(handle, out);
                }
            }
            Err(refusal) => self.refuse(handle, answer, &refusal, out),
        }
        Ok(None)
    }

    /// Answers an attach with a link without source or target, and detaches that.
    fn refuse(&mut self, handle: u32, mut answer: Vec<Value>, refusal: &Refusal, out: &mut BytesMut) {
        let peer_receives = answer[2].as_bool() == Some(false);
        answer[if peer_receives { 5 } else { 6 }] = Value::Null;
        self.put(code::ATTACH, answer, &[], out);
        self.detach_with(handle, error(refusal.condition, &refusal.description), out);
    }

    fn detach_with(&mut self, handle: u32, error: Value, out: &mut BytesMut) {
        self.put(
            code::DETACH,
            vec![Value::Uint(handle), Value::Bool(true), error],
            &[],
            out,
        );
        if let Some(Link::Receiver(link)) = self.links.insert(handle, Link::Detached) {
            self.let_go(handle, *link);
        }
    }

    /// Detaches links that nobody may use any more, or nobody does.
    pub(super) fn check_links(&mut self, grants: &Grants, idle_max: Duration, out: &mut BytesMut) {
        let mut ended = Vec::new();
        for (handle, link) in &self.links {
            let link = match link {
                Link::Incoming(link) => link,
                Link::Receiver(link) if link.attach.is_none() && !grants.allow(&link.node) => {
                    ended.push((*handle, unauthorized("Listen", &link.node)));
                    continue;
                }
                _ => continue,
            };
            if !grants.allow(&link.node) {
                ended.push((*handle, unauthorized("Send", &link.node)));
            } else if matches!(link.node, Node::Entity(_)) && link.used.elapsed() > idle_max {
                let description = format!("The link has been idle for {} ms.", idle_max.as_millis());
                ended.push((
                    *handle,
                    Refusal {
                        condition: "amqp:link:detach-forced",
                        description,
                    },
                ));
            }
        }
        for (handle, reason) in ended {
            self.detach_with(handle, error(reason.condition, &reason.description), out);
        }
    }

    /// Answers a detach.
    pub(super) fn detach(&mut self, fields: &[Value], out: &mut BytesMut) -> SessionResult<()> {
        let handle = handle(fields, 0)?;
        match self.links.remove(&handle) {
            Some(link @ (Link::Incoming(_) | Link::Outgoing(_) | Link::Receiver(_))) => {
                if let Link::Receiver(mut link) = link {
                    // Whoever waits for a session no more must still be told that there was a link.
                    if let Some(mut answer) = link.attach.take() {
                        answer[5] = Value::Null;
                        self.put(code::ATTACH, answer, &[], out);
                    }
                    self.let_go(handle, *link);
                }
                self.put(
                    code::DETACH,
                    vec![Value::Uint(handle), field(fields, 1).clone()],
                    &[],
                    out,
                );
            }
            Some(Link::Detached) | None => {}
        }
        Ok(())
    }

    /// The peer's windows and credit. Returns the links by which it may receive more now.
    pub(super) fn flow(&mut self, fields: &[Value], out: &mut BytesMut) -> Vec<u32> {
        let window = field(fields, 1).as_u32().unwrap_or(0);
        let seen = field(fields, 0).as_u32().unwrap_or(0);
        self.peer_window = seen.wrapping_add(window).wrapping_sub(self.next_outgoing_id);
        let echo = field(fields, 9).as_bool().unwrap_or(false);
        let handle = field(fields, 4).as_u32();
        let mut drained = None;
        if let Some(Link::Outgoing(link)) = handle.and_then(|handle| self.links.get_mut(&handle)) {
            let seen = field(fields, 5).as_u32().unwrap_or(0);
            let credit = field(fields, 6).as_u32().unwrap_or(0);
            link.credit = remaining_credit(seen, credit, link.delivery_count);
            if field(fields, 8).as_bool().unwrap_or(false) && link.queue.is_empty() {
                link.delivery_count = link.delivery_count.wrapping_add(link.credit);
                link.credit = 0;
                drained = Some(link.delivery_count);
            }
        }
        match (handle, drained) {
            (Some(handle), Some(delivery_count)) => self.put_flow(Some((handle, delivery_count, 0, true)), out),
            _ if echo => self.put_flow(None, out),
            _ => {}
        }
        if let Some(handle) = handle {
            self.receiver_flow(handle, fields);
        }
        // A wider window lets more than one link go on.
        let held_up = self.links_with_messages();
        self.pump(out);
        handle.into_iter().chain(held_up).collect()
    }

    /// Tells the peer how much it may send: on the session and, with `(handle, delivery count, credit, drain)`, on a
    /// link.
    fn put_flow(&mut self, link: Option<(u32, u32, u32, bool)>, out: &mut BytesMut) {
        let fields = self.flow_fields(link);
        self.put(code::FLOW, fields, &[], out);
    }

    fn flow_fields(&mut self, link: Option<(u32, u32, u32, bool)>) -> Vec<Value> {
        self.incoming_window = INCOMING_WINDOW;
        let mut fields = vec![
            Value::Uint(self.next_incoming_id),
            Value::Uint(self.incoming_window),
            Value::Uint(self.next_outgoing_id),
            Value::Uint(u32::MAX),
        ];
        if let Some((handle, delivery_count, credit, drain)) = link {
            fields.extend([
                Value::Uint(handle),
                Value::Uint(delivery_count),
                Value::Uint(credit),
                Value::Null,
                Value::Bool(drain),
            ]);
        }
        fields
    }

    /// Gives a sender its credit again, if half of it is used.
    fn grant(&mut self, handle: u32, out: &mut BytesMut) {
        if let Some(Link::Incoming(link)) = self.links.get_mut(&handle)
            && link.credit <= CREDIT / 2
        {
            link.credit = CREDIT;
            let delivery_count = link.delivery_count;
            self.put_flow(Some((handle, delivery_count, CREDIT, false)), out);
        }
    }

    /// Takes in a transfer frame; the message, if this was its last one.
    pub(super) fn transfer(
        &mut self,
        fields: &[Value],
        payload: Bytes,
        out: &mut BytesMut,
    ) -> SessionResult<Option<Delivery>> {
        if self.incoming_window == 0 {
            return Err(SessionError(
                "amqp:session:window-violation",
                "more transfers than the window allows",
            ));
        }
        self.incoming_window -= 1;
        self.next_incoming_id = self.next_incoming_id.wrapping_add(1);
        if self.incoming_window < INCOMING_WINDOW / 2 {
            self.put_flow(None, out);
        }
        let handle = handle(fields, 0)?;
        let link = match self.links.get_mut(&handle) {
            Some(Link::Incoming(link)) => link,
            Some(Link::Detached) => return Ok(None),
            Some(Link::Outgoing(_) | Link::Receiver(_)) | None => {
                return Err(SessionError(
                    "amqp:session:unattached-handle",
                    "a transfer to a link that is not there",
                ));
            }
        };
        if field(fields, 9).as_bool() == Some(true) {
            link.partial = None;
            return Ok(None);
        }
        link.used = Instant::now();
        let settled = field(fields, 4).as_bool().unwrap_or(false);
        let more = field(fields, 5).as_bool().unwrap_or(false);
        let mut partial = if let Some(partial) = link.partial.take() {
            partial
        } else {
            let Some(delivery_id) = field(fields, 1).as_u32() else {
                return Err(SessionError("amqp:invalid-field", "a message without a delivery id"));
            };
            if link.credit == 0 {
                let error = error(
                    "amqp:link:transfer-limit-exceeded",
                    "more messages than the credit allows",
                );
                self.detach_with(handle, error, out);
                return Ok(None);
            }
            let format = field(fields, 3).as_u32().unwrap_or(0);
            Partial {
                delivery_id,
                format,
                settled,
                bytes: 0,
                payload: BytesMut::new(),
            }
        };
        partial.settled |= settled;
        partial.bytes += payload.len();
        // The rest of a message that is too large is read, not kept, and then it is rejected. To detach the link would
        // be allowed too, but SDKs report that as a broken connection, after minutes.
        if partial.bytes > link.message_bytes_max {
            partial.payload = BytesMut::new();
        } else if more || !partial.payload.is_empty() {
            partial.payload.extend_from_slice(&payload);
        }
        if more {
            link.partial = Some(partial);
            return Ok(None);
        }
        link.credit -= 1;
        link.delivery_count = link.delivery_count.wrapping_add(1);
        let delivery = Delivery {
            node: link.node.clone(),
            id: partial.delivery_id,
            format: partial.format,
            settled: partial.settled,
            // Most messages are one frame: they are not copied.
            payload: if partial.bytes == payload.len() {
                payload
            } else {
                partial.payload.freeze()
            },
            too_large: (partial.bytes > link.message_bytes_max).then_some((partial.bytes, link.message_bytes_max)),
        };
        self.grant(handle, out);
        Ok(Some(delivery))
    }

    /// Tells the peer what became of its messages from `first` to `last`.
    pub(super) fn settle(&self, first: u32, last: u32, state: Value, out: &mut BytesMut) {
        let last = if last == first { Value::Null } else { Value::Uint(last) };
        let fields = vec![Value::Bool(true), Value::Uint(first), last, Value::Bool(true), state];
        self.put(code::DISPOSITION, fields, &[], out);
    }

    /// Tells the peer what became of a message that we sent.
    pub(super) fn settled(&self, delivery_id: u32, state: Value, out: &mut BytesMut) {
        let id = Value::Uint(delivery_id);
        let fields = vec![Value::Bool(false), id.clone(), id, Value::Bool(true), state];
        self.put(code::DISPOSITION, fields, &[], out);
    }

    /// The link on which replies from `node` go, by the address that the request gave, if it gave one.
    pub(super) fn reply_link(&self, node: &Node, address: Option<&str>) -> Option<u32> {
        self.links.iter().find_map(|(handle, link)| match link {
            Link::Outgoing(link) if link.node == *node && address.is_none_or(|a| link.is_called(a)) => Some(*handle),
            _ => None,
        })
    }

    /// Sends a reply as soon as the peer takes it.
    pub(super) fn reply(&mut self, handle: u32, message: Bytes, out: &mut BytesMut) {
        if let Some(Link::Outgoing(link)) = self.links.get_mut(&handle) {
            // A peer that asks and never takes the answers gets no more of them.
            if link.queue.len() < REPLIES_MAX && link.queued_bytes < REPLIES_BYTES_MAX {
                link.queued_bytes += message.len();
                link.queue.push_back(message);
            }
        }
        self.pump(out);
    }

    /// Sends what waits and may be sent.
    fn pump(&mut self, out: &mut BytesMut) {
        let mut links = std::mem::take(&mut self.links);
        for (handle, link) in &mut links {
            match link {
                Link::Outgoing(link) => self.pump_replies(*handle, link, out),
                Link::Receiver(link) => self.pump_messages(*handle, link, out),
                Link::Incoming(_) | Link::Detached => {}
            }
        }
        self.links = links;
    }

    fn pump_replies(&mut self, handle: u32, link: &mut OutgoingLink, out: &mut BytesMut) {
        while link.credit > 0
            && let Some(message) = link.queue.front()
        {
            let tag = link.delivery_count.to_be_bytes();
            if self.put_transfer(handle, &tag, link.settled, message, out).is_none() {
                return;
            }
            link.credit -= 1;
            link.delivery_count = link.delivery_count.wrapping_add(1);
            link.queued_bytes -= message.len();
            link.queue.pop_front();
        }
    }

    /// Sends one message, in as many frames as it takes, if the peer's window has room for them: the message's number.
    fn put_transfer(
        &mut self,
        handle: u32,
        tag: &[u8],
        settled: bool,
        message: &[u8],
        out: &mut BytesMut,
    ) -> Option<u32> {
        // What a transfer's own fields take of a frame is well below this.
        let payload_bytes_max = (self.frame_bytes_max as usize).saturating_sub(128).max(128);
        let chunks: Vec<&[u8]> = message.chunks(payload_bytes_max).collect();
        if (self.peer_window as usize) < chunks.len() {
            return None;
        }
        let delivery_id = self.next_delivery_id;
        for (index, chunk) in chunks.iter().enumerate() {
            let fields = vec![
                Value::Uint(handle),
                Value::Uint(delivery_id),
                Value::Binary(Bytes::copy_from_slice(tag)),
                Value::Uint(0),
                Value::Bool(settled),
                Value::Bool(index + 1 < chunks.len()),
            ];
            put_frame(out, FrameKind::Amqp, self.channel, code::TRANSFER, fields, chunk);
        }
        self.next_delivery_id = delivery_id.wrapping_add(1);
        self.next_outgoing_id = self.next_outgoing_id.wrapping_add(chunks.len() as u32);
        self.peer_window -= chunks.len() as u32;
        Some(delivery_id)
    }
}

/// Why a link is refused.
pub(super) struct Refusal {
    condition: &'static str,
    description: String,
}

impl From<BrokerError> for Refusal {
    fn from(error: BrokerError) -> Self {
        Self {
            condition: condition(&error),
            description: error.to_string(),
        }
    }
}

fn unauthorized(claim: &str, node: &Node) -> Refusal {
    Refusal {
        condition: "amqp:unauthorized-access",
        description: format!(
            "Unauthorized access. '{claim}' claim(s) are required to perform this operation. Resource: '{}'.",
            node.entity().unwrap_or_default()
        ),
    }
}

/// The AMQP condition that SDKs turn into the right exception.
pub(super) fn condition(error: &BrokerError) -> &'static str {
    match error {
        BrokerError::NotFound(_) | BrokerError::NoSuchRule(_) => "amqp:not-found",
        BrokerError::TooLarge { .. } => "amqp:link:message-size-exceeded",
        BrokerError::Invalid(_) => "amqp:not-allowed",
        BrokerError::NoSuchMessage { .. } => "com.microsoft:message-not-found",
        BrokerError::LockLost { .. } => "com.microsoft:message-lock-lost",
        BrokerError::SessionLockLost(_) => "com.microsoft:session-lock-lost",
        BrokerError::SessionCannotBeLocked(_) => "com.microsoft:session-cannot-be-locked",
        BrokerError::RuleExists(_) => "com.microsoft:entity-already-exists",
        BrokerError::Busy => "com.microsoft:server-busy",
        _ => "amqp:internal-error",
    }
}

/// The address in a source or target.
fn address(terminus: &Value) -> Option<&str> {
    terminus
        .as_composite()
        .and_then(|(_, fields)| field(fields, 0).as_str())
}

/// The peer wants to send to `target`.
fn accept_sender(target: &Value, broker: &Broker, grants: &Grants) -> Result<Link, Refusal> {
    if matches!(target.as_composite(), Some((COORDINATOR, _))) {
        return Err(Refusal {
            condition: "amqp:not-implemented",
            description: "There are no transactions.".to_owned(),
        });
    }
    let node = Node::parse(address(target).unwrap_or_default());
    if !grants.allow(&node) {
        return Err(unauthorized("Send", &node));
    }
    let message_bytes_max = match &node {
        Node::Entity(entity) => broker.send_options(entity)?.max_message_bytes,
        Node::Management(entity) => broker.counts(entity).map(|_| REQUEST_BYTES_MAX)?,
        Node::Cbs => REQUEST_BYTES_MAX,
    };
    Ok(Link::Incoming(IncomingLink {
        node,
        credit: 0,
        delivery_count: 0,
        message_bytes_max,
        used: Instant::now(),
        partial: None,
    }))
}

/// The peer wants to receive replies from `source`.
fn accept_replies(
    name: String,
    source: &Value,
    target: &Value,
    settle_mode: &Value,
    broker: &Broker,
) -> Result<Link, Refusal> {
    let node = Node::parse(address(source).unwrap_or_default());
    if let Node::Management(entity) = &node {
        broker.counts(entity)?;
    }
    Ok(Link::Outgoing(OutgoingLink {
        node,
        name,
        reply_address: address(target).map(ToOwned::to_owned),
        // 0 is "unsettled": the peer insists on settling itself, and whatever it says is fine.
        settled: settle_mode.as_u64() != Some(0),
        credit: 0,
        delivery_count: 0,
        queue: VecDeque::new(),
        queued_bytes: 0,
    }))
}

fn handle(fields: &[Value], index: usize) -> SessionResult<u32> {
    field(fields, index)
        .as_u32()
        .ok_or(SessionError("amqp:invalid-field", "a handle is missing"))
}
