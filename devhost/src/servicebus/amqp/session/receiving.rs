//! The links by which a peer receives: what they are attached to, what is sent on them, what becomes of that.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Refusal, Session, unauthorized};
use crate::servicebus::amqp::disposition;
use crate::servicebus::amqp::frame::{FrameKind, code, error, put_frame};
use crate::servicebus::amqp::grants::Grants;
use crate::servicebus::amqp::link::{Link, Pull, ReceiverLink, remaining_credit};
use crate::servicebus::amqp::node::Node;
use crate::servicebus::amqp::outgoing::delivered;
use crate::servicebus::amqp::value::{Value, field};
use crate::servicebus::engine::{SessionKey, Settlement, Want};
use crate::servicebus::message::SessionLock;
use crate::servicebus::{Broker, BrokerError, Delivery};

/// The filter that names a session.
const SESSION_FILTER: &str = "com.microsoft:session-filter";
/// Until when a session is held, in ticks, as a property of the link.
const SESSION_LOCKED_UNTIL: &str = "com.microsoft:locked-until-utc";
/// How long a peer waits for a session, in milliseconds, as a property of the link.
const TIMEOUT: &str = "com.microsoft:timeout";
/// How long a session is waited for when the peer does not say, as in Azure; and at most.
const SESSION_WAIT: Duration = Duration::from_mins(1);
const SESSION_WAIT_MAX: Duration = Duration::from_hours(1);
/// What is asked of the broker at once; the next is asked for when this has been sent.
const PULL_MESSAGES_MAX: u32 = 1_000;
const PULL_BYTES_MAX: usize = 256 * 1024;
/// The Unix epoch in ticks: units of 100 ns since the year 1.
const EPOCH_TICKS: i64 = 621_355_968_000_000_000;

/// A message that the peer has.
#[derive(Debug)]
pub(in crate::servicebus::amqp) struct Unsettled {
    handle: u32,
    token: Uuid,
}

/// A session that a link is to have.
#[derive(Debug)]
pub(in crate::servicebus::amqp) struct SessionRequest {
    pub(in crate::servicebus::amqp) handle: u32,
    pub(in crate::servicebus::amqp) link: u64,
    pub(in crate::servicebus::amqp) entity: String,
    /// `None`: the next that has messages.
    pub(in crate::servicebus::amqp) id: Option<String>,
    pub(in crate::servicebus::amqp) wait: Duration,
    pub(in crate::servicebus::amqp) cancel: CancellationToken,
}

/// Messages that a link wants.
#[derive(Debug)]
pub(in crate::servicebus::amqp) struct PullRequest {
    pub(in crate::servicebus::amqp) link: u64,
    pub(in crate::servicebus::amqp) entity: String,
    pub(in crate::servicebus::amqp) want: Want,
    pub(in crate::servicebus::amqp) cancel: CancellationToken,
}

/// What the peer says of a message that it has.
#[derive(Debug)]
pub(in crate::servicebus::amqp) struct Settling {
    pub(in crate::servicebus::amqp) delivery_id: u32,
    /// Whether the peer wants no answer.
    pub(in crate::servicebus::amqp) settled: bool,
    pub(in crate::servicebus::amqp) entity: String,
    pub(in crate::servicebus::amqp) session: Option<SessionKey>,
    pub(in crate::servicebus::amqp) token: Uuid,
    pub(in crate::servicebus::amqp) settlement: Result<Settlement, BrokerError>,
    /// What the answer repeats if it is done.
    pub(in crate::servicebus::amqp) outcome: Value,
}

impl Session {
    /// The peer wants to receive an entity's messages. A session is waited for, all else is answered at once.
    pub(super) fn attach_receiver(
        &mut self,
        handle: u32,
        node: Node,
        fields: &[Value],
        mut answer: Vec<Value>,
        grants: &Grants,
        out: &mut BytesMut,
    ) -> Option<SessionRequest> {
        // The peer's own mode: with "second" it waits to hear that a message is settled.
        answer[4] = field(fields, 4).clone();
        let filter = session_filter(field(fields, 5));
        let entity = node.entity().unwrap_or_default().to_owned();
        let allowed = if grants.allow(&node) {
            self.broker
                .comes_in_sessions(&entity)
                .map_err(Refusal::from)
                .and_then(|sessions| check_sessions(&entity, sessions, filter.is_some()))
        } else {
            Err(unauthorized("Listen", &node))
        };
        if let Err(refusal) = allowed {
            self.refuse(handle, answer, &refusal, out);
            return None;
        }
        self.link_serial += 1;
        let mut link = ReceiverLink {
            serial: self.link_serial,
            node,
            entity,
            deletes: field(fields, 3).as_u64() == Some(1),
            session: None,
            attach: None,
            credit: 0,
            delivery_count: 0,
            drain: false,
            ready: VecDeque::new(),
            pull: None,
        };
        let Some(filter) = filter else {
            self.put(code::ATTACH, answer, &[], out);
            self.links.insert(handle, Link::Receiver(Box::new(link)));
            return None;
        };
        let wait = field(fields, 13).get(TIMEOUT).and_then(Value::as_i64);
        let wait = wait.map_or(SESSION_WAIT, |milliseconds| {
            Duration::from_millis(milliseconds.max(0).unsigned_abs())
        });
        let cancel = CancellationToken::new();
        let request = SessionRequest {
            handle,
            link: link.serial,
            entity: link.entity.clone(),
            id: filter.as_str().map(ToOwned::to_owned),
            wait: wait.min(SESSION_WAIT_MAX),
            cancel: cancel.clone(),
        };
        link.attach = Some(answer);
        link.pull = Some(Pull {
            max: 0,
            waits: true,
            cancel,
        });
        self.links.insert(handle, Link::Receiver(Box::new(link)));
        Some(request)
    }

    /// Answers an attach that waited for a session. Returns whether the link wants messages now.
    pub(in crate::servicebus::amqp) fn session_accepted(
        &mut self,
        handle: u32,
        link_serial: u64,
        entity: &str,
        accepted: Option<Result<SessionLock, BrokerError>>,
        out: &mut BytesMut,
    ) -> bool {
        let link = match self.links.get_mut(&handle) {
            Some(Link::Receiver(link)) if link.serial == link_serial => link,
            _ => {
                if let Some(Ok(lock)) = accepted {
                    self.broker.release_session(entity, lock.into());
                }
                return false;
            }
        };
        link.pull = None;
        let Some(mut answer) = link.attach.take() else {
            return false;
        };
        match accepted {
            Some(Ok(lock)) => {
                name_session(&mut answer[5], &lock.id);
                let ticks = (lock.locked_until.unix_timestamp_nanos() / 100) as i64 + EPOCH_TICKS;
                answer[13] = Value::Map(vec![(Value::symbol(SESSION_LOCKED_UNTIL), Value::Long(ticks))]);
                link.session = Some(lock.into());
                self.put(code::ATTACH, answer, &[], out);
                true
            }
            Some(Err(reason)) => {
                self.refuse(handle, answer, &reason.into(), out);
                false
            }
            None => {
                let refusal = Refusal {
                    condition: "com.microsoft:timeout",
                    description: "No session with messages became free within the time the receiver waits.".to_owned(),
                };
                self.refuse(handle, answer, &refusal, out);
                false
            }
        }
    }

    /// Takes a flow in, if it is about a link by which the peer receives.
    pub(super) fn receiver_flow(&mut self, handle: u32, fields: &[Value]) {
        let Some(Link::Receiver(link)) = self.links.get_mut(&handle) else {
            return;
        };
        let seen = field(fields, 5).as_u32().unwrap_or(0);
        let credit = field(fields, 6).as_u32().unwrap_or(0);
        link.credit = remaining_credit(seen, credit, link.delivery_count);
        link.drain = field(fields, 8).as_bool().unwrap_or(false);
        // What was asked for is too much now, or is not to be waited for any more.
        if link.attach.is_none()
            && let Some(pull) = &link.pull
            && (pull.max > link.credit || (link.drain && pull.waits))
        {
            pull.cancel.cancel();
        }
    }

    /// The links whose messages wait for credit or a wider window.
    pub(super) fn links_with_messages(&self) -> Vec<u32> {
        let waits = |link: &Link| matches!(link, Link::Receiver(link) if !link.ready.is_empty());
        let waiting = self.links.iter().filter(|(_, link)| waits(link));
        waiting.map(|(handle, _)| *handle).collect()
    }

    /// What a link wants of the broker, if it wants anything and has not asked yet.
    pub(in crate::servicebus::amqp) fn next_pull(&mut self, handle: u32) -> Option<PullRequest> {
        let Some(Link::Receiver(link)) = self.links.get_mut(&handle) else {
            return None;
        };
        if link.pull.is_some() || link.attach.is_some() || !link.ready.is_empty() || link.credit == 0 {
            return None;
        }
        let max = link.credit.min(PULL_MESSAGES_MAX);
        let cancel = CancellationToken::new();
        link.pull = Some(Pull {
            max,
            waits: !link.drain,
            cancel: cancel.clone(),
        });
        Some(PullRequest {
            link: link.serial,
            entity: link.entity.clone(),
            want: Want {
                max: max as usize,
                bytes_max: PULL_BYTES_MAX,
                wait: !link.drain,
                session: link.session.clone(),
            },
            cancel,
        })
    }

    /// Sends what the broker has given; `None`: the link did not want it any more. Returns whether it may want more.
    pub(in crate::servicebus::amqp) fn pulled(
        &mut self,
        handle: u32,
        link_serial: u64,
        entity: &str,
        pulled: Option<Result<Vec<Delivery>, BrokerError>>,
        out: &mut BytesMut,
    ) -> bool {
        let link = match self.links.get_mut(&handle) {
            Some(Link::Receiver(link)) if link.serial == link_serial => link,
            _ => {
                if let Some(Ok(messages)) = pulled {
                    give_back(&self.broker, entity, &messages);
                }
                return false;
            }
        };
        link.pull = None;
        match pulled {
            None => {}
            // Nothing is there: the peer gets its credit back.
            Some(Ok(messages)) if messages.is_empty() && link.drain => {
                link.delivery_count = link.delivery_count.wrapping_add(link.credit);
                link.credit = 0;
            }
            Some(Ok(messages)) => link.ready.extend(messages),
            Some(Err(reason)) => {
                let reason = Refusal::from(reason);
                self.detach_with(handle, error(reason.condition, &reason.description), out);
                return false;
            }
        }
        self.pump(out);
        true
    }

    /// Sends a link's messages as far as credit and window reach.
    pub(super) fn pump_messages(&mut self, handle: u32, link: &mut ReceiverLink, out: &mut BytesMut) {
        let mut deleted = Vec::new();
        while link.credit > 0
            && let Some(delivery) = link.ready.front()
        {
            let token = delivery.lock_token;
            let message = delivered(delivery, link.session.is_none() && !link.deletes);
            // Azure's libraries read the lock's token from here, in the order of bytes that .NET gives a GUID.
            let tag = token.to_bytes_le();
            let Some(delivery_id) = self.put_transfer(handle, &tag, link.deletes, &message, out) else {
                break;
            };
            link.ready.pop_front();
            link.credit -= 1;
            link.delivery_count = link.delivery_count.wrapping_add(1);
            if link.deletes {
                deleted.push(token);
            } else {
                self.unsettled.insert(delivery_id, Unsettled { handle, token });
            }
        }
        if !deleted.is_empty() {
            // Nobody waits for the answer: if it is not done, the message comes again.
            let _ = self.broker.begin_settle(&link.entity, deleted, Settlement::Complete);
        }
        if link.drain && link.credit == 0 && link.ready.is_empty() {
            link.drain = false;
            let fields = self.flow_fields(Some((handle, link.delivery_count, 0, true)));
            put_frame(out, FrameKind::Amqp, self.channel, code::FLOW, fields, &[]);
        }
    }

    /// What the peer says of messages that it has. What it names and does not have is passed over.
    pub(in crate::servicebus::amqp) fn disposition(&mut self, fields: &[Value]) -> Vec<Settling> {
        let (Some(true), Some(first)) = (field(fields, 0).as_bool(), field(fields, 1).as_u32()) else {
            return Vec::new();
        };
        let last = field(fields, 2).as_u32().unwrap_or(first);
        let settled = field(fields, 3).as_bool().unwrap_or(false);
        let Some(settlement) = disposition::settlement(field(fields, 4), settled) else {
            return Vec::new();
        };
        let named: Vec<u32> = if first <= last {
            self.unsettled.range(first..=last).map(|(id, _)| *id).collect()
        } else {
            // Numbers begin again at 0 after the last.
            let (end, begin) = (self.unsettled.range(first..), self.unsettled.range(..=last));
            end.chain(begin).map(|(id, _)| *id).collect()
        };
        let outcome = disposition::outcome(field(fields, 4));
        let mut settlings = Vec::with_capacity(named.len());
        for delivery_id in named {
            let Some(Unsettled { handle, token }) = self.unsettled.remove(&delivery_id) else {
                continue;
            };
            // Of a link that has gone nothing is unsettled.
            if let Some(Link::Receiver(link)) = self.links.get(&handle) {
                settlings.push(Settling {
                    delivery_id,
                    settled,
                    entity: link.entity.clone(),
                    session: link.session.clone(),
                    token,
                    settlement: settlement.clone(),
                    outcome: outcome.clone(),
                });
            }
        }
        settlings
    }

    /// The session of this name that the peer holds by one of its links.
    pub(in crate::servicebus::amqp) fn held(&self, entity: &str, id: &str) -> Option<&SessionKey> {
        self.links.values().find_map(|link| match link {
            Link::Receiver(link) if link.entity.eq_ignore_ascii_case(entity) => {
                link.session.as_ref().filter(|session| &*session.id == id)
            }
            _ => None,
        })
    }

    /// Gives back what a link has: the session, or the messages one by one.
    pub(super) fn let_go(&mut self, handle: u32, mut link: ReceiverLink) {
        link.pull = None;
        let mut tokens = Vec::new();
        self.unsettled.retain(|_, unsettled| {
            if unsettled.handle == handle {
                tokens.push(unsettled.token);
            }
            unsettled.handle != handle
        });
        give_back(&self.broker, &link.entity, link.ready.make_contiguous());
        if let Some(session) = link.session {
            self.broker.release_session(&link.entity, session);
        } else if !tokens.is_empty() {
            let changes = serde_json::Map::new();
            // The broker ends before its doors do: then the locks are gone, too.
            let _ = self
                .broker
                .begin_settle(&link.entity, tokens, Settlement::Abandon { changes });
        }
    }

    /// The peer ends the session: gives back what all its links have.
    pub(in crate::servicebus::amqp) fn let_all_go(&mut self) {
        for (handle, link) in std::mem::take(&mut self.links) {
            if let Link::Receiver(link) = link {
                self.let_go(handle, *link);
            }
        }
    }

    /// The peer has gone without a word: gives back what never went to it. What did stays locked until its time.
    pub(in crate::servicebus::amqp) fn give_back_unsent(&mut self) {
        for link in self.links.values_mut() {
            if let Link::Receiver(link) = link {
                give_back(&self.broker, &link.entity, link.ready.make_contiguous());
                link.ready.clear();
            }
        }
    }
}

/// Messages that never went to the peer are there again, as if nothing had been.
fn give_back(broker: &Broker, entity: &str, messages: &[Delivery]) {
    if !messages.is_empty() {
        let tokens = messages.iter().map(|message| message.lock_token).collect();
        let _ = broker.begin_settle(entity, tokens, Settlement::Return);
    }
}

fn check_sessions(entity: &str, has_sessions: bool, wants_sessions: bool) -> Result<(), Refusal> {
    let description = match (has_sessions, wants_sessions) {
        (true, true) | (false, false) => return Ok(()),
        (true, false) => format!(
            "It is not possible for an entity that requires sessions to create a non-sessionful message receiver: \
             '{entity}'."
        ),
        (false, true) => format!("A sessionful message receiver cannot be created on '{entity}': it has no sessions."),
    };
    Err(Refusal {
        condition: "amqp:not-allowed",
        description,
    })
}

/// What a source says of a session: its name, or null for any.
fn session_filter(source: &Value) -> Option<&Value> {
    let (_, fields) = source.as_composite()?;
    match field(fields, 7).get(SESSION_FILTER)? {
        Value::Described(described) => Some(&described.1),
        other => Some(other),
    }
}

/// Names the session in a source that asked for any.
fn name_session(source: &mut Value, id: &str) {
    if let Value::Described(described) = source
        && let Value::List(fields) = &mut described.1
    {
        if fields.len() < 8 {
            fields.resize(8, Value::Null);
        }
        fields[7] = Value::Map(vec![(Value::symbol(SESSION_FILTER), Value::string(id))]);
    }
}
