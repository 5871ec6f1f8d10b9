//! Cursors: where a page of a list begins, in a form that is nobody's business but ours.
//!
//! A cursor holds the values of the last row's sort columns, and a checksum over them, the list's name and its order: one that was
//! changed on the way, or belongs to another list or order, is refused instead of leading somewhere. It grants nothing, since
//! every page is asked for with the caller's own rights, so that no secret needs to be in it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use inventory_app::{Key, Sort, Sorting};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const CHECKSUM_BYTES: usize = 6;

/// A list in an order.
pub(crate) struct Place<'a> {
    /// The list: the function that answers it.
    pub(crate) list: &'a str,
    /// What it may be sorted by.
    pub(crate) sorting: &'static Sorting,
    /// The order.
    pub(crate) sort: &'a Sort,
}

impl Place<'_> {
    /// The cursor of the page after the row with these values.
    pub(crate) fn cursor(&self, values: &[Value]) -> String {
        let values = Value::from(values).to_string();
        let mut bytes = self.checksum(values.as_bytes()).to_vec();
        bytes.extend_from_slice(values.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where a cursor leads; `None` where it is none of this list in this order.
    pub(crate) fn read(&self, cursor: &str) -> Option<Beginning> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (checksum, values) = bytes.split_at_checked(CHECKSUM_BYTES)?;
        if checksum != self.checksum(values) {
            return None;
        }
        let values: Vec<Value> = serde_json::from_slice(values).ok()?;
        if self.sorting.columns().is_empty() {
            let [skip] = values.as_slice() else { return None };
            return skip.as_i64().filter(|skip| *skip >= 0).map(Beginning::Skip);
        }
        self.sorting.keys(self.sort, &values).map(Beginning::After)
    }

    fn checksum(&self, values: &[u8]) -> [u8; CHECKSUM_BYTES] {
        let mut digest = Sha256::new();
        digest.update(self.list);
        for (column, descending) in self.sorting.order(self.sort) {
            digest.update(if descending { b"\0-" } else { b"\0+" });
            digest.update(column.name);
        }
        digest.update(b"\0\0");
        digest.update(values);
        let mut checksum = [0; CHECKSUM_BYTES];
        checksum.copy_from_slice(&digest.finalize()[..CHECKSUM_BYTES]);
        checksum
    }
}

/// Where a page begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// After so many rows.
    Skip(i64),
    /// After the row with these values.
    After(Vec<Key>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_app::products::SORTING;
    use serde_json::json;

    #[test]
    fn a_cursor_is_good_for_its_list_in_its_order_alone() {
        let (by_sku, from_high) = (SORTING.parse("sku").unwrap(), SORTING.parse("-sku").unwrap());
        let own = Sort::default();
        let place = |list, sort| Place {
            list,
            sorting: &SORTING,
            sort,
        };
        let cursor = place("products_list", &by_sku).cursor(&[json!("A"), json!(7)]);
        let expected = Beginning::After(vec![Key::Text("A".to_owned()), Key::Int(7)]);
        assert_eq!(place("products_list", &by_sku).read(&cursor), Some(expected));
        assert_eq!(place("locations_list", &by_sku).read(&cursor), None);
        assert_eq!(place("products_list", &from_high).read(&cursor), None);
        assert_eq!(place("products_list", &own).read(&cursor), None);
        for index in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(place("products_list", &by_sku).read(&changed), None, "{changed}");
        }
        for none in ["", "AAAA", "not a cursor", &cursor[1..], &cursor[..8]] {
            assert_eq!(place("products_list", &by_sku).read(none), None, "{none}");
        }
    }
}
