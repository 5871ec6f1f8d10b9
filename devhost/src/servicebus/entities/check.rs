//! What can only be checked when all entities are known.

use std::collections::{HashMap, HashSet};

use super::Entities;
use crate::servicebus::path;

/// How often a message may be forwarded.
const HOPS_MAX: usize = 4;

/// The names that have been given so far.
#[derive(Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    pub(super) fn check_entity(&mut self, name: &str, problems: &mut Vec<String>) {
        self.check(name, path::is_entity_name(name), problems);
    }

    /// Returns the subscription's whole name.
    pub(super) fn check_subscription(&mut self, topic: &str, name: &str, problems: &mut Vec<String>) -> String {
        let full = path::subscription(topic, name);
        self.check(&full, path::is_subscription_name(name), problems);
        full
    }

    fn check(&mut self, name: &str, valid: bool, problems: &mut Vec<String>) {
        if !valid {
            problems.push(format!("'{name}' cannot be the name of an entity"));
        }
        if !self.0.insert(name.to_lowercase()) {
            problems.push(format!("'{name}' is there twice"));
        }
    }
}

/// One entity that messages can go on from.
#[derive(Default)]
struct Stop {
    name: String,
    /// Where messages go on to: a forward.
    forward: Option<String>,
    /// The subscriptions of a topic, which cost nothing.
    copies: Vec<String>,
}

/// Checks where messages go on to: to what there is, not in circles, not too often.
pub(super) fn forwarding(entities: &Entities, problems: &mut Vec<String>) {
    let key = |name: &str| name.to_lowercase();
    let mut stops: HashMap<String, Stop> = HashMap::new();
    let mut order = Vec::new();
    let mut dead_letters = Vec::new();
    let queues = entities.queues.iter().map(|(name, options)| (name.clone(), options));
    let subscriptions = entities.topics.iter().flat_map(|topic| {
        let name = |name: &str| path::subscription(&topic.name, name);
        topic.subscriptions.iter().map(move |(of, options)| (name(of), options))
    });
    for (name, options) in queues.chain(subscriptions) {
        let (forward, dead) = (
            options.forward_to.as_deref(),
            options.forward_dead_letters_to.as_deref(),
        );
        if let Some(target) = dead {
            dead_letters.push((name.clone(), target.to_owned()));
        }
        order.push(key(&name));
        let stop = Stop {
            forward: forward.map(ToOwned::to_owned),
            name: name.clone(),
            copies: Vec::new(),
        };
        stops.insert(key(&name), stop);
    }
    for topic in &entities.topics {
        let copies = topic
            .subscriptions
            .iter()
            .map(|(name, _)| key(&path::subscription(&topic.name, name)));
        let stop = Stop {
            name: topic.name.clone(),
            forward: None,
            copies: copies.collect(),
        };
        stops.insert(key(&topic.name), stop);
    }
    let is_target = |target: &str| {
        stops.contains_key(&key(target)) && !key(target).contains(&format!("/{}/", key(path::SUBSCRIPTIONS)))
    };
    let mut check = |name: &str, property: &str, target: &str| {
        if !is_target(target) {
            problems.push(format!(
                "{name}: {property} '{target}' is not a queue or topic of this file"
            ));
            false
        } else if key(name) == key(target) {
            problems.push(format!("{name}: {property} names itself"));
            false
        } else {
            true
        }
    };
    for (name, target) in &dead_letters {
        check(name, "ForwardDeadLetteredMessagesTo", target);
    }
    let mut all_good = true;
    for stop in order.iter().filter_map(|name| stops.get(name)) {
        if let Some(target) = &stop.forward {
            all_good &= check(&stop.name, "ForwardTo", target);
        }
    }
    if !all_good {
        return;
    }
    for start in &order {
        let Some(stop) = stops.get(start).filter(|stop| stop.forward.is_some()) else {
            continue;
        };
        if longest(&stops, start, HOPS_MAX) > HOPS_MAX {
            problems.push(format!(
                "{}: its messages would be forwarded more than {HOPS_MAX} times, or in a circle",
                stop.name
            ));
        }
    }
}

/// The most forwards on any way from here; more than `left` are not counted.
fn longest(stops: &HashMap<String, Stop>, from: &str, left: usize) -> usize {
    let Some(stop) = stops.get(from) else {
        return 0;
    };
    let copies = stop.copies.iter().map(|copy| longest(stops, copy, left)).max();
    let forward = stop.forward.as_ref().map(|target| match left.checked_sub(1) {
        None => 1,
        Some(left) => 1 + longest(stops, &target.to_lowercase(), left),
    });
    copies.into_iter().chain(forward).max().unwrap_or(0)
}
