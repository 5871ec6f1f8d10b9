//! Lists in pages: in which order, and where a page begins.
//!
//! A page begins either so many rows after the first, or after the last row of the page before: behind the values that the list
//! is sorted by (<https://use-the-index-luke.com/no-offset>). The second costs the same however deep the page is, and shows no
//! row twice and leaves none out when others come in between.

use inventory_domain::{Timestamp, limits};
use std::fmt::Write as _;
use uuid::Uuid;

/// Columns that a caller may name in one order: each combination is a statement that is kept.
pub(crate) const SORT_COLUMNS_MAX: usize = 2;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A whole number.
    Int,
    /// Text.
    Text,
    /// A moment.
    Time,
    /// A UUID.
    Uuid,
}

/// A column that a list may be sorted by. It is never NULL, and has an index, or a table that stays small.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name, which is that of the member of the answer.
    pub name: &'static str,
    /// What it holds.
    pub kind: KeyKind,
    sql: &'static str,
}

impl Column {
    pub(crate) const fn int(name: &'static str, sql: &'static str) -> Self {
        let kind = KeyKind::Int;
        Self { name, kind, sql }
    }

    pub(crate) const fn text(name: &'static str, sql: &'static str) -> Self {
        let kind = KeyKind::Text;
        Self { name, kind, sql }
    }

    pub(crate) const fn time(name: &'static str, sql: &'static str) -> Self {
        let kind = KeyKind::Time;
        Self { name, kind, sql }
    }

    pub(crate) const fn uuid(name: &'static str, sql: &'static str) -> Self {
        let kind = KeyKind::Uuid;
        Self { name, kind, sql }
    }
}

/// What a list may be sorted by.
#[derive(Debug)]
pub struct Sorting {
    default: &'static str,
    columns: &'static [Column],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct By {
    column: usize,
    descending: bool,
}

/// An order that a caller has asked for; the list's own where there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort([Option<By>; SORT_COLUMNS_MAX]);

/// The value of a column where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A number, or the microseconds of a moment.
    Int(i64),
    /// Text.
    Text(String),
    /// A UUID.
    Uuid(Uuid),
}

impl Sorting {
    /// A list in the order of its rows, of which none are put in between: its pages begin so many rows after the first.
    pub const BY_PLACE: Self = Self {
        default: "",
        columns: &[],
    };

    /// `default` is written as callers write an order. The first column is unique: it decides among equals.
    pub(crate) const fn new(default: &'static str, columns: &'static [Column]) -> Self {
        Self { default, columns }
    }

    /// The order where none is asked for, as callers would write it.
    pub const fn default(&self) -> &'static str {
        self.default
    }

    /// The columns.
    pub const fn columns(&self) -> &'static [Column] {
        self.columns
    }

    /// Reads an order: names with commas between them, those from high to low with a `-` before them. A column that is named
    /// again changes nothing.
    ///
    /// # Errors
    /// With a sentence, where there is no such column, or there are too many.
    pub fn parse(&self, text: &str) -> Result<Sort, String> {
        let mut sort = Sort::default();
        for word in text.split(',') {
            let (name, descending) = match word.strip_prefix('-') {
                Some(name) => (name, true),
                None => (word, false),
            };
            let Some(column) = self.columns.iter().position(|column| column.name == name) else {
                let mut detail =
                    "must be names of columns with commas between them, each with a - before it where the order is \
                                  from high to low; the columns are"
                        .to_owned();
                for (index, column) in self.columns.iter().enumerate() {
                    let separator = if index == 0 { " " } else { ", " };
                    // Writing to a string cannot fail.
                    let _ = write!(detail, "{separator}{}", column.name);
                }
                return Err(detail);
            };
            if sort.0.iter().flatten().any(|by| by.column == column) {
                continue;
            }
            let Some(free) = sort.0.iter_mut().find(|by| by.is_none()) else {
                return Err(format!("must name {SORT_COLUMNS_MAX} columns at most"));
            };
            *free = Some(By { column, descending });
        }
        Ok(sort)
    }

    /// The columns of an order and whether each goes from high to low; the last of them is the unique one.
    pub fn order(&self, sort: &Sort) -> Vec<(&'static Column, bool)> {
        let sort = if *sort == Sort::default() && !self.default.is_empty() {
            // A test reads the default of every list.
            self.parse(self.default).unwrap_or_default()
        } else {
            *sort
        };
        let mut order = Vec::with_capacity(SORT_COLUMNS_MAX + 1);
        let mut has_key = false;
        for by in sort.0.iter().flatten() {
            order.push((&self.columns[by.column], by.descending));
            has_key = by.column == 0;
            if has_key {
                // What comes after something unique decides nothing.
                break;
            }
        }
        if let (false, Some(key)) = (has_key, self.columns.first()) {
            let descending = order.last().is_some_and(|(_, descending)| *descending);
            order.push((key, descending));
        }
        order
    }

    /// The values of an order's columns that a cursor brought, read as what the columns hold; `None` where they do not fit.
    pub fn keys(&self, sort: &Sort, values: &[serde_json::Value]) -> Option<Vec<Key>> {
        let order = self.order(sort);
        if order.len() != values.len() {
            return None;
        }
        let read = |((column, _), value): (&(&Column, bool), &serde_json::Value)| match column.kind {
            KeyKind::Int => value.as_i64().map(Key::Int),
            KeyKind::Text => value
                .as_str()
                .filter(|text| !text.contains('\0'))
                .map(|text| Key::Text(text.to_owned())),
            KeyKind::Time => Timestamp::parse(value.as_str()?).map(|time| Key::Int(time.micros())),
            KeyKind::Uuid => value.as_str()?.parse().ok().map(Key::Uuid),
        };
        order.iter().zip(values).map(read).collect()
    }

    /// The ORDER BY, in SQL.
    pub(crate) fn order_by(&self, sort: &Sort) -> String {
        let mut text = String::new();
        for (column, descending) in self.order(sort) {
            let separator = if text.is_empty() { "" } else { ", " };
            let direction = if descending { " DESC" } else { "" };
            let _ = write!(text, "{separator}{}{direction}", column.sql);
        }
        text
    }

    /// The condition of the rows after those values of the order's columns that are bound from `$first` on.
    pub(crate) fn after(&self, sort: &Sort, first: usize) -> String {
        let order = self.order(sort);
        let beyond = |descending: bool| if descending { '<' } else { '>' };
        let is_uniform = order.iter().all(|(_, descending)| *descending == order[0].1);
        if is_uniform {
            let columns: Vec<_> = order.iter().map(|(column, _)| column.sql).collect();
            let values: Vec<_> = (first..first + order.len())
                .map(|number| format!("${number}"))
                .collect();
            let beyond = beyond(order.first().is_some_and(|(_, descending)| *descending));
            return match columns.as_slice() {
                [column] => format!("{column} {beyond} {}", values[0]),
                _ => format!("({}) {beyond} ({})", columns.join(", "), values.join(", ")),
            };
        }
        // The first part is what an index can begin at; the rest decides among equals.
        let mut text = String::new();
        let (column, descending) = order[0];
        let _ = write!(text, "{} {}= ${first} AND (", column.sql, beyond(descending));
        for (index, (column, descending)) in order.iter().enumerate() {
            let or = if index == 0 { "" } else { " OR " };
            let _ = write!(text, "{or}(");
            for (number, (equal, _)) in order[..index].iter().enumerate() {
                let _ = write!(text, "{} = ${} AND ", equal.sql, first + number);
            }
            let _ = write!(text, "{} {} ${})", column.sql, beyond(*descending), first + index);
        }
        text.push(')');
        text
    }
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows left out at the start.
    pub skip: i64,
    /// Rows at most.
    pub limit: i64,
    /// In which order.
    pub sort: Sort,
    /// After these values of the order's columns, where there are any.
    pub after: Vec<Key>,
}

impl Page {
    /// So many rows after the first, in the list's own order.
    pub const fn new(skip: i64, limit: i64) -> Self {
        Self {
            skip,
            limit,
            sort: Sort([None; SORT_COLUMNS_MAX]),
            after: Vec::new(),
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new(0, limits::PAGE_LIMIT_DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SORTING: Sorting = Sorting::new(
        "-updated_at",
        &[
            Column::int("id", "p.id"),
            Column::text("sku", "p.sku"),
            Column::time("updated_at", "p.updated_at"),
        ],
    );

    fn sort(text: &str) -> Sort {
        SORTING.parse(text).unwrap()
    }

    #[test]
    fn every_order_ends_with_the_unique_column() {
        for (text, expected) in [
            ("sku", "p.sku, p.id"),
            ("-sku", "p.sku DESC, p.id DESC"),
            ("-updated_at,sku", "p.updated_at DESC, p.sku, p.id"),
            ("-id", "p.id DESC"),
            ("id,sku", "p.id"),
            ("sku,-sku,id", "p.sku, p.id"),
            ("sku,-id", "p.sku, p.id DESC"),
        ] {
            assert_eq!(SORTING.order_by(&sort(text)), expected, "{text}");
        }
        assert_eq!(SORTING.order_by(&Sort::default()), "p.updated_at DESC, p.id DESC");
    }

    #[test]
    fn what_cannot_be_an_order_is_refused_with_the_columns() {
        for text in ["", "name", "sku,", "--sku", "SKU", " sku", "sku;DROP TABLE products"] {
            let detail = SORTING.parse(text).unwrap_err();
            assert!(
                detail.ends_with("the columns are id, sku, updated_at"),
                "{text}: {detail}"
            );
        }
        assert!(SORTING.parse("sku,updated_at,id").unwrap_err().contains("2 columns"));
    }

    #[test]
    fn a_page_begins_after_the_last_row_of_the_one_before() {
        for (text, expected) in [
            ("id", "p.id > $3"),
            ("-sku", "(p.sku, p.id) < ($3, $4)"),
            (
                "-updated_at,sku",
                "p.updated_at <= $3 AND ((p.updated_at < $3) OR (p.updated_at = $3 AND p.sku > $4) OR (p.updated_at = $3 AND \
                 p.sku = $4 AND p.id > $5))",
            ),
        ] {
            assert_eq!(SORTING.after(&sort(text), 3), expected);
        }
    }

    #[test]
    fn values_that_are_not_the_columns_are_no_place() {
        let keys = |values: serde_json::Value| SORTING.keys(&sort("-updated_at,sku"), values.as_array().unwrap());
        let good = keys(serde_json::json!(["2026-01-05T09:30:00.000001Z", "A", 7]));
        let time = Key::Int(1_767_605_400_000_001);
        assert_eq!(good, Some(vec![time, Key::Text("A".to_owned()), Key::Int(7)]));
        for wrong in [
            serde_json::json!([]),
            serde_json::json!(["2026-01-05T09:30:00Z", "A"]),
            serde_json::json!([1, "A", 7]),
            serde_json::json!(["2026-01-05T09:30:00Z", "A\0", 7]),
            serde_json::json!(["2026-01-05T09:30:00Z", "A", "7"]),
        ] {
            assert_eq!(keys(wrong.clone()), None, "{wrong}");
        }
    }
}
