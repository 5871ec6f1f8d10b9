//! Lines of a file, none of which can fill the memory.

use std::io::{self, BufRead};

/// The longest line that is read; ours are far shorter. What is longer counts as one bad line.
const LINE_BYTES_MAX: usize = 256 << 10;

/// Lines, one after the other.
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
}

/// A line.
pub(crate) enum Line<'a> {
    /// Without its end.
    Whole(&'a [u8]),
    /// Longer than is read.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
        }
    }

    /// The next line; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let (mut is_begun, mut is_too_long) = (false, false);
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break;
            }
            is_begun = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            is_too_long |= self.line.len() + part.len() > LINE_BYTES_MAX;
            if !is_too_long {
                self.line.extend_from_slice(part);
            }
            let taken = end.map_or(chunk.len(), |end| end + 1);
            self.input.consume(taken);
            if end.is_some() {
                break;
            }
        }
        Ok(match (is_begun, is_too_long) {
            (false, _) => None,
            (true, true) => Some(Line::TooLong),
            (true, false) => Some(Line::Whole(&self.line)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn lines_end_anywhere_and_one_that_is_too_long_is_let_go() {
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        let text = format!("a\n\n{long}\nb");
        // Chunks that end within lines.
        let mut lines = Lines::new(BufReader::with_capacity(3, text.as_bytes()));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(match line {
                Line::Whole(line) => String::from_utf8(line.to_vec()).unwrap(),
                Line::TooLong => "too long".to_owned(),
            });
        }
        assert_eq!(found, ["a", "", "too long", "b"]);
        assert!(lines.line.capacity() <= 2 * LINE_BYTES_MAX);
    }
}
