//! Which stock an order gets: the decision at the heart of the system, as a pure function.
//!
//! One location that can fill the whole order is preferred (one parcel); otherwise each product is taken from the locations
//! in the order of their priority. Orders are decided in the order given, each against what the ones before it left.

use crate::{
    order::{OnShortage, OrderReason, OrderStatus},
    product::ProductStatus,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What must be known of a stock item to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockLevel {
    /// The stock item.
    pub stock_item_id: i64,
    /// Its product.
    pub product_id: i64,
    /// Its location.
    pub location_id: i64,
    /// The location's priority; lower numbers first, then lower location ids.
    pub priority: i64,
    /// Units that can be promised.
    pub available: i64,
}

/// What must be known of an order to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The order.
    pub order_id: Uuid,
    /// What to do when not every unit is available.
    pub on_shortage: OnShortage,
    /// What is ordered.
    pub lines: Vec<DemandLine>,
}

/// One line of a [`Demand`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemandLine {
    /// Its number in the order.
    pub line: i64,
    /// The product.
    pub product_id: i64,
    /// The product's status.
    pub product_status: ProductStatus,
    /// Units wanted.
    pub quantity: i64,
}

/// Units of one stock item reserved for one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allotment {
    /// The line.
    pub line: i64,
    /// Where the units come from.
    pub stock_item_id: i64,
    /// How many; positive.
    pub quantity: i64,
}

/// What was decided about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The order.
    pub order_id: Uuid,
    /// `Confirmed`, `Rejected` or `Backordered`.
    pub status: OrderStatus,
    /// Why it is not simply confirmed.
    pub reason: Option<OrderReason>,
    /// The units reserved for it; empty unless confirmed.
    pub allotments: Vec<Allotment>,
}

/// Decides `orders` one after the other against `stock`. Deterministic; never promises more than is available; deciding a
/// batch equals deciding its orders one by one.
pub fn decide(orders: &[Demand], stock: &[StockLevel]) -> Vec<Decision> {
    let mut shelves = Shelves::new(stock);
    orders.iter().map(|order| shelves.decide(order)).collect()
}

/// The stock while a batch is decided: per product, its levels in the order they are taken from.
struct Shelves {
    by_product: BTreeMap<i64, Vec<StockLevel>>,
}

impl Shelves {
    fn new(stock: &[StockLevel]) -> Self {
        let mut by_product: BTreeMap<i64, Vec<StockLevel>> = BTreeMap::new();
        for level in stock {
            by_product.entry(level.product_id).or_default().push(level.clone());
        }
        for levels in by_product.values_mut() {
            levels.sort_by_key(|level| (level.priority, level.location_id, level.stock_item_id));
        }
        Self { by_product }
    }

    fn decide(&mut self, order: &Demand) -> Decision {
        let decision = |status, reason, allotments| Decision {
            order_id: order.order_id,
            status,
            reason,
            allotments,
        };
        if order
            .lines
            .iter()
            .any(|line| line.product_status == ProductStatus::Archived)
        {
            return decision(OrderStatus::Rejected, Some(OrderReason::ProductArchived), Vec::new());
        }
        // Two lines of one product draw on the same units, so what counts is the sum.
        let mut wanted: BTreeMap<i64, i64> = BTreeMap::new();
        for line in &order.lines {
            *wanted.entry(line.product_id).or_default() += line.quantity;
        }
        let short = wanted
            .iter()
            .any(|(product, quantity)| self.available(*product) < *quantity);
        let nothing = wanted.keys().all(|product| self.available(*product) == 0);
        match (short, order.on_shortage) {
            (false, _) => decision(OrderStatus::Confirmed, None, self.take(order, &wanted)),
            (true, OnShortage::Partial | OnShortage::PartialBackorder) if !nothing => decision(
                OrderStatus::Confirmed,
                Some(OrderReason::PartlyReserved),
                self.take(order, &wanted),
            ),
            (true, OnShortage::Backorder | OnShortage::PartialBackorder) => decision(
                OrderStatus::Backordered,
                Some(OrderReason::InsufficientStock),
                Vec::new(),
            ),
            (true, _) => decision(OrderStatus::Rejected, Some(OrderReason::InsufficientStock), Vec::new()),
        }
    }

    fn levels(&self, product: i64) -> &[StockLevel] {
        self.by_product.get(&product).map_or(&[], Vec::as_slice)
    }

    fn available(&self, product: i64) -> i64 {
        self.levels(product).iter().map(|level| level.available.max(0)).sum()
    }

    /// The first location, by priority, that holds all of `wanted`.
    fn whole(&self, wanted: &BTreeMap<i64, i64>) -> Option<i64> {
        let (first, _) = wanted.iter().next()?;
        self.levels(*first)
            .iter()
            .map(|level| level.location_id)
            .find(|location| {
                wanted.iter().all(|(product, quantity)| {
                    let here = self
                        .levels(*product)
                        .iter()
                        .filter(|level| level.location_id == *location);
                    here.map(|level| level.available.max(0)).sum::<i64>() >= *quantity
                })
            })
    }

    /// Takes what is wanted, as far as it is there, and hands it out to the lines in the order of their numbers.
    fn take(&mut self, order: &Demand, wanted: &BTreeMap<i64, i64>) -> Vec<Allotment> {
        let only = self.whole(wanted);
        let mut lines: Vec<&DemandLine> = order.lines.iter().collect();
        lines.sort_by_key(|line| line.line);
        let mut allotments = Vec::with_capacity(lines.len());
        for line in lines {
            let mut missing = line.quantity;
            let Some(levels) = self.by_product.get_mut(&line.product_id) else {
                continue;
            };
            for level in levels
                .iter_mut()
                .filter(|level| only.is_none_or(|location| level.location_id == location))
            {
                let quantity = missing.min(level.available.max(0));
                if quantity > 0 {
                    level.available -= quantity;
                    missing -= quantity;
                    allotments.push(Allotment {
                        line: line.line,
                        stock_item_id: level.stock_item_id,
                        quantity,
                    });
                }
            }
        }
        allotments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn level(stock_item_id: i64, product_id: i64, location_id: i64, priority: i64, available: i64) -> StockLevel {
        StockLevel {
            stock_item_id,
            product_id,
            location_id,
            priority,
            available,
        }
    }

    fn demand(id: u128, on_shortage: OnShortage, lines: &[(i64, i64)]) -> Demand {
        let line = |(index, &(product_id, quantity)): (usize, &(i64, i64))| DemandLine {
            line: index as i64 + 1,
            product_id,
            product_status: ProductStatus::Active,
            quantity,
        };
        Demand {
            order_id: Uuid::from_u128(id),
            on_shortage,
            lines: lines.iter().enumerate().map(line).collect(),
        }
    }

    fn allotted(decision: &Decision) -> Vec<(i64, i64, i64)> {
        decision
            .allotments
            .iter()
            .map(|a| (a.line, a.stock_item_id, a.quantity))
            .collect()
    }

    #[test]
    fn one_location_that_fills_the_order_is_preferred() {
        let stock = [
            level(1, 1, 1, 0, 5),
            level(2, 2, 1, 0, 1),
            level(3, 1, 2, 9, 5),
            level(4, 2, 2, 9, 5),
        ];
        let decisions = decide(&[demand(1, OnShortage::Reject, &[(1, 3), (2, 2)])], &stock);
        assert_eq!(
            allotted(&decisions[0]),
            [(1, 3, 3), (2, 4, 2)],
            "location 1 has too little of product 2"
        );
    }

    #[test]
    fn otherwise_by_priority() {
        let stock = [level(1, 1, 1, 5, 2), level(2, 1, 2, 1, 2), level(3, 1, 3, 9, 2)];
        let decisions = decide(&[demand(1, OnShortage::Reject, &[(1, 5)])], &stock);
        assert_eq!(allotted(&decisions[0]), [(1, 2, 2), (1, 1, 2), (1, 3, 1)]);
    }

    #[test]
    fn lines_of_one_product_share_its_units() {
        let stock = [level(1, 1, 1, 0, 5)];
        let decisions = decide(&[demand(1, OnShortage::Reject, &[(1, 3), (1, 3)])], &stock);
        assert_eq!(decisions[0].status, OrderStatus::Rejected);
        assert_eq!(decisions[0].reason, Some(OrderReason::InsufficientStock));
    }

    #[test]
    fn shortage_is_handled_as_the_order_asks() {
        let stock = [level(1, 1, 1, 0, 2), level(2, 2, 1, 0, 0)];
        let orders = [
            demand(1, OnShortage::Reject, &[(1, 3)]),
            demand(2, OnShortage::Backorder, &[(1, 3)]),
            demand(3, OnShortage::Partial, &[(2, 1)]),
            demand(4, OnShortage::Partial, &[(1, 3), (2, 1)]),
            demand(5, OnShortage::Partial, &[(1, 1)]),
        ];
        let outcomes: Vec<_> = decide(&orders, &stock)
            .into_iter()
            .map(|d| (d.status, d.reason, d.allotments.len()))
            .collect();
        assert_eq!(
            outcomes,
            [
                (OrderStatus::Rejected, Some(OrderReason::InsufficientStock), 0),
                (OrderStatus::Backordered, Some(OrderReason::InsufficientStock), 0),
                (OrderStatus::Rejected, Some(OrderReason::InsufficientStock), 0),
                (OrderStatus::Confirmed, Some(OrderReason::PartlyReserved), 1),
                (OrderStatus::Rejected, Some(OrderReason::InsufficientStock), 0),
            ]
        );
    }

    #[test]
    fn archived_and_unstocked_products_are_refused() {
        let mut order = demand(1, OnShortage::Partial, &[(1, 1)]);
        assert_eq!(
            decide(std::slice::from_ref(&order), &[])[0].reason,
            Some(OrderReason::InsufficientStock)
        );
        order.lines[0].product_status = ProductStatus::Archived;
        let decisions = decide(&[order], &[level(1, 1, 1, 0, 9)]);
        assert_eq!(decisions[0].reason, Some(OrderReason::ProductArchived));
    }

    fn orders() -> impl Strategy<Value = Vec<Demand>> {
        let on_shortage = prop::sample::select(OnShortage::ALL);
        let lines = prop::collection::vec((1_i64..5, 1_i64..8), 1..5);
        prop::collection::vec((any::<u128>(), on_shortage, lines), 1..12).prop_map(|orders| {
            orders
                .into_iter()
                .map(|(id, on, lines)| demand(id, on, &lines))
                .collect()
        })
    }

    fn stock() -> impl Strategy<Value = Vec<StockLevel>> {
        prop::collection::btree_map((1_i64..5, 1_i64..4), (0_i64..20, 0_i64..3), 0..12).prop_map(|levels| {
            let mut items = 0;
            let mut item = |((product, location), (available, _)): ((i64, i64), (i64, i64))| {
                items += 1;
                // A location has one priority; it need not follow its id.
                level(items, product, location, (location * 7) % 3, available)
            };
            levels.into_iter().map(&mut item).collect()
        })
    }

    fn apply(decision: &Decision, stock: &mut [StockLevel]) {
        for allotment in &decision.allotments {
            let level = stock
                .iter_mut()
                .find(|level| level.stock_item_id == allotment.stock_item_id)
                .unwrap();
            level.available -= allotment.quantity;
        }
    }

    proptest! {
        #[test]
        fn never_more_than_available_and_never_more_than_ordered(orders in orders(), stock in stock()) {
            let mut left = stock.clone();
            for (order, decision) in orders.iter().zip(decide(&orders, &stock)) {
                prop_assert_eq!(order.order_id, decision.order_id);
                prop_assert!(decision.allotments.iter().all(|a| a.quantity > 0));
                apply(&decision, &mut left);
                let mut complete = true;
                for line in &order.lines {
                    let got: i64 = decision.allotments.iter().filter(|a| a.line == line.line).map(|a| a.quantity).sum();
                    prop_assert!(got <= line.quantity);
                    complete &= got == line.quantity;
                    for allotment in decision.allotments.iter().filter(|a| a.line == line.line) {
                        let from = stock.iter().find(|l| l.stock_item_id == allotment.stock_item_id).unwrap();
                        prop_assert_eq!(from.product_id, line.product_id);
                    }
                }
                match (decision.status, decision.reason) {
                    (OrderStatus::Confirmed, None) => prop_assert!(complete),
                    (OrderStatus::Confirmed, Some(OrderReason::PartlyReserved)) => {
                        prop_assert!(matches!(order.on_shortage, OnShortage::Partial | OnShortage::PartialBackorder));
                        prop_assert!(!complete && !decision.allotments.is_empty());
                    }
                    _ => prop_assert!(decision.allotments.is_empty()),
                }
            }
            prop_assert!(left.iter().all(|level| level.available >= 0));
        }

        #[test]
        fn deterministic_whatever_the_order_of_the_stock_rows(orders in orders(), stock in stock()) {
            let mut reversed = stock.clone();
            reversed.reverse();
            prop_assert_eq!(decide(&orders, &stock), decide(&orders, &reversed));
        }

        #[test]
        fn a_batch_equals_its_orders_one_by_one(orders in orders(), stock in stock()) {
            let batch = decide(&orders, &stock);
            let mut left = stock;
            for (order, expected) in orders.iter().zip(&batch) {
                let single = decide(std::slice::from_ref(order), &left).remove(0);
                prop_assert_eq!(&single, expected);
                apply(&single, &mut left);
            }
        }

        #[test]
        fn the_order_of_lines_is_irrelevant(orders in orders(), stock in stock()) {
            let mut shuffled = orders.clone();
            for order in &mut shuffled { order.lines.reverse(); }
            prop_assert_eq!(decide(&orders, &stock), decide(&shuffled, &stock));
        }

        #[test]
        fn the_sum_over_decisions_is_the_change_of_reserved(orders in orders(), stock in stock()) {
            let decisions = decide(&orders, &stock);
            let mut left = stock.clone();
            for decision in &decisions { apply(decision, &mut left); }
            let promised: i64 = decisions.iter().flat_map(|d| &d.allotments).map(|a| a.quantity).sum();
            let change: i64 = stock.iter().map(|l| l.available).sum::<i64>() - left.iter().map(|l| l.available).sum::<i64>();
            prop_assert_eq!(promised, change);
        }

        /// An order that could be filled in full is never refused.
        #[test]
        fn what_can_be_filled_is_confirmed(order in orders().prop_map(|mut o| o.remove(0)), stock in stock()) {
            let decision = decide(std::slice::from_ref(&order), &stock).remove(0);
            let enough = order.lines.iter().all(|line| {
                let wanted: i64 = order.lines.iter().filter(|l| l.product_id == line.product_id).map(|l| l.quantity).sum();
                stock.iter().filter(|l| l.product_id == line.product_id).map(|l| l.available).sum::<i64>() >= wanted
            });
            prop_assert_eq!(enough, decision.status == OrderStatus::Confirmed && decision.reason.is_none());
        }
    }
}
