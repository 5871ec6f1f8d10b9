//! Who asks, and what they may do: accounts, tokens, API keys.

pub mod accounts;
mod authenticator;
mod entra;
pub(crate) mod keys;
mod lock;
mod secrets;
mod sign_in;
mod token;

pub use authenticator::{Authenticator, Credentials, Denied};
pub use jsonwebtoken::jwk::JwkSet;
pub use sign_in::{Issued, NotSignedIn, Revocation, SignIn, SignedIn, issue, issue_at, revoke, sign_in, sign_in_at};

use inventory_domain::Role;
use std::sync::Arc;

/// Who asks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Identity {
    actor: Actor,
    role: Role,
}

#[derive(Clone, Debug)]
enum Actor {
    /// Nobody that is known.
    Anonymous,
    /// A part of the program (a timer, a queue), by its function's name.
    Program(&'static str),
    /// A principal, as its kind and name (`client:backoffice`, `user:mary`, `key:scanner`).
    Principal(Arc<str>),
}

/// The name of who is not known.
const ANONYMOUS: &str = "anonymous";

impl Identity {
    /// Somebody who is not known and may do as much as `role`.
    pub const fn anonymous(role: Role) -> Self {
        Self {
            actor: Actor::Anonymous,
            role,
        }
    }

    /// A part of the program, which may do everything.
    pub const fn program(name: &'static str) -> Self {
        Self {
            actor: Actor::Program(name),
            role: Role::Admin,
        }
    }

    /// A known principal, by its kind and name (`client:backoffice`).
    pub fn principal_of(name: impl Into<Arc<str>>, role: Role) -> Self {
        Self {
            actor: Actor::Principal(name.into()),
            role,
        }
    }

    /// The name that audit rows carry.
    pub fn actor(&self) -> &str {
        match &self.actor {
            Actor::Anonymous => ANONYMOUS,
            Actor::Program(name) => name,
            Actor::Principal(name) => name,
        }
    }

    /// The principal, the same for as long as it exists; `None` for who is not known and for parts of the program.
    pub fn principal(&self) -> Option<&str> {
        match &self.actor {
            Actor::Principal(name) => Some(name),
            _ => None,
        }
    }

    /// What it may do.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether it may do what takes at least `role`.
    pub fn may(&self, role: Role) -> bool {
        self.role >= role
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_do_what_smaller_ones_may() {
        let clerk = Identity::principal_of("user:mary", Role::Clerk);
        let may: Vec<_> = Role::ALL.iter().filter(|role| clerk.may(**role)).collect();
        assert_eq!(may, [&Role::Public, &Role::Viewer, &Role::Clerk]);
        assert_eq!((clerk.actor(), clerk.principal()), ("user:mary", Some("user:mary")));
        assert_eq!(Identity::program("stock_sweep").principal(), None);
        assert_eq!(Identity::anonymous(Role::Public).actor(), ANONYMOUS);
    }
}
