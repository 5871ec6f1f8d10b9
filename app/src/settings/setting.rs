//! What a setting is: its name, what it may be, and what it is for. The program reads by it and the documentation is made
//! from it, so that the two cannot differ.

use std::ops::RangeInclusive;

/// What the value of a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text; without it the default, where there is one.
    Text(Option<&'static str>),
    /// Any text; the program does not start without it.
    Needed,
    /// A whole number within bounds.
    Number {
        /// Without it.
        default: u32,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// `true` or `false` (`1` or `0`).
    Flag(bool),
    /// One of these words; the first is the default.
    Word(&'static [&'static str]),
    /// Text that the platform sets and nobody else.
    Platform,
}

/// A setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name of the environment variable.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it is for: whole sentences in Markdown, as `docs/settings.md` shows them.
    pub about: &'static str,
}

impl Setting {
    /// Text that may be absent.
    pub(super) const fn text(name: &'static str, default: Option<&'static str>, about: &'static str) -> Self {
        let kind = Kind::Text(default);
        Self { name, kind, about }
    }

    /// Text that must be there.
    pub(super) const fn needed(name: &'static str, about: &'static str) -> Self {
        let kind = Kind::Needed;
        Self { name, kind, about }
    }

    /// A whole number.
    pub(super) const fn number(
        name: &'static str,
        default: u32,
        range: RangeInclusive<u32>,
        about: &'static str,
    ) -> Self {
        let (min, max) = (*range.start(), *range.end());
        let kind = Kind::Number { default, min, max };
        Self { name, kind, about }
    }

    /// Text that the platform sets and nobody else.
    pub(super) const fn platform(name: &'static str, about: &'static str) -> Self {
        let kind = Kind::Platform;
        Self { name, kind, about }
    }

    /// True or false.
    pub(super) const fn flag(name: &'static str, default: bool, about: &'static str) -> Self {
        let kind = Kind::Flag(default);
        Self { name, kind, about }
    }

    /// One of several words, of which the first is the default.
    pub(super) const fn word(name: &'static str, words: &'static [&'static str], about: &'static str) -> Self {
        let kind = Kind::Word(words);
        Self { name, kind, about }
    }
}

/// Settings that belong together: a module of `settings`, a table of the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The table's title.
    pub title: &'static str,
    /// What all of them have to do with; may be empty.
    pub about: &'static str,
    /// The settings.
    pub settings: &'static [&'static Setting],
}
