//! What may happen, and which of it is offered in a state.

use super::truth::Truth;
use proptest::prelude::*;

/// Products of the world, their numbers from 0.
pub const PRODUCTS: usize = 3;
/// Places of the world: when they are asked for units. Two are equal.
pub const PRIORITIES: [i64; 3] = [20, 10, 20];
/// Customers of the world.
pub const CUSTOMERS: usize = 2;
/// Of each kind, the newest that something is done to.
const RECENT: usize = 6;

/// What becomes of what there is too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    Reject,
    Partial,
    Backorder,
    PartialBackorder,
}

/// What a customer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants {
    pub customer: usize,
    /// Product and units.
    pub lines: Vec<(usize, i64)>,
    pub short: Short,
    pub hold_minutes: Option<i64>,
}

/// A message of a batch.
#[derive(Clone, Debug)]
pub enum Message {
    /// An order that came by queue alone; perhaps sent twice.
    New { wants: Wants, is_twice: bool },
    /// An order that is known: one that was placed and is to be decided, or one that is sent again.
    Known(usize),
    /// Another order under the id of a known one.
    Other(usize),
    /// An order of a product that nobody has.
    Unknown,
}

/// Units of a line; `None`: all that there are.
pub type Units = Vec<(i64, Option<i64>)>;

/// What happens. Things are named by their numbers, in the order in which they came to be.
#[derive(Clone, Debug)]
pub enum Operation {
    Wait {
        seconds: i64,
    },
    Receive {
        product: usize,
        place: usize,
        units: i64,
    },
    Adjust {
        item: usize,
        delta: i64,
    },
    Overwrite {
        item: usize,
        units: i64,
        is_stale: bool,
    },
    Place(Wants),
    Decide(Vec<Message>),
    Cancel {
        order: usize,
        lines: Option<Units>,
    },
    Ship {
        order: usize,
        place: Option<usize>,
        lines: Option<Units>,
    },
    /// Line, units, and whether they are sold again.
    Return {
        order: usize,
        place: Option<usize>,
        lines: Vec<(i64, i64, bool)>,
    },
    HandOut {
        product: usize,
    },
    ExpireOrders,
    Hold {
        lines: Vec<(usize, i64)>,
        place: Option<usize>,
        seconds: i64,
    },
    Extend {
        hold: usize,
        seconds: i64,
    },
    Release {
        hold: usize,
    },
    Commit {
        hold: usize,
        customer: usize,
        hold_minutes: Option<i64>,
    },
    ExpireHolds,
    PlanTransfer {
        from: usize,
        to: usize,
        lines: Vec<(usize, i64)>,
    },
    Dispatch {
        transfer: usize,
    },
    /// Lines of which fewer units came than were sent.
    Arrive {
        transfer: usize,
        lines: Vec<(i64, i64)>,
    },
    CancelTransfer {
        transfer: usize,
    },
    PlanPurchase {
        place: usize,
        lines: Vec<(usize, i64)>,
    },
    Purchase {
        purchase: usize,
    },
    Deliver {
        purchase: usize,
        lines: Vec<(usize, i64)>,
        is_more_taken: bool,
    },
    CancelPurchase {
        purchase: usize,
    },
    OpenCount {
        place: Option<usize>,
    },
    Record {
        count: usize,
        lines: Vec<(usize, i64)>,
    },
    PostCount {
        count: usize,
    },
    CancelCount {
        count: usize,
    },
    /// Events are handed over; `is_lost`: whoever did it died before it could say so.
    Relay {
        is_lost: bool,
    },
}

/// Something that happens; `dies`: the program is gone before the commit.
#[derive(Clone, Debug)]
pub struct Step {
    pub operation: Operation,
    pub dies: bool,
}

impl Operation {
    /// Whether everything that it names is there.
    pub fn is_possible(&self, truth: &Truth) -> bool {
        match self {
            Self::Adjust { item, .. } | Self::Overwrite { item, .. } => *item < truth.items.len(),
            Self::Decide(messages) => messages.iter().all(|message| match message {
                Message::Known(order) | Message::Other(order) => *order < truth.orders.len(),
                Message::New { .. } | Message::Unknown => true,
            }),
            Self::Cancel { order, .. } | Self::Ship { order, .. } | Self::Return { order, .. } => {
                *order < truth.orders.len()
            }
            Self::Extend { hold, .. } | Self::Release { hold } | Self::Commit { hold, .. } => *hold < truth.holds.len(),
            Self::Dispatch { transfer } | Self::Arrive { transfer, .. } | Self::CancelTransfer { transfer } => {
                *transfer < truth.transfers.len()
            }
            Self::Purchase { purchase } | Self::Deliver { purchase, .. } | Self::CancelPurchase { purchase } => {
                *purchase < truth.purchases.len()
            }
            Self::Record { count, lines } => {
                *count < truth.counts.len() && lines.iter().all(|(item, _)| *item < truth.items.len())
            }
            Self::PostCount { count } | Self::CancelCount { count } => *count < truth.counts.len(),
            _ => true,
        }
    }

    /// Whether it commits by itself, so that nobody can stop it in between.
    fn is_whole(&self) -> bool {
        matches!(
            self,
            Self::Wait { .. }
                | Self::Decide(_)
                | Self::HandOut { .. }
                | Self::ExpireOrders
                | Self::ExpireHolds
                | Self::Relay { .. }
        )
    }
}

/// What is offered in a state: what names things that are there, more often those of which something may still become.
pub fn steps(truth: &Truth) -> BoxedStrategy<Step> {
    let is_bare = truth.items.iter().map(|item| item.on_hand).sum::<i64>() < 60;
    let mut offered: Vec<(u32, BoxedStrategy<Operation>)> = vec![
        (5, (1..=90_i64).prop_map(|seconds| Operation::Wait { seconds }).boxed()),
        (if is_bare { 30 } else { 5 }, receive().boxed()),
        (5, wants().prop_map(Operation::Place).boxed()),
        (14, decide(truth)),
        (5, product().prop_map(|product| Operation::HandOut { product }).boxed()),
        (3, Just(Operation::ExpireOrders).boxed()),
        (8, hold().boxed()),
        (3, Just(Operation::ExpireHolds).boxed()),
        (3, purchase().boxed()),
        (
            2,
            prop::option::of(place())
                .prop_map(|place| Operation::OpenCount { place })
                .boxed(),
        ),
        (
            2,
            prop::bool::weighted(0.3)
                .prop_map(|is_lost| Operation::Relay { is_lost })
                .boxed(),
        ),
    ];
    if !truth.items.is_empty() {
        let items: Vec<_> = (0..truth.items.len()).collect();
        offered.push((4, change(prop::sample::select(items.clone())).boxed()));
        let shelves: Vec<_> = truth.items.iter().map(|item| (item.product, item.place)).collect();
        offered.push((4, transfer(shelves).boxed()));
        if let Some(counts) = recent(truth.counts.iter().map(|count| count.status == "open")) {
            offered.push((
                12,
                counts
                    .prop_flat_map(move |count| count_up(count, items.clone()))
                    .boxed(),
            ));
        }
    }
    let is_live = |status| ["pending", "confirmed", "backordered", "partly_shipped"].contains(&status);
    let lines: Vec<_> = truth.orders.iter().map(|order| order.lines.len() as i64).collect();
    if let Some(orders) = recent(truth.orders.iter().map(|order| is_live(order.status))) {
        offered.push((
            26,
            orders
                .prop_flat_map(move |order| follow_up(order, lines[order]))
                .boxed(),
        ));
    }
    let lines: Vec<_> = truth.orders.iter().map(|order| order.lines.len() as i64).collect();
    let has_left = |order: &super::truth::Order| order.lines.iter().any(|line| line.shipped > line.returned);
    let weight = if truth.orders.iter().any(has_left) { 7 } else { 1 };
    if let Some(orders) = recent(truth.orders.iter().map(has_left)) {
        offered.push((
            weight,
            orders
                .prop_flat_map(move |order| take_back(order, lines[order]))
                .boxed(),
        ));
    }
    if let Some(holds) = recent(truth.holds.iter().map(|hold| hold.status == "active")) {
        offered.push((14, holds.prop_flat_map(end_hold).boxed()));
    }
    let transfers = truth.transfers.iter();
    if let Some(transfers) = recent(transfers.map(|transfer| ["draft", "in_transit"].contains(&transfer.status))) {
        offered.push((14, transfers.prop_flat_map(move_on).boxed()));
    }
    let purchases = truth.purchases.iter();
    if let Some(purchases) = recent(purchases.map(|one| !["received", "cancelled"].contains(&one.status))) {
        offered.push((14, purchases.prop_flat_map(supply).boxed()));
    }
    (prop::strategy::Union::new_weighted(offered), prop::bool::weighted(0.06))
        .prop_map(|(operation, dies)| Step {
            dies: dies && !operation.is_whole(),
            operation,
        })
        .boxed()
}

/// One of the newest: those that live six times as often as those that are over.
fn recent(all: impl ExactSizeIterator<Item = bool>) -> Option<BoxedStrategy<usize>> {
    let first = all.len().saturating_sub(RECENT);
    let weigh = |is_live| if is_live { 6 } else { 1 };
    let weighted: Vec<_> = all
        .enumerate()
        .skip(first)
        .map(|(number, is_live)| (weigh(is_live), Just(number)))
        .collect();
    (!weighted.is_empty()).then(|| prop::strategy::Union::new_weighted(weighted).boxed())
}

fn product() -> std::ops::Range<usize> {
    0..PRODUCTS
}

fn place() -> std::ops::Range<usize> {
    0..PRIORITIES.len()
}

fn lines() -> impl Strategy<Value = Vec<(usize, i64)>> {
    prop::collection::vec((product(), 1..=6_i64), 1..=3)
}

/// Lines of different products.
fn distinct_lines() -> impl Strategy<Value = Vec<(usize, i64)>> {
    prop::collection::btree_map(product(), 1..=6_i64, 1..=PRODUCTS).prop_map(|lines| lines.into_iter().rev().collect())
}

fn wants() -> impl Strategy<Value = Wants> {
    let short = prop::sample::select(vec![
        Short::Reject,
        Short::Partial,
        Short::Backorder,
        Short::PartialBackorder,
    ]);
    (0..CUSTOMERS, lines(), short, prop::option::weighted(0.5, 1..=2_i64)).prop_map(
        |(customer, lines, short, hold_minutes)| Wants {
            customer,
            lines,
            short,
            hold_minutes,
        },
    )
}

fn receive() -> impl Strategy<Value = Operation> {
    (product(), place(), 1..=20_i64).prop_map(|(product, place, units)| Operation::Receive { product, place, units })
}

fn change(item: impl Strategy<Value = usize> + Clone) -> impl Strategy<Value = Operation> {
    prop_oneof![
        (item.clone(), prop_oneof![-6..=-1_i64, 1..=6_i64]).prop_map(|(item, delta)| Operation::Adjust { item, delta }),
        (item, 0..=15_i64, prop::bool::weighted(0.3)).prop_map(|(item, units, is_stale)| Operation::Overwrite {
            item,
            units,
            is_stale
        }),
    ]
}

fn decide(truth: &Truth) -> BoxedStrategy<Operation> {
    let new = (wants(), prop::bool::weighted(0.2)).prop_map(|(wants, is_twice)| Message::New { wants, is_twice });
    let mut kinds = vec![(7, new.boxed()), (1, Just(Message::Unknown).boxed())];
    if let Some(known) = recent(truth.orders.iter().map(|order| order.status == "pending")) {
        kinds.push((6, known.clone().prop_map(Message::Known).boxed()));
        kinds.push((1, known.prop_map(Message::Other).boxed()));
    }
    prop::collection::vec(prop::strategy::Union::new_weighted(kinds), 1..=4)
        .prop_map(Operation::Decide)
        .boxed()
}

/// A line of so many, now and then one more than there are.
fn line(lines: i64) -> impl Strategy<Value = i64> {
    prop_oneof![19 => 1..=lines, 1 => Just(lines + 1)]
}

/// Units of lines, each named once.
fn units(lines: i64) -> impl Strategy<Value = Units> {
    prop::collection::btree_map(line(lines), prop::option::weighted(0.7, 1..=3_i64), 1..=2)
        .prop_map(|units| units.into_iter().rev().collect())
}

fn somewhere() -> impl Strategy<Value = Option<usize>> {
    prop::option::weighted(0.25, place())
}

fn follow_up(order: usize, lines: i64) -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => prop::option::weighted(0.7, units(lines)).prop_map(move |lines| Operation::Cancel { order, lines }),
        4 => (somewhere(), prop::option::weighted(0.6, units(lines)))
            .prop_map(move |(place, lines)| Operation::Ship { order, place, lines }),
    ]
}

fn take_back(order: usize, lines: i64) -> impl Strategy<Value = Operation> {
    (
        somewhere(),
        prop::collection::vec((line(lines), 1..=2_i64, any::<bool>()), 1..=2),
    )
        .prop_map(move |(place, lines)| Operation::Return { order, place, lines })
}

fn hold() -> impl Strategy<Value = Operation> {
    (lines(), prop::option::weighted(0.2, place()), 1..=60_i64).prop_map(|(lines, place, seconds)| Operation::Hold {
        lines,
        place,
        seconds,
    })
}

fn end_hold(hold: usize) -> impl Strategy<Value = Operation> {
    prop_oneof![
        (1..=60_i64).prop_map(move |seconds| Operation::Extend { hold, seconds }),
        Just(Operation::Release { hold }),
        (0..CUSTOMERS, prop::option::weighted(0.5, 1..=2_i64)).prop_map(move |(customer, hold_minutes)| {
            Operation::Commit {
                hold,
                customer,
                hold_minutes,
            }
        }),
    ]
}

/// From where something is; sometimes with a product that may not be there.
fn transfer(shelves: Vec<(usize, usize)>) -> impl Strategy<Value = Operation> {
    let other = prop::option::weighted(0.3, (product(), 1..=3_i64));
    (prop::sample::select(shelves), 1..=5_i64, 1..PRIORITIES.len(), other).prop_map(
        |((product, from), units, further, other)| Operation::PlanTransfer {
            from,
            to: (from + further) % PRIORITIES.len(),
            lines: std::iter::once((product, units)).chain(other).collect(),
        },
    )
}

fn move_on(transfer: usize) -> impl Strategy<Value = Operation> {
    let some = prop::option::weighted(0.4, (1..=2_i64, 0..=3_i64));
    prop_oneof![
        3 => Just(Operation::Dispatch { transfer }),
        3 => some.prop_map(move |line| Operation::Arrive { transfer, lines: line.into_iter().collect() }),
        1 => Just(Operation::CancelTransfer { transfer }),
    ]
}

fn purchase() -> impl Strategy<Value = Operation> {
    (place(), distinct_lines()).prop_map(|(place, lines)| Operation::PlanPurchase { place, lines })
}

fn supply(purchase: usize) -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => Just(Operation::Purchase { purchase }),
        4 => (distinct_lines(), any::<bool>()).prop_map(move |(lines, is_more_taken)| Operation::Deliver {
            purchase,
            lines,
            is_more_taken,
        }),
        1 => Just(Operation::CancelPurchase { purchase }),
    ]
}

fn count_up(count: usize, items: Vec<usize>) -> impl Strategy<Value = Operation> {
    let counted = prop::collection::btree_map(prop::sample::select(items), 0..=15_i64, 1..=3);
    prop_oneof![
        4 => counted.prop_map(move |lines| Operation::Record { count, lines: lines.into_iter().collect() }),
        3 => Just(Operation::PostCount { count }),
        1 => Just(Operation::CancelCount { count }),
    ]
}
