//! Signing in: a name and a secret become a token.

use super::{
    Denied,
    keys::hex,
    lock, secrets,
    token::{self, Parties, Subject},
};
use crate::{App, Error, clock};
use inventory_domain::{
    Role, Timestamp,
    account::{AccountKind, Secret, actor},
    limits,
};
use inventory_store::{accounts, sign_in as store};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use uuid::Uuid;

/// A secret longer than this is none of ours and no password.
const SECRET_BYTES_MAX: usize = 1_024;

/// Somebody who wants to sign in.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// A client or a user.
    pub kind: AccountKind,
    /// Its name.
    pub name: String,
    /// Its secret or password.
    pub secret: Secret,
    /// From where it asks, where that is known.
    pub address: Option<IpAddr>,
}

/// Why somebody is not signed in.
#[derive(Debug)]
pub enum NotSignedIn {
    /// Name or secret are wrong, or the account is disabled: which of them is not said.
    Refused,
    /// Too many failures under this name or from this address.
    Locked {
        /// Seconds until the next attempt.
        seconds: u16,
    },
    /// A wider role was asked for than the account has.
    ScopeTooWide,
    /// There is no key to sign tokens with: tokens come from elsewhere.
    NoKeys,
    /// Something else.
    Error(Error),
}

impl<E: Into<Error>> From<E> for NotSignedIn {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// A token that was given.
#[derive(Clone, Debug, Serialize)]
pub struct Issued {
    /// The token.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// For how many seconds it is good.
    pub expires_in: u64,
    /// The role it allows.
    pub scope: Role,
}

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    kind: AccountKind,
    name: String,
    account: accounts::Credentials,
}

/// Holds a name and secret against the database. Failures are counted by name and by address, and after some of them the
/// next attempt must wait, whether the name exists or not.
///
/// # Errors
/// Says why not.
pub async fn sign_in(app: &App, who: SignIn) -> Result<SignedIn, NotSignedIn> {
    sign_in_at(app, who, clock()).await
}

/// As [`sign_in`], at a given time.
///
/// # Errors
/// Says why not.
pub async fn sign_in_at(app: &App, who: SignIn, now: Timestamp) -> Result<SignedIn, NotSignedIn> {
    if who.name.chars().count() > limits::ACCOUNT_NAME_CHARS_MAX || who.secret.expose().len() > SECRET_BYTES_MAX {
        return Err(NotSignedIn::Refused);
    }
    let by_name = subject(&actor(who.kind, &who.name));
    let by_address = who
        .address
        .map(|address| subject(&format!("address:{}", network(address))));
    let mut subjects = vec![by_name.as_str()];
    subjects.extend(by_address.as_deref());
    // Held until a failure is counted: attempts that are made at once cannot outrun the count by more than the slots.
    let slot = app.identity().hashing().slot().await?;
    let failures = store::failures(app.store(), &subjects).await?;
    let until = failures.iter().map(|failures| {
        let counted = if failures.subject == by_name {
            lock::Counted::Name
        } else {
            lock::Counted::Address
        };
        lock::until(failures, counted)
    });
    if let Some(until) = until.max().filter(|until| *until > now) {
        // Rounded up: who comes back then is not told to wait once more.
        let seconds = (until.micros() - now.micros() + 999_999) / 1_000_000;
        return Err(NotSignedIn::Locked {
            seconds: u16::try_from(seconds).unwrap_or(u16::MAX),
        });
    }
    let hint = match who.kind {
        AccountKind::Client => secrets::hint(&who.secret),
        AccountKind::User => "",
    };
    // PostgreSQL has no NUL in a text, and so no name has one.
    let account = if who.name.contains('\0') || hint.contains('\0') {
        None
    } else {
        accounts::credentials(app.store(), who.kind, &who.name, hint, now).await?
    };
    let hash = account.as_ref().and_then(|account| account.hash.clone());
    let is_right = slot.verify(&who.secret, hash).await?;
    let Some(account) = account.filter(|account| is_right && account.enabled) else {
        let forgotten = now.plus_seconds(-lock::FORGOTTEN_SECONDS);
        store::failed(app.store(), &subjects, now, forgotten).await?;
        tracing::warn!(kind = %who.kind, "somebody failed to sign in");
        return Err(NotSignedIn::Refused);
    };
    // The address keeps its failures: else one good account would be a way to try others from it for ever.
    if failures.iter().any(|failures| failures.subject == by_name) {
        store::succeeded(app.store(), &by_name).await?;
    }
    Ok(SignedIn {
        kind: who.kind,
        name: who.name,
        account,
    })
}

/// Names and addresses are personal data: only hashes of them are kept.
fn subject(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// An IPv6 client has a whole /64 of addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Gives who has signed in a token for its role, or for the smaller one that it asks for.
///
/// # Errors
/// When it asks for a wider role, or there is no key to sign with.
pub fn issue(app: &App, who: &SignedIn, scope: Option<Role>) -> Result<Issued, NotSignedIn> {
    issue_at(app, who, scope, clock())
}

/// As [`issue`], at a given time.
///
/// # Errors
/// As [`issue`].
pub fn issue_at(app: &App, who: &SignedIn, scope: Option<Role>, now: Timestamp) -> Result<Issued, NotSignedIn> {
    let role = scope.unwrap_or(who.account.role);
    if role > who.account.role {
        return Err(NotSignedIn::ScopeTooWide);
    }
    let settings = &app.settings().identity;
    let subject = Subject {
        actor: actor(who.kind, &who.name),
        role,
        account: who.account.account_id,
        generation: who.account.generation,
    };
    let parties = Parties {
        issuer: &settings.issuer,
        audience: &settings.audience,
    };
    let keys = app.identity().keys();
    let access_token =
        token::issue(&keys, parties, subject, now, settings.token_lifetime).ok_or(NotSignedIn::NoKeys)?;
    Ok(Issued {
        access_token,
        token_type: "Bearer",
        expires_in: settings.token_lifetime.as_secs(),
        scope: role,
    })
}

/// Whether `who` may make a token void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// It is void now, or was no good token anyway.
    Done,
    /// It is a client's, and that client has to sign in for it.
    NeedsClient,
    /// It is another client's.
    NotYours,
}

/// Makes a token void before it expires (RFC 7009). A user's is void for whoever holds it; a client's for that client alone.
///
/// # Errors
/// When the database is away.
pub async fn revoke(app: &App, token: &str, client: Option<&SignedIn>, request_id: &str) -> Result<Revocation, Error> {
    let now = clock();
    let claims = match app.identity().own_token(token) {
        Ok(claims) if claims.check_times(now).is_ok() => claims,
        Ok(_) | Err(Denied::Invalid(_) | Denied::Missing) => return Ok(Revocation::Done),
        Err(Denied::Unavailable) => return Err(Error::Unavailable),
    };
    let is_clients = claims.sub.starts_with("client:");
    match client {
        None if is_clients => return Ok(Revocation::NeedsClient),
        Some(client) if is_clients && client.account.account_id != claims.account => return Ok(Revocation::NotYours),
        _ => {}
    }
    let mut tx = app.store().begin(crate::Caller::new(claims.sub.clone(), request_id));
    let token = accounts::RevokedToken {
        token_id: claims.jti,
        account_id: claims.account,
        // The clocks of all verifiers must be past it.
        expires_at: Timestamp::from_micros((claims.exp + 2 * token::SKEW_SECONDS).saturating_mul(1_000_000)),
    };
    accounts::revoke(&mut tx, token).await?;
    tx.commit().await?;
    Ok(Revocation::Done)
}

/// Whether a token id is among those that are void.
pub(super) fn is_revoked(state: &accounts::TokenState, id: Uuid) -> bool {
    state.revoked.contains(&id)
}
