//! Query parameters: every wrong one is named, and so is every one that the function does not know.

use super::{
    Context, Problem, csv,
    cursor::{Beginning, Place},
    negotiate,
};
use axum::extract::FromRequestParts;
use http::{HeaderValue, Uri, request::Parts};
use inventory_app::{Error, Page, Sort, Sorting, audit::AuditFilter};
use inventory_domain::{Check, Refusal, Timestamp, Violation, delivery::DeliveryState, file_job::FileStatus, limits};
use serde::Serialize;
use std::{borrow::Cow, convert::Infallible, fmt::Write as _};
use utoipa::{
    ToSchema,
    openapi::{RefOr, schema::Schema},
};

/// The media type of lists for spreadsheet programs.
pub(crate) const CSV: &str = "text/csv";
/// Words of a search.
const SEARCH_WORDS_MAX: usize = 4;

/// The Functions host takes its access key here; it is none of our business.
const HOST_KEY: &str = "code";

/// The parameters of a request. A handler takes out those it knows, then calls [`Query::finish`] or [`Query::list`].
pub(crate) struct Query {
    uri: Uri,
    /// Names and values not yet taken.
    pairs: Vec<(String, String)>,
    check: Check,
    /// The function that is asked.
    list: &'static str,
    /// Whether a list is wanted as CSV.
    is_csv: bool,
}

impl FromRequestParts<Context> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Infallible> {
        let mut query = Self::of(&parts.uri);
        query.list = context.operation.name;
        query.is_csv = negotiate::prefers(&parts.headers, CSV);
        Ok(query)
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
            list: "",
            is_csv: false,
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

    /// Words to look for.
    pub(crate) fn search(&mut self) -> Option<String> {
        let text = self.text("q", limits::SEARCH_CHARS_MAX)?;
        if text.split_whitespace().count() > SEARCH_WORDS_MAX {
            let detail = format!("must have {SEARCH_WORDS_MAX} words at most");
            self.check.fail("q", "too_many", detail);
        }
        Some(text)
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

    /// As [`Query::time`], where there must be one; the epoch where there is none.
    pub(crate) fn needed_time(&mut self, name: &str) -> Timestamp {
        if !self.pairs.iter().any(|(found, _)| found == name) {
            self.check.fail(name, "missing", "must be given");
        }
        self.time(name).unwrap_or(Timestamp::from_micros(0))
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

    /// Ends the reading of a list's parameters: where its page begins, how many rows it has, in which order and form.
    pub(crate) fn list<T: ToSchema>(mut self, sorting: &'static Sorting) -> Result<Listing, Problem> {
        let is_counted = is_countable(sorting) && self.flag("count").unwrap_or(false);
        let sort = self.sort(sorting);
        let columns = self.columns(field_names::<T>);
        let limit = self
            .number("limit", 1, limits::PAGE_LIMIT_MAX)
            .unwrap_or(limits::PAGE_LIMIT_DEFAULT);
        let skip = self.number("skip", 0, limits::PAGE_SKIP_MAX);
        let mut page = Page::new(skip.unwrap_or(0), limit);
        page.sort = sort;
        if let Some(cursor) = self.take("cursor") {
            let place = Place {
                list: self.list,
                sorting,
                sort: &sort,
            };
            match place.read(&cursor) {
                _ if skip.is_some() => self
                    .check
                    .fail("skip", "not_allowed", "must not be given with a cursor"),
                Some(Beginning::Skip(skip)) => page.skip = skip,
                Some(Beginning::After(keys)) => page.after = keys,
                None => {
                    let detail = "must be one that this list answered, in the same order";
                    self.check.fail("cursor", "unknown_cursor", detail);
                }
            }
        }
        let (uri, list, is_csv) = (self.uri.clone(), self.list, self.is_csv);
        self.finish()?;
        Ok(Listing {
            uri,
            list,
            page,
            sorting,
            is_counted,
            columns: columns.or_else(|| is_csv.then(field_names::<T>)),
            is_csv,
        })
    }

    fn sort(&mut self, sorting: &'static Sorting) -> Sort {
        if sorting.columns().is_empty() {
            return Sort::default();
        }
        let Some(text) = self.take("sort") else {
            return Sort::default();
        };
        sorting.parse(&text).unwrap_or_else(|detail| {
            self.check.fail("sort", "unknown_word", detail);
            Sort::default()
        })
    }

    /// The members that are asked for, in that order, each once.
    fn columns(&mut self, known: fn() -> Vec<String>) -> Option<Vec<String>> {
        let text = self.take("fields")?;
        let known = known();
        let mut columns: Vec<String> = Vec::new();
        for name in text.split(',') {
            if !known.iter().any(|known| known == name) {
                let detail = format!("must be names with commas between them, out of {}", known.join(", "));
                self.check.fail("fields", "unknown_word", detail);
                return None;
            }
            if !columns.iter().any(|column| column == name) {
                columns.push(name.to_owned());
            }
        }
        Some(columns)
    }
}

/// Whether a list can be counted: one that comes from the event history cannot.
pub(crate) const fn is_countable(sorting: &Sorting) -> bool {
    !sorting.columns().is_empty()
}

/// The names of a thing's members.
pub(crate) fn field_names<T: ToSchema>() -> Vec<String> {
    fn collect(schema: &RefOr<Schema>, names: &mut Vec<String>) {
        match schema {
            RefOr::T(Schema::Object(object)) => names.extend(object.properties.keys().cloned()),
            RefOr::T(Schema::AllOf(all)) => all.items.iter().for_each(|one| collect(one, names)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    collect(&T::schema(), &mut names);
    names
}

/// Which part of a list is asked for, and how.
pub(crate) struct Listing {
    uri: Uri,
    list: &'static str,
    pub(crate) page: Page,
    sorting: &'static Sorting,
    is_counted: bool,
    /// The members that are wanted, where not all of them are, or where they are columns.
    pub(crate) columns: Option<Vec<String>>,
    /// Whether it is wanted as CSV.
    pub(crate) is_csv: bool,
}

impl Listing {
    /// How many rows the list has, counted where that is asked for.
    pub(crate) async fn total(&self, count: impl Future<Output = Result<i64, Error>>) -> Result<Option<i64>, Error> {
        if self.is_counted {
            count.await.map(Some)
        } else {
            Ok(None)
        }
    }

    /// The `Link` to the next page, where this one was full.
    pub(crate) fn next<T: Serialize>(&self, items: &[T]) -> Option<HeaderValue> {
        let last = items.last()?;
        if (items.len() as i64) < self.page.limit {
            return None;
        }
        let values = if self.sorting.columns().is_empty() {
            let skip = self.page.skip.checked_add(self.page.limit)?;
            vec![skip.into()]
        } else {
            let members = csv::members(last).ok()?;
            let order = self.sorting.order(&self.page.sort);
            let values: Option<Vec<_>> = order
                .iter()
                .map(|(column, _)| members.get(column.name).cloned())
                .collect();
            values?
        };
        let place = Place {
            list: self.list,
            sorting: self.sorting,
            sort: &self.page.sort,
        };
        let cursor = place.cursor(&values);
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes()) {
            // An access key does not belong in an answer; a total does not change from page to page.
            if !["skip", "cursor", "limit", "count", HOST_KEY].contains(&name.as_ref()) {
                query.append_pair(&name, &value);
            }
        }
        query.append_pair("limit", &self.page.limit.to_string());
        query.append_pair("cursor", &cursor);
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
    /// The same, which must be given.
    NeededTime,
    /// One of these words.
    Words(fn() -> Vec<&'static str>),
    /// Where a page begins.
    Cursor,
    /// An order of a list.
    Sort(&'static Sorting),
    /// Some of these names, with commas between them.
    Names(fn() -> Vec<String>),
}

/// `skip`, `limit` and `cursor`.
pub(crate) const PAGE: [Parameter; 3] = [
    Parameter {
        name: "skip",
        description: "Rows to leave out at the start. For deep pages follow `Link` instead.",
        kind: Kind::Number(0, limits::PAGE_SKIP_MAX),
        example: "0",
    },
    Parameter {
        name: "limit",
        description: "Rows to answer at most; 100 where it is not given.",
        kind: Kind::Number(1, limits::PAGE_LIMIT_MAX),
        example: "100",
    },
    Parameter {
        name: "cursor",
        description: "Where the page begins: as a `Link` of this list has it. Not together with `skip`.",
        kind: Kind::Cursor,
        example: "",
    },
];

/// `sort`.
pub(crate) const fn sort(sorting: &'static Sorting) -> Parameter {
    Parameter {
        name: "sort",
        description: "In which order: one or two columns with a comma between them, from high to low with a `-` before the name.",
        kind: Kind::Sort(sorting),
        example: sorting.default(),
    }
}

/// `fields`.
pub(crate) const fn fields<T: ToSchema>() -> Parameter {
    Parameter {
        name: "fields",
        description: "Which members to answer, where not all are wanted: names with commas between them.",
        kind: Kind::Names(field_names::<T>),
        example: "",
    }
}

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
    use inventory_app::{Key, products::SORTING};
    use inventory_domain::product::Product;
    use serde_json::json;

    fn query(text: &'static str) -> Query {
        Query::of(&Uri::from_static(text))
    }

    fn pointers(problem: &Problem) -> String {
        let headers = http::HeaderMap::new();
        format!("{problem:?} {headers:?}")
    }

    fn list(query: Query) -> Result<Listing, Problem> {
        query.list::<Product>(&SORTING)
    }

    #[test]
    fn the_next_page_keeps_the_filters() {
        let first = Uri::from_static(
            "/api/v1/products?category=Dairy%20%26%20Eggs&skip=10&limit=2&count=true&sort=-sku&code=secret",
        );
        let mut query = Query::of(&first);
        assert_eq!(query.text("category", 100).as_deref(), Some("Dairy & Eggs"));
        let listing = list(query).unwrap();
        assert!(listing.is_counted);
        assert_eq!((listing.page.skip, listing.page.limit), (10, 2));
        let items = [json!({ "id": 8, "sku": "B" }), json!({ "id": 9, "sku": "A" })];
        assert!(listing.next(&items[..1]).is_none());
        let link = listing.next(&items).unwrap();
        let next = link.to_str().unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        assert!(next.starts_with("</api/v1/products?category=Dairy+%26+Eggs&sort=-sku&limit=2&cursor="));

        let mut query = Query::of(&next[1..].parse().unwrap());
        query.text("category", 100);
        let page = list(query).unwrap().page;
        assert_eq!(page.after, [Key::Text("A".to_owned()), Key::Int(9)]);
        assert_eq!(page.skip, 0);
    }

    #[test]
    fn wrong_and_unknown_parameters_are_all_named() {
        let mut all = query(
            "/x?skip=-1&limit=1001&count=perhaps&sort=price&cursor=AAAA&fields=id,size&order=sku&product_id=0&sku=a&sku=b",
        );
        assert_eq!(all.id("product_id"), Some(0));
        all.text("sku", 64);
        let Err(problem) = list(all) else { panic!("must refuse") };
        let text = pointers(&problem);
        for name in ["skip", "limit", "count", "sort", "fields", "order", "product_id", "sku"] {
            assert!(text.contains(&format!("pointer: \"{name}\"")), "{name}: {text}");
        }
        let both = query("/x?skip=1&cursor=AAAA");
        assert!(pointers(&list(both).err().unwrap()).contains("not_allowed"));
        let mut many = query("/x?q=a+b+c+d+e");
        many.search();
        assert!(pointers(&list(many).err().unwrap()).contains("too_many"));
    }

    #[test]
    fn fields_are_members_of_the_answer() {
        let listing = list(query("/x?fields=sku,id,sku")).unwrap();
        assert_eq!(listing.columns.unwrap(), ["sku", "id"]);
        assert_eq!(field_names::<Product>()[..3], ["id", "sku", "name"]);
    }
}
