//! Prints a part of the reference: `cargo run --package inventory-handlers --example reference functions`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let text = match std::env::args().nth(1).as_deref() {
        Some("functions") => inventory_handlers::reference::functions(),
        Some("problems") => inventory_handlers::reference::problems(),
        Some("openapi") => inventory_handlers::reference::openapi(),
        _ => {
            eprintln!("usage: reference functions|problems|openapi");
            return ExitCode::FAILURE;
        }
    };
    print!("{text}");
    ExitCode::SUCCESS
}
