//! The WHERE, ORDER BY and LIMIT of a list, put together from the filters that are given, so that each combination has a plan
//! of its own and can use its index.

use crate::{
    db::{Arg, Sql},
    paging::{Key, Page, Sorting},
};
use std::fmt::Write as _;

pub(crate) struct Filter<'a> {
    text: String,
    args: Vec<Arg<'a>>,
}

impl<'a> Filter<'a> {
    pub(crate) const fn new() -> Self {
        Self {
            text: String::new(),
            args: Vec::new(),
        }
    }

    /// For a statement that has these values of its own, `$1` and on.
    pub(crate) const fn after(args: Vec<Arg<'a>>) -> Self {
        Self {
            text: String::new(),
            args,
        }
    }

    /// `condition` has one `?` where `value` goes. Only texts of ours.
    pub(crate) fn add(&mut self, condition: &'static str, value: impl Into<Arg<'a>>) {
        self.args.push(value.into());
        let condition = condition.replace('?', &format!("${}", self.args.len()));
        let word = if self.text.is_empty() { "WHERE" } else { "AND" };
        let _ = write!(self.text, " {word} {condition}");
    }

    /// A condition without a value.
    pub(crate) fn fixed(&mut self, condition: &'static str) {
        let word = if self.text.is_empty() { "WHERE" } else { "AND" };
        let _ = write!(self.text, " {word} {condition}");
    }

    pub(crate) fn opt<T: Into<Arg<'a>>>(&mut self, condition: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.add(condition, value);
        }
    }

    /// `select` with these conditions, one page of it.
    pub(crate) fn page(mut self, select: &str, sorting: &Sorting, page: Page) -> (&'static Sql, Vec<Arg<'a>>) {
        if !page.after.is_empty() {
            let after = sorting.after(&page.sort, self.args.len() + 1);
            let word = if self.text.is_empty() { "WHERE" } else { "AND" };
            let _ = write!(self.text, " {word} {after}");
            self.args.extend(page.after.into_iter().map(|key| match key {
                Key::Int(value) => Arg::Int(value),
                Key::Text(value) => Arg::Owned(value),
                Key::Uuid(value) => Arg::Uuid(value),
            }));
        }
        let order = sorting.order_by(&page.sort);
        self.rows(select, &order, page.skip, page.limit)
    }

    /// `select` with these conditions in an order of ours: `limit` rows after the first `skip`.
    pub(crate) fn rows(mut self, select: &str, order: &str, skip: i64, limit: i64) -> (&'static Sql, Vec<Arg<'a>>) {
        self.args.push(Arg::Int(limit));
        self.args.push(Arg::Int(skip));
        let (limit, skip) = (self.args.len() - 1, self.args.len());
        let text = format!("{select}{} ORDER BY {order} LIMIT ${limit} OFFSET ${skip}", self.text);
        (Sql::interned(text), self.args)
    }

    /// `before`, these conditions, and `after`, which says the order; one page of it.
    pub(crate) fn within(mut self, before: &str, after: &str, page: &Page) -> (&'static Sql, Vec<Arg<'a>>) {
        self.args.push(Arg::Int(page.limit));
        self.args.push(Arg::Int(page.skip));
        let (limit, skip) = (self.args.len() - 1, self.args.len());
        let text = format!("{before}{}{after} LIMIT ${limit} OFFSET ${skip}", self.text);
        (Sql::interned(text), self.args)
    }

    /// How many rows `from` has under these conditions.
    pub(crate) fn count(self, from: &str) -> (&'static Sql, Vec<Arg<'a>>) {
        (
            Sql::interned(format!("SELECT COUNT(*) FROM {from}{}", self.text)),
            self.args,
        )
    }
}
