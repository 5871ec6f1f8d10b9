//! The links of a session.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use tokio_util::sync::CancellationToken;

use super::node::Node;
use super::value::Value;
use crate::servicebus::Delivery;
use crate::servicebus::engine::SessionKey;

/// How many messages a sender may have under way; given again when half of it is used.
pub(super) const CREDIT: u32 = 2_000;

/// A link, from its attach to the peer's detach.
#[derive(Debug)]
pub(super) enum Link {
    /// The peer sends to us.
    Incoming(IncomingLink),
    /// We send replies to the peer.
    Outgoing(OutgoingLink),
    /// We send an entity's messages to the peer.
    Receiver(Box<ReceiverLink>),
    /// We have detached it; what still arrives for it is dropped.
    Detached,
}

#[derive(Debug)]
pub(super) struct IncomingLink {
    pub(super) node: Node,
    /// Messages the peer may still send.
    pub(super) credit: u32,
    /// Messages that came, after the number the peer began with.
    pub(super) delivery_count: u32,
    /// The largest message in bytes.
    pub(super) message_bytes_max: usize,
    /// When it was attached, or a message last came on it.
    pub(super) used: Instant,
    /// The message whose frames are coming in.
    pub(super) partial: Option<Partial>,
}

/// A message of which some frames have come.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) delivery_id: u32,
    pub(super) format: u32,
    pub(super) settled: bool,
    /// What has come, also of a message that is too large to be kept.
    pub(super) bytes: usize,
    pub(super) payload: BytesMut,
}

#[derive(Debug)]
pub(super) struct OutgoingLink {
    pub(super) node: Node,
    pub(super) name: String,
    /// The address requests name to get their replies here.
    pub(super) reply_address: Option<String>,
    /// Whether the peer wants messages settled already.
    pub(super) settled: bool,
    pub(super) credit: u32,
    pub(super) delivery_count: u32,
    pub(super) queue: VecDeque<Bytes>,
    /// The bytes of `queue`.
    pub(super) queued_bytes: usize,
}

/// A link by which the peer receives.
#[derive(Debug)]
pub(super) struct ReceiverLink {
    /// Distinguishes the links that have had the same handle.
    pub(super) serial: u64,
    pub(super) node: Node,
    pub(super) entity: String,
    /// Whether a message is gone when it is sent, so that there is nothing to settle.
    pub(super) deletes: bool,
    /// The session that the peer holds by this link.
    pub(super) session: Option<SessionKey>,
    /// The answer to the peer's attach, while a session is waited for.
    pub(super) attach: Option<Vec<Value>>,
    pub(super) credit: u32,
    pub(super) delivery_count: u32,
    /// The peer wants what is there now and then its credit back.
    pub(super) drain: bool,
    /// Locked for the peer, and not sent yet.
    pub(super) ready: VecDeque<Delivery>,
    /// What has been asked of the broker.
    pub(super) pull: Option<Pull>,
}

/// Messages that the broker has been asked for.
#[derive(Debug)]
pub(super) struct Pull {
    pub(super) max: u32,
    pub(super) waits: bool,
    pub(super) cancel: CancellationToken,
}

impl Drop for Pull {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// How many messages a peer still takes that has seen `seen` of `sent` and takes `credit` more from there.
pub(super) fn remaining_credit(seen: u32, credit: u32, sent: u32) -> u32 {
    credit.saturating_sub(sent.wrapping_sub(seen))
}

impl OutgoingLink {
    /// Whether requests that ask for replies at `address` mean this link.
    pub(super) fn is_called(&self, address: &str) -> bool {
        self.name == address || self.reply_address.as_deref() == Some(address)
    }
}
