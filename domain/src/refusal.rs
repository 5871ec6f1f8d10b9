//! Why something that was asked for is not done. Knows no status codes: the edge maps these to its own protocol.

use crate::Violation;

words! {
    /// A request that is well formed but cannot be carried out in the present state.
    pub enum Conflict {
        /// Another product has this SKU.
        SkuTaken = "sku_taken",
        /// Another product has this barcode.
        BarcodeTaken = "barcode_taken",
        /// Another location has this code.
        LocationCodeTaken = "location_code_taken",
        /// Another location has this name.
        LocationNameTaken = "location_name_taken",
        /// The product still has stock somewhere, so it cannot be archived.
        ProductHasStock = "product_has_stock",
        /// The product is archived: no stock, no new orders.
        ProductArchived = "product_archived",
        /// Fewer units are available than the change takes away.
        InsufficientStock = "insufficient_stock",
        /// The location would hold more units than can be recorded.
        StockLimit = "stock_limit",
        /// The order's status does not allow this step.
        OrderState = "order_state",
        /// A line of the order has fewer units that this could be done with.
        OrderLineUnits = "order_line_units",
        /// The order waits for its payment.
        PaymentMissing = "payment_missing",
        /// The reservation has ended, or its time is up.
        ReservationState = "reservation_state",
        /// The transfer's status does not allow this step.
        TransferState = "transfer_state",
        /// The alert is already cleared.
        AlertCleared = "alert_cleared",
        /// Another account of this kind has this name.
        AccountNameTaken = "account_name_taken",
        /// Another API key has this name.
        ApiKeyNameTaken = "api_key_name_taken",
        /// Another webhook or channel has this name.
        ReceiverNameTaken = "receiver_name_taken",
        /// There are as many webhooks and channels as there may be.
        ReceiverLimit = "receiver_limit",
        /// The webhook or channel is switched off.
        ReceiverDisabled = "receiver_disabled",
        /// The event of the delivery is no longer kept.
        EventGone = "event_gone",
        /// The parked message was replayed before.
        AlreadyReplayed = "already_replayed",
        /// The parked message came from a place it cannot be sent back to, or was not kept whole.
        NotReplayable = "not_replayable",
        /// The export's file is not written yet, or never will be.
        ExportNotDone = "export_not_done",
        /// Another supplier has this code.
        SupplierCodeTaken = "supplier_code_taken",
        /// The supplier is not enabled.
        SupplierDisabled = "supplier_disabled",
        /// The product is discontinued or archived and not ordered any more.
        ProductNotReordered = "product_not_reordered",
        /// The purchase order's status does not allow this step.
        PurchaseState = "purchase_state",
        /// More units came than are outstanding.
        OverReceipt = "over_receipt",
        /// Nothing is suggested (any more) for a chosen stock item.
        NotSuggested = "not_suggested",
        /// The count's status does not allow this step.
        CountState = "count_state",
    }
}

/// Why a use case refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The named thing does not exist.
    #[error("{entity} {id} does not exist")]
    NotFound {
        /// What was looked for (`product`, `order`, …).
        entity: &'static str,
        /// Its id as given.
        id: String,
    },
    /// The input breaks a rule; all broken rules are listed.
    #[error("the input is not valid")]
    Invalid(Vec<Violation>),
    /// The present state does not allow it.
    #[error("{detail}")]
    Conflict {
        /// Which rule.
        conflict: Conflict,
        /// A sentence for people.
        detail: String,
    },
    /// The caller expected another version (`If-Match`).
    #[error("the version is {current} now")]
    VersionMismatch {
        /// The present version.
        current: i64,
    },
    /// The operation overwrites and therefore needs the version it starts from (`If-Match`).
    #[error("an absolute write needs the version it starts from")]
    VersionRequired,
}

impl Refusal {
    /// A missing thing.
    pub fn not_found(entity: &'static str, id: impl std::fmt::Display) -> Self {
        Self::NotFound {
            entity,
            id: id.to_string(),
        }
    }

    /// A conflict with the present state.
    pub fn conflict(conflict: Conflict, detail: impl Into<String>) -> Self {
        Self::Conflict {
            conflict,
            detail: detail.into(),
        }
    }

    /// One violation.
    pub fn invalid(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }])
    }
}
