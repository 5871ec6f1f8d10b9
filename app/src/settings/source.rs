//! Reads values by their settings and gathers everything that is wrong with them.

use super::setting::{Kind, Setting};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Where values come from, and what was wrong with them so far. What is told never shows a value: it may be a secret.
pub(super) struct Source<'a> {
    values: &'a BTreeMap<String, String>,
    pub(super) wrong: Vec<String>,
    /// Names that were asked for: a test holds them against the groups.
    pub(super) asked: BTreeSet<&'static str>,
}

impl<'a> Source<'a> {
    pub(super) fn new(values: &'a BTreeMap<String, String>) -> Self {
        Self {
            values,
            wrong: Vec::new(),
            asked: BTreeSet::new(),
        }
    }

    /// Something is wrong with a setting.
    pub(super) fn wrong(&mut self, setting: &Setting, what: impl std::fmt::Display) {
        self.wrong.push(format!("{} {what}", setting.name));
    }

    /// What was given, without white space around it; empty is absent.
    fn given(&mut self, setting: &Setting) -> Option<&'a str> {
        self.asked.insert(setting.name);
        self.values
            .get(setting.name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// A text, or its default. Tells of one that is needed and missing.
    pub(super) fn text(&mut self, setting: &Setting) -> Option<String> {
        let given = self.given(setting).map(str::to_owned);
        match setting.kind {
            Kind::Text(default) => given.or_else(|| default.map(str::to_owned)),
            Kind::Needed if given.is_none() => {
                self.wrong(setting, "is missing");
                None
            }
            _ => given,
        }
    }

    /// A number; its bounds where it is outside or none.
    pub(super) fn number(&mut self, setting: &Setting) -> u32 {
        let Kind::Number { default, min, max } = setting.kind else {
            debug_assert!(false, "{} is no number", setting.name);
            return 0;
        };
        let Some(text) = self.given(setting) else {
            return default;
        };
        match text.parse::<u32>() {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                self.wrong(setting, format_args!("must be a whole number from {min} to {max}"));
                default
            }
        }
    }

    /// A number of seconds.
    pub(super) fn seconds(&mut self, setting: &Setting) -> Duration {
        Duration::from_secs(u64::from(self.number(setting)))
    }

    /// True or false.
    pub(super) fn flag(&mut self, setting: &Setting) -> bool {
        let Kind::Flag(default) = setting.kind else {
            debug_assert!(false, "{} is no flag", setting.name);
            return false;
        };
        let Some(text) = self.given(setting) else {
            return default;
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => {
                self.wrong(setting, "must be true or false");
                default
            }
        }
    }

    /// One of the words of the setting, as it is written there.
    pub(super) fn word(&mut self, setting: &Setting) -> &'static str {
        let Kind::Word(words) = setting.kind else {
            debug_assert!(false, "{} is no word", setting.name);
            return "";
        };
        let default = words.first().copied().unwrap_or_default();
        let Some(text) = self.given(setting) else {
            return default;
        };
        if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
            word
        } else {
            self.wrong(setting, format_args!("must be one of {}", words.join(", ")));
            default
        }
    }
}
