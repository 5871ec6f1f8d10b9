//! `inventory clients` and `inventory users`

use crate::{
    ALL_WELL,
    args::{Clients, Users},
    database,
    failure::Failure,
    output::Output,
};
use inventory_app::{
    App, Begun, Call, Error, Page, Reply, Work,
    identity::accounts::{self, create_client, create_user, generated_password, rotate},
};
use inventory_domain::account::{Account, AccountChanges, AccountKind, NewClient, NewUser, Rotation, Secret};
use serde::Serialize;
use std::io::Read as _;

/// Bytes that are read of a password at most.
const PASSWORD_BYTES_MAX: u64 = 4_096;

pub(crate) async fn clients(url: Option<&str>, command: &Clients, output: Output) -> Result<u8, Failure> {
    let app = database::open(url).await?;
    let code = match command {
        Clients::Add { name, role } => {
            let new = NewClient {
                name: name.clone(),
                role: *role,
            };
            let mut work = begin(&app, "clients_create").await?;
            let (client, secret) = create_client(&mut work, &new).await?;
            finish(work).await?;
            with_secret(client, &secret, output)
        }
        Clients::Rotate { name, overlap_hours } => {
            let client = accounts::named(&app, AccountKind::Client, name).await?;
            let rotation = Rotation {
                overlap_hours: *overlap_hours,
            };
            let mut work = begin(&app, "clients_rotate").await?;
            let (client, secret) = rotate(&mut work, client.id, None, &rotation).await?;
            finish(work).await?;
            with_secret(client, &secret, output)
        }
        Clients::List => list(&app, AccountKind::Client, output).await,
        Clients::Disable { name } => enable(&app, AccountKind::Client, name, false, output).await,
        Clients::Enable { name } => enable(&app, AccountKind::Client, name, true, output).await,
    };
    app.shutdown().await;
    code
}

pub(crate) async fn users(url: Option<&str>, command: &Users, output: Output) -> Result<u8, Failure> {
    let app = database::open(url).await?;
    let code = match command {
        Users::Add {
            name,
            role,
            password_stdin,
        } => {
            let (password, is_ours) = password(*password_stdin)?;
            let new = NewUser {
                name: name.clone(),
                role: *role,
                password: password.clone(),
            };
            let mut work = begin(&app, "users_create").await?;
            let user = create_user(&mut work, &new).await?;
            finish(work).await?;
            with_password(user, &password, is_ours, output)
        }
        Users::Password { name, password_stdin } => {
            let (password, is_ours) = password(*password_stdin)?;
            let changes = AccountChanges {
                password: Some(password.clone()),
                ..AccountChanges::default()
            };
            let user = change(&app, AccountKind::User, name, &changes).await?;
            with_password(user, &password, is_ours, output)
        }
        Users::List => list(&app, AccountKind::User, output).await,
        Users::Disable { name } => enable(&app, AccountKind::User, name, false, output).await,
        Users::Enable { name } => enable(&app, AccountKind::User, name, true, output).await,
    };
    app.shutdown().await;
    code
}

/// The password on standard input, without the line's end, else one that we make; and whether we did.
fn password(is_on_stdin: bool) -> Result<(Secret, bool), Failure> {
    if !is_on_stdin {
        return Ok((generated_password()?, true));
    }
    let mut text = String::new();
    std::io::stdin()
        .take(PASSWORD_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::Input(format!("standard input: {error}")))?;
    let text = text.trim_end_matches(['\r', '\n']);
    Ok((text.to_owned().into(), false))
}

async fn list(app: &App, kind: AccountKind, output: Output) -> Result<u8, Failure> {
    let mut found: Vec<Account> = Vec::new();
    loop {
        let limit = inventory_domain::limits::PAGE_LIMIT_MAX;
        let more = accounts::list(app, kind, Page::new(found.len() as i64, limit)).await?;
        let is_last = (more.len() as i64) < limit;
        found.extend(more);
        if is_last {
            break;
        }
    }
    output.result(&found, || {
        if found.is_empty() {
            return format!("no {kind}s");
        }
        found.iter().map(|account| line(account) + "\n").collect()
    })?;
    Ok(ALL_WELL)
}

fn line(account: &Account) -> String {
    let disabled = if account.enabled { "" } else { "  disabled" };
    let Account { id, name, role, .. } = account;
    format!("{id:>6}  {name:<30}  {role}{disabled}")
}

async fn change(app: &App, kind: AccountKind, name: &str, changes: &AccountChanges) -> Result<Account, Failure> {
    let account = accounts::named(app, kind, name).await?;
    let operation = match kind {
        AccountKind::Client => "clients_update",
        AccountKind::User => "users_update",
    };
    let mut work = begin(app, operation).await?;
    let account = accounts::update(&mut work, kind, account.id, None, changes).await?;
    finish(work).await?;
    Ok(account)
}

async fn enable(app: &App, kind: AccountKind, name: &str, enabled: bool, output: Output) -> Result<u8, Failure> {
    let changes = AccountChanges {
        enabled: Some(enabled),
        ..AccountChanges::default()
    };
    let account = change(app, kind, name, &changes).await?;
    output.result(&account, || line(&account))?;
    Ok(ALL_WELL)
}

#[derive(Serialize)]
struct WithSecret<'a> {
    account: Account,
    secret: Option<&'a str>,
}

fn with_secret(account: Account, secret: &Secret, output: Output) -> Result<u8, Failure> {
    let answer = WithSecret {
        account,
        secret: Some(secret.expose()),
    };
    output.result(&answer, || {
        let Account { name, role, .. } = &answer.account;
        format!(
            "client_id     {name}\nclient_secret {}\nrole          {role}",
            secret.expose()
        )
    })?;
    Output::note("the secret is shown this once and kept nowhere");
    Ok(ALL_WELL)
}

fn with_password(account: Account, password: &Secret, is_ours: bool, output: Output) -> Result<u8, Failure> {
    let answer = WithSecret {
        account,
        secret: is_ours.then(|| password.expose()),
    };
    output.result(&answer, || {
        let Account { name, role, .. } = &answer.account;
        let password = answer
            .secret
            .map(|secret| format!("\npassword {secret}"))
            .unwrap_or_default();
        format!("username {name}\nrole     {role}{password}")
    })?;
    if is_ours {
        Output::note("the password is shown this once and kept nowhere");
    }
    Ok(ALL_WELL)
}

async fn begin(app: &App, operation: &'static str) -> Result<Work, Error> {
    let caller = database::caller();
    let call = Call {
        operation,
        actor: caller.actor,
        address: None,
        trace: None,
        request_id: caller.request_id,
        idempotency: None,
    };
    match app.begin(call).await? {
        Begun::Work(work) => Ok(work),
        // Only a key has something to replay.
        Begun::Replay(_) => Err(Error::Internal),
    }
}

async fn finish(work: Work) -> Result<(), Error> {
    let nobody_asks_again = Reply {
        code: 0,
        location: None,
        version: None,
        body: String::new(),
    };
    work.commit(nobody_asks_again).await.map(drop)
}
