//! One statement text for both engines.
//!
//! Where the engines differ, the text has a token in braces:
//!
//! | token | PostgreSQL | SQLite |
//! |---|---|---|
//! | `{rows $1 r: id UUID, n BIGINT}` | `json_to_recordset($1::json) AS r(id UUID, n BIGINT)` | a subselect over `json_each($1)` |
//! | `{lock}`, `{lock o}` | `FOR UPDATE`, `FOR UPDATE OF o` | nothing: a writing transaction has the whole database |
//! | `{free}` | `FOR UPDATE SKIP LOCKED`: the rows that nobody else has locked | nothing, for the same reason |
//! | `{share c}` | `FOR KEY SHARE OF c`: waits for who changes the row, then looks at it again | nothing, for the same reason |
//! | `{new outbox after deliveries}` | the rows that the write of that name in the same [`super::WriteSet`] has just inserted | the rows whose `seq` is beyond all in the other table, which gets a row for each of them |
//!
//! A batch travels as one JSON parameter, so that a statement's text and number do not grow with the batch.

use super::Engine;
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, OnceLock, PoisonError},
};

/// A statement, expanded for an engine when first used.
pub(crate) struct Sql {
    text: &'static str,
    expanded: [OnceLock<&'static str>; 2],
}

impl Sql {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self {
            text,
            expanded: [OnceLock::new(), OnceLock::new()],
        }
    }

    /// A statement whose text is put together at run time from texts of ours (filters of a list). Kept for ever, so only for
    /// a bounded number of texts.
    pub(crate) fn interned(text: String) -> &'static Self {
        static INTERNED: LazyLock<Mutex<HashMap<String, &'static Sql>>> = LazyLock::new(Mutex::default);
        let mut interned = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sql) = interned.get(&text) {
            return sql;
        }
        let sql: &'static Self = Box::leak(Box::new(Self::new(text.clone().leak())));
        interned.insert(text, sql);
        sql
    }

    /// The text for `engine`. Made once a program run and kept for ever: statements are statics.
    pub(crate) fn text(&self, engine: Engine) -> &'static str {
        self.expanded[engine as usize].get_or_init(|| expand(self.text, engine).leak())
    }
}

/// Replaces the tokens of `text`.
pub(super) fn expand(text: &str, engine: Engine) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else { break };
        out.push_str(&rest[..start]);
        let token = &rest[start + 1..start + length];
        let (word, argument) = token.split_once(' ').unwrap_or((token, ""));
        match (word, engine) {
            ("rows", _) => out.push_str(&rows(argument, engine)),
            ("lock", Engine::Postgres) if argument.is_empty() => out.push_str("FOR UPDATE"),
            ("lock", Engine::Postgres) => {
                out.push_str("FOR UPDATE OF ");
                out.push_str(argument);
            }
            ("share", Engine::Postgres) => {
                out.push_str("FOR KEY SHARE OF ");
                out.push_str(argument);
            }
            ("free", Engine::Postgres) => out.push_str("FOR UPDATE SKIP LOCKED"),
            ("lock" | "share" | "free", Engine::Sqlite) => {}
            ("new", _) => out.push_str(&new(argument, engine)),
            _ => unreachable!("unknown token {{{token}}} in a statement of ours"),
        }
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    out
}

fn new(argument: &str, engine: Engine) -> String {
    let (table, other) = argument.split_once(" after ").unwrap_or((argument, ""));
    match engine {
        Engine::Postgres => format!("new_{table}"),
        Engine::Sqlite => format!("(SELECT * FROM {table} WHERE seq > (SELECT COALESCE(MAX(seq), 0) FROM {other}))"),
    }
}

fn rows(argument: &str, engine: Engine) -> String {
    let (parameter, columns) = argument.split_once(' ').unwrap_or((argument, ""));
    let (alias, columns) = columns.split_once(':').unwrap_or((columns, ""));
    match engine {
        Engine::Postgres => format!("json_to_recordset({parameter}::json) AS {alias}({columns})"),
        Engine::Sqlite => {
            let columns: Vec<String> = columns
                .split(',')
                .map(|column| {
                    let (name, kind) = column.trim().split_once(' ').unwrap_or((column.trim(), ""));
                    if kind == "UUID" {
                        format!("unhex(replace(value ->> '$.{name}', '-', '')) AS {name}")
                    } else {
                        format!("value ->> '$.{name}' AS {name}")
                    }
                })
                .collect();
            // LIMIT -1 keeps SQLite from flattening the subselect and parsing each value once per use.
            format!(
                "(SELECT {} FROM json_each({parameter}) LIMIT -1) AS {alias}",
                columns.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_become_each_engines_words() {
        let text = "SELECT id FROM {rows $1 r: id UUID, n BIGINT} WHERE n = $2 {lock r}";
        assert_eq!(
            expand(text, Engine::Postgres),
            "SELECT id FROM json_to_recordset($1::json) AS r( id UUID, n BIGINT) WHERE n = $2 FOR UPDATE OF r"
        );
        assert_eq!(
            expand(text, Engine::Sqlite),
            "SELECT id FROM (SELECT unhex(replace(value ->> '$.id', '-', '')) AS id, value ->> '$.n' AS n \
             FROM json_each($1) LIMIT -1) AS r WHERE n = $2 "
        );
    }
}
