//! Query parameters: every wrong one is named, and so is every one that the function does not know.

use super::{Context, Problem};
use axum::extract::FromRequestParts;
use http::{HeaderValue, Uri, request::Parts};
use inventory_app::{Page, audit::AuditFilter};
use inventory_domain::{Check, Refusal, Timestamp, Violation, delivery::DeliveryState, file_job::FileStatus, limits};
use std::{borrow::Cow, convert::Infallible, fmt::Write as _};

/// The Functions host takes its access key here; it is none of our business.
const HOST_KEY: &str = "code";

/// The parameters of a request. A handler takes out those it knows, then calls [`Query::finish`] or [`Query::listing`].
pub(crate) struct Query {
    uri: Uri,
    /// Names and values not yet taken.
    pairs: Vec<(String, String)>,
    check: Check,
}

impl FromRequestParts<Context> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.uri))
    }
}

/// Refuses every parameter: for functions that have none.
pub(crate) fn refuse_all(uri: &Uri) -> Result<(), Problem> {
    if uri.query().is_some() {
        Query::of(uri).finish()
    } else {
        Ok(())
    }
}

impl Query {
    fn of(uri: &Uri) -> Self {
        let pairs = uri.query().map_or_else(Vec::new, |query| {
            form_urlencoded::parse(query.as_bytes())
                .filter(|(name, _)| name != HOST_KEY)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect()
        });
        Self {
            uri: uri.clone(),
            pairs,
            check: Check::new(),
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(found, _)| found == name)?;
        let value = self.pairs.swap_remove(at).1;
        if self.pairs.iter().any(|(found, _)| found == name) {
            self.pairs.retain(|(found, _)| found != name);
            self.check.fail(name, "repeated", "must be given once");
        }
        Some(value)
    }

    /// Text of at most `chars_max` characters.
    pub(crate) fn text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let value = self.take(name)?;
        self.check.text(name, &value, chars_max);
        Some(value)
    }

    /// As [`Query::text`], where there must be one; empty where there is none.
    pub(crate) fn needed_text(&mut self, name: &str, chars_max: usize) -> String {
        self.text(name, chars_max).unwrap_or_else(|| {
            self.check.fail(name, "missing", "must be given");
            String::new()
        })
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn number(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        let value = self.take(name)?;
        if let Ok(number) = value.parse() {
            self.check.range(name, number, min, max);
            Some(number)
        } else {
            let detail = format!("must be a whole number between {min} and {max}");
            self.check.fail(name, "wrong_type", detail);
            None
        }
    }

    /// The id of something.
    pub(crate) fn id(&mut self, name: &str) -> Option<i64> {
        self.number(name, 1, i64::MAX)
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.take(name)?;
        let flag = value.parse().ok();
        if flag.is_none() {
            self.check.fail(name, "wrong_type", "must be true or false");
        }
        flag
    }

    /// A moment, as RFC 3339 has it.
    pub(crate) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let value = self.take(name)?;
        let time = Timestamp::parse(&value);
        if time.is_none() {
            let detail = "must be an RFC 3339 date and time such as 2026-01-05T09:30:00Z";
            self.check.fail(name, "wrong_type", detail);
        }
        time
    }

    /// One word of a closed set.
    pub(crate) fn word<T: Copy + std::fmt::Display>(
        &mut self,
        name: &str,
        parse: fn(&str) -> Option<T>,
        all: &[T],
    ) -> Option<T> {
        let value = self.take(name)?;
        let word = parse(&value);
        if word.is_none() {
            let mut detail = "must be one of".to_owned();
            for (index, word) in all.iter().enumerate() {
                let separator = if index == 0 { " " } else { ", " };
                // Writing to a string cannot fail.
                let _ = write!(detail, "{separator}{word}");
            }
            self.check.fail(name, "unknown_word", detail);
        }
        word
    }

    /// [`AUDIT`].
    pub(crate) fn audit_filter(&mut self) -> AuditFilter {
        AuditFilter {
            actor: self.text("actor", limits::NAME_CHARS_MAX),
            entity: self.text("entity", limits::NAME_CHARS_MAX),
            action: self.text("action", limits::NAME_CHARS_MAX),
            from: self.time("from"),
            until: self.time("until"),
        }
    }

    /// Ends the reading: refuses what was wrong and what is left.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.check
                .fail(name, "unknown_parameter", "is not a parameter of this function");
        }
        match self.check.finish() {
            Ok(()) => Ok(()),
            Err(Refusal::Invalid(errors)) => Err(Problem::invalid(errors)),
            Err(other) => Err(other.into()),
        }
    }

    /// Ends the reading of a list's parameters: `skip`, `limit` and, with `count`, whether to count.
    pub(crate) fn listing(mut self) -> Result<Listing, Problem> {
        let is_counted = self.flag("count").unwrap_or(false);
        let mut listing = self.page()?;
        listing.is_counted = is_counted;
        Ok(listing)
    }

    /// Ends the reading of the parameters of a list that is not counted: `skip` and `limit`.
    pub(crate) fn page(mut self) -> Result<Listing, Problem> {
        let skip = self.number("skip", 0, limits::PAGE_SKIP_MAX).unwrap_or(0);
        let limit = self
            .number("limit", 1, limits::PAGE_LIMIT_MAX)
            .unwrap_or(limits::PAGE_LIMIT_DEFAULT);
        let uri = self.uri.clone();
        self.finish()?;
        Ok(Listing {
            uri,
            page: Page { skip, limit },
            is_counted: false,
        })
    }
}

/// Which part of a list is asked for.
pub(crate) struct Listing {
    uri: Uri,
    pub(crate) page: Page,
    pub(crate) is_counted: bool,
}

impl Listing {
    /// The `Link` to the next page, where this one was full and the next may be asked for.
    pub(crate) fn next(&self, items: usize) -> Option<HeaderValue> {
        let skip = self.page.skip.checked_add(self.page.limit)?;
        if (items as i64) < self.page.limit || skip > limits::PAGE_SKIP_MAX {
            return None;
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes()) {
            // An access key does not belong in an answer; a total does not change from page to page.
            if !["skip", "limit", "count", HOST_KEY].contains(&name.as_ref()) {
                query.append_pair(&name, &value);
            }
        }
        query.append_pair("skip", &skip.to_string());
        query.append_pair("limit", &self.page.limit.to_string());
        let link = format!("<{}?{}>; rel=\"next\"", self.uri.path(), query.finish());
        HeaderValue::try_from(link).ok()
    }
}

/// One parameter, for the API document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) description: &'static str,
    /// What it may be.
    pub(crate) kind: Kind,
    /// A value that works.
    pub(crate) example: &'static str,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Text of so many characters at most.
    Text(usize),
    /// The same, which must be given.
    NeededText(usize),
    /// A whole number in a range.
    Number(i64, i64),
    /// `true` or `false`.
    Flag,
    /// A moment.
    Time,
    /// One of these words.
    Words(fn() -> Vec<&'static str>),
}

/// `skip` and `limit`.
pub(crate) const PAGE: [Parameter; 2] = [
    Parameter {
        name: "skip",
        description: "Rows to leave out at the start.",
        kind: Kind::Number(0, limits::PAGE_SKIP_MAX),
        example: "0",
    },
    Parameter {
        name: "limit",
        description: "Rows to answer at most; 100 where it is not given.",
        kind: Kind::Number(1, limits::PAGE_LIMIT_MAX),
        example: "100",
    },
];

/// `count`.
pub(crate) const COUNT: Parameter = Parameter {
    name: "count",
    description: "Whether to answer the number of all rows in `X-Total-Count`.",
    kind: Kind::Flag,
    example: "true",
};

/// `state` of deliveries.
pub(crate) const DELIVERY_STATE: Parameter = Parameter {
    name: "state",
    description: "That are so far.",
    kind: Kind::Words(|| DeliveryState::ALL.iter().map(|word| word.as_str()).collect()),
    example: "failed",
};

/// `status` of exports and imports.
pub(crate) const FILE_STATUS: Parameter = Parameter {
    name: "status",
    description: "With this status.",
    kind: Kind::Words(|| FileStatus::ALL.iter().map(|word| word.as_str()).collect()),
    example: "done",
};

/// What the audit trail is asked for.
pub(crate) const AUDIT: [Parameter; 5] = [
    Parameter {
        name: "actor",
        description: "By this actor.",
        kind: Kind::Text(limits::NAME_CHARS_MAX),
        example: "client:backoffice",
    },
    Parameter {
        name: "entity",
        description: "Of this thing.",
        kind: Kind::Text(limits::NAME_CHARS_MAX),
        example: "products/1",
    },
    Parameter {
        name: "action",
        description: "Done by this operation.",
        kind: Kind::Text(limits::NAME_CHARS_MAX),
        example: "products_update",
    },
    Parameter {
        name: "from",
        description: "At this moment or later.",
        kind: Kind::Time,
        example: "2026-01-05T00:00:00Z",
    },
    Parameter {
        name: "until",
        description: "Before this moment.",
        kind: Kind::Time,
        example: "2026-01-06T00:00:00Z",
    },
];

/// Names a violation without a [`Check`].
pub(crate) fn violation(
    pointer: impl Into<String>,
    code: &'static str,
    detail: impl Into<Cow<'static, str>>,
) -> Violation {
    Violation {
        pointer: pointer.into(),
        code,
        detail: detail.into().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &'static str) -> Query {
        Query::of(&Uri::from_static(text))
    }

    fn pointers(problem: &Problem) -> String {
        let headers = http::HeaderMap::new();
        format!("{problem:?} {headers:?}")
    }

    #[test]
    fn the_next_page_keeps_the_filters() {
        let mut with_filter =
            query("/api/v1/products?category=Dairy%20%26%20Eggs&skip=10&limit=5&count=true&code=secret");
        assert_eq!(with_filter.text("category", 100).as_deref(), Some("Dairy & Eggs"));
        let listing = with_filter.listing().unwrap();
        assert!(listing.is_counted);
        assert_eq!(listing.page, Page { skip: 10, limit: 5 });
        assert_eq!(
            listing.next(5).unwrap(),
            "</api/v1/products?category=Dairy+%26+Eggs&skip=15&limit=5>; rel=\"next\""
        );
        assert!(listing.next(4).is_none());
    }

    #[test]
    fn wrong_and_unknown_parameters_are_all_named() {
        let mut all = query("/x?skip=-1&limit=1001&count=perhaps&sort=sku&product_id=0&sku=a&sku=b");
        assert_eq!(all.id("product_id"), Some(0));
        all.text("sku", 64);
        let Err(problem) = all.listing() else {
            panic!("must refuse")
        };
        let text = pointers(&problem);
        for name in ["skip", "limit", "count", "sort", "product_id", "sku"] {
            assert!(text.contains(&format!("pointer: \"{name}\"")), "{name}: {text}");
        }
    }
}
