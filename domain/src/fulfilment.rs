//! What becomes of a decided order: which of its units leave, and which go back to be promised to others.

use crate::{
    Conflict, Refusal,
    order::{Order, OrderLine},
    returns::unknown_line,
    shipment::{LineUnits, NewCancellation, NewShipment},
};
use std::collections::BTreeMap;

/// Units of one stock item that are reserved for a line and have not left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The line.
    pub line: i64,
    /// Where the units are.
    pub stock_item_id: i64,
    /// The stock item's location.
    pub location_id: i64,
    /// How many; positive.
    pub quantity: i64,
}

/// Units of one stock item that leave, or go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The line.
    pub line: i64,
    /// Where the units are.
    pub stock_item_id: i64,
    /// How many; positive.
    pub quantity: i64,
}

/// Which units leave. Notes on `order` that they have left; its status is left to [`Order::settled_status`].
///
/// # Errors
/// When there is no such line, fewer units are held for it, or nothing at all would leave. Then `order` is as it was.
pub fn ship(order: &mut Order, held: &[Held], new: &NewShipment) -> Result<Vec<Taken>, Refusal> {
    let here = |held: &&Held| new.location_id.is_none_or(|location| held.location_id == location);
    let mut taken = Vec::with_capacity(held.len());
    match &new.lines {
        None => taken.extend(held.iter().filter(here).map(all)),
        Some(lines) => {
            for (index, units) in lines.iter().enumerate() {
                if order.lines.iter().all(|line| line.line != units.line) {
                    return Err(unknown_line(index, units.line));
                }
                let of_line: Vec<&Held> = held
                    .iter()
                    .filter(|held| held.line == units.line)
                    .filter(here)
                    .collect();
                let there: i64 = of_line.iter().map(|held| held.quantity).sum();
                let quantity = units.quantity.unwrap_or(there);
                if quantity > there || quantity == 0 {
                    return Err(too_few(units.line, there, units.quantity));
                }
                take(of_line.into_iter(), quantity, &mut taken);
            }
        }
    }
    if taken.is_empty() {
        let detail = "nothing is reserved that could leave";
        return Err(Refusal::conflict(Conflict::OrderLineUnits, detail));
    }
    for line in &mut order.lines {
        line.shipped += sum(&taken, line.line);
    }
    Ok(taken)
}

/// Which reserved units go back because they, or units that were not reserved yet, are called off. Notes on `order` that they
/// are; its status is left to [`Order::settled_status`].
///
/// # Errors
/// When there is no such line, or fewer units of it have not left. Then `order` is as it was.
pub fn cancel(order: &mut Order, held: &[Held], new: &NewCancellation) -> Result<Vec<Taken>, Refusal> {
    let everything = || {
        let left = order.lines.iter().filter(|line| line.left() > 0);
        let all = |line: &OrderLine| LineUnits {
            line: line.line,
            quantity: None,
        };
        left.map(all).collect()
    };
    let wanted: Vec<LineUnits> = new.lines.clone().unwrap_or_else(everything);
    let mut called_off: BTreeMap<i64, i64> = BTreeMap::new();
    let mut taken = Vec::new();
    for (index, units) in wanted.iter().enumerate() {
        let line = order
            .lines
            .iter()
            .find(|line| line.line == units.line)
            .ok_or_else(|| unknown_line(index, units.line))?;
        let quantity = units.quantity.unwrap_or_else(|| line.left());
        if quantity > line.left() || quantity == 0 {
            return Err(too_few(line.line, line.left(), units.quantity));
        }
        called_off.insert(line.line, quantity);
        // What nobody has put aside yet goes first; then what would have been taken last.
        let of_line = held.iter().rev().filter(|held| held.line == line.line);
        take(of_line, (quantity - line.open()).max(0), &mut taken);
    }
    for line in &mut order.lines {
        line.cancelled += called_off.get(&line.line).copied().unwrap_or(0);
        line.reserved -= sum(&taken, line.line);
    }
    Ok(taken)
}

fn all(held: &Held) -> Taken {
    Taken {
        line: held.line,
        stock_item_id: held.stock_item_id,
        quantity: held.quantity,
    }
}

fn take<'a>(held: impl Iterator<Item = &'a Held>, mut quantity: i64, taken: &mut Vec<Taken>) {
    for held in held {
        let part = quantity.min(held.quantity);
        if part == 0 {
            return;
        }
        quantity -= part;
        taken.push(Taken {
            quantity: part,
            ..all(held)
        });
    }
}

fn sum(taken: &[Taken], line: i64) -> i64 {
    let of_line = taken.iter().filter(|taken| taken.line == line);
    of_line.map(|taken| taken.quantity).sum()
}

fn too_few(line: i64, there: i64, wanted: Option<i64>) -> Refusal {
    let wanted = wanted.map_or_else(
        || "more than none are needed".to_owned(),
        |n| format!("{n} are asked for"),
    );
    let detail = format!("line {line} has {there} units that this could be done with, {wanted}");
    Refusal::conflict(Conflict::OrderLineUnits, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Timestamp,
        order::{OnShortage, OrderStatus},
        returns::{Disposition, NewReturn, NewReturnLine, ReturnReason},
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    /// An order of which each line has some units reserved, spread over two stock items.
    fn order(lines: &[(i64, i64)], on_shortage: OnShortage) -> (Order, Vec<Held>) {
        let mut held = Vec::new();
        let lines = lines.iter().enumerate().map(|(index, &(quantity, reserved))| {
            let line = index as i64 + 1;
            for (location_id, quantity) in [(1, reserved / 2), (2, reserved - reserved / 2)] {
                if quantity > 0 {
                    held.push(Held {
                        line,
                        stock_item_id: line * 10 + location_id,
                        location_id,
                        quantity,
                    });
                }
            }
            OrderLine {
                reserved,
                ..OrderLine::new(line, line, format!("P-{line}"), quantity)
            }
        });
        let lines = lines.collect();
        let at = Timestamp::from_micros(0);
        let order = Order {
            id: Uuid::nil(),
            status: OrderStatus::Confirmed,
            customer_id: 1,
            customer: "C-1".into(),
            on_shortage,
            hold_minutes: None,
            expires_at: None,
            payment: None,
            reason: None,
            lines,
            version: 1,
            created_at: at,
            decided_at: None,
            updated_at: at,
        };
        (order, held)
    }

    fn units(line: i64, quantity: i64) -> LineUnits {
        LineUnits {
            line,
            quantity: Some(quantity),
        }
    }

    fn some(lines: Vec<LineUnits>) -> NewShipment {
        NewShipment {
            lines: Some(lines),
            ..NewShipment::default()
        }
    }

    #[test]
    fn a_part_leaves_then_the_rest() {
        let (mut order, held) = order(&[(4, 4), (2, 2)], OnShortage::Reject);
        let taken = ship(&mut order, &held, &some(vec![units(1, 3)])).unwrap();
        let of: Vec<_> = taken.iter().map(|t| (t.line, t.stock_item_id, t.quantity)).collect();
        assert_eq!(of, [(1, 11, 2), (1, 12, 1)]);
        assert_eq!(
            (order.lines[0].shipped, order.settled_status()),
            (3, OrderStatus::PartlyShipped)
        );
        let here = NewShipment {
            location_id: Some(2),
            ..NewShipment::default()
        };
        let rest = [
            Held {
                line: 1,
                stock_item_id: 12,
                location_id: 2,
                quantity: 1,
            },
            held[2].clone(),
            held[3].clone(),
        ];
        let taken = ship(&mut order, &rest, &here).unwrap();
        assert_eq!(taken.iter().map(|t| t.stock_item_id).collect::<Vec<_>>(), [12, 22]);
        let taken = ship(&mut order, &rest[1..2], &NewShipment::default()).unwrap();
        assert_eq!(taken.len(), 1);
        assert_eq!(order.settled_status(), OrderStatus::Shipped);
    }

    #[test]
    fn what_is_not_there_is_refused_and_changes_nothing() {
        let (mut order, held) = order(&[(4, 2)], OnShortage::Partial);
        let before = order.clone();
        for lines in [vec![units(1, 3)], vec![units(2, 1)], vec![units(1, 1), units(7, 1)]] {
            assert!(ship(&mut order, &held, &some(lines)).is_err());
        }
        let five = NewCancellation {
            lines: Some(vec![units(1, 5)]),
        };
        assert!(cancel(&mut order, &held, &five).is_err());
        assert!(ship(&mut order, &[], &NewShipment::default()).is_err());
        assert_eq!(order, before);
    }

    #[test]
    fn what_is_called_off_was_not_put_aside_if_possible() {
        let (mut order, held) = order(&[(6, 4)], OnShortage::PartialBackorder);
        let three = NewCancellation {
            lines: Some(vec![units(1, 3)]),
        };
        let taken = cancel(&mut order, &held, &three).unwrap();
        assert_eq!(taken.len(), 1, "two were not reserved");
        assert_eq!(
            (taken[0].stock_item_id, taken[0].quantity),
            (12, 1),
            "what would leave last"
        );
        assert_eq!((order.lines[0].cancelled, order.lines[0].reserved), (3, 3));
        assert_eq!(order.settled_status(), OrderStatus::Confirmed);
    }

    #[test]
    fn an_order_without_its_reserved_units_waits_or_is_over() {
        for (on_shortage, status) in [
            (OnShortage::PartialBackorder, OrderStatus::Backordered),
            (OnShortage::Partial, OrderStatus::Cancelled),
        ] {
            let (mut order, _) = order(&[(6, 0)], on_shortage);
            order.lines[0].cancelled = 4;
            assert_eq!(order.settled_status(), status);
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Ship(usize, i64),
        Cancel(usize, i64),
        Return(usize, i64, bool),
    }

    proptest! {
        /// Whatever is done, and refused, in whatever order: no unit leaves, is called off or comes back twice.
        #[test]
        fn units_are_never_counted_twice(
            lines in prop::collection::vec((1..9_i64, 0..9_i64), 1..4),
            steps in prop::collection::vec(prop_oneof![
                (0..4_usize, 1..6_i64).prop_map(|(line, n)| Step::Ship(line, n)),
                (0..4_usize, 1..6_i64).prop_map(|(line, n)| Step::Cancel(line, n)),
                (0..4_usize, 1..6_i64, any::<bool>()).prop_map(|(line, n, restock)| Step::Return(line, n, restock)),
            ], 0..24),
        ) {
            let lines: Vec<_> = lines.into_iter().map(|(quantity, reserved)| (quantity, reserved.min(quantity))).collect();
            let (mut order, mut held) = order(&lines, OnShortage::PartialBackorder);
            let reserved: i64 = lines.iter().map(|(_, reserved)| reserved).sum();
            let (mut gone, mut released) = (0, 0);
            for step in steps {
                let before = order.clone();
                let taken = match step {
                    Step::Ship(line, n) => {
                        let taken = ship(&mut order, &held, &some(vec![units(line as i64 + 1, n)]));
                        gone += taken.iter().flatten().map(|taken| taken.quantity).sum::<i64>();
                        taken
                    }
                    Step::Cancel(line, n) => {
                        let lines = Some(vec![units(line as i64 + 1, n)]);
                        let taken = cancel(&mut order, &held, &NewCancellation { lines });
                        released += taken.iter().flatten().map(|taken| taken.quantity).sum::<i64>();
                        taken
                    }
                    Step::Return(line, quantity, restock) => {
                        let disposition = if restock { Disposition::Restock } else { Disposition::WriteOff };
                        let new = NewReturn {
                            location_id: None,
                            lines: vec![NewReturnLine { line: line as i64 + 1, quantity, disposition, reason: ReturnReason::Other }],
                        };
                        new.apply(&mut order).map(|()| Vec::new())
                    }
                };
                if let Ok(taken) = taken {
                    for taken in taken {
                        let from = held.iter_mut().find(|h| (h.line, h.stock_item_id) == (taken.line, taken.stock_item_id)).unwrap();
                        from.quantity -= taken.quantity;
                        prop_assert!(from.quantity >= 0);
                    }
                } else {
                    prop_assert_eq!(&order, &before);
                }
                held.retain(|held| held.quantity > 0);
                for line in &order.lines {
                    prop_assert!(0 <= line.returned && line.returned <= line.shipped && line.shipped <= line.reserved);
                    prop_assert!(line.reserved + line.cancelled <= line.quantity);
                    let here: i64 = held.iter().filter(|held| held.line == line.line).map(|held| held.quantity).sum();
                    prop_assert_eq!(here, line.held());
                }
                let still: i64 = held.iter().map(|held| held.quantity).sum();
                prop_assert_eq!(still + gone + released, reserved);
                let next = order.settled_status();
                prop_assert!(next == order.status || order.status.may_become(next), "{} became {next}", order.status);
                order.status = next;
                if matches!(next, OrderStatus::Shipped | OrderStatus::Cancelled) {
                    break;
                }
            }
        }
    }
}
