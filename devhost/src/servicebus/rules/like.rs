//! `LIKE`: `%` is any number of characters, `_` is one.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    One,
    Any,
    Exactly(char),
}

/// Whether a text is like a pattern. `None`: the escape character stands before nothing it could escape.
pub(super) fn is_like(text: &str, pattern: &str, escape: Option<char>) -> Option<bool> {
    let parts = parts(pattern, escape)?;
    let text: Vec<char> = text.chars().collect();
    let (mut t, mut p) = (0, 0);
    // Where to go on if what follows the last `%` does not fit: the `%` takes one more character.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match parts.get(p) {
            Some(Part::Any) => {
                retry = Some((t, p));
                p += 1;
            }
            Some(Part::One) => {
                t += 1;
                p += 1;
            }
            Some(Part::Exactly(c)) if *c == text[t] => {
                t += 1;
                p += 1;
            }
            _ => {
                let Some((from, any)) = retry else {
                    return Some(false);
                };
                retry = Some((from + 1, any));
                t = from + 1;
                p = any + 1;
            }
        }
    }
    Some(parts[p..].iter().all(|part| *part == Part::Any))
}

fn parts(pattern: &str, escape: Option<char>) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        parts.push(match c {
            c if Some(c) == escape => Part::Exactly(characters.next()?),
            '%' => Part::Any,
            '_' => Part::One,
            c => Part::Exactly(c),
        });
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (text, pattern, like) in [
            ("abc", "abc", true),
            ("abc", "ABC", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%b%", true),
            ("abc", "a_c", true),
            ("ac", "a_c", false),
            ("", "%", true),
            ("", "_", false),
            ("aab", "%ab", true),
            ("ababab", "%ab%ab", true),
            ("äöü", "_ö%", true),
            ("abc", "", false),
            ("abc", "abc%%", true),
        ] {
            assert_eq!(is_like(text, pattern, None), Some(like), "{text} LIKE {pattern}");
        }
        assert_eq!(is_like("50%", r"50\%", Some('\\')), Some(true));
        assert_eq!(is_like("500", r"50\%", Some('\\')), Some(false));
        assert_eq!(is_like("x", r"x\", Some('\\')), None);
    }

    #[test]
    fn a_pattern_full_of_wildcards_takes_no_time() {
        let text = "a".repeat(20_000);
        let pattern = format!("{}b", "%a".repeat(200));
        assert_eq!(is_like(&text, &pattern, None), Some(false));
    }
}
