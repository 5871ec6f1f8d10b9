//! Text in CSV files that people open with spreadsheet programs.
//!
//! A program may take a cell that begins with `=` and the like for a formula, and run it
//! (<https://owasp.org/www-community/attacks/CSV_Injection>). A `'` before it makes it text again. What reads such a file takes the
//! `'` off again; so that nothing is lost on the way there and back, a text that looks as if it had been marked is marked once more.

use std::borrow::Cow;

/// What a spreadsheet program may take for the beginning of a formula, the wide forms of East Asian keyboards included.
const BEGINS_FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Whether `text` must be marked to come back as it is: it would be a formula, or lose the white space around it.
fn is_marked(text: &str) -> bool {
    let inner = text.trim_start_matches('\'');
    let begins = inner
        .chars()
        .next()
        .is_some_and(|first| BEGINS_FORMULA.contains(&first) || first.is_whitespace() || first.is_control());
    begins || text.chars().next_back().is_some_and(char::is_whitespace)
}

/// `text` as it stands in a cell.
pub fn to_cell(text: &str) -> Cow<'_, str> {
    if is_marked(text) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text that a cell stands for: without its mark, else without the white space around it.
pub(crate) fn of_cell(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_marked(text) => text,
        _ => cell.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_are_text() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2+3", "'-2+3"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("\t=1", "'\t=1"),
            (" =1", "' =1"),
            ("tea ", "'tea "),
            ("'=1", "''=1"),
            ("'tis tea", "'tis tea"),
            ("tea = good", "tea = good"),
            ("", ""),
        ] {
            assert_eq!(to_cell(text), cell);
            assert_eq!(of_cell(cell), text);
        }
        // What people write by hand.
        assert_eq!(of_cell("  tea "), "tea");
        assert_eq!(of_cell("=1"), "=1");
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_is_no_formula(text in "['=+@ \t\u{ff1d}a-]{0,6}|.*") {
            let cell = to_cell(&text).into_owned();
            prop_assert_eq!(of_cell(&cell), text);
            prop_assert!(!cell.starts_with(|first: char| BEGINS_FORMULA.contains(&first) || first.is_whitespace()));
        }
    }
}
