//! Lists as CSV (RFC 4180), for spreadsheet programs.

use inventory_app::csv_text::to_cell;
use serde::Serialize;
use serde_json::{Map, Value};

/// A header with the names of `columns` and a line for each of `items`. What is not a plain value is JSON in its cell.
pub(crate) fn lines<T: Serialize>(columns: &[String], items: &[T]) -> Result<Vec<u8>, serde_json::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let write = |writer: &mut csv::Writer<Vec<u8>>, cells: &[String]| {
        writer.write_record(cells).map_err(serde::ser::Error::custom)
    };
    write(&mut writer, columns)?;
    for item in items {
        let members = members(item)?;
        let cells: Vec<String> = columns
            .iter()
            .map(|name| match members.get(name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => to_cell(text).into_owned(),
                Some(Value::Bool(_) | Value::Number(_)) => members[name].to_string(),
                Some(nested) => to_cell(&nested.to_string()).into_owned(),
            })
            .collect();
        write(&mut writer, &cells)?;
    }
    writer
        .into_inner()
        .map_err(|error| serde::ser::Error::custom(error.into_error()))
}

/// The members of something that is written as an object.
pub(crate) fn members<T: Serialize>(item: &T) -> Result<Map<String, Value>, serde_json::Error> {
    match serde_json::to_value(item)? {
        Value::Object(members) => Ok(members),
        _ => Err(serde::ser::Error::custom("a list holds something that has no members")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_text_and_no_formulas() {
        let columns = ["a", "b", "c"].map(str::to_owned);
        let items = [
            json!({ "a": "=1+1", "b": -5, "c": [1, 2] }),
            json!({ "a": "x, \"y\"\nz", "b": null, "d": 1 }),
        ];
        assert_eq!(
            String::from_utf8(lines(&columns, &items).unwrap()).unwrap(),
            "a,b,c\r\n'=1+1,-5,\"[1,2]\"\r\n\"x, \"\"y\"\"\nz\",,\r\n"
        );
        assert_eq!(lines(&columns, &[] as &[Value]).unwrap(), b"a,b,c\r\n");
    }
}
