//! When a value that was right is wrong now (sent by clients), or one comes that could not come (answered to them).

use serde_json::Value;
use std::collections::BTreeSet;

/// Who makes the values of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Clients: what was taken must be taken.
    Sent,
    /// The API: what clients count on must come, and nothing of another type. New words of an enumeration and new members may
    /// come; clients leave out what they do not know.
    Answered,
}

/// Two documents, whose schemas are compared.
pub(super) struct Schemas<'a> {
    pub(super) base: &'a Value,
    pub(super) now: &'a Value,
}

static EMPTY: Value = Value::Null;

fn resolve<'a>(document: &'a Value, mut schema: &'a Value) -> (&'a Value, Option<&'a str>) {
    let mut name = None;
    // Deeper than any document of sense refers.
    for _ in 0..64 {
        let Some(target) = schema["$ref"].as_str() else { break };
        name = Some(target);
        schema = target
            .strip_prefix('#')
            .and_then(|pointer| document.pointer(pointer))
            .unwrap_or(&EMPTY);
    }
    (schema, name)
}

/// The schemas of which a value fits one.
fn choices(schema: &Value) -> Vec<&Value> {
    for name in ["oneOf", "anyOf"] {
        if let Some(all) = schema[name].as_array() {
            return all.iter().collect();
        }
    }
    vec![schema]
}

/// The types a value may have; `None`: any.
fn types(schema: &Value) -> Option<BTreeSet<&str>> {
    match &schema["type"] {
        Value::String(one) => Some(BTreeSet::from([one.as_str()])),
        Value::Array(many) => Some(many.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn fits(types: &BTreeSet<&str>, kind: &str) -> bool {
    types.contains(kind) || (kind == "integer" && types.contains("number"))
}

fn list(names: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    names.join(", ")
}

impl<'a> Schemas<'a> {
    /// What breaks of the schema at `at`, in words.
    pub(super) fn compare(&self, direction: Direction, at: &str, base: &'a Value, now: &'a Value) -> Vec<String> {
        let mut found = Vec::new();
        self.walk(direction, at, base, now, &mut BTreeSet::new(), &mut found);
        found
    }

    fn walk(
        &self,
        direction: Direction,
        at: &str,
        base: &'a Value,
        now: &'a Value,
        seen: &mut BTreeSet<(&'a str, &'a str)>,
        found: &mut Vec<String>,
    ) {
        let (base, base_name) = resolve(self.base, base);
        let (now, now_name) = resolve(self.now, now);
        if let (Some(base), Some(now)) = (base_name, now_name)
            && !seen.insert((base, now))
        {
            // It contains itself.
            return;
        }
        let (from, to) = (choices(base), choices(now));
        if let ([base], [now]) = (from.as_slice(), to.as_slice()) {
            self.one(direction, at, base, now, seen, found);
        } else {
            // Each form that a value may have must be one that is taken: by the API of what was sent, by clients of what comes.
            let (each, any) = match direction {
                Direction::Sent => (from, to),
                Direction::Answered => (to, from),
            };
            for one in each {
                let best = any.iter().map(|other| {
                    let (base, now) = match direction {
                        Direction::Sent => (one, *other),
                        Direction::Answered => (*other, one),
                    };
                    let mut found = Vec::new();
                    self.walk(direction, at, base, now, &mut seen.clone(), &mut found);
                    found
                });
                found.extend(best.min_by_key(Vec::len).unwrap_or_default());
            }
        }
        if let (Some(base), Some(now)) = (base_name, now_name) {
            seen.remove(&(base, now));
        }
    }

    fn one(
        &self,
        direction: Direction,
        at: &str,
        base: &'a Value,
        now: &'a Value,
        seen: &mut BTreeSet<(&'a str, &'a str)>,
        found: &mut Vec<String>,
    ) {
        compare_types(direction, at, base, now, found);
        if direction == Direction::Sent {
            compare_bounds(at, base, now, found);
        }
        let members = |schema: &'a Value| schema["properties"].as_object();
        let (had, has) = (members(base), members(now));
        for (name, base) in had.into_iter().flatten() {
            let at = format!("{at}/{name}");
            match has.and_then(|has| has.get(name)) {
                Some(now) => self.walk(direction, &at, base, now, seen, found),
                None => found.push(format!("{at} is gone")),
            }
        }
        let names = |schema: &'a Value| -> BTreeSet<&str> {
            let all = schema["required"].as_array().into_iter().flatten();
            all.filter_map(Value::as_str).collect()
        };
        let (needed, needs) = (names(base), names(now));
        match direction {
            Direction::Sent => {
                for name in needs.difference(&needed) {
                    found.push(format!("{at}/{name} must be sent"));
                }
            }
            Direction::Answered => {
                for name in needed.difference(&needs) {
                    // What is gone altogether has been said.
                    if has.is_some_and(|has| has.contains_key(*name)) {
                        found.push(format!("{at}/{name} need not come any more"));
                    }
                }
            }
        }
        for (inside, at) in [
            ("items", format!("{at}/-")),
            ("additionalProperties", format!("{at}/*")),
        ] {
            match (&base[inside], &now[inside]) {
                (base @ Value::Object(_), now @ Value::Object(_)) => self.walk(direction, &at, base, now, seen, found),
                (base, Value::Bool(false)) if direction == Direction::Sent && *base != Value::Bool(false) => {
                    found.push(format!("{at} is gone"));
                }
                _ => {}
            }
        }
    }
}

fn compare_types(direction: Direction, at: &str, base: &Value, now: &Value, found: &mut Vec<String>) {
    let (from, to) = match direction {
        Direction::Sent => (base, now),
        Direction::Answered => (now, base),
    };
    if let Some(allowed) = types(to) {
        let of = types(from);
        let is_within = of.as_ref().is_some_and(|of| of.iter().all(|kind| fits(&allowed, kind)));
        if !is_within {
            let any = || "anything".to_owned();
            let (was, is) = (types(base).map_or_else(any, list), types(now).map_or_else(any, list));
            found.push(format!("{at} was {was} and is {is}"));
        }
    }
    if direction == Direction::Answered {
        return;
    }
    if let Some(words) = now["enum"].as_array() {
        match base["enum"].as_array() {
            Some(had) => {
                let gone: Vec<_> = had.iter().filter(|word| !words.contains(word)).collect();
                if !gone.is_empty() {
                    found.push(format!("{at} does not take {} any more", list(gone)));
                }
            }
            None => found.push(format!("{at} takes {} only", list(words))),
        }
    }
}

/// Bounds of what is sent.
fn compare_bounds(at: &str, base: &Value, now: &Value, found: &mut Vec<String>) {
    for (name, is_lower) in [
        ("minimum", true),
        ("exclusiveMinimum", true),
        ("minLength", true),
        ("minItems", true),
        ("minProperties", true),
        ("maximum", false),
        ("exclusiveMaximum", false),
        ("maxLength", false),
        ("maxItems", false),
        ("maxProperties", false),
    ] {
        let Some(is) = now[name].as_f64() else { continue };
        let is_narrower = match base[name].as_f64() {
            Some(was) if is_lower => is > was,
            Some(was) => is < was,
            // Nothing is shorter than nothing.
            None => !(is_lower && is == 0.0 && name != "minimum" && name != "exclusiveMinimum"),
        };
        if is_narrower {
            found.push(format!("{at}: {name} was {} and is {}", base[name], now[name]));
        }
    }
    for name in ["pattern", "format"] {
        if !now[name].is_null() && now[name] != base[name] {
            found.push(format!("{at}: {name} was {} and is {}", base[name], now[name]));
        }
    }
}
