//! Accounts: the programs (clients) and people (users) who may sign in, and API keys.

use crate::{Check, Refusal, Role, Timestamp, limits};
use serde::{Deserialize, Serialize};
use std::fmt;

words! {
    /// What signs in.
    pub enum AccountKind {
        /// A program, with secrets that we make.
        Client = "client",
        /// A person, with a password.
        User = "user",
    }
}

/// A secret that came from outside: shown by [`Secret::expose`] only.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A client or a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Account {
    /// Positive, given by us.
    pub id: i64,
    /// What signs in.
    pub kind: AccountKind,
    /// Unique among its kind: the `client_id` or `username` of a sign-in.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in and its tokens are good.
    pub enabled: bool,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Account {
    /// The name that audit rows carry.
    pub fn actor(&self) -> String {
        actor(self.kind, &self.name)
    }
}

/// The name that audit rows carry of an account.
pub fn actor(kind: AccountKind, name: &str) -> String {
    format!("{kind}:{name}")
}

/// What it takes to create a client.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// Unique: small letters, digits, `-`, `_` and `.`, at most 64.
    pub name: String,
    /// What it may do; `public` is no role to give.
    pub role: Role,
}

/// What it takes to create a user.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Unique: small letters, digits, `-`, `_`, `.` and `@`, at most 64.
    pub name: String,
    /// What the user may do; `public` is no role to give.
    pub role: Role,
    /// 12 to 128 characters.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub password: Secret,
}

/// Changes to an account: a member that is absent stays as it is. All tokens are void after a new password and when asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountChanges {
    /// A new role.
    #[serde(default)]
    pub role: Option<Role>,
    /// Whether it may sign in and its tokens are good.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// A new password; for users only.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub password: Option<Secret>,
    /// `true`: tokens given so far are void.
    #[serde(default)]
    pub revoke_tokens: bool,
}

/// How a client's secret is changed.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// For so long the former secret is good too, 0 to 720 hours; 24 where absent. With 0, tokens given so far are void.
    #[serde(default = "Rotation::overlap_default")]
    pub overlap_hours: i64,
}

impl Rotation {
    const fn overlap_default() -> i64 {
        24
    }

    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.range(
            "/overlap_hours",
            self.overlap_hours,
            0,
            limits::SECRET_OVERLAP_HOURS_MAX,
        );
        check.finish()
    }
}

/// Checks the name and role of a new account.
fn check_account(check: &mut Check, name: &str, role: Role) {
    check.text("/name", name, limits::ACCOUNT_NAME_CHARS_MAX);
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.@".contains(c);
    if !name.chars().all(is_plain) {
        check.fail(
            "/name",
            "not_a_name",
            "may have small letters, digits, -, _, . and @ only",
        );
    }
    check_role(check, role);
}

fn check_role(check: &mut Check, role: Role) {
    if role == Role::Public {
        check.fail("/role", "unknown_word", "must be one of viewer, clerk, manager, admin");
    }
}

fn check_password(check: &mut Check, password: &Secret) {
    let chars = password.expose().chars().count();
    if !(limits::PASSWORD_CHARS_MIN..=limits::PASSWORD_CHARS_MAX).contains(&chars) {
        check.fail("/password", "length", "must have 12 to 128 characters");
    }
}

impl NewClient {
    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check_account(&mut check, &self.name, self.role);
        check.finish()
    }
}

impl NewUser {
    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check_account(&mut check, &self.name, self.role);
        check_password(&mut check, &self.password);
        check.finish()
    }
}

impl AccountChanges {
    /// The account with these changes, or why they are refused. Version and times stay as they are.
    pub fn apply(&self, account: &Account) -> Result<Account, Refusal> {
        let mut check = Check::new();
        if let Some(role) = self.role {
            check_role(&mut check, role);
        }
        if let Some(password) = &self.password {
            check_password(&mut check, password);
            if account.kind == AccountKind::Client {
                check.fail(
                    "/password",
                    "not_for_clients",
                    "a client has secrets that we make: rotate it",
                );
            }
        }
        check.finish()?;
        Ok(Account {
            role: self.role.unwrap_or(account.role),
            enabled: self.enabled.unwrap_or(account.enabled),
            ..account.clone()
        })
    }
}

/// An API key, without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// Positive, given by us.
    pub id: i64,
    /// For people; unique among keys that are not revoked.
    pub name: String,
    /// The beginning of the key, by which it is known.
    pub prefix: String,
    /// What its holder may do.
    pub role: Role,
    /// Who made it.
    pub created_by: String,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// After this it is no good.
    pub expires_at: Timestamp,
    /// About when it was last used, to some minutes.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// The name that audit rows carry.
    pub fn actor(&self) -> String {
        format!("key:{}", self.prefix)
    }

    /// Whether it is good at this time.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// What it takes to make an API key.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// For people, at most 200 characters.
    pub name: String,
    /// What its holder may do; `public` is no role to give.
    pub role: Role,
    /// For so long it is good, 1 to 730 days; 90 where absent.
    #[serde(default = "NewApiKey::days_default")]
    pub expires_in_days: i64,
}

impl NewApiKey {
    const fn days_default() -> i64 {
        90
    }

    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.text("/name", &self.name, limits::NAME_CHARS_MAX);
        check_role(&mut check, self.role);
        check.range("/expires_in_days", self.expires_in_days, 1, limits::API_KEY_DAYS_MAX);
        check.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(result: Result<(), Refusal>) -> Vec<(String, &'static str)> {
        match result {
            Err(Refusal::Invalid(found)) => found.into_iter().map(|one| (one.pointer, one.code)).collect(),
            _ => Vec::new(),
        }
    }

    fn user(name: &str, role: Role, password: &str) -> NewUser {
        NewUser {
            name: name.to_owned(),
            role,
            password: password.to_owned().into(),
        }
    }

    #[test]
    fn names_roles_and_passwords_have_rules() {
        assert!(
            user("mary@example.org", Role::Clerk, "correct horse battery")
                .validate()
                .is_ok()
        );
        let found = codes(user("Mary Smith", Role::Public, "short").validate());
        let expected = [
            ("/name", "not_a_name"),
            ("/role", "unknown_word"),
            ("/password", "length"),
        ];
        assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
        assert_eq!(codes(user("", Role::Clerk, &"x".repeat(129)).validate()).len(), 2);
        assert!(codes(user("a:b", Role::Clerk, "correct horse battery").validate()).len() == 1);
    }

    #[test]
    fn a_client_has_no_password() {
        let account = Account {
            id: 1,
            kind: AccountKind::Client,
            name: "shop".to_owned(),
            role: Role::Clerk,
            enabled: true,
            version: 1,
            created_at: Timestamp::from_micros(0),
            updated_at: Timestamp::from_micros(0),
        };
        let changes = AccountChanges {
            password: Some("correct horse battery".to_owned().into()),
            ..AccountChanges::default()
        };
        assert_eq!(codes(changes.apply(&account).map(drop))[0].1, "not_for_clients");
        let changes = AccountChanges {
            role: Some(Role::Viewer),
            ..AccountChanges::default()
        };
        assert_eq!(changes.apply(&account).unwrap().role, Role::Viewer);
    }

    #[test]
    fn nothing_shows_a_password() {
        let shown = format!("{:?}", user("mary", Role::Clerk, "correct horse battery"));
        assert!(!shown.contains("horse"), "{shown}");
    }
}
