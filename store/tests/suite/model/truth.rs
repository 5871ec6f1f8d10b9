//! What must come out: the same rules, written down a second time with nothing but maps and sums, for one thing after the other.
//!
//! A stock item has no counter of reserved units here: what is reserved is what is promised, added up.

use super::operation::{Message, Operation, PRIORITIES, Short, Step, Units, Wants};
use std::collections::{BTreeMap, BTreeSet};

/// Units of a product at a place.
#[derive(Clone, Debug)]
pub struct Item {
    pub product: usize,
    pub place: usize,
    pub on_hand: i64,
    /// By how much counts have corrected it so far.
    corrected: i64,
}

/// What has become of units that were promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Shipped,
    Active,
    Released,
    Expired,
}

#[derive(Clone, Debug)]
pub struct Line {
    pub product: usize,
    pub quantity: i64,
    pub shipped: i64,
    pub cancelled: i64,
    pub returned: i64,
    /// By stock item, in the order of their numbers.
    promised: BTreeMap<usize, (i64, Fate)>,
}

impl Line {
    fn new(product: usize, quantity: i64) -> Self {
        Self {
            product,
            quantity,
            shipped: 0,
            cancelled: 0,
            returned: 0,
            promised: BTreeMap::new(),
        }
    }

    /// Units that are promised and have not left.
    fn held(&self) -> i64 {
        let active = self.promised.values().filter(|(_, fate)| *fate == Fate::Active);
        active.map(|(units, _)| units).sum()
    }

    /// Units that were promised and not taken back.
    pub fn reserved(&self) -> i64 {
        self.shipped + self.held()
    }

    fn open(&self) -> i64 {
        self.quantity - self.cancelled - self.reserved()
    }

    fn left(&self) -> i64 {
        self.quantity - self.cancelled - self.shipped
    }

    /// Takes units from what is promised of it.
    fn take(&mut self, items: impl Iterator<Item = usize>, mut units: i64, fate: Fate) -> Vec<(usize, i64)> {
        let mut taken = Vec::new();
        for item in items {
            let Some((held, of)) = self.promised.get_mut(&item).filter(|(_, fate)| *fate == Fate::Active) else {
                continue;
            };
            let part = units.min(*held);
            if part > 0 {
                units -= part;
                taken.push((item, part));
                if part == *held {
                    *of = fate;
                } else {
                    *held -= part;
                }
            }
        }
        taken
    }
}

#[derive(Clone, Debug)]
pub struct Order {
    pub wants: Wants,
    pub lines: Vec<Line>,
    pub status: &'static str,
    pub reason: Option<&'static str>,
    pub expires_at: Option<i64>,
    /// When it came.
    came_at: i64,
}

impl Order {
    fn new(wants: &Wants, now: i64) -> Self {
        Self {
            lines: wants
                .lines
                .iter()
                .map(|(product, units)| Line::new(*product, *units))
                .collect(),
            wants: wants.clone(),
            status: "pending",
            reason: None,
            expires_at: None,
            came_at: now,
        }
    }

    fn is_due(&self, now: i64) -> bool {
        self.status == "confirmed" && self.expires_at.is_some_and(|at| at <= now)
    }

    fn held(&self) -> i64 {
        self.lines.iter().map(Line::held).sum()
    }

    fn open(&self) -> i64 {
        self.lines.iter().map(Line::open).sum()
    }

    fn has_units_of(&self, items: &BTreeSet<usize>) -> bool {
        let mut promised = self.lines.iter().flat_map(|line| &line.promised);
        promised.any(|(item, (_, fate))| *fate == Fate::Active && items.contains(item))
    }

    /// Whether what it lacks is still to come.
    fn waits(&self) -> bool {
        match self.status {
            "backordered" => true,
            "confirmed" | "partly_shipped" => self.wants.short == Short::PartialBackorder,
            _ => false,
        }
    }

    /// What it is after units have left or were called off.
    fn settle(&mut self) {
        let awaits = self.open() > 0 && (self.status == "pending" || self.waits());
        let has_left = self.lines.iter().any(|line| line.shipped > 0);
        self.status = if self.held() == 0 && !awaits {
            if has_left { "shipped" } else { "cancelled" }
        } else if has_left {
            "partly_shipped"
        } else if self.held() > 0 {
            "confirmed"
        } else if self.status == "pending" {
            "pending"
        } else {
            "backordered"
        };
    }

    fn expire(&mut self) {
        for line in &mut self.lines {
            for (_, fate) in line.promised.values_mut().filter(|(_, fate)| *fate == Fate::Active) {
                *fate = Fate::Expired;
            }
        }
        (self.status, self.reason) = ("expired", Some("hold_expired"));
    }
}

#[derive(Clone, Debug)]
pub struct Hold {
    /// Line, stock item, units.
    pub lines: Vec<(i64, usize, i64)>,
    pub status: &'static str,
    pub expires_at: i64,
    /// The order that it has become.
    order: Option<usize>,
}

impl Hold {
    fn is_due(&self, now: i64) -> bool {
        self.status == "active" && self.expires_at <= now
    }

    fn has_units_of(&self, items: &BTreeSet<usize>) -> bool {
        self.lines.iter().any(|(_, item, _)| items.contains(item))
    }
}

#[derive(Clone, Debug)]
pub struct Transfer {
    from: usize,
    to: usize,
    /// Product, units sent, units that came.
    pub lines: Vec<(usize, i64, i64)>,
    pub status: &'static str,
}

#[derive(Clone, Debug)]
pub struct Purchase {
    place: usize,
    /// Product, units wanted, units that came.
    pub lines: Vec<(usize, i64, i64)>,
    pub status: &'static str,
}

#[derive(Clone, Debug)]
pub struct CountLine {
    /// What was counted, what was on hand then, by how much counts had corrected the item before, and when.
    counted: Option<(i64, i64, i64, i64)>,
    pub outcome: Option<&'static str>,
}

impl CountLine {
    pub const fn is_counted(&self) -> bool {
        self.counted.is_some()
    }
}

#[derive(Clone, Debug)]
pub struct Count {
    /// By stock item.
    pub lines: BTreeMap<usize, CountLine>,
    pub status: &'static str,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// It was done before, or nothing had to be done.
    Same,
    /// It is refused; nothing has changed.
    Refused(&'static str),
    /// A batch, message by message.
    Outcomes(Vec<String>),
}

/// The world.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Seconds since the world began.
    pub now: i64,
    pub items: Vec<Item>,
    pub orders: Vec<Order>,
    pub holds: Vec<Hold>,
    pub transfers: Vec<Transfer>,
    pub purchases: Vec<Purchase>,
    pub counts: Vec<Count>,
    /// Messages that were put aside.
    pub parked: i64,
    /// What the last step was answered.
    pub answer: Answer,
}

/// Why not, and nothing has changed.
type Refused = &'static str;
const INVALID: Refused = "invalid";

impl Truth {
    pub const fn new() -> Self {
        Self {
            now: 0,
            items: Vec::new(),
            orders: Vec::new(),
            holds: Vec::new(),
            transfers: Vec::new(),
            purchases: Vec::new(),
            counts: Vec::new(),
            parked: 0,
            answer: Answer::Done,
        }
    }

    /// The world after a step: a second later at least.
    #[must_use]
    pub fn after(mut self, step: &Step) -> Self {
        self.now += 1;
        let mut next = self.clone();
        match next.perform(&step.operation) {
            Ok(answer) => {
                let kept = if step.dies { &mut self } else { &mut next };
                kept.answer = answer;
                if step.dies { self } else { next }
            }
            Err(why) => {
                self.answer = Answer::Refused(why);
                self
            }
        }
    }

    /// Units of an item that are promised.
    pub fn reserved(&self, item: usize) -> i64 {
        let of_orders = self.orders.iter().flat_map(|order| &order.lines);
        let of_orders = of_orders.filter_map(|line| line.promised.get(&item));
        let of_orders = of_orders
            .filter(|(_, fate)| *fate == Fate::Active)
            .map(|(units, _)| units);
        let of_holds = self.holds.iter().filter(|hold| hold.status == "active");
        let of_holds = of_holds.flat_map(|hold| &hold.lines).filter(|(_, of, _)| *of == item);
        of_orders.sum::<i64>() + of_holds.map(|(_, _, units)| units).sum::<i64>()
    }

    /// Units that are on their way to an item.
    pub fn incoming(&self, item: usize) -> i64 {
        let Item { product, place, .. } = self.items[item];
        let open = self
            .purchases
            .iter()
            .filter(|purchase| purchase.place == place && ["ordered", "partly_received"].contains(&purchase.status));
        let lines = open
            .flat_map(|purchase| &purchase.lines)
            .filter(|(of, ..)| *of == product);
        lines.map(|(_, wanted, came)| (wanted - came).max(0)).sum()
    }

    pub fn available(&self, item: usize) -> i64 {
        self.items[item].on_hand - self.reserved(item)
    }

    fn available_of(&self, product: usize) -> i64 {
        self.shelves(product, None)
            .iter()
            .map(|item| self.available(*item))
            .sum()
    }

    /// The items of a product, in the order in which they are asked for units.
    fn shelves(&self, product: usize, place: Option<usize>) -> Vec<usize> {
        let is_one = |item: &usize| {
            let item = &self.items[*item];
            item.product == product && place.is_none_or(|place| item.place == place)
        };
        let mut shelves: Vec<usize> = (0..self.items.len()).filter(is_one).collect();
        shelves.sort_by_key(|item| (PRIORITIES[self.items[*item].place], self.items[*item].place));
        shelves
    }

    fn find(&self, product: usize, place: usize) -> Option<usize> {
        let is_it = |item: &Item| (item.product, item.place) == (product, place);
        self.items.iter().position(is_it)
    }

    fn ensure(&mut self, product: usize, place: usize) -> usize {
        self.find(product, place).unwrap_or_else(|| {
            self.items.push(Item {
                product,
                place,
                on_hand: 0,
                corrected: 0,
            });
            self.items.len() - 1
        })
    }

    /// From which items lines (number, product, units) would be served: from one place alone where one has all of it. What is not
    /// there is left out.
    fn allot(&self, lines: &[(i64, usize, i64)], only: Option<usize>) -> Vec<(i64, usize, i64)> {
        let mut wanted: BTreeMap<usize, i64> = BTreeMap::new();
        for (_, product, units) in lines {
            *wanted.entry(*product).or_default() += units;
        }
        let has_all = |place: &usize| {
            let here = |(product, units): (&usize, &i64)| {
                let item = self.find(*product, *place);
                item.map_or(0, |item| self.available(item)) >= *units
            };
            wanted.iter().all(here)
        };
        let one = only.or_else(|| {
            let first = *wanted.keys().next()?;
            let places = self.shelves(first, None).into_iter().map(|item| self.items[item].place);
            places.into_iter().find(has_all)
        });
        let mut taken: BTreeMap<usize, i64> = BTreeMap::new();
        let mut found = Vec::new();
        for (line, product, units) in lines {
            let mut missing = *units;
            for item in self.shelves(*product, one) {
                let used = taken.entry(item).or_default();
                let part = missing.min(self.available(item) - *used);
                if part > 0 {
                    *used += part;
                    missing -= part;
                    found.push((*line, item, part));
                }
            }
        }
        found
    }

    /// Gives an order what it lacks and is there, as it wants to be served; says whether it got something.
    fn serve(&mut self, order: usize) -> bool {
        let now = self.now;
        let open: Vec<(i64, usize, i64)> = (1..)
            .zip(&self.orders[order].lines)
            .filter(|(_, line)| line.open() > 0)
            .map(|(number, line)| (number, line.product, line.open()))
            .collect();
        let mut wanted: BTreeMap<usize, i64> = BTreeMap::new();
        for (_, product, units) in &open {
            *wanted.entry(*product).or_default() += units;
        }
        let is_short = wanted
            .iter()
            .any(|(product, units)| self.available_of(*product) < *units);
        let is_nothing = wanted.keys().all(|product| self.available_of(*product) == 0);
        let short = self.orders[order].wants.short;
        let takes_part = matches!(short, Short::Partial | Short::PartialBackorder);
        if is_short && (is_nothing || !takes_part) {
            let of = &mut self.orders[order];
            if of.status == "pending" {
                let waits = matches!(short, Short::Backorder | Short::PartialBackorder);
                of.status = if waits { "backordered" } else { "rejected" };
                of.reason = Some("insufficient_stock");
            }
            return false;
        }
        let found = self.allot(&open, None);
        let of = &mut self.orders[order];
        if ["pending", "backordered"].contains(&of.status) {
            of.status = "confirmed";
            of.expires_at = of.wants.hold_minutes.map(|minutes| now + 60 * minutes);
        }
        for (line, item, units) in found {
            let promised = of.lines[line as usize - 1]
                .promised
                .entry(item)
                .or_insert((0, Fate::Active));
            *promised = match *promised {
                (before, Fate::Active) => (before + units, Fate::Active),
                _ => (units, Fate::Active),
            };
        }
        of.reason = (of.open() > 0).then_some("partly_reserved");
        true
    }

    fn items_of(&self, products: &BTreeSet<usize>) -> BTreeSet<usize> {
        let items = 0..self.items.len();
        items
            .filter(|item| products.contains(&self.items[*item].product))
            .collect()
    }

    fn due_orders(&self, items: &BTreeSet<usize>) -> Vec<usize> {
        let is_due = |order: &&usize| {
            let order = &self.orders[**order];
            order.is_due(self.now) && order.has_units_of(items)
        };
        let all: Vec<usize> = (0..self.orders.len()).collect();
        all.iter().filter(is_due).copied().collect()
    }

    /// Whoever asks for units of these items first ends what is due on them.
    fn free(&mut self, items: &BTreeSet<usize>) {
        let now = self.now;
        for order in self.due_orders(items) {
            self.orders[order].expire();
        }
        for hold in self
            .holds
            .iter_mut()
            .filter(|hold| hold.is_due(now) && hold.has_units_of(items))
        {
            hold.status = "expired";
        }
    }

    fn perform(&mut self, operation: &Operation) -> Result<Answer, Refused> {
        let now = self.now;
        match operation {
            Operation::Wait { seconds } => {
                self.now += seconds;
                Ok(Answer::Same)
            }
            Operation::Receive { product, place, units } => {
                let item = self.ensure(*product, *place);
                self.items[item].on_hand += units;
                Ok(Answer::Done)
            }
            Operation::Adjust { item, delta } => {
                self.free(&[*item].into());
                self.change(*item, *delta)?;
                Ok(Answer::Done)
            }
            Operation::Overwrite { item, units, is_stale } => {
                let before = self.reserved(*item);
                self.free(&[*item].into());
                if *is_stale {
                    return Err("stale");
                }
                let delta = units - self.items[*item].on_hand;
                let is_same = delta == 0 && self.reserved(*item) == before;
                self.change(*item, delta)?;
                Ok(if is_same { Answer::Same } else { Answer::Done })
            }
            Operation::Place(wants) => {
                self.orders.push(Order::new(wants, now));
                Ok(Answer::Done)
            }
            Operation::Decide(messages) => Ok(self.decide(messages)),
            Operation::Cancel { order, lines } => self.cancel(*order, lines.as_ref()),
            Operation::Ship { order, place, lines } => self.ship(*order, *place, lines.as_ref()),
            Operation::Return { order, place, lines } => self.take_back(*order, *place, lines),
            Operation::HandOut { product } => Ok(self.hand_out(*product)),
            Operation::ExpireOrders => {
                let due = self.orders.iter_mut().filter(|order| order.is_due(now));
                Ok(done(due.map(Order::expire).count()))
            }
            Operation::Hold { lines, place, seconds } => self.hold(lines, *place, *seconds),
            Operation::Extend { hold, seconds } => {
                let hold = self.active(*hold)?;
                hold.expires_at = now + seconds;
                Ok(Answer::Done)
            }
            Operation::Release { hold } => {
                if self.holds[*hold].status == "released" {
                    return Ok(Answer::Same);
                }
                self.active(*hold)?.status = "released";
                Ok(Answer::Done)
            }
            Operation::Commit {
                hold,
                customer,
                hold_minutes,
            } => self.commit(*hold, *customer, *hold_minutes),
            Operation::ExpireHolds => {
                let due = self.holds.iter_mut().filter(|hold| hold.is_due(now));
                Ok(done(due.map(|hold| hold.status = "expired").count()))
            }
            Operation::PlanTransfer { from, to, lines } => {
                self.transfers.push(Transfer {
                    from: *from,
                    to: *to,
                    lines: lines.iter().map(|(product, units)| (*product, *units, 0)).collect(),
                    status: "draft",
                });
                Ok(Answer::Done)
            }
            Operation::Dispatch { transfer } => self.dispatch(*transfer),
            Operation::Arrive { transfer, lines } => self.arrive(*transfer, lines),
            Operation::CancelTransfer { transfer } => self.cancel_transfer(*transfer),
            Operation::PlanPurchase { place, lines } => {
                self.purchases.push(Purchase {
                    place: *place,
                    lines: lines.iter().map(|(product, units)| (*product, *units, 0)).collect(),
                    status: "draft",
                });
                Ok(Answer::Done)
            }
            Operation::Purchase { purchase } => {
                let Purchase { place, lines, status } = self.purchases[*purchase].clone();
                if status != "draft" {
                    return Err("purchase_state");
                }
                self.purchases[*purchase].status = "ordered";
                let products: BTreeSet<usize> = lines.iter().map(|(product, ..)| *product).collect();
                for product in products {
                    self.ensure(product, place);
                }
                Ok(Answer::Done)
            }
            Operation::Deliver {
                purchase,
                lines,
                is_more_taken,
            } => self.deliver(*purchase, lines, *is_more_taken),
            Operation::CancelPurchase { purchase } => {
                let purchase = &mut self.purchases[*purchase];
                if ["received", "cancelled"].contains(&purchase.status) {
                    return Err("purchase_state");
                }
                purchase.status = "cancelled";
                Ok(Answer::Done)
            }
            Operation::OpenCount { place } => {
                let is_in = |item: &usize| place.is_none_or(|place| self.items[*item].place == place);
                let line = |item| {
                    let line = CountLine {
                        counted: None,
                        outcome: None,
                    };
                    (item, line)
                };
                let lines: BTreeMap<_, _> = (0..self.items.len()).filter(is_in).map(line).collect();
                if lines.is_empty() {
                    return Err(INVALID);
                }
                self.counts.push(Count { lines, status: "open" });
                Ok(Answer::Done)
            }
            Operation::Record { count, lines } => self.record(*count, lines),
            Operation::PostCount { count } => self.post(*count),
            Operation::CancelCount { count } => {
                let count = &mut self.counts[*count];
                if count.status != "open" {
                    return Err("count_state");
                }
                count.status = "cancelled";
                Ok(Answer::Done)
            }
            Operation::Relay { .. } => Ok(Answer::Same),
        }
    }

    /// Changes what is on hand, but not below what is promised.
    fn change(&mut self, item: usize, delta: i64) -> Result<(), Refused> {
        if self.available(item) + delta < 0 {
            return Err("insufficient_stock");
        }
        self.items[item].on_hand += delta;
        Ok(())
    }

    fn decide(&mut self, messages: &[Message]) -> Answer {
        let now = self.now;
        let known: BTreeSet<usize> = messages
            .iter()
            .filter_map(|message| match message {
                Message::Known(order) | Message::Other(order) => Some(*order),
                _ => None,
            })
            .collect();
        let mut products: BTreeSet<usize> = BTreeSet::new();
        for message in messages {
            let wants = match message {
                Message::New { wants, .. } => wants,
                Message::Known(order) | Message::Other(order) => &self.orders[*order].wants,
                Message::Unknown => continue,
            };
            products.extend(wants.lines.iter().map(|(product, _)| *product));
        }
        // What is due is ended first: orders with the batch, but for those in it; where holds are due, too, all before it.
        let items = self.items_of(&products);
        let due: Vec<usize> = self
            .due_orders(&items)
            .into_iter()
            .filter(|order| !known.contains(order))
            .collect();
        let mut locked = items.clone();
        for order in &due {
            let promised = self.orders[*order].lines.iter().flat_map(|line| &line.promised);
            locked.extend(
                promised
                    .filter(|(_, (_, fate))| *fate == Fate::Active)
                    .map(|(item, _)| *item),
            );
        }
        if self
            .holds
            .iter()
            .any(|hold| hold.is_due(now) && hold.has_units_of(&locked))
        {
            self.free(&items);
        } else {
            for order in due {
                self.orders[order].expire();
            }
        }

        let mut outcomes = Vec::new();
        let mut again = Vec::new();
        for message in messages {
            let order = match message {
                Message::Unknown => {
                    self.parked += 1;
                    outcomes.push("parked unknown_product".to_owned());
                    continue;
                }
                Message::Other(_) => {
                    self.parked += 1;
                    outcomes.push("parked order_id_taken".to_owned());
                    continue;
                }
                Message::New { wants, is_twice } => {
                    self.orders.push(Order::new(wants, now));
                    again.extend(is_twice.then_some(self.orders.len() - 1));
                    self.orders.len() - 1
                }
                Message::Known(order) => *order,
            };
            if self.orders[order].status == "pending" {
                self.serve(order);
                outcomes.push(format!("decided {}", self.orders[order].status));
            } else {
                outcomes.push(format!("repeated {}", self.orders[order].status));
            }
        }
        // Those that are sent twice come again at the end.
        outcomes.extend(
            again
                .iter()
                .map(|order| format!("repeated {}", self.orders[*order].status)),
        );
        Answer::Outcomes(outcomes)
    }

    fn cancel(&mut self, order: usize, lines: Option<&Units>) -> Result<Answer, Refused> {
        let of = &mut self.orders[order];
        let is_by_request = of.status == "shipped" && of.reason == Some("cancelled_by_request");
        if lines.is_none() && (of.status == "cancelled" || is_by_request) {
            return Ok(Answer::Same);
        }
        if !["pending", "backordered", "confirmed", "partly_shipped"].contains(&of.status) {
            return Err("order_state");
        }
        let everything = || {
            let left = (1..).zip(&of.lines).filter(|(_, line)| line.left() > 0);
            left.map(|(number, _)| (number, None)).collect()
        };
        let wanted: Units = lines.cloned().unwrap_or_else(everything);
        for (number, units) in &wanted {
            let line = of.lines.get(*number as usize - 1).ok_or(INVALID)?;
            if line.left() == 0 || units.is_some_and(|units| units > line.left()) {
                return Err("order_line_units");
            }
        }
        for (number, units) in wanted {
            let line = &mut of.lines[number as usize - 1];
            let units = units.unwrap_or_else(|| line.left());
            // First what nobody has put aside, then what would have left last.
            let aside = (units - line.open()).max(0);
            let last_first: Vec<usize> = line.promised.keys().rev().copied().collect();
            line.take(last_first.into_iter(), aside, Fate::Released);
            line.cancelled += units;
        }
        of.settle();
        if ["cancelled", "shipped"].contains(&of.status) {
            of.reason = Some("cancelled_by_request");
        } else if of.reason == Some("partly_reserved") && of.open() == 0 {
            of.reason = None;
        }
        Ok(Answer::Done)
    }

    fn ship(&mut self, order: usize, place: Option<usize>, lines: Option<&Units>) -> Result<Answer, Refused> {
        let now = self.now;
        let items = self.items.clone();
        let is_here = |item: &usize| place.is_none_or(|place| items[*item].place == place);
        let of = &mut self.orders[order];
        if of.status == "shipped" && lines.is_none() && place.is_none() {
            return Ok(Answer::Same);
        }
        if of.is_due(now) || !["confirmed", "partly_shipped"].contains(&of.status) {
            return Err("order_state");
        }
        let here = |line: &Line| {
            let active = line.promised.iter().filter(|(_, (_, fate))| *fate == Fate::Active);
            active
                .filter(|(item, _)| is_here(item))
                .map(|(_, (units, _))| units)
                .sum::<i64>()
        };
        let everything = || {
            let held = (1..).zip(&of.lines).filter(|(_, line)| here(line) > 0);
            held.map(|(number, _)| (number, None)).collect::<Units>()
        };
        let wanted = lines.cloned().unwrap_or_else(everything);
        if wanted.is_empty() {
            return Err("order_line_units");
        }
        for (number, units) in &wanted {
            let line = of.lines.get(*number as usize - 1).ok_or(INVALID)?;
            if here(line) == 0 || units.is_some_and(|units| units > here(line)) {
                return Err("order_line_units");
            }
        }
        let mut gone = Vec::new();
        for (number, units) in wanted {
            let line = &mut of.lines[number as usize - 1];
            let units = units.unwrap_or_else(|| here(line));
            let shelves: Vec<usize> = line.promised.keys().copied().filter(|item| is_here(item)).collect();
            gone.extend(line.take(shelves.into_iter(), units, Fate::Shipped));
            line.shipped += units;
        }
        of.expires_at = None;
        of.settle();
        for (item, units) in gone {
            self.items[item].on_hand -= units;
        }
        Ok(Answer::Done)
    }

    fn take_back(&mut self, order: usize, place: Option<usize>, lines: &[(i64, i64, bool)]) -> Result<Answer, Refused> {
        let count = self.orders[order].lines.len() as i64;
        if lines.iter().any(|(number, ..)| *number > count) {
            return Err(INVALID);
        }
        for (number, line) in (1..).zip(&mut self.orders[order].lines) {
            let back: i64 = lines
                .iter()
                .filter(|(of, ..)| *of == number)
                .map(|(_, units, _)| units)
                .sum();
            line.returned += back;
            if line.returned > line.shipped {
                return Err("order_line_units");
            }
        }
        for (number, line) in (1..).zip(self.orders[order].lines.clone()) {
            let restocked: Vec<i64> = lines
                .iter()
                .filter(|(of, _, is_restocked)| *of == number && *is_restocked)
                .map(|(_, units, _)| *units)
                .collect();
            if restocked.is_empty() {
                continue;
            }
            let home = if let Some(place) = place {
                self.ensure(line.product, place)
            } else {
                // Where its units came from.
                let origins = line.promised.iter().filter(|(_, (_, fate))| *fate != Fate::Expired);
                let first = origins.min_by_key(|(item, (_, fate))| (*fate, **item));
                *first.map(|(item, _)| item).ok_or(INVALID)?
            };
            self.items[home].on_hand += restocked.iter().sum::<i64>();
        }
        Ok(Answer::Done)
    }

    /// Those who wait for a product get it, the oldest first.
    fn hand_out(&mut self, product: usize) -> Answer {
        let now = self.now;
        let could = |order: &usize| {
            let order = &self.orders[*order];
            let wants_it = order
                .lines
                .iter()
                .any(|line| line.product == product && line.open() > 0);
            let is_there = if order.wants.short == Short::PartialBackorder {
                self.available_of(product) > 0
            } else {
                order
                    .lines
                    .iter()
                    .all(|line| line.open() <= self.available_of(line.product))
            };
            order.waits() && wants_it && is_there && !order.is_due(now)
        };
        let mut waiting: Vec<usize> = (0..self.orders.len()).filter(could).collect();
        waiting.sort_by_key(|order| (self.orders[*order].came_at, *order));
        let mut served = 0;
        for order in waiting {
            served += usize::from(self.serve(order));
        }
        done(served)
    }

    fn hold(&mut self, lines: &[(usize, i64)], place: Option<usize>, seconds: i64) -> Result<Answer, Refused> {
        let products: BTreeSet<usize> = lines.iter().map(|(product, _)| *product).collect();
        self.free(&self.items_of(&products));
        let numbered: Vec<_> = (1..)
            .zip(lines)
            .map(|(number, (product, units))| (number, *product, *units))
            .collect();
        let mut found = self.allot(&numbered, place);
        let units = |units: i64, line: &(i64, usize, i64)| units + line.2;
        if found.iter().fold(0, units) < numbered.iter().fold(0, units) {
            return Err("insufficient_stock");
        }
        found.sort_unstable();
        self.holds.push(Hold {
            lines: found,
            status: "active",
            expires_at: self.now + seconds,
            order: None,
        });
        Ok(Answer::Done)
    }

    fn active(&mut self, hold: usize) -> Result<&mut Hold, Refused> {
        let now = self.now;
        let hold = &mut self.holds[hold];
        if hold.status == "active" && !hold.is_due(now) {
            Ok(hold)
        } else {
            Err("reservation_state")
        }
    }

    fn commit(&mut self, hold: usize, customer: usize, hold_minutes: Option<i64>) -> Result<Answer, Refused> {
        if let Some(order) = self.holds[hold].order {
            let is_same = self.orders[order].wants.customer == customer;
            return if is_same {
                Ok(Answer::Same)
            } else {
                Err("reservation_state")
            };
        }
        let (now, number) = (self.now, self.orders.len());
        let of = self.active(hold)?;
        of.status = "committed";
        of.order = Some(number);
        let mut by_line: BTreeMap<i64, BTreeMap<usize, i64>> = BTreeMap::new();
        for (line, item, units) in &of.lines {
            by_line.entry(*line).or_default().insert(*item, *units);
        }
        let mut lines = Vec::new();
        for promised in by_line.into_values() {
            let product = promised.keys().next().map_or(0, |item| self.items[*item].product);
            let mut line = Line::new(product, promised.values().sum());
            line.promised = promised
                .into_iter()
                .map(|(item, units)| (item, (units, Fate::Active)))
                .collect();
            lines.push(line);
        }
        self.orders.push(Order {
            wants: Wants {
                customer,
                lines: lines.iter().map(|line| (line.product, line.quantity)).collect(),
                short: Short::Reject,
                hold_minutes,
            },
            lines,
            status: "confirmed",
            reason: None,
            expires_at: hold_minutes.map(|minutes| now + 60 * minutes),
            came_at: now,
        });
        Ok(Answer::Done)
    }

    /// The items of a transfer's products at a place, with nothing due on them.
    fn free_at(&mut self, transfer: &Transfer, place: usize) {
        let products = transfer.lines.iter().map(|(product, ..)| *product);
        let items: BTreeSet<usize> = products.filter_map(|product| self.find(product, place)).collect();
        self.free(&items);
    }

    fn dispatch(&mut self, transfer: usize) -> Result<Answer, Refused> {
        let of = self.transfers[transfer].clone();
        match of.status {
            "in_transit" => return Ok(Answer::Same),
            "draft" => {}
            _ => return Err("transfer_state"),
        }
        self.free_at(&of, of.from);
        for (product, units, _) in &of.lines {
            let item = self.find(*product, of.from).ok_or("insufficient_stock")?;
            self.change(item, -units)?;
        }
        self.transfers[transfer].status = "in_transit";
        Ok(Answer::Done)
    }

    fn arrive(&mut self, transfer: usize, lines: &[(i64, i64)]) -> Result<Answer, Refused> {
        let mut of = self.transfers[transfer].clone();
        let count = of.lines.len() as i64;
        let is_right = |(line, came): &(i64, i64)| *line <= count && *came <= of.lines[*line as usize - 1].1;
        if !lines.iter().all(is_right) {
            return Err(INVALID);
        }
        match of.status {
            "received" => return Ok(Answer::Same),
            "in_transit" => {}
            _ => return Err("transfer_state"),
        }
        let products: BTreeSet<usize> = of.lines.iter().map(|(product, ..)| *product).collect();
        for product in products {
            self.ensure(product, of.to);
        }
        self.free_at(&of, of.to);
        for (number, (product, units, came)) in (1..).zip(&mut of.lines) {
            let named = lines.iter().find(|(line, _)| *line == number);
            *came = named.map_or(*units, |(_, came)| *came);
            let item = self.ensure(*product, of.to);
            self.items[item].on_hand += *came;
        }
        of.status = "received";
        self.transfers[transfer] = of;
        Ok(Answer::Done)
    }

    fn cancel_transfer(&mut self, transfer: usize) -> Result<Answer, Refused> {
        let of = self.transfers[transfer].clone();
        match of.status {
            "cancelled" => return Ok(Answer::Same),
            "received" => return Err("transfer_state"),
            "in_transit" => {
                self.free_at(&of, of.from);
                for (product, units, _) in &of.lines {
                    let item = self.ensure(*product, of.from);
                    self.items[item].on_hand += units;
                }
            }
            _ => {}
        }
        self.transfers[transfer].status = "cancelled";
        Ok(Answer::Done)
    }

    fn deliver(&mut self, purchase: usize, lines: &[(usize, i64)], is_more_taken: bool) -> Result<Answer, Refused> {
        let mut of = self.purchases[purchase].clone();
        if !["ordered", "partly_received"].contains(&of.status) {
            return Err("purchase_state");
        }
        let mut is_invalid = false;
        for (product, units) in lines {
            let Some((_, wanted, came)) = of.lines.iter_mut().find(|(of, ..)| of == product) else {
                is_invalid = true;
                continue;
            };
            if *units > (*wanted - *came).max(0) && !is_more_taken {
                return Err("over_receipt");
            }
            *came += units;
            let item = self.ensure(*product, of.place);
            self.items[item].on_hand += units;
        }
        if is_invalid {
            return Err(INVALID);
        }
        let is_all = of.lines.iter().all(|(_, wanted, came)| came >= wanted);
        of.status = if is_all { "received" } else { "partly_received" };
        self.purchases[purchase] = of;
        Ok(Answer::Done)
    }

    fn record(&mut self, count: usize, lines: &[(usize, i64)]) -> Result<Answer, Refused> {
        let now = self.now;
        let of = &mut self.counts[count];
        if of.status != "open" {
            return Err("count_state");
        }
        for (item, counted) in lines {
            let line = of.lines.get_mut(item).ok_or(INVALID)?;
            let there = &self.items[*item];
            line.counted = Some((*counted, there.on_hand, there.corrected, now));
        }
        Ok(Answer::Done)
    }

    fn post(&mut self, count: usize) -> Result<Answer, Refused> {
        let of = self.counts[count].clone();
        let is_blocked = |line: &CountLine| line.outcome == Some("blocked");
        let may_be = of.status == "open" || (of.status == "posted" && of.lines.values().any(is_blocked));
        let due: Vec<(usize, (i64, i64, i64, i64))> = of
            .lines
            .iter()
            .filter(|(_, line)| line.outcome.is_none() || is_blocked(line))
            .filter_map(|(item, line)| Some((*item, line.counted?)))
            .collect();
        if !may_be || due.is_empty() {
            return Err("count_state");
        }
        for (item, (counted, on_hand, corrected, at)) in due {
            let is_later = |other: &CountLine| {
                let has_counted = other.counted.is_some_and(|(.., then)| then > at);
                has_counted && ["agreed", "adjusted"].map(Some).contains(&other.outcome)
            };
            let mut others = self.counts.iter().enumerate().filter(|(other, _)| *other != count);
            let is_superseded = others.any(|(_, other)| other.lines.get(&item).is_some_and(is_later));
            let delta = (counted - on_hand) - (self.items[item].corrected - corrected);
            let outcome = if is_superseded {
                "superseded"
            } else if delta == 0 {
                "agreed"
            } else if self.change(item, delta).is_ok() {
                self.items[item].corrected += delta;
                "adjusted"
            } else {
                "blocked"
            };
            if let Some(line) = self.counts[count].lines.get_mut(&item) {
                line.outcome = Some(outcome);
            }
        }
        self.counts[count].status = "posted";
        Ok(Answer::Done)
    }
}

const fn done(count: usize) -> Answer {
    if count > 0 { Answer::Done } else { Answer::Same }
}
