//! A customer is erased: what says who it was goes, everything else stays.
//!
//! Orders, movements, events and the audit trail know the customer's id only, so that the ledger and all history are untouched.
//! The reference itself is in the customer's row; in the answers to orders, kept for repeated requests; and in messages that
//! producers wrote, parked or on their way to the queue once more. All of it is blanked in one transaction, which may be
//! repeated: what is blank already is found no more.

use crate::{
    StoreError, Tx,
    db::{FromRow, Reader, Run as _, Sql, Store, json},
    file_jobs,
    filter::Filter,
    paging::{Column, Page, Sorting},
};
use inventory_domain::{
    Refusal,
    customer::{self, Customer, subject},
    event::EventType,
};
use serde::Serialize;
use serde_json::Value;

/// Rows looked at with one statement: bodies are up to 1 MiB.
const BATCH: i64 = 32;
/// How deep JSON is looked into for JSON that is text in it, as events in messages are.
const NESTING_MAX: usize = 4;
/// What takes the place of a message.
const BLANK: &str = r#"{"erased":true}"#;

const SELECT: &str = "SELECT id, reference, created_at, erased_at FROM customers";

impl FromRow for Customer {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        let (id, reference, created_at, erased_at) = (row.int()?, row.text()?, row.time()?, row.time_opt()?);
        Ok(Self {
            id,
            reference,
            created_at,
            erased_at,
            version: 1 + i64::from(erased_at.is_some()),
        })
    }
}

/// What customers may be sorted by.
pub static SORTING: Sorting = Sorting::new("id", &[Column::int("id", "id"), Column::text("reference", "reference")]);

/// Which customers.
#[derive(Clone, Debug, Default)]
pub struct CustomerFilter {
    /// With this reference.
    pub reference: Option<String>,
    /// Whether they were erased.
    pub erased: Option<bool>,
}

impl CustomerFilter {
    fn conditions(&self) -> Filter<'_> {
        let mut filter = Filter::new();
        filter.opt("reference = ?", self.reference.as_ref());
        match self.erased {
            Some(true) => filter.fixed("erased_at IS NOT NULL"),
            Some(false) => filter.fixed("erased_at IS NULL"),
            None => {}
        }
        filter
    }
}

/// A page of customers.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, filter: &CustomerFilter, page: Page) -> Result<Vec<Customer>, StoreError> {
    let (sql, args) = filter.conditions().page(SELECT, &SORTING, page);
    store.all(sql, &args).await
}

/// How many customers.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, filter: &CustomerFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.conditions().count("customers");
    store.one(sql, &args).await
}

/// One customer.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: i64) -> Result<Customer, StoreError> {
    let sql = Sql::interned(format!("{SELECT} WHERE id = $1"));
    Ok(store
        .first(sql, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("customer", id))?)
}

/// What the audit trail and others are told of an erasure: nothing that says who it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// The customer's id, which stays.
    pub customer_id: i64,
    /// Answers kept for repeated requests that were blanked.
    pub replies: usize,
    /// Parked messages that were blanked; they cannot be sent again.
    pub parked: usize,
    /// Messages on their way to the queue once more that were blanked.
    pub queued: usize,
    /// Exports of orders whose files are deleted, or written anew.
    pub exports: u64,
}

/// Erases a customer. One that was erased before stays as it is.
///
/// # Errors
/// When there is no customer with this id.
pub async fn erase(tx: &mut Tx, id: i64) -> Result<Customer, StoreError> {
    static ERASE: Sql = Sql::new("UPDATE customers SET reference = $2, erased_at = $3 WHERE id = $1");
    let lock = Sql::interned(format!("{SELECT} WHERE id = $1 {{lock}}"));
    // Waits for orders of the customer that are being written; from here on others find no such reference.
    let mut customer: Customer = tx
        .first(lock, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("customer", id))?;
    if customer.erased_at.is_some() {
        return Ok(customer);
    }
    let reference = std::mem::replace(&mut customer.reference, customer::erased_reference(id));
    let now = tx.now();
    tx.execute(&ERASE, &[id.into(), (&customer.reference).into(), now.into()])
        .await?;
    customer.erased_at = Some(now);
    customer.version += 1;
    let erased = Erased {
        customer_id: id,
        replies: blank_replies(tx, &reference, &customer.reference).await?,
        parked: blank_parked(tx, &reference).await?,
        queued: blank_queued(tx, &reference).await?,
        exports: file_jobs::erase_exports(tx).await?,
    };
    tx.audit("customers_erase", subject(id), None, Some(&erased))?;
    tx.event(EventType::CustomerErased, subject(id), &erased)?;
    Ok(customer)
}

struct KeptReply {
    scope: String,
    key: String,
    reply: String,
}

impl FromRow for KeptReply {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            scope: row.text()?,
            key: row.text()?,
            reply: row.text()?,
        })
    }
}

#[derive(Serialize)]
struct BlankReply {
    scope: String,
    key: String,
    reply: String,
}

/// A request that is repeated is still answered as it was, but for the reference.
async fn blank_replies(tx: &mut Tx, reference: &str, blank: &str) -> Result<usize, StoreError> {
    static FIND: Sql = Sql::new(
        "SELECT scope, key, reply FROM idempotency_keys WHERE reply LIKE $1 ESCAPE '!' AND (scope, key) > ($2, $3)
         ORDER BY scope, key LIMIT $4",
    );
    static KEEP: Sql = Sql::new(
        "UPDATE idempotency_keys AS k SET reply = r.reply FROM {rows $1 r: scope TEXT, key TEXT, reply TEXT}
         WHERE k.scope = r.scope AND k.key = r.key",
    );
    let pattern = pattern_of_reply(reference)?;
    let (mut scope, mut key, mut blanked) = (String::new(), String::new(), 0);
    loop {
        let args = [(&pattern).into(), (&scope).into(), (&key).into(), BATCH.into()];
        let found: Vec<KeptReply> = tx.all(&FIND, &args).await?;
        let is_last = found.len() < BATCH as usize;
        let mut rows = Vec::with_capacity(found.len());
        for kept in found {
            scope.clone_from(&kept.scope);
            key.clone_from(&kept.key);
            if let Ok(mut reply) = serde_json::from_str(&kept.reply)
                && replace(&mut reply, reference, blank, NESTING_MAX)
            {
                rows.push(BlankReply {
                    scope: kept.scope,
                    key: kept.key,
                    reply: reply.to_string(),
                });
            }
        }
        if !rows.is_empty() {
            blanked += rows.len();
            tx.execute(&KEEP, &[(&json(&rows)?).into()]).await?;
        }
        if is_last {
            return Ok(blanked);
        }
    }
}

/// What a reply that holds the reference is like: JSON in JSON.
fn pattern_of_reply(reference: &str) -> Result<String, StoreError> {
    let quoted = json(reference)?;
    let twice = json(&quoted[1..quoted.len() - 1])?;
    let inner = &twice[1..twice.len() - 1];
    let mut pattern = "%".to_owned();
    for c in inner.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    Ok(pattern)
}

struct KeptMessage {
    id: i64,
    message_id: String,
    detail: String,
    body: String,
}

impl FromRow for KeptMessage {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            message_id: row.text()?,
            detail: row.text()?,
            body: row.text()?,
        })
    }
}

#[derive(Serialize)]
struct BlankMessage {
    id: i64,
    message_id: String,
    detail: String,
    body_hash: String,
}

/// Reads every parked message: a producer may have written the reference in more ways than a search could know.
async fn blank_parked(tx: &mut Tx, reference: &str) -> Result<usize, StoreError> {
    static READ: Sql =
        Sql::new("SELECT id, message_id, detail, body FROM parked_messages WHERE id > $1 ORDER BY id LIMIT $2");
    static BLANKED: Sql = Sql::new(
        "UPDATE parked_messages AS p SET message_id = r.message_id, detail = r.detail, body = $2, body_hash = r.body_hash,
                truncated = 1, version = p.version + 1
         FROM {rows $1 r: id BIGINT, message_id TEXT, detail TEXT, body_hash TEXT} WHERE p.id = r.id",
    );
    let (mut after, mut blanked) = (0, 0);
    loop {
        let found: Vec<KeptMessage> = tx.all(&READ, &[after.into(), BATCH.into()]).await?;
        let Some(last) = found.last() else {
            return Ok(blanked);
        };
        after = last.id;
        let rows: Vec<_> = found
            .into_iter()
            .filter(|kept| mentions(&kept.body, reference) || has_word(&kept.detail, reference))
            .map(|kept| BlankMessage {
                id: kept.id,
                message_id: without(kept.message_id, reference),
                detail: without(kept.detail, reference),
                // Two that are blank are still two.
                body_hash: format!("erased-{}", kept.id),
            })
            .collect();
        if !rows.is_empty() {
            blanked += rows.len();
            tx.execute(&BLANKED, &[(&json(&rows)?).into(), BLANK.into()]).await?;
        }
    }
}

struct QueuedMessage {
    seq: i64,
    body: String,
}

impl FromRow for QueuedMessage {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.int()?,
            body: row.text()?,
        })
    }
}

#[derive(Serialize)]
struct BlankQueued {
    seq: i64,
}

/// Parked messages that are sent again are in the outbox as their producer wrote them. One that has not left yet is an order
/// that will not be placed.
async fn blank_queued(tx: &mut Tx, reference: &str) -> Result<usize, StoreError> {
    static READ: Sql = Sql::new(
        "SELECT seq, body FROM outbox WHERE type = 'inventory.message.resent' AND seq > $1 ORDER BY seq LIMIT $2",
    );
    static BLANKED: Sql = Sql::new("UPDATE outbox AS o SET body = $2 FROM {rows $1 r: seq BIGINT} WHERE o.seq = r.seq");
    let (mut after, mut blanked) = (0, 0);
    loop {
        let found: Vec<QueuedMessage> = tx.all(&READ, &[after.into(), BATCH.into()]).await?;
        let Some(last) = found.last() else {
            return Ok(blanked);
        };
        after = last.seq;
        let rows: Vec<_> = found
            .iter()
            .filter(|queued| mentions(&queued.body, reference))
            .map(|queued| BlankQueued { seq: queued.seq })
            .collect();
        if !rows.is_empty() {
            blanked += rows.len();
            tx.execute(&BLANKED, &[(&json(&rows)?).into(), BLANK.into()]).await?;
        }
    }
}

/// Whether a message names the reference: as a text of its own where it is JSON, as a word otherwise.
fn mentions(text: &str, reference: &str) -> bool {
    if let Ok(mut value) = serde_json::from_str::<Value>(text) {
        return replace(&mut value, reference, "", NESTING_MAX);
    }
    let escaped = json(reference).unwrap_or_default();
    has_word(text, reference) || has_word(text, escaped.trim_matches('"'))
}

/// Puts `new` where the reference is a text of its own; says whether it was anywhere.
fn replace(value: &mut Value, reference: &str, new: &str, nesting: usize) -> bool {
    match value {
        Value::String(text) if text == reference => {
            new.clone_into(text);
            true
        }
        Value::String(text) if nesting > 0 && text.starts_with(['{', '[']) => {
            let Ok(mut inner) = serde_json::from_str::<Value>(text) else {
                return false;
            };
            let is_there = replace(&mut inner, reference, new, nesting - 1);
            if is_there {
                *text = inner.to_string();
            }
            is_there
        }
        // All of them, also after the first that is found.
        Value::Array(items) => replace_all(items.iter_mut(), reference, new, nesting),
        Value::Object(members) => replace_all(members.values_mut(), reference, new, nesting),
        _ => false,
    }
}

fn replace_all<'a>(values: impl Iterator<Item = &'a mut Value>, reference: &str, new: &str, nesting: usize) -> bool {
    let mut is_there = false;
    for value in values {
        is_there |= replace(value, reference, new, nesting);
    }
    is_there
}

/// Whether the text has the reference with no letter or digit right before or after it.
fn has_word(text: &str, reference: &str) -> bool {
    !reference.is_empty()
        && text.match_indices(reference).any(|(at, found)| {
            let before = text[..at].chars().next_back();
            let after = text[at + found.len()..].chars().next();
            [before, after].into_iter().flatten().all(|c| !c.is_alphanumeric())
        })
}

fn without(text: String, reference: &str) -> String {
    if has_word(&text, reference) {
        "erased".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_by_their_customer_and_not_by_chance() {
        for (text, expected) in [
            (r#"{"customer":"C-1","lines":[]}"#, true),
            (r#"{"customer":"\u0043-1"}"#, true),
            (r#"{"specversion":"1.0","data":"{\"customer\":\"C-1\"}"}"#, true),
            (r#"[[["C-1"]]]"#, true),
            (r#"{"customer":"C-11"}"#, false),
            (r#"{"customer":"C-2","note":"as C-1"}"#, false),
            (r#"{"customer":"C-1","#, true),
            ("customer=C-1;", true),
            ("customer=C-11;", false),
            ("", false),
        ] {
            assert_eq!(mentions(text, "C-1"), expected, "{text}");
        }
        assert!(mentions("{\"customer\":\"a\\\"b\",", "a\"b"), "not whole, and escaped");
    }

    #[test]
    fn replies_keep_their_form() {
        let body = json(&serde_json::json!({ "customer": "C-1", "note": "C-1x" })).unwrap();
        let mut reply = serde_json::json!({ "code": 202, "body": body });
        assert!(replace(&mut reply, "C-1", "erased-7", 1));
        let body: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        assert_eq!(body, serde_json::json!({ "customer": "erased-7", "note": "C-1x" }));
    }

    #[test]
    fn the_pattern_is_what_is_stored() {
        assert_eq!(pattern_of_reply("C_1").unwrap(), "%C!_1%");
        assert_eq!(pattern_of_reply("a\"b").unwrap(), r#"%a\\\"b%"#);
    }
}
