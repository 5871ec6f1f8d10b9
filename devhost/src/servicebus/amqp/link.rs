//! The links of a session.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::node::Node;

/// How many messages a sender may have under way; given again when half of it is used.
pub(super) const CREDIT: u32 = 2_000;

/// A link, from its attach to the peer's detach.
#[derive(Debug)]
pub(super) enum Link {
    /// The peer sends to us.
    Incoming(IncomingLink),
    /// We send to the peer: replies only.
    Outgoing(OutgoingLink),
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
}

impl OutgoingLink {
    /// Whether requests that ask for replies at `address` mean this link.
    pub(super) fn is_called(&self, address: &str) -> bool {
        self.name == address || self.reply_address.as_deref() == Some(address)
    }
}
