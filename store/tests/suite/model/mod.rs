//! Everything that may happen, one after the other and at random, held against a truth that is written down a second time.
//!
//! The seed is fixed, so that a run is the same everywhere; `cargo xtask test --soak` runs with fresh ones for as long as it is told
//! to. What fails is shrunk to the fewest steps, and its seed is kept in `proptest-regressions/model.txt`, to be tried first from
//! then on.

mod operation;
mod system;
mod truth;

use super::{Engine, Template};
use operation::Step;
use proptest::{
    prelude::*,
    test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestError, TestRng, TestRunner},
};
use proptest_state_machine::ReferenceStateMachine;
use std::{
    collections::BTreeMap,
    sync::{Mutex, atomic::Ordering},
    time::{Duration, Instant},
};
use system::System;
use truth::{Answer, Truth};

/// Steps of a case.
const STEPS: std::ops::RangeInclusive<usize> = 40..=120;
/// Cases of a run, and of a round of a long one.
const CASES: u32 = 5;
/// The seed where nobody asks for another.
const SEED: [u8; 32] = [42; 32];
/// How long a long run takes.
const MINUTES: &str = "INVENTORY_SOAK_MINUTES";
/// The seed of the first round, in hexadecimal digits.
const FROM: &str = "INVENTORY_SOAK_SEED";

struct Machine;

impl ReferenceStateMachine for Machine {
    type State = Truth;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Truth> {
        Just(Truth::new()).boxed()
    }

    fn transitions(truth: &Truth) -> BoxedStrategy<Step> {
        operation::steps(truth)
    }

    fn apply(truth: Truth, step: &Step) -> Truth {
        truth.after(step)
    }

    fn preconditions(truth: &Truth, step: &Step) -> bool {
        step.operation.is_possible(truth)
    }
}

/// Runs cases, each in a database of its own.
pub fn holds(engine: Engine) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let template = runtime.block_on(Template::new(engine));
    let reached = Reached::default();
    let Some(minutes) = variable(MINUTES).map(|text| text.parse::<u64>().expect(MINUTES)) else {
        round(&runtime, &template, SEED, &reached);
        return;
    };
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let mut seed = variable(FROM).map_or_else(fresh, |text| parse(&text));
    let mut cases = 0;
    while Instant::now() < end {
        println!("{engine:?}: {FROM}={}", hexadecimal(seed));
        round(&runtime, &template, seed, &reached);
        cases += CASES;
        seed = fresh();
    }
    println!("{engine:?}: {cases} cases, {}", reached.told());
}

/// Some cases of one seed.
fn round(runtime: &tokio::runtime::Runtime, template: &Template, seed: [u8; 32], reached: &Reached) {
    let config = Config {
        cases: CASES,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "proptest-regressions/model.txt",
        ))),
        max_shrink_time: 60_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let result = runner.run(&Machine::sequential_strategy(STEPS), |(mut truth, steps, seen)| {
        runtime.block_on(async {
            let mut system = System::new(template.copy()).await;
            for step in &steps {
                // So many were seen before it failed: the others are taken away first.
                if let Some(seen) = &seen {
                    seen.fetch_add(1, Ordering::SeqCst);
                }
                truth = Machine::apply(truth, step);
                reached.note(step, &truth);
                system.step(step, &truth).await;
            }
            system.finish(&truth).await;
        });
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, (_, steps, _))) => {
            panic!("{why}\nafter\n{steps:#?}\nwith {FROM}={}", hexadecimal(seed))
        }
        Err(error) => panic!("{error}\nwith {FROM}={}", hexadecimal(seed)),
    }
}

/// How often each operation was tried, and how often it did something.
#[derive(Default)]
struct Reached(Mutex<BTreeMap<String, (u64, u64)>>);

impl Reached {
    fn note(&self, step: &Step, truth: &Truth) {
        let name = format!("{:?}", step.operation);
        let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let mut all = self.0.lock().unwrap();
        let (tried, done) = all.entry(name.to_owned()).or_default();
        *tried += 1;
        *done += u64::from(matches!(truth.answer, Answer::Done | Answer::Outcomes(_)));
    }

    fn told(&self) -> String {
        let all = self.0.lock().unwrap();
        let steps: u64 = all.values().map(|(tried, _)| tried).sum();
        let each: Vec<_> = all
            .iter()
            .map(|(name, (tried, done))| format!("{name} {done}/{tried}"))
            .collect();
        format!("{steps} steps, done/tried: {}", each.join(", "))
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn fresh() -> [u8; 32] {
    let (one, two) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(one.as_bytes());
    seed[16..].copy_from_slice(two.as_bytes());
    seed
}

fn hexadecimal(seed: [u8; 32]) -> String {
    seed.map(|byte| format!("{byte:02x}")).concat()
}

fn parse(text: &str) -> [u8; 32] {
    assert_eq!(text.len(), 64, "a seed has 64 hexadecimal digits");
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect(FROM))
}
