//! Whether two templates match the same path, and which of them is more specific.

use super::constraint::Constraint;
use super::template::{Parameter, Part, Segment, Template};

/// Values of which at least one satisfies each constraint but `regex` and those with bounds.
const SAMPLES: [&str; 9] = [
    "1",
    "a",
    "00000000-0000-0000-0000-000000000000",
    "true",
    "1.5",
    "2026-01-31",
    "a.b",
    "a-1",
    "123456789012345678",
];
/// Longer samples than this are not made.
const LONGEST: usize = 256;

impl Template {
    /// How specific each segment is, the smaller the more: literal, several parts, constrained parameter, parameter, and
    /// the same for catch-alls.
    pub fn precedence(&self) -> Vec<u8> {
        let of = |segment: &Segment| match segment.parts.as_slice() {
            [Part::Literal(_)] => 0,
            [Part::Parameter(parameter)] => {
                let base = if parameter.catch_all { 4 } else { 2 };
                base + u8::from(parameter.constraints.is_empty())
            }
            _ => 1,
        };
        self.segments.iter().map(of).collect()
    }

    /// A path that both match, as far as trying finds one.
    pub fn shared_path(&self, other: &Self) -> Option<String> {
        let longest = self.segments.len().max(other.segments.len()) + 1;
        (0..=longest).find_map(|length| {
            let path: Vec<String> = (0..length)
                .map(|index| {
                    let mut tried = self.candidates(index);
                    tried.extend(other.candidates(index));
                    tried
                        .into_iter()
                        .find(|text| self.may_hold(index, text) && other.may_hold(index, text))
                })
                .collect::<Option<_>>()?;
            (self.matches(&path).is_some() && other.matches(&path).is_some()).then(|| path.join("/"))
        })
    }

    /// Texts that may stand at a segment.
    fn candidates(&self, index: usize) -> Vec<String> {
        let Some(segment) = self.segments.get(index) else {
            return SAMPLES.map(str::to_owned).to_vec();
        };
        match segment.parts.as_slice() {
            [Part::Literal(literal)] => vec![literal.clone()],
            [Part::Parameter(parameter)] => parameter.samples(),
            parts => SAMPLES
                .iter()
                .map(|sample| {
                    parts
                        .iter()
                        .map(|part| match part {
                            Part::Literal(literal) => literal.as_str(),
                            Part::Parameter(_) => sample,
                        })
                        .collect()
                })
                .collect(),
        }
    }

    /// Whether `text` may stand at a segment; what a catch-all takes is judged as a whole later.
    fn may_hold(&self, index: usize, text: &str) -> bool {
        let last = self.segments.last();
        match self
            .segments
            .get(index)
            .or(last.filter(|segment| segment.is_catch_all()))
        {
            None => false,
            Some(segment) if segment.is_catch_all() => true,
            Some(segment) => segment.accepts(text),
        }
    }
}

impl Parameter {
    fn samples(&self) -> Vec<String> {
        let mut samples: Vec<String> = Vec::new();
        for constraint in &self.constraints {
            match constraint {
                Constraint::Range(low, high) => samples.extend([low, high].map(ToString::to_string)),
                Constraint::Length(low, _) if *low <= LONGEST => {
                    samples.extend(["a", "1"].map(|text| text.repeat(*low)));
                }
                _ => {}
            }
        }
        samples.extend(SAMPLES.map(str::to_owned));
        samples.retain(|sample| !sample.is_empty());
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(one: &str, other: &str) -> Option<String> {
        let template = |text: &str| Template::parse(text).unwrap();
        template(one).shared_path(&template(other))
    }

    #[test]
    fn a_path_that_both_match_is_found() {
        for (one, other, path) in [
            ("a/b", "A/b", Some("a/b")),
            ("a/{id}", "a/low-stock", Some("a/low-stock")),
            ("a/{id:int}", "a/low-stock", None),
            ("a/{id:int}", "a/{name:alpha}", None),
            ("a/{id:int}", "a/{name}", Some("a/1")),
            ("a/{id:min(500)}", "a/{name:length(3)}", Some("a/500")),
            ("a/{id:range(1,5)}", "a/{other:min(6)}", None),
            ("{*path}", "a/b/c", Some("a/b/c")),
            ("{*path}", "", Some("")),
            ("a/{id?}", "a", Some("a")),
            ("a/{name}.{ext}", "a/b.txt", Some("a/b.txt")),
            ("a/{id:regex(^x$)}", "a/x", Some("a/x")),
            ("a", "b", None),
        ] {
            assert_eq!(shared(one, other).as_deref(), path, "{one} {other}");
            assert_eq!(shared(other, one).is_some(), path.is_some(), "{other} {one}");
        }
    }

    #[test]
    fn the_more_specific_one_comes_first() {
        let order = ["a/b", "a/{x}.{y}", "a/{x:int}", "a/{x}", "a/{*x:file}", "a/{*x}"];
        let precedences: Vec<_> = order
            .iter()
            .map(|text| Template::parse(text).unwrap().precedence())
            .collect();
        assert!(precedences.is_sorted_by(|one, other| one < other), "{precedences:?}");
    }
}
