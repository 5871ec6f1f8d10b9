//! Reads a catalogue file: CSV with a header.

use super::{ImportRow, Refused};
use crate::csv_text;
use csv::{ByteRecord, Reader, ReaderBuilder, StringRecord};
use std::{
    collections::{HashMap, HashSet},
    str::FromStr,
};

/// The columns of a catalogue file, in the order in which exports write them.
pub(crate) const COLUMNS: [&str; 10] = [
    "sku",
    "name",
    "category",
    "barcode",
    "unit_price_minor",
    "currency",
    "on_hand",
    "reorder_point",
    "reorder_quantity",
    "discontinued",
];
const NEEDED: [&str; 5] = ["sku", "name", "unit_price_minor", "currency", "on_hand"];
/// Characters shown of a value that is wrong.
const SHOWN_CHARS_MAX: usize = 60;

/// A catalogue file, line by line.
pub struct CatalogueFile<'a> {
    reader: Reader<&'a [u8]>,
    columns: Columns,
    lines: Lines<'a>,
    /// Bytes before the text: its byte order mark.
    offset: usize,
    first_lines: HashMap<String, u64>,
    record: ByteRecord,
    ignored: Vec<String>,
}

impl<'a> CatalogueFile<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// Says why this is no catalogue file.
    pub fn new(bytes: &'a [u8]) -> Result<Self, String> {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err("the file is UTF-16: save it as CSV in UTF-8".to_owned());
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        // Flexible: a line with too few or too many fields is one bad line, not the end of the file.
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(text);
        let header = reader.headers().map_err(|error| match error.kind() {
            csv::ErrorKind::Utf8 { .. } => "the header line is not UTF-8 text".to_owned(),
            _ => format!("the header line: {error}"),
        })?;
        let header: StringRecord = header.iter().map(str::trim).collect();
        let columns = Columns::new(&header)?;
        Ok(Self {
            ignored: columns.ignored(&header),
            columns,
            lines: Lines {
                bytes: text,
                at: 0,
                line: 1,
            },
            offset: bytes.len() - text.len(),
            first_lines: HashMap::new(),
            record: ByteRecord::new(),
            reader,
        })
    }

    /// Columns that mean nothing to us.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Bytes of the file that have been read, whole lines.
    pub fn position(&self) -> u64 {
        self.reader.position().byte() + self.offset as u64
    }

    fn row(&mut self, line: u64) -> Result<ImportRow, String> {
        let record = StringRecord::from_byte_record(std::mem::take(&mut self.record));
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                self.record = error.into_byte_record();
                return Err("not UTF-8 text".to_owned());
            }
        };
        let row = self.columns.row(&record, line);
        self.record = record.into_byte_record();
        let row = row?;
        // The same SKU twice would change back and forth with every run.
        if let Some(first) = self.first_lines.get(&row.sku) {
            return Err(format!("sku: {} was in line {first}", shown(&row.sku)));
        }
        self.first_lines.insert(row.sku.clone(), line);
        Ok(row)
    }
}

impl Iterator for CatalogueFile<'_> {
    type Item = Result<ImportRow, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.reader.position().byte();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                let line = self.lines.line_of(start);
                Some(self.row(line).map_err(|detail| Refused { line, detail }))
            }
            // Reading bytes from memory does not fail.
            Err(error) => Some(Err(Refused {
                line: self.lines.line_of(start),
                detail: error.to_string(),
            })),
        }
    }
}

/// The beginning of a value that is wrong.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
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
    fn new(header: &StringRecord) -> Result<Self, String> {
        let mut seen = HashSet::new();
        if let Some(twice) = header.iter().find(|name| !seen.insert(*name)) {
            return Err(format!("the header line names the column {} twice", shown(twice)));
        }
        let place = |name: &&'static str| Some((*name, header.iter().position(|column| column == *name)?));
        let by_name: HashMap<_, _> = COLUMNS.iter().filter_map(place).collect();
        let missing: Vec<_> = NEEDED.into_iter().filter(|name| !by_name.contains_key(name)).collect();
        if missing.is_empty() {
            Ok(Self {
                by_name,
                count: header.len(),
            })
        } else {
            let hint = if header.len() == 1 && header.iter().any(|name| name.contains(';')) {
                " (fields are separated by commas, not by semicolons)"
            } else {
                ""
            };
            Err(format!("the header line lacks: {}{hint}", missing.join(", ")))
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
        let cell = |name| self.by_name.get(name).and_then(|&at| record.get(at));
        let text = |name| csv_text::of_cell(cell(name).unwrap_or_default());
        let optional = |name| Some(text(name)).filter(|text| !text.is_empty()).map(str::to_owned);
        let mut wrong = Vec::new();
        let row = ImportRow {
            line,
            sku: text("sku").to_owned(),
            name: text("name").to_owned(),
            category: optional("category"),
            barcode: cell("barcode").map(|_| optional("barcode")),
            unit_price_minor: number("unit_price_minor", text("unit_price_minor"), &mut wrong),
            currency: text("currency").to_owned(),
            on_hand: number("on_hand", text("on_hand"), &mut wrong),
            reorder_point: match text("reorder_point") {
                "" => 0,
                point => number("reorder_point", point, &mut wrong),
            },
            reorder_quantity: match cell("reorder_quantity").map(|_| text("reorder_quantity")) {
                None => None,
                Some("") => Some(0),
                Some(quantity) => Some(number("reorder_quantity", quantity, &mut wrong)),
            },
            discontinued: match text("discontinued") {
                "t" | "true" => true,
                "" | "f" | "false" => false,
                other => {
                    wrong.push(format!("discontinued: {} is not t or f", shown(other)));
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
        wrong.push(format!("{name}: {} is not a whole number", shown(text)));
        0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "sku,name,category,pack,unit_price_minor,currency,on_hand,on_order,reorder_point,discontinued\n";

    #[derive(Debug, Default)]
    struct Contents {
        rows: Vec<ImportRow>,
        refused: Vec<Refused>,
        ignored: Vec<String>,
    }

    fn parse(bytes: &[u8]) -> Result<Contents, String> {
        let mut file = CatalogueFile::new(bytes)?;
        let mut contents = Contents {
            ignored: file.ignored().to_vec(),
            ..Contents::default()
        };
        for line in &mut file {
            match line {
                Ok(row) => contents.rows.push(row),
                Err(refused) => contents.refused.push(refused),
            }
        }
        assert_eq!(file.position(), bytes.len() as u64);
        Ok(contents)
    }

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
        assert_eq!(bad[2], (5, "sku: \"A\" was in line 2"));
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
        assert_eq!(error, "the header line lacks: unit_price_minor, currency, on_hand");
        assert!(parse(b"").is_err());
        assert!(parse(b"sku,sku,name,unit_price_minor,currency,on_hand\n").is_err());
    }

    #[test]
    fn what_is_not_a_catalogue_is_told_from_it() {
        for (bytes, why) in [
            (&b"\xff\xfes\0k\0u\0"[..], "UTF-16"),
            (
                b"sku;name;unit_price_minor;currency;on_hand\nA;B;1;EUR;1\n",
                "semicolons",
            ),
            (b"\0\0\0\0", "lacks"),
            (b"sku,\xe9\n", "not UTF-8"),
            (b"\x50\x4b\x03\x04\xff\xd8", "UTF-8"),
        ] {
            let error = parse(bytes).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert!(parse(&b",".repeat(1_000_000)).is_err());
    }

    #[test]
    fn hostile_lines_are_each_one_bad_line() {
        let header = "sku,name,unit_price_minor,currency,on_hand\n";
        let text = format!(
            "{header}A,B,{},EUR,1\n{}\nC,\"quoted \"\"twice\"\"\",1,EUR,1\nD,'=cmd,1,EUR,' 5\nE,never closed,\"1,EUR,1\nF,x,1,EUR,1\n",
            "9".repeat(100_000),
            ",".repeat(1_000_000)
        );
        let contents = parse_text(&text);
        let good: Vec<_> = contents.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(good, ["quoted \"twice\""]);
        let bad: Vec<_> = contents.refused.iter().map(|refused| refused.line).collect();
        assert_eq!(bad, [2, 3, 5, 6]);
        assert!(contents.refused.iter().all(|refused| refused.detail.len() < 500));
    }

    #[test]
    fn a_column_that_is_not_there_leaves_what_is_there() {
        let header = "sku,name,unit_price_minor,currency,on_hand";
        let row = &parse_text(&format!("{header}\nA,B,1,EUR,1\n")).rows[0];
        assert_eq!((&row.barcode, row.reorder_quantity), (&None, None));
        let row = &parse_text(&format!("{header},barcode,reorder_quantity\nA,B,1,EUR,1,,\n")).rows[0];
        assert_eq!((&row.barcode, row.reorder_quantity), (&Some(None), Some(0)));
        let row = &parse_text(&format!("{header},barcode,reorder_quantity\nA,B,1,EUR,1,'=1,7\n")).rows[0];
        assert_eq!(
            (&row.barcode, row.reorder_quantity),
            (&Some(Some("=1".to_owned())), Some(7))
        );
    }
}
