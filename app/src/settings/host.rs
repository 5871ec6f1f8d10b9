//! What the Functions host reads from the same place; the program itself does not.

use super::setting::{Group, Setting};

static LOW_STOCK_SCHEDULE: Setting = Setting::needed(
    "LOW_STOCK_SCHEDULE",
    "When `stock_sweep` runs: six-field cron (`0 */5 * * * *`: every five minutes). `functions/stock_sweep/function.json` names \
     it. Changing levels raise and clear alerts themselves; the sweep is the safety net.",
);
static WORKER_RUNTIME: Setting = Setting::needed(
    "FUNCTIONS_WORKER_RUNTIME",
    "`custom`. On Flex Consumption it is part of the app's configuration instead.",
);
static STORAGE: Setting = Setting::needed(
    "AzureWebJobsStorage",
    "Storage where the host keeps timer state and leases; `UseDevelopmentStorage=true` is Azurite. `func start` wants it, `cargo \
     xtask dev` does not.",
);

pub(super) static GROUP: Group = Group {
    title: "The host's",
    about: "The Functions host reads these; they stand with the others because it reads them from the same place. \
            `FUNCTIONS_CUSTOMHANDLER_PORT` is set by the host for the handler it starts, and is no setting: without a host the \
            handler listens on 127.0.0.1:8080.",
    settings: &[&LOW_STOCK_SCHEDULE, &WORKER_RUNTIME, &STORAGE],
};
