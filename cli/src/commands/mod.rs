//! One file a command.

pub(crate) mod accounts;
pub(crate) mod backup;
pub(crate) mod baseline;
pub(crate) mod deploy;
pub(crate) mod document;
pub(crate) mod dora;
pub(crate) mod drill;
pub(crate) mod erase_customer;
pub(crate) mod export;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod kpis;
pub(crate) mod logs;
pub(crate) mod migrate;
pub(crate) mod parked;
pub(crate) mod reconcile;
pub(crate) mod restore;
pub(crate) mod rollback_check;
pub(crate) mod secrets;
pub(crate) mod settings;
pub(crate) mod smoke;
pub(crate) mod verify;
