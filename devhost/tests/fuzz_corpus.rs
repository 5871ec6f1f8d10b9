//! What fuzzing has found worth keeping, and what it began with, is read without a panic. `cargo xtask fuzz` looks for more.

#![allow(clippy::unwrap_used)]

use devhost::fuzzing::TARGETS;
use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_input_of_the_corpora_is_survived() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in TARGETS {
        let mut inputs = 0;
        for input in fs::read_dir(corpora.join(name)).unwrap() {
            let path = input.unwrap().path();
            // Names the input where it ends the test.
            println!("{}", path.display());
            target(&fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 5, "{name}: {inputs}");
    }
    let folders: BTreeSet<_> = fs::read_dir(&corpora)
        .unwrap()
        .map(|folder| folder.unwrap().file_name())
        .collect();
    assert_eq!(folders.len(), TARGETS.len(), "{folders:?}");
}
