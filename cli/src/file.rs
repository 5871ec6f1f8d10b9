//! Reads a catalogue file: CSV with a header.

use crate::failure::Failure;
use csv::{ReaderBuilder, StringRecord, Trim};
use inventory_app::catalogue::{ImportRow, Refused};
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, Read},
    path::Path,
    str::FromStr,
};

const NEEDED: [&str; 5] = ["sku", "name", "unit_price_minor", "currency", "on_hand"];
const OPTIONAL: [&str; 3] = ["category", "reorder_point", "discontinued"];

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Its good lines.
    pub(crate) rows: Vec<ImportRow>,
    /// Its bad ones.
    pub(crate) refused: Vec<Refused>,
    /// Columns that mean nothing to us.
    pub(crate) ignored: Vec<String>,
}

/// Reads the file at `path`, or standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Contents, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Result<Contents, Failure> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // Flexible: a line with too few or too many fields is one bad line, not the end of the file.
    let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(bytes);
    let header = reader
        .headers()
        .map_err(|error| Failure::Input(format!("the header line: {error}")))?
        .clone();
    let columns = Columns::new(&header)?;
    let mut contents = Contents {
        ignored: columns.ignored(&header),
        ..Contents::default()
    };
    let mut lines = Lines { bytes, at: 0, line: 1 };
    let mut first_lines = HashMap::<String, u64>::new();
    let mut record = StringRecord::new();
    loop {
        let start = reader.position().byte();
        let row = match reader.read_record(&mut record) {
            Ok(false) => return Ok(contents),
            Ok(true) => {
                let line = lines.line_of(start);
                columns.row(&record, line).map_err(|detail| Refused { line, detail })
            }
            Err(error) => {
                let detail = match error.kind() {
                    csv::ErrorKind::Utf8 { .. } => "not UTF-8 text".to_owned(),
                    _ => error.to_string(),
                };
                Err(Refused {
                    line: lines.line_of(start),
                    detail,
                })
            }
        };
        // The same SKU twice would change back and forth with every run.
        let row = row.and_then(|row| match first_lines.get(&row.sku) {
            Some(first) => Err(Refused {
                line: row.line,
                detail: format!("sku: {} was in line {first}", row.sku),
            }),
            None => Ok(row),
        });
        match row {
            Ok(row) => {
                first_lines.insert(row.sku.clone(), row.line);
                contents.rows.push(row);
            }
            Err(refused) => contents.refused.push(refused),
        }
    }
}

/// Counts lines as an editor does. The reader's own count is off after empty lines and between CR and LF.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the first character of a record that the reader began to look for at `start`. Asked in order.
    fn line_of(&mut self, start: u64) -> u64 {
        let from = (start as usize).min(self.bytes.len());
        let skipped = self.bytes[from..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let to = from + skipped;
        self.line += self.bytes[self.at..to].split(|&byte| byte == b'\n').count() as u64 - 1;
        self.at = to;
        self.line
    }
}

/// Where each column stands.
struct Columns {
    by_name: HashMap<&'static str, usize>,
    count: usize,
}

impl Columns {
    fn new(header: &StringRecord) -> Result<Self, Failure> {
        let mut seen = HashSet::new();
        if let Some(twice) = header.iter().find(|name| !seen.insert(*name)) {
            return Err(Failure::Input(format!(
                "the header line names the column {twice} twice"
            )));
        }
        let place = |name: &&'static str| Some((*name, header.iter().position(|column| column == *name)?));
        let by_name: HashMap<_, _> = NEEDED.iter().chain(&OPTIONAL).filter_map(place).collect();
        let missing: Vec<_> = NEEDED.into_iter().filter(|name| !by_name.contains_key(name)).collect();
        if missing.is_empty() {
            Ok(Self {
                by_name,
                count: header.len(),
            })
        } else {
            Err(Failure::Input(format!("the header line lacks: {}", missing.join(", "))))
        }
    }

    fn ignored(&self, header: &StringRecord) -> Vec<String> {
        header
            .iter()
            .filter(|column| !self.by_name.contains_key(column))
            .map(str::to_owned)
            .collect()
    }

    /// One row, or everything that is wrong with it. What a value may be beyond its type is the domain's business.
    fn row(&self, record: &StringRecord, line: u64) -> Result<ImportRow, String> {
        if record.len() != self.count {
            return Err(format!("{} fields, the header has {}", record.len(), self.count));
        }
        let text = |name| {
            self.by_name
                .get(name)
                .and_then(|&at| record.get(at))
                .unwrap_or_default()
        };
        let mut wrong = Vec::new();
        let row = ImportRow {
            line,
            sku: text("sku").to_owned(),
            name: text("name").to_owned(),
            category: Some(text("category"))
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            unit_price_minor: number("unit_price_minor", text("unit_price_minor"), &mut wrong),
            currency: text("currency").to_owned(),
            on_hand: number("on_hand", text("on_hand"), &mut wrong),
            reorder_point: match text("reorder_point") {
                "" => 0,
                point => number("reorder_point", point, &mut wrong),
            },
            discontinued: match text("discontinued") {
                "t" | "true" => true,
                "" | "f" | "false" => false,
                other => {
                    wrong.push(format!("discontinued: {other:?} is not t or f"));
                    false
                }
            },
        };
        if wrong.is_empty() {
            Ok(row)
        } else {
            Err(wrong.join("; "))
        }
    }
}

fn number(name: &str, text: &str, wrong: &mut Vec<String>) -> i64 {
    i64::from_str(text).unwrap_or_else(|_| {
        wrong.push(format!("{name}: {text:?} is not a whole number"));
        0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "sku,name,category,pack,unit_price_minor,currency,on_hand,on_order,reorder_point,discontinued\n";

    fn parse_text(text: &str) -> Contents {
        parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn columns_come_in_any_order_and_some_may_be_missing() {
        let contents = parse_text(
            "\u{feff}on_hand, currency ,name,colour,sku,unit_price_minor\n5,EUR,\"Tea, green\",red,T-1,250\n",
        );
        assert_eq!(contents.ignored, ["colour"]);
        assert!(contents.refused.is_empty(), "{contents:?}");
        let row = &contents.rows[0];
        assert_eq!(
            (row.line, row.sku.as_str(), row.name.as_str()),
            (2, "T-1", "Tea, green")
        );
        assert_eq!(
            (row.on_hand, row.unit_price_minor, row.reorder_point, row.discontinued),
            (5, 250, 0, false)
        );
        assert_eq!(row.category, None);
    }

    #[test]
    fn bad_lines_are_told_by_number_and_stop_nothing() {
        let text = format!(
            "{HEADER}A,Good,,,100,EUR,1,0,0,f\nB,Few,,\nC,Words,,,x,EUR,1.5,0,0,maybe\nA,Again,,,100,EUR,1,0,0,f\n\nD,\"Two\nlines\",,,1,EUR,1,0,0,t\n"
        );
        let contents = parse_text(&text);
        let good: Vec<_> = contents.rows.iter().map(|row| (row.line, row.sku.as_str())).collect();
        assert_eq!(good, [(2, "A"), (7, "D")]);
        let bad: Vec<_> = contents
            .refused
            .iter()
            .map(|refused| (refused.line, refused.detail.as_str()))
            .collect();
        assert_eq!(bad[0], (3, "4 fields, the header has 10"));
        assert_eq!(bad[1].0, 4);
        assert!(
            bad[1].1.contains("unit_price_minor") && bad[1].1.contains("on_hand") && bad[1].1.contains("discontinued")
        );
        assert_eq!(bad[2], (5, "sku: A was in line 2"));
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let text = format!("{HEADER}\nA,Tea,,,1,EUR,1,0,0,f\n\n\nB,Tea,,,1,EUR,1,0,0,f").replace('\n', "\r\n");
        let lines: Vec<_> = parse_text(&text).rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [3, 6]);
    }

    #[test]
    fn text_that_is_not_utf8_is_one_bad_line() {
        let mut bytes = HEADER.as_bytes().to_vec();
        bytes.extend(b"A,Caf\xe9,,,1,EUR,1,0,0,f\nB,Tea,,,1,EUR,1,0,0,f\n");
        let contents = parse(&bytes).unwrap();
        assert_eq!(
            contents.refused,
            [Refused {
                line: 2,
                detail: "not UTF-8 text".to_owned()
            }]
        );
        assert_eq!(contents.rows.len(), 1);
    }

    #[test]
    fn a_header_that_lacks_a_column_is_refused() {
        let error = parse(b"sku,name\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the header line lacks: unit_price_minor, currency, on_hand"
        );
        assert!(parse(b"").is_err());
        assert!(parse(b"sku,sku,name,unit_price_minor,currency,on_hand\n").is_err());
    }
}
