//! Events: what others are told. CloudEvents 1.0 (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>).

use crate::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// The `source` of every event.
pub const SOURCE: &str = "/inventory";

words! {
    /// The types of events, as they are sent.
    pub enum EventType {
        /// A product was created.
        ProductCreated = "inventory.product.created",
        /// A product was changed.
        ProductUpdated = "inventory.product.updated",
        /// A product was archived.
        ProductArchived = "inventory.product.archived",
        /// Units arrived.
        StockReceived = "inventory.stock.received",
        /// Units were added or taken away for a reason.
        StockAdjusted = "inventory.stock.adjusted",
        /// Units were added or taken away because a count showed another number.
        StockCounted = "inventory.stock.counted",
        /// Units left for, or arrived from, another location.
        StockTransferred = "inventory.stock.transferred",
        /// A stock item came down to its reorder point.
        StockLow = "inventory.stock.low",
        /// A stock item has nothing available.
        StockOut = "inventory.stock.out",
        /// A stock item is well above its reorder point again.
        StockRecovered = "inventory.stock.recovered",
        /// An order was taken and waits for its decision.
        OrderPlaced = "inventory.order.placed",
        /// An order has its stock, or more of it than before.
        OrderConfirmed = "inventory.order.confirmed",
        /// An order was refused.
        OrderRejected = "inventory.order.rejected",
        /// An order waits for stock.
        OrderBackordered = "inventory.order.backordered",
        /// Units of an order left, and others have not yet.
        OrderPartlyShipped = "inventory.order.partly_shipped",
        /// An order left.
        OrderShipped = "inventory.order.shipped",
        /// Units of an order were called off; it goes on without them.
        OrderPartlyCancelled = "inventory.order.partly_cancelled",
        /// An order was cancelled.
        OrderCancelled = "inventory.order.cancelled",
        /// Units of an order came back.
        OrderReturned = "inventory.order.returned",
        /// An order was paid.
        OrderPaid = "inventory.order.paid",
        /// Money of an order was given back, all or some of it.
        OrderRefunded = "inventory.order.refunded",
        /// An order was paid that has ended without its goods: somebody has to give the money back.
        OrderRefundDue = "inventory.order.refund_due",
        /// An order's hold ran out.
        OrderExpired = "inventory.order.expired",
        /// Units are held for a while.
        ReservationCreated = "inventory.reservation.created",
        /// A hold has another end.
        ReservationExtended = "inventory.reservation.extended",
        /// A hold was given back.
        ReservationReleased = "inventory.reservation.released",
        /// A hold's time was up.
        ReservationExpired = "inventory.reservation.expired",
        /// A hold has become an order.
        ReservationCommitted = "inventory.reservation.committed",
        /// A transfer was planned.
        TransferCreated = "inventory.transfer.created",
        /// A planned transfer was changed.
        TransferUpdated = "inventory.transfer.updated",
        /// A transfer's units have left.
        TransferDispatched = "inventory.transfer.dispatched",
        /// A transfer's units have arrived, or are lost.
        TransferReceived = "inventory.transfer.received",
        /// A transfer was called off.
        TransferCancelled = "inventory.transfer.cancelled",
        /// A location was created or changed.
        LocationChanged = "inventory.location.changed",
        /// A supplier was created or changed.
        SupplierChanged = "inventory.supplier.changed",
        /// A purchase order was written or changed.
        PurchaseChanged = "inventory.purchase.changed",
        /// A purchase order was ordered.
        PurchaseOrdered = "inventory.purchase.ordered",
        /// Units of a purchase order have come.
        PurchaseReceived = "inventory.purchase.received",
        /// A purchase order was called off.
        PurchaseCancelled = "inventory.purchase.cancelled",
        /// A count was opened.
        CountOpened = "inventory.count.opened",
        /// Lines of a count were counted.
        CountRecorded = "inventory.count.recorded",
        /// A count's differences are in the ledger.
        CountPosted = "inventory.count.posted",
        /// A count was called off.
        CountCancelled = "inventory.count.cancelled",
        /// An alert was acknowledged.
        AlertAcknowledged = "inventory.alert.acknowledged",
        /// An alert's rest is over, and its stock has not recovered.
        AlertReminded = "inventory.alert.reminded",
        /// A webhook gets nothing any more: it did not want to, or failed for too long.
        WebhookDisabled = "inventory.webhook.disabled",
        /// A channel gets nothing any more: it did not want to, or failed for too long.
        ChannelDisabled = "inventory.channel.disabled",
        /// A webhook or channel is tried; told to nobody else.
        ReceiverTest = "inventory.receiver.test",
        /// A customer was erased: whoever keeps something of the person erases it too.
        CustomerErased = "inventory.customer.erased",
        /// A message was parked.
        MessageParked = "inventory.message.parked",
        /// A parked message is sent to its queue again.
        MessageReplayed = "inventory.message.replayed",
        /// A parked message itself, as it came: what the queue is sent.
        MessageResent = "inventory.message.resent",
    }
}

impl EventType {
    /// Whether webhooks are told. What only the queue is sent is as its producer wrote it.
    pub const fn is_told(self) -> bool {
        !matches!(self, Self::MessageResent | Self::ReceiverTest)
    }
}

/// A CloudEvent in the structured JSON form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Event))]
pub struct Event<'a, T> {
    /// Stable: the same event sent twice has the same id.
    pub id: Uuid,
    /// Always [`SOURCE`].
    pub source: &'static str,
    /// Always `1.0`.
    pub specversion: &'static str,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// What it happened to: `<resource>/<id>`. Events of one subject are sent in order.
    pub subject: &'a str,
    /// When.
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: &'static str,
    /// The thing after the event.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    pub data: &'a T,
}

impl<'a, T> Event<'a, T> {
    /// An event of ours.
    pub const fn new(id: Uuid, event_type: EventType, subject: &'a str, time: Timestamp, data: &'a T) -> Self {
        Self {
            id,
            source: SOURCE,
            specversion: "1.0",
            event_type,
            subject,
            time,
            datacontenttype: "application/json",
            data,
        }
    }
}
