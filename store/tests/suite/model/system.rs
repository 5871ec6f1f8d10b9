//! The store under test: does what happens, says what is there, and what must always hold.

use super::{
    operation::{CUSTOMERS, Message, Operation, PRIORITIES, PRODUCTS, Short, Step, Units, Wants},
    truth::{Answer, Truth},
};
use crate::suite::{Database, caller, parked, purchases::receipt};
use inventory_domain::{
    Refusal, Timestamp,
    count::{CountOutcome, NewCount, Record, RecordedLine},
    hold::{HoldCommit, HoldExtension, NewHold},
    location::NewLocation,
    movement::Reason,
    order::{NewOrder, NewOrderLine, OnShortage},
    purchase::{NewPurchaseLine, NewPurchaseOrder},
    returns::{Disposition, NewReturn, NewReturnLine, ReturnReason},
    shipment::{LineUnits, NewCancellation, NewShipment},
    stock::{AddStock, AdjustStock, StockChanges},
    transfer::{ArrivedLine, NewTransfer, TransferReceipt},
};
use inventory_store::{
    Page, StoreError, Tx,
    alerts::{self, AlertFilter},
    backorders::{self, Place},
    counts, fulfilment,
    holds::{self, HoldFilter},
    locations,
    orders::{self, OrderFilter},
    outbox::{self, Destination, Sent},
    processing::{self, OrderMessage, Outcome},
    purchases, reconcile, returns,
    stock::{self, StockFilter},
    transfers::{self, TransferFilter},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// When the world began.
const BEGINNING: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
/// How long who hands events over has for it.
const LEASE_SECONDS: i64 = 30;

/// Everything that can be seen, in the words of the truth.
type View = BTreeMap<String, String>;

/// What always holds, as a count of rows that are wrong.
const INVARIANTS: &[(&str, &str)] = &[
            (
                "I1: what is promised is there",
                "SELECT COUNT(*) FROM stock_items WHERE NOT (0 <= reserved AND reserved <= on_hand)",
            ),
            (
                "I2: the ledger's last row is the level",
                "SELECT COUNT(*) FROM stock_items s JOIN movements m ON m.id = (SELECT MAX(n.id) FROM movements n WHERE n.stock_item_id = s.id)
                 WHERE m.on_hand_after <> s.on_hand OR m.reserved_after <> s.reserved",
            ),
            (
                "I3: what a line has is what is reserved for it",
                "SELECT COUNT(*) FROM (SELECT l.reserved - l.shipped AS held, (SELECT COALESCE(SUM(v.quantity), 0) FROM reservations v
                     WHERE v.order_id = l.order_id AND v.line = l.line AND v.state = 'active') AS active FROM order_lines l) x WHERE held <> active",
            ),
            (
                "I3: only what lives holds something",
                "SELECT COUNT(*) FROM reservations v JOIN orders o ON o.id = v.order_id WHERE v.state = 'active' AND o.status NOT IN ('confirmed')",
            ),
            (
                "I3: a hold and its lines are of one mind",
                "SELECT COUNT(*) FROM hold_lines l JOIN holds h ON h.id = l.hold_id WHERE l.status <> h.status OR l.expires_at <> h.expires_at",
            ),
            (
                "I4: an order is decided once",
                "SELECT COUNT(*) FROM (SELECT entity FROM audit WHERE action = 'orders_process' GROUP BY entity HAVING COUNT(*) > 1) x",
            ),
            (
                "I5: shipped <= reserved <= ordered",
                "SELECT COUNT(*) FROM order_lines WHERE NOT (0 <= shipped AND shipped <= reserved AND reserved + cancelled <= quantity AND returned <= shipped)",
            ),
            (
                "I5: what has left is in shipments",
                "SELECT COUNT(*) FROM (SELECT l.shipped, (SELECT COALESCE(SUM(i.quantity), 0) FROM shipments h JOIN shipment_lines i ON i.shipment_id = h.id
                     WHERE h.order_id = l.order_id AND i.line = l.line) AS sent FROM order_lines l) x WHERE shipped <> sent",
            ),
            (
                "waiting lines are marked, others are not",
                "SELECT COUNT(*) FROM order_lines l JOIN orders o ON o.id = l.order_id
                 WHERE (l.waiting_since IS NOT NULL) <> (l.quantity - l.cancelled - l.reserved > 0
                     AND (o.status = 'backordered' OR (o.status = 'confirmed' AND o.on_shortage = 'partial_backorder')))",
            ),
];

pub struct System {
    database: Database,
    products: Vec<i64>,
    places: Vec<i64>,
    supplier: i64,
    items: Vec<i64>,
    orders: Vec<Uuid>,
    holds: Vec<Uuid>,
    transfers: Vec<i64>,
    purchases: Vec<i64>,
    counts: Vec<i64>,
    /// Messages so far.
    messages: u128,
    /// Events as they were handed over: what was sent once is never another.
    handed_over: BTreeMap<i64, (Uuid, String, String)>,
    /// What was there after the last step.
    seen: View,
    records: Records,
}

/// Rows that only ever become more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Records {
    movements: i64,
    audit: i64,
    outbox: i64,
}

impl System {
    pub async fn new(database: Database) -> Self {
        let (mut products, mut places, mut supplied) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..PRODUCTS {
            let product = database.product(&format!("P-{number}"), 0).await.id;
            products.push(product);
            supplied.push(crate::suite::purchases::supplied(product));
        }
        for (number, priority) in PRIORITIES.into_iter().enumerate() {
            let mut tx = database.store.begin_at(caller(), BEGINNING);
            let new = NewLocation {
                code: None,
                name: format!("Place {number}"),
                priority: Some(priority),
            };
            places.push(locations::create(&mut tx, &new).await.unwrap().id);
            tx.commit().await.unwrap();
        }
        let supplier = crate::suite::purchases::supplier(&database, "S", supplied).await.id;
        let mut system = Self {
            database,
            products,
            places,
            supplier,
            items: Vec::new(),
            orders: Vec::new(),
            holds: Vec::new(),
            transfers: Vec::new(),
            purchases: Vec::new(),
            counts: Vec::new(),
            messages: 0,
            handed_over: BTreeMap::new(),
            seen: View::new(),
            records: Records::default(),
        };
        system.records = system.count_records().await;
        system
    }

    /// Does it, and holds what is answered and what is there then against the truth.
    pub async fn step(&mut self, step: &Step, truth: &Truth) {
        let now = BEGINNING.plus_seconds(truth.now);
        let answer = match &step.operation {
            Operation::Wait { .. } => Answer::Same,
            Operation::Decide(messages) => self.decide(messages, now).await,
            Operation::HandOut { product } => {
                let tx = self.database.store.begin_at(caller(), now);
                let filled = backorders::fill(tx, self.products[*product], Place::START, 1_000).await;
                done(filled.unwrap().orders)
            }
            Operation::ExpireOrders => {
                let tx = self.database.store.begin_at(caller(), now);
                done(orders::expire_due(tx, 1_000).await.unwrap())
            }
            Operation::ExpireHolds => {
                let tx = self.database.store.begin_at(caller(), now);
                done(holds::expire_due(tx, 1_000).await.unwrap())
            }
            Operation::Relay { is_lost } => {
                self.relay(now, *is_lost).await;
                Answer::Same
            }
            operation => {
                let mut tx = self.database.store.begin_at(caller(), now);
                match self.write(&mut tx, operation).await {
                    Ok(made) if !step.dies => {
                        tx.commit().await.unwrap();
                        self.keep(made.as_ref());
                        Answer::Done
                    }
                    Ok(_) => Answer::Done,
                    Err(error) => Answer::Refused(refused(error)),
                }
            }
        };
        // Whether something had to be done is seen below.
        let expected = match &truth.answer {
            Answer::Same if answer == Answer::Done => Answer::Done,
            other => other.clone(),
        };
        assert_eq!(answer, expected, "{step:?}");
        self.compare(step, truth).await;
    }

    /// What it makes is named by the number that it has in the truth.
    fn keep(&mut self, made: Option<&Made>) {
        match made {
            None => {}
            Some(Made::Order(id)) => self.orders.push(*id),
            Some(Made::Hold(id)) => self.holds.push(*id),
            Some(Made::Transfer(id)) => self.transfers.push(*id),
            Some(Made::Purchase(id)) => self.purchases.push(*id),
            Some(Made::Count(id)) => self.counts.push(*id),
        }
    }

    async fn write(&self, tx: &mut Tx, operation: &Operation) -> Result<Option<Made>, StoreError> {
        let at = |place: &usize| self.places[*place];
        Ok(match operation {
            Operation::Receive { product, place, units } => {
                let add = AddStock {
                    product_id: self.products[*product],
                    quantity: *units,
                    location: None,
                    location_id: Some(at(place)),
                    reason: None,
                    reorder_point: None,
                };
                stock::add(tx, &add).await?;
                None
            }
            Operation::Adjust { item, delta } => {
                let adjust = AdjustStock {
                    delta: *delta,
                    reason: if *delta > 0 { Reason::Found } else { Reason::Damage },
                    note: None,
                };
                stock::adjust(tx, self.items[*item], None, &adjust).await?;
                None
            }
            Operation::Overwrite { item, units, is_stale } => {
                let id = self.items[*item];
                let version = stock::get(&self.database.store, id).await?.version;
                let changes = StockChanges {
                    quantity: Some(*units),
                    reason: None,
                    reorder_point: None,
                };
                stock::update(tx, id, Some(version - i64::from(*is_stale)), &changes).await?;
                None
            }
            Operation::Place(wants) => Some(Made::Order(orders::create(tx, &self.order(wants)).await?.id)),
            Operation::Cancel { order, lines } => {
                let new = NewCancellation {
                    lines: lines.as_ref().map(units),
                };
                fulfilment::cancel(tx, self.orders[*order], None, &new).await?;
                None
            }
            Operation::Ship { order, place, lines } => {
                let new = NewShipment {
                    lines: lines.as_ref().map(units),
                    location_id: place.as_ref().map(at),
                    ..NewShipment::default()
                };
                fulfilment::ship(tx, self.orders[*order], None, &new).await?;
                None
            }
            Operation::Return { order, place, lines } => {
                let line = |(line, quantity, is_restocked): &(i64, i64, bool)| NewReturnLine {
                    line: *line,
                    quantity: *quantity,
                    disposition: if *is_restocked {
                        Disposition::Restock
                    } else {
                        Disposition::WriteOff
                    },
                    reason: ReturnReason::Unwanted,
                };
                let new = NewReturn {
                    location_id: place.as_ref().map(at),
                    lines: lines.iter().map(line).collect(),
                };
                returns::create(tx, self.orders[*order], None, &new).await?;
                None
            }
            Operation::Hold { lines, place, seconds } => {
                let new = NewHold {
                    lines: self.lines(lines),
                    location: None,
                    location_id: place.as_ref().map(at),
                    expires_in_seconds: Some(*seconds),
                    reference: None,
                };
                Some(Made::Hold(holds::create(tx, &new).await?.id))
            }
            Operation::Extend { hold, seconds } => {
                let extension = HoldExtension {
                    expires_in_seconds: *seconds,
                };
                holds::extend(tx, self.holds[*hold], None, extension).await?;
                None
            }
            Operation::Release { hold } => {
                holds::release(tx, self.holds[*hold], None).await?;
                None
            }
            Operation::Commit {
                hold,
                customer,
                hold_minutes,
            } => {
                let buying = HoldCommit {
                    customer: reference(*customer),
                    hold_minutes: *hold_minutes,
                    payment: None,
                };
                let (order, is_new) = holds::commit(tx, self.holds[*hold], None, &buying).await?;
                is_new.then_some(Made::Order(order.id))
            }
            Operation::PlanTransfer { from, to, lines } => {
                let new = NewTransfer {
                    from_location: None,
                    from_location_id: Some(at(from)),
                    to_location: None,
                    to_location_id: Some(at(to)),
                    note: None,
                    lines: self.lines(lines),
                };
                Some(Made::Transfer(transfers::create(tx, &new).await?.id))
            }
            Operation::Dispatch { transfer } => {
                transfers::dispatch(tx, self.transfers[*transfer], None).await?;
                None
            }
            Operation::Arrive { transfer, lines } => {
                let line = |&(line, quantity): &(i64, i64)| ArrivedLine { line, quantity };
                let receipt = TransferReceipt {
                    lines: Some(lines.iter().map(line).collect()),
                };
                transfers::receive(tx, self.transfers[*transfer], None, &receipt).await?;
                None
            }
            Operation::CancelTransfer { transfer } => {
                transfers::cancel(tx, self.transfers[*transfer], None).await?;
                None
            }
            Operation::PlanPurchase { place, lines } => {
                let line = |(product, quantity): &(usize, i64)| NewPurchaseLine {
                    product_id: self.products[*product],
                    quantity: *quantity,
                    unit_cost_minor: None,
                };
                let new = NewPurchaseOrder {
                    supplier_id: self.supplier,
                    location_id: Some(at(place)),
                    reference: None,
                    note: None,
                    expected_at: None,
                    lines: lines.iter().map(line).collect(),
                };
                Some(Made::Purchase(purchases::create(tx, &new).await?.id))
            }
            Operation::Purchase { purchase } => {
                purchases::order(tx, self.purchases[*purchase], None).await?;
                None
            }
            Operation::Deliver {
                purchase,
                lines,
                is_more_taken,
            } => {
                let lines: Vec<_> = lines
                    .iter()
                    .map(|(product, units)| (self.products[*product], *units))
                    .collect();
                let receipt = receipt(&lines, *is_more_taken);
                purchases::receive(tx, self.purchases[*purchase], None, &receipt).await?;
                None
            }
            Operation::CancelPurchase { purchase } => {
                purchases::cancel(tx, self.purchases[*purchase], None).await?;
                None
            }
            Operation::OpenCount { place } => {
                let new = NewCount {
                    name: "A count".to_owned(),
                    blind: false,
                    location_id: place.as_ref().map(at),
                    category: None,
                    product_ids: None,
                };
                Some(Made::Count(counts::create(tx, &new).await?.id))
            }
            Operation::Record { count, lines } => {
                let line = |(item, counted): &(usize, i64)| RecordedLine {
                    stock_item_id: self.items[*item],
                    counted: *counted,
                    counted_at: None,
                };
                let record = Record {
                    lines: lines.iter().map(line).collect(),
                };
                counts::record(tx, self.counts[*count], None, &record).await?;
                None
            }
            Operation::PostCount { count } => {
                counts::post(tx, self.counts[*count], None).await?;
                None
            }
            Operation::CancelCount { count } => {
                counts::cancel(tx, self.counts[*count], None).await?;
                None
            }
            Operation::Wait { .. }
            | Operation::Decide(_)
            | Operation::HandOut { .. }
            | Operation::ExpireOrders
            | Operation::ExpireHolds
            | Operation::Relay { .. } => unreachable!("commits by itself"),
        })
    }

    fn lines(&self, lines: &[(usize, i64)]) -> Vec<NewOrderLine> {
        let line = |(product, quantity): &(usize, i64)| NewOrderLine {
            product_id: Some(self.products[*product]),
            sku: None,
            quantity: *quantity,
        };
        lines.iter().map(line).collect()
    }

    fn order(&self, wants: &Wants) -> NewOrder {
        NewOrder {
            customer: reference(wants.customer),
            on_shortage: match wants.short {
                Short::Reject => OnShortage::Reject,
                Short::Partial => OnShortage::Partial,
                Short::Backorder => OnShortage::Backorder,
                Short::PartialBackorder => OnShortage::PartialBackorder,
            },
            hold_minutes: wants.hold_minutes,
            payment: None,
            lines: self.lines(&wants.lines),
        }
    }

    fn message(&mut self, order_id: Uuid, order: NewOrder) -> OrderMessage {
        self.messages += 1;
        OrderMessage {
            order_id,
            order,
            customer_id: None,
            trace: None,
            message: parked(&format!("message {}", self.messages), "{}"),
        }
    }

    async fn decide(&mut self, messages: &[Message], now: Timestamp) -> Answer {
        let (mut batch, mut again, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for message in messages {
            let next = match message {
                Message::New { wants, is_twice } => {
                    // In the order of their numbers, as ids of a clock are.
                    let id = Uuid::from_u128((1 << 120) + self.messages);
                    new.push(id);
                    let message = self.message(id, self.order(wants));
                    if *is_twice {
                        again.push(self.message(id, message.order.clone()));
                    }
                    message
                }
                Message::Known(order) => {
                    let (id, same) = self.again(*order).await;
                    self.message(id, same)
                }
                Message::Other(order) => {
                    let (id, mut other) = self.again(*order).await;
                    other.lines[0].quantity += 1;
                    self.message(id, other)
                }
                Message::Unknown => {
                    let mut order = self.order(&Wants {
                        customer: 0,
                        lines: vec![(0, 1)],
                        short: Short::Reject,
                        hold_minutes: None,
                    });
                    order.lines[0] = NewOrderLine {
                        product_id: None,
                        sku: Some("nobody has it".to_owned()),
                        quantity: 1,
                    };
                    self.message(Uuid::now_v7(), order)
                }
            };
            batch.push(next);
        }
        batch.append(&mut again);
        let processed = processing::process_at(&self.database.store, &caller(), now, &batch, &[])
            .await
            .unwrap();
        self.orders.append(&mut new);
        let told = |outcome: Outcome| match outcome {
            Outcome::Decided(status) => format!("decided {status}"),
            Outcome::Repeated(status) => format!("repeated {status}"),
            Outcome::Parked(reason) => format!("parked {reason}"),
        };
        Answer::Outcomes(processed.outcomes.into_iter().map(told).collect())
    }

    /// A known order as it was sent.
    async fn again(&self, order: usize) -> (Uuid, NewOrder) {
        let id = self.orders[order];
        let order = orders::get(&self.database.store, id).await.unwrap();
        let line = |line: &inventory_domain::order::OrderLine| NewOrderLine {
            product_id: Some(line.product_id),
            sku: None,
            quantity: line.quantity,
        };
        let same = NewOrder {
            customer: order.customer,
            on_shortage: order.on_shortage,
            hold_minutes: order.hold_minutes,
            payment: None,
            lines: order.lines.iter().map(line).collect(),
        };
        (id, same)
    }

    /// Hands over what is due, in the order of each subject; events that come again are the same bytes (I7).
    async fn relay(&mut self, now: Timestamp, is_lost: bool) -> usize {
        let owner = Uuid::now_v7();
        let (store, to) = (&self.database.store, Destination::EventsTopic);
        let events = outbox::claim(store, to, owner, now, now.plus_seconds(LEASE_SECONDS), 64)
            .await
            .unwrap();
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for event in &events {
            let before = last.insert(&event.subject, event.seq);
            assert!(before.is_none_or(|before| before < event.seq), "{}", event.subject);
            let its_id: serde_json::Value = serde_json::from_str(&event.body).unwrap();
            assert_eq!(its_id["id"], event.event_id.to_string());
            let this = (event.event_id, event.subject.clone(), event.body.clone());
            let known = self.handed_over.entry(event.seq).or_insert_with(|| this.clone());
            assert_eq!(*known, this, "an event that is sent again is the same");
        }
        if !is_lost {
            let sent: Vec<_> = events.iter().map(|event| (event.seq, Sent::Yes)).collect();
            outbox::settle(store, to, owner, &sent).await.unwrap();
        }
        events.len()
    }

    /// At the end every event has been handed over.
    pub async fn finish(mut self, truth: &Truth) {
        let later = BEGINNING.plus_seconds(truth.now + LEASE_SECONDS + 1);
        while self.relay(later, false).await > 0 {}
        let written = self.database.number("SELECT COUNT(*) FROM outbox").await;
        assert_eq!(self.handed_over.len() as i64, written, "no event is lost");
        self.database.check().await;
    }

    async fn compare(&mut self, step: &Step, truth: &Truth) {
        self.learn_items().await;
        let (seen, expected) = (self.view().await, self.told(truth));
        for (what, is) in seen.iter().filter(|(what, _)| !is_alert(what)) {
            // Versions are nothing that the truth knows.
            let (is, _) = is.split_once(" v").unwrap_or((is, ""));
            let should = expected.get(what).map_or("nothing", String::as_str);
            assert_eq!(is, should, "{what} after {step:?}");
        }
        let missing: Vec<_> = expected.keys().filter(|what| !seen.contains_key(*what)).collect();
        assert!(missing.is_empty(), "{missing:?} after {step:?}");
        let parked = "SELECT COUNT(*) FROM parked_messages";
        assert_eq!(
            self.database.number(parked).await,
            truth.parked,
            "no message is lost (I8)"
        );
        self.invariants(step).await;
        self.records(step, truth, &seen).await;
        self.seen = seen;
    }

    /// Stock items that are new, in the order of their ids.
    async fn learn_items(&mut self) {
        let items = stock::list(&self.database.store, &StockFilter::default(), Page::new(0, 1_000)).await;
        self.items = items.unwrap().into_iter().map(|item| item.id).collect();
        self.items.sort_unstable();
    }

    /// What can be seen by those who ask.
    async fn view(&self) -> View {
        let (store, all) = (&self.database.store, || Page::new(0, 1_000));
        let product = |id: i64| number(&self.products, &id);
        let mut view = View::new();
        for item in stock::list(store, &StockFilter::default(), all()).await.unwrap() {
            let what = format!("inventory/{}", item.id);
            let is = format!(
                "product {} at {}: {} on hand, {} reserved, {} available, {} incoming v{}",
                product(item.product_id),
                number(&self.places, &item.location_id),
                item.quantity,
                item.reserved,
                item.available,
                item.incoming,
                item.version,
            );
            view.insert(what, is);
        }
        for order in orders::list(store, &OrderFilter::default(), all()).await.unwrap() {
            let line = |line: &inventory_domain::order::OrderLine| {
                format!(
                    "{} of {}, {} reserved, {} shipped, {} cancelled, {} returned",
                    line.quantity,
                    product(line.product_id),
                    line.reserved,
                    line.shipped,
                    line.cancelled,
                    line.returned
                )
            };
            let lines: Vec<_> = order.lines.iter().map(line).collect();
            let reason = order.reason.map_or("", |reason| reason.as_str());
            let expires = order.expires_at.map(seconds);
            let is = format!(
                "{} {reason} until {expires:?}: {lines:?} v{}",
                order.status, order.version
            );
            view.insert(format!("orders/{}", order.id), is);
        }
        for hold in holds::list(store, &HoldFilter::default(), all()).await.unwrap() {
            let line = |units: &inventory_domain::hold::HoldLine| {
                (units.line, number(&self.items, &units.stock_item_id), units.quantity)
            };
            let lines: Vec<_> = hold.lines.iter().map(line).collect();
            let is = format!(
                "{} until {}: {lines:?} v{}",
                hold.status,
                seconds(hold.expires_at),
                hold.version
            );
            view.insert(format!("reservations/{}", hold.id), is);
        }
        for transfer in transfers::list(store, &TransferFilter::default(), all()).await.unwrap() {
            let line = |line: &inventory_domain::transfer::TransferLine| {
                (product(line.product_id), line.quantity, line.received)
            };
            let lines: Vec<_> = transfer.lines.iter().map(line).collect();
            let is = format!("{}: {lines:?} v{}", transfer.status, transfer.version);
            view.insert(format!("transfers/{}", transfer.id), is);
        }
        for alert in alerts::list(store, &AlertFilter::default(), all()).await.unwrap() {
            let is = format!("{} {} v{}", alert.status, alert.severity, alert.version);
            view.insert(format!("alerts/{}", alert.id), is);
        }
        for id in &self.purchases {
            let purchase = purchases::get(store, *id).await.unwrap();
            let line = |line: &inventory_domain::purchase::PurchaseLine| {
                (product(line.product_id), line.quantity, line.received)
            };
            let lines: Vec<_> = purchase.lines.iter().flatten().map(line).collect();
            let is = format!("{}: {lines:?} v{}", purchase.status, purchase.version);
            view.insert(format!("purchases/{id}"), is);
        }
        for id in &self.counts {
            let count = counts::get(store, *id).await.unwrap();
            let line = |line: &inventory_domain::count::CountLine| {
                let outcome = line.outcome.map(CountOutcome::as_str);
                (
                    number(&self.items, &line.stock_item_id),
                    line.counted.is_some(),
                    outcome,
                )
            };
            let lines: Vec<_> = count.lines.iter().flatten().map(line).collect();
            let is = format!("{}: {lines:?} v{}", count.status, count.version);
            view.insert(format!("counts/{id}"), is);
        }
        view
    }

    /// What should be seen.
    fn told(&self, truth: &Truth) -> View {
        let mut view = View::new();
        for (number, item) in truth.items.iter().enumerate() {
            let is = format!(
                "product {} at {}: {} on hand, {} reserved, {} available, {} incoming",
                item.product,
                item.place,
                item.on_hand,
                truth.reserved(number),
                truth.available(number),
                truth.incoming(number),
            );
            view.insert(format!("inventory/{}", named(&self.items, number)), is);
        }
        for (number, order) in truth.orders.iter().enumerate() {
            let line = |line: &super::truth::Line| {
                format!(
                    "{} of {}, {} reserved, {} shipped, {} cancelled, {} returned",
                    line.quantity,
                    line.product,
                    line.reserved(),
                    line.shipped,
                    line.cancelled,
                    line.returned
                )
            };
            let lines: Vec<_> = order.lines.iter().map(line).collect();
            let reason = order.reason.unwrap_or("");
            let is = format!("{} {reason} until {:?}: {lines:?}", order.status, order.expires_at);
            view.insert(format!("orders/{}", named(&self.orders, number)), is);
        }
        for (number, hold) in truth.holds.iter().enumerate() {
            let is = format!("{} until {}: {:?}", hold.status, hold.expires_at, hold.lines);
            view.insert(format!("reservations/{}", named(&self.holds, number)), is);
        }
        for (number, transfer) in truth.transfers.iter().enumerate() {
            let is = format!("{}: {:?}", transfer.status, transfer.lines);
            view.insert(format!("transfers/{}", named(&self.transfers, number)), is);
        }
        for (number, purchase) in truth.purchases.iter().enumerate() {
            let is = format!("{}: {:?}", purchase.status, purchase.lines);
            view.insert(format!("purchases/{}", named(&self.purchases, number)), is);
        }
        for (number, count) in truth.counts.iter().enumerate() {
            let lines: Vec<_> = count
                .lines
                .iter()
                .map(|(item, line)| (*item, line.is_counted(), line.outcome))
                .collect();
            let is = format!("{}: {lines:?}", count.status);
            view.insert(format!("counts/{}", named(&self.counts, number)), is);
        }
        view
    }

    /// What always holds, asked of the tables.
    async fn invariants(&self, step: &Step) {
        let drift = reconcile::drift(&self.database.store, 10).await.unwrap();
        assert_eq!(drift, [], "levels, ledger and reservations (I2, I3) after {step:?}");
        let all: Vec<String> = INVARIANTS.iter().map(|(_, wrong)| format!("({wrong})")).collect();
        let all = format!("SELECT {}", all.join(" + "));
        if self.database.number(&all).await == 0 {
            return;
        }
        for (invariant, wrong) in INVARIANTS {
            assert_eq!(self.database.number(wrong).await, 0, "{invariant}; after {step:?}");
        }
    }

    async fn count_records(&self) -> Records {
        let count = async |table| self.database.number(&format!("SELECT COUNT(*) FROM {table}")).await;
        Records {
            movements: count("movements").await,
            audit: count("audit").await,
            outbox: count("outbox").await,
        }
    }

    /// Every change has left its records, and nothing else has left any (I6).
    async fn records(&mut self, step: &Step, truth: &Truth, seen: &View) {
        let (before, now) = (self.records, self.count_records().await);
        let changed: BTreeSet<&String> = seen
            .iter()
            .filter(|(what, is)| self.seen.get(*what) != Some(is))
            .map(|(what, _)| what)
            .collect();
        if step.dies || matches!(truth.answer, Answer::Refused(_)) {
            assert!(changed.is_empty(), "{changed:?} by {step:?}");
        }
        if truth.answer == Answer::Same {
            // Whoever looks at an item tells that it is low, where nobody has yet.
            assert!(changed.iter().all(|what| is_alert(what)), "{changed:?} by {step:?}");
        }
        if changed.is_empty() {
            assert_eq!(now, before, "records of nothing: {step:?}");
        }
        for what in changed {
            // What is only on its way to an item is told by the purchase order; what is reserved, by the order or hold.
            if what.starts_with("inventory/") || is_alert(what) {
                continue;
            }
            let audit = "SELECT COUNT(*) FROM (SELECT entity FROM audit ORDER BY id DESC LIMIT ";
            let audit = format!("{audit}{}) x WHERE entity = '{what}'", now.audit - before.audit);
            assert!(
                self.database.number(&audit).await > 0,
                "{what} has no audit row of {step:?}"
            );
            let events = "SELECT COUNT(*) FROM (SELECT subject FROM outbox ORDER BY seq DESC LIMIT ";
            let events = format!("{events}{}) x WHERE subject = '{what}'", now.outbox - before.outbox);
            assert!(
                self.database.number(&events).await > 0,
                "{what} has no event of {step:?}"
            );
        }
        self.records = now;
    }
}

enum Made {
    Order(Uuid),
    Hold(Uuid),
    Transfer(i64),
    Purchase(i64),
    Count(i64),
}

const fn done(count: usize) -> Answer {
    if count > 0 { Answer::Done } else { Answer::Same }
}

fn reference(customer: usize) -> String {
    assert!(customer < CUSTOMERS);
    format!("C-{customer}")
}

fn units(lines: &Units) -> Vec<LineUnits> {
    let of = |&(line, quantity): &(i64, Option<i64>)| LineUnits { line, quantity };
    lines.iter().map(of).collect()
}

/// Seconds since the world began.
fn seconds(at: Timestamp) -> i64 {
    (at.micros() - BEGINNING.micros()) / 1_000_000
}

fn is_alert(what: &str) -> bool {
    what.starts_with("alerts/")
}

fn number<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter().position(|other| other == one).unwrap_or(usize::MAX)
}

fn named<T: ToString>(all: &[T], number: usize) -> String {
    all.get(number).map_or_else(|| format!("number {number}"), T::to_string)
}

fn refused(error: StoreError) -> &'static str {
    match error {
        StoreError::Refused(Refusal::Invalid(_)) => "invalid",
        StoreError::Refused(Refusal::VersionMismatch { .. }) => "stale",
        StoreError::Refused(Refusal::Conflict { conflict, .. }) => conflict.as_str(),
        other => panic!("{other:?}"),
    }
}
