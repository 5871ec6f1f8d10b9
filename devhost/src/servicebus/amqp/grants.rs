//! What the tokens of a connection allow.

use std::collections::HashMap;

use time::OffsetDateTime;

use super::node::{Node, path};
use crate::servicebus::Access;

/// Which resources a connection has put tokens for, and until when they are good.
#[derive(Debug)]
pub(super) struct Grants {
    access: Access,
    until: HashMap<String, OffsetDateTime>,
}

impl Grants {
    pub(super) fn new(access: Access) -> Self {
        Self {
            access,
            until: HashMap::new(),
        }
    }

    /// Takes a token, or says why not.
    pub(super) fn put(&mut self, resource: &str, kind: &str, token: &str) -> Result<(), String> {
        if let Some(until) = self.access.check(resource, kind, token)? {
            self.until.insert(path(resource).to_ascii_lowercase(), until);
        }
        Ok(())
    }

    /// Whether there is a good token for this node: one for its entity, or for the whole namespace.
    pub(super) fn allow(&self, node: &Node) -> bool {
        let Some(entity) = node.entity() else { return true };
        if self.access.is_open() {
            return true;
        }
        let now = OffsetDateTime::now_utc();
        let is_good = |resource: &str| self.until.get(resource).is_some_and(|until| *until > now);
        is_good(&entity.to_ascii_lowercase()) || is_good("")
    }
}
