//! The things that the API document shows: one small story, told by every operation.

use crate::http::secret::{ChannelWithSecret, ClientWithSecret, KeyWithSecret, WebhookWithSecret};
use inventory_domain::{
    Role, Timestamp,
    account::{Account, AccountKind, ApiKey},
    alert::{Alert, AlertStatus},
    audit::{AccessEntry, AuditEntry},
    channel::{AlertKind, AlertLevel, Channel, ChannelFilter, ChannelKind},
    count::{Accuracy, Count, CountLine, CountOutcome, CountStatus, CountedValue},
    customer::Customer,
    delivery::{Attempt, Delivery, DeliveryState},
    event::{Event, EventType},
    file_job::{Export, ExportKind, FileStatus, Import, ImportCounts, NewExport, RefusedLine},
    hold::{Hold, HoldLine, HoldStatus},
    location::Location,
    low_stock::Severity,
    movement::{Movement, MovementKind, Reason},
    order::{OnShortage, Order, OrderLine, OrderStatus},
    pace::OrdersMinute,
    parked::{ParkReason, ParkedMessage},
    product::{Product, ProductStatus},
    purchase::{PurchaseLine, PurchaseOrder, PurchaseStatus},
    replenishment::{Needs, Suggestion},
    returns::{Disposition, Return, ReturnLine, ReturnReason},
    shipment::{Shipment, ShipmentLine},
    stock::{StockAt, StockItem, StockValue},
    supplier::{SuppliedProduct, Supplier},
    timeline::{Happening, TimelineEntry, TimelineLine},
    transfer::{Transfer, TransferLine, TransferStatus},
    webhook::{Webhook, WebhookKind},
};
use serde_json::{Value, json};
use std::sync::LazyLock;
use uuid::Uuid;

/// 2026-01-05T09:30:00Z.
const MORNING: Timestamp = Timestamp::from_micros(1_767_605_400_000_000);
const NOON: Timestamp = Timestamp::from_micros(1_767_614_400_250_000);
const EVENT_ID: Uuid = Uuid::from_u128(0x019b_8e01_0a7a_7000_8000_0000_0000_0002);
pub(crate) const ORDER_ID: Uuid = Uuid::from_u128(0x019b_8d7a_7c00_7000_8000_0000_0000_0001);

const SHIPMENT_ID: Uuid = Uuid::from_u128(0x019b_8e1c_7c00_7000_8000_0000_0000_0003);
const RETURN_ID: Uuid = Uuid::from_u128(0x019b_9d8a_7c00_7000_8000_0000_0000_0004);

pub(crate) fn product() -> Product {
    Product {
        id: 1,
        sku: "TEA-GREEN-100".to_owned(),
        name: "Green tea, 100 bags".to_owned(),
        category: Some("Beverages".to_owned()),
        barcode: Some("4006381333931".to_owned()),
        unit_price_minor: 1_250,
        currency: "USD".to_owned(),
        reorder_point: 20,
        reorder_quantity: 100,
        status: ProductStatus::Active,
        version: 1,
        created_at: MORNING,
        updated_at: MORNING,
    }
}

pub(crate) fn location() -> Location {
    Location {
        id: 2,
        code: "WAREHOUSE-A".to_owned(),
        name: "Warehouse A".to_owned(),
        priority: 10,
        version: 1,
        created_at: MORNING,
        updated_at: MORNING,
    }
}

pub(crate) fn stock_item() -> StockItem {
    StockItem {
        id: 1,
        product_id: 1,
        sku: product().sku,
        location_id: 2,
        location: location().name,
        quantity: 100,
        reserved: 0,
        available: 100,
        incoming: 0,
        reorder_point: 20,
        version: 1,
        created_at: MORNING,
        updated_at: MORNING,
    }
}

pub(crate) fn low_item() -> StockItem {
    StockItem {
        reserved: 85,
        available: 15,
        version: 2,
        updated_at: NOON,
        ..stock_item()
    }
}

pub(crate) fn movement() -> Movement {
    Movement {
        id: 1,
        stock_item_id: 1,
        kind: MovementKind::Adjustment,
        on_hand_delta: -3,
        reserved_delta: 0,
        on_hand_after: 97,
        reserved_after: 0,
        reason: Some(Reason::Damage),
        note: Some("water damage".to_owned()),
        order_id: None,
        actor: "anonymous".to_owned(),
        created_at: NOON,
    }
}

pub(crate) fn stock_value() -> StockValue {
    StockValue {
        location_id: None,
        location: None,
        category: None,
        currency: "USD".to_owned(),
        value_minor: 125_000,
        quantity: 100,
        items: 1,
    }
}

pub(crate) fn stock_at() -> StockAt {
    StockAt {
        stock_item_id: 1,
        product_id: 1,
        sku: product().sku,
        location_id: 2,
        location: location().name,
        quantity: 97,
        reserved: 0,
        available: 97,
        movement_id: 1,
        moved_at: NOON,
    }
}

pub(crate) fn hold() -> Hold {
    Hold {
        id: ORDER_ID,
        status: HoldStatus::Active,
        reference: Some("cart-7".to_owned()),
        expires_at: MORNING.plus_minutes(15),
        lines: vec![HoldLine {
            line: 1,
            product_id: 1,
            sku: product().sku,
            stock_item_id: 1,
            location_id: 2,
            location: location().name,
            quantity: 5,
        }],
        version: 1,
        created_at: MORNING,
        updated_at: MORNING,
    }
}

pub(crate) fn released_hold() -> Hold {
    Hold {
        status: HoldStatus::Released,
        version: 2,
        updated_at: MORNING.plus_minutes(5),
        ..hold()
    }
}

pub(crate) fn draft_transfer() -> Transfer {
    Transfer {
        id: 1,
        status: TransferStatus::Draft,
        from_location_id: 1,
        from_location: "MAIN".to_owned(),
        to_location_id: 2,
        to_location: location().name,
        note: None,
        lines: vec![TransferLine {
            line: 1,
            product_id: 1,
            sku: product().sku,
            quantity: 40,
            received: 0,
            lost: 0,
        }],
        version: 1,
        created_at: MORNING,
        dispatched_at: None,
        received_at: None,
        updated_at: MORNING,
    }
}

pub(crate) fn transit_transfer() -> Transfer {
    Transfer {
        status: TransferStatus::InTransit,
        version: 2,
        dispatched_at: Some(MORNING.plus_minutes(5)),
        updated_at: MORNING.plus_minutes(5),
        ..draft_transfer()
    }
}

pub(crate) fn cancelled_transfer() -> Transfer {
    Transfer {
        status: TransferStatus::Cancelled,
        version: 3,
        updated_at: NOON,
        ..transit_transfer()
    }
}

pub(crate) fn received_transfer() -> Transfer {
    let mut transfer = Transfer {
        status: TransferStatus::Received,
        version: 3,
        received_at: Some(NOON),
        updated_at: NOON,
        ..transit_transfer()
    };
    for line in &mut transfer.lines {
        (line.received, line.lost) = (line.quantity - 1, 1);
    }
    transfer
}

pub(crate) fn pending_order() -> Order {
    Order {
        id: ORDER_ID,
        status: OrderStatus::Pending,
        customer_id: 1,
        customer: "C-1".to_owned(),
        on_shortage: OnShortage::Reject,
        hold_minutes: Some(60),
        expires_at: None,
        payment: None,
        reason: None,
        lines: vec![OrderLine::new(1, 1, product().sku, 85)],
        version: 1,
        created_at: MORNING,
        decided_at: None,
        updated_at: MORNING,
    }
}

pub(crate) fn confirmed_order() -> Order {
    let mut order = Order {
        status: OrderStatus::Confirmed,
        expires_at: Some(NOON.plus_minutes(60)),
        version: 2,
        decided_at: Some(NOON),
        updated_at: NOON,
        ..pending_order()
    };
    for line in &mut order.lines {
        line.reserved = line.quantity;
    }
    order
}

pub(crate) fn partly_shipped_order() -> Order {
    let mut order = Order {
        status: OrderStatus::PartlyShipped,
        expires_at: None,
        version: 3,
        updated_at: NOON.plus_minutes(30),
        ..confirmed_order()
    };
    for line in &mut order.lines {
        line.shipped = 40;
    }
    order
}

pub(crate) fn shipment() -> Shipment {
    Shipment {
        id: SHIPMENT_ID,
        order_id: ORDER_ID,
        carrier: Some("DHL".to_owned()),
        tracking: Some("JJD000390007882812345".to_owned()),
        lines: vec![ShipmentLine {
            line: 1,
            stock_item_id: 1,
            location_id: 2,
            location: location().name,
            quantity: 40,
        }],
        shipped_at: NOON.plus_minutes(30),
    }
}

pub(crate) fn timeline_entry() -> TimelineEntry {
    TimelineEntry {
        at: shipment().shipped_at,
        what: Happening::Shipped,
        status: None,
        reason: None,
        lines: vec![TimelineLine { line: 1, quantity: 40 }],
        shipment: Some(shipment()),
        returned: None,
        payment: None,
    }
}

pub(crate) fn returned() -> Return {
    let line = |quantity, disposition, reason, stock_item_id| ReturnLine {
        line: 1,
        quantity,
        disposition,
        reason,
        stock_item_id,
    };
    Return {
        id: RETURN_ID,
        order_id: ORDER_ID,
        lines: vec![
            line(2, Disposition::Restock, ReturnReason::Unwanted, Some(1)),
            line(1, Disposition::WriteOff, ReturnReason::Damaged, None),
        ],
        returned_at: NOON.plus_minutes(3 * 24 * 60),
    }
}

pub(crate) fn orders_minute() -> OrdersMinute {
    OrdersMinute {
        minute: MORNING,
        placed: 120,
        decided: 119,
        decision_micros_average: Some(180_000),
        decision_micros_max: Some(910_000),
    }
}

pub(crate) fn alert() -> Alert {
    Alert {
        id: 1,
        stock_item_id: 1,
        product_id: 1,
        sku: product().sku,
        location_id: 2,
        location: location().name,
        severity: Severity::Low,
        status: AlertStatus::Open,
        available: 15,
        reorder_point: 20,
        version: 1,
        raised_at: NOON,
        acknowledged_at: None,
        acknowledged_by: None,
        cleared_at: None,
        snoozed_until: None,
    }
}

pub(crate) fn event() -> Event<'static, Value> {
    static DATA: LazyLock<Value> = LazyLock::new(|| json!(confirmed_order()));
    static SUBJECT: LazyLock<String> = LazyLock::new(|| format!("orders/{ORDER_ID}"));
    Event::new(EVENT_ID, EventType::OrderConfirmed, &SUBJECT, NOON, &DATA)
}

pub(crate) fn parked_message() -> ParkedMessage {
    ParkedMessage {
        id: 1,
        source: "orders".to_owned(),
        message_id: "web-1017".to_owned(),
        delivery_count: 1,
        reason: ParkReason::UnknownProduct,
        detail: "no product has the SKU TEA-BLACK-100".to_owned(),
        body: r#"{"customer":"C-1","lines":[{"sku":"TEA-BLACK-100","quantity":1}]}"#.to_owned(),
        truncated: false,
        parked_at: NOON,
        replayed_at: None,
        version: 1,
    }
}

pub(crate) fn client() -> Account {
    Account {
        id: 1,
        kind: AccountKind::Client,
        name: "web-shop".to_owned(),
        role: Role::Clerk,
        enabled: true,
        version: 1,
        created_at: MORNING,
        updated_at: MORNING,
    }
}

pub(crate) fn client_with_secret() -> ClientWithSecret {
    ClientWithSecret {
        client: client(),
        client_secret: Some("ics_0a1b2c3d_(64 hexadecimal digits)".to_owned()),
    }
}

pub(crate) fn user() -> Account {
    Account {
        id: 2,
        kind: AccountKind::User,
        name: "mary".to_owned(),
        ..client()
    }
}

pub(crate) fn api_key() -> ApiKey {
    ApiKey {
        id: 1,
        name: "Scanner at the dock".to_owned(),
        prefix: "inv_0a1b2c3d4e5f".to_owned(),
        role: Role::Clerk,
        created_by: "user:mary".to_owned(),
        version: 1,
        created_at: MORNING,
        expires_at: MORNING.plus_minutes(90 * 24 * 60),
        last_used_at: Some(NOON),
        revoked_at: None,
    }
}

pub(crate) fn key_with_secret() -> KeyWithSecret {
    KeyWithSecret {
        key: api_key(),
        api_key: Some("inv_0a1b2c3d4e5f_(64 hexadecimal digits)".to_owned()),
    }
}

pub(crate) fn token() -> serde_json::Value {
    serde_json::json!({
        "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "viewer",
    })
}

pub(crate) fn audit_entry() -> AuditEntry {
    let value = |product: &Product| serde_json::value::to_raw_value(product).ok();
    let after = Product {
        reorder_point: 25,
        version: 2,
        updated_at: NOON,
        ..product()
    };
    AuditEntry {
        id: 12,
        at: NOON,
        actor: "client:backoffice".to_owned(),
        address: Some("192.0.2.7".to_owned()),
        request_id: "019b8d7a-7c00-7000-8000-00000000000a".to_owned(),
        action: "products_update".to_owned(),
        entity: "products/1".to_owned(),
        before: value(&product()),
        after: value(&after),
    }
}

pub(crate) fn access_entry() -> AccessEntry {
    AccessEntry {
        id: 5,
        first_at: NOON,
        last_at: NOON,
        times: 1,
        actor: "user:mary".to_owned(),
        address: Some("192.0.2.7".to_owned()),
        request_id: "019b8d7a-7c00-7000-8000-00000000000a".to_owned(),
        action: "orders_get".to_owned(),
        entity: "customers/1".to_owned(),
    }
}

pub(crate) fn customer() -> Customer {
    Customer {
        id: 1,
        reference: pending_order().customer,
        created_at: MORNING,
        erased_at: None,
        version: 1,
    }
}

pub(crate) fn erased_customer() -> Customer {
    Customer {
        reference: "erased-1".to_owned(),
        erased_at: Some(NOON),
        version: 2,
        ..customer()
    }
}

pub(crate) fn queued_export() -> Export {
    Export {
        id: 1,
        request: NewExport {
            location: Some("MAIN".to_owned()),
            from: Some(MORNING),
            ..NewExport::all(ExportKind::Movements)
        },
        status: FileStatus::Queued,
        rows: 0,
        size_bytes: None,
        problem: None,
        created_by: "user:mary".to_owned(),
        version: 1,
        created_at: NOON,
        started_at: None,
        finished_at: None,
        expires_at: NOON.plus_minutes(7 * 24 * 60),
    }
}

pub(crate) fn export() -> Export {
    Export {
        status: FileStatus::Done,
        rows: 1_204,
        size_bytes: Some(143_277),
        version: 3,
        started_at: Some(NOON),
        finished_at: Some(NOON.plus_seconds(1)),
        ..queued_export()
    }
}

pub(crate) fn queued_import() -> Import {
    Import {
        id: 1,
        status: FileStatus::Queued,
        size_bytes: 86_114,
        done_bytes: 0,
        rows: 0,
        counts: ImportCounts::default(),
        refused_lines: None,
        problem: None,
        created_by: "user:mary".to_owned(),
        version: 1,
        created_at: NOON,
        started_at: None,
        finished_at: None,
        expires_at: NOON.plus_minutes(7 * 24 * 60),
    }
}

pub(crate) fn import() -> Import {
    Import {
        status: FileStatus::Done,
        done_bytes: 86_114,
        rows: 702,
        counts: ImportCounts {
            created: 680,
            updated: 20,
            unchanged: 1,
            stock_changed: 695,
            refused: 1,
        },
        refused_lines: Some(vec![RefusedLine {
            line: 14,
            detail: "on_hand: \"ten\" is not a whole number".to_owned(),
        }]),
        version: 4,
        started_at: Some(NOON),
        finished_at: Some(NOON.plus_seconds(1)),
        ..queued_import()
    }
}

pub(crate) fn webhook() -> Webhook {
    Webhook {
        id: 1,
        kind: WebhookKind::Webhook,
        name: "Web shop".to_owned(),
        url: Some("https://shop.example/hooks/inventory".to_owned()),
        events: vec!["inventory.order.*".to_owned(), EventType::StockOut.to_string()],
        enabled: true,
        disabled_reason: None,
        failing_since: None,
        version: 1,
        created_at: MORNING,
        updated_at: MORNING,
    }
}

pub(crate) fn webhook_with_secret() -> WebhookWithSecret {
    WebhookWithSecret::new(webhook(), Some("whsec_(32 bytes in base64)".to_owned()))
}

pub(crate) fn delivery() -> Delivery {
    let attempt = |attempt, at, status, problem: Option<&str>| Attempt {
        attempt,
        at,
        duration_ms: 41,
        status: Some(status),
        problem: problem.map(str::to_owned),
        answer: None,
    };
    let again = NOON.plus_seconds(5);
    Delivery {
        id: 7,
        receiver_id: 1,
        event_id: EVENT_ID,
        event_type: EventType::OrderConfirmed.to_string(),
        state: DeliveryState::Delivered,
        next_at: None,
        created_at: NOON,
        finished_at: Some(again),
        attempts: vec![
            attempt(1, NOON, 503, Some("the receiver answers 503 Service Unavailable")),
            attempt(2, again, 204, None),
        ],
    }
}

pub(crate) fn test_delivery() -> Delivery {
    Delivery {
        event_type: EventType::ReceiverTest.to_string(),
        state: DeliveryState::Pending,
        next_at: Some(NOON),
        finished_at: None,
        attempts: Vec::new(),
        ..delivery()
    }
}

pub(crate) fn supplier() -> Supplier {
    Supplier {
        id: 1,
        code: "NORTHWIND-TRADERS".to_owned(),
        name: "Northwind Traders".to_owned(),
        currency: "USD".to_owned(),
        enabled: true,
        products: Some(vec![SuppliedProduct {
            product_id: 1,
            lead_time_days: 7,
            minimum_quantity: 1,
            pack_size: 12,
            unit_cost_minor: 610,
            safety_stock: 5,
            priority: 100,
        }]),
        version: 1,
        created_at: MORNING,
        updated_at: MORNING,
    }
}

pub(crate) fn draft_purchase() -> PurchaseOrder {
    let mut purchase = PurchaseOrder {
        id: 1,
        status: PurchaseStatus::Draft,
        supplier_id: 1,
        supplier: supplier().name,
        location_id: 2,
        location: location().name,
        reference: None,
        note: None,
        currency: supplier().currency,
        quantity: 0,
        received: 0,
        cost_minor: 0,
        lines: Some(vec![PurchaseLine {
            line: 1,
            product_id: 1,
            sku: product().sku,
            quantity: 120,
            received: 0,
            unit_cost_minor: 610,
        }]),
        expected_at: None,
        version: 1,
        created_at: MORNING,
        ordered_at: None,
        updated_at: MORNING,
    };
    purchase.sum_up();
    purchase
}

pub(crate) fn purchase() -> PurchaseOrder {
    PurchaseOrder {
        status: PurchaseStatus::Ordered,
        expected_at: Some(NOON.plus_minutes(7 * 24 * 60)),
        version: 2,
        ordered_at: Some(NOON),
        updated_at: NOON,
        ..draft_purchase()
    }
}

pub(crate) fn partly_received_purchase() -> PurchaseOrder {
    let mut purchase = PurchaseOrder {
        status: PurchaseStatus::PartlyReceived,
        version: 3,
        ..purchase()
    };
    for line in purchase.lines.iter_mut().flatten() {
        line.received = 48;
    }
    purchase.sum_up();
    purchase
}

pub(crate) fn cancelled_purchase() -> PurchaseOrder {
    PurchaseOrder {
        status: PurchaseStatus::Cancelled,
        version: 3,
        ..purchase()
    }
}

pub(crate) fn suggestion() -> Suggestion {
    let needs = Needs {
        available: 15,
        incoming: 0,
        drafted: 0,
        reorder_point: 20,
        reorder_quantity: 100,
        safety_stock: 5,
        lead_time_days: 7,
        minimum_quantity: 1,
        pack_size: 12,
        sold: 84,
        demand_days: 28,
        cover_days: 7,
    };
    Suggestion {
        stock_item_id: 1,
        product_id: 1,
        sku: product().sku,
        name: product().name,
        location_id: 2,
        location: location().name,
        supplier_id: 1,
        supplier: supplier().name,
        quantity: needs.quantity().unwrap_or(0),
        unit_cost_minor: 610,
        currency: supplier().currency,
        lead_time_demand: needs.lead_time_demand(),
        reorder_level: needs.reorder_level(),
        position: needs.position(),
        needs,
    }
}

pub(crate) fn open_count() -> Count {
    Count {
        id: 1,
        status: CountStatus::Open,
        name: "Aisle 4".to_owned(),
        blind: true,
        location_id: Some(2),
        category: product().category,
        lines_total: 1,
        lines_counted: 0,
        accuracy: None,
        lines: Some(vec![CountLine {
            stock_item_id: 1,
            sku: product().sku,
            location: location().name,
            expected: Some(100),
            counted: None,
            on_hand: None,
            difference: None,
            counted_at: None,
            counted_by: None,
            times: 0,
            outcome: None,
            adjusted: None,
        }]),
        created_by: "user:mary".to_owned(),
        version: 1,
        created_at: MORNING,
        posted_at: None,
        updated_at: MORNING,
    }
}

pub(crate) fn recorded_count() -> Count {
    let mut count = Count {
        lines_counted: 1,
        accuracy: Accuracy::new(1, 0, vec![CountedValue::new("USD".to_owned(), 125_000, 3_750)]),
        version: 2,
        updated_at: NOON,
        ..open_count()
    };
    for line in count.lines.iter_mut().flatten() {
        line.counted = Some(97);
        line.on_hand = Some(100);
        line.difference = Some(-3);
        line.counted_at = Some(NOON);
        line.counted_by = Some("user:mary".to_owned());
        line.times = 1;
    }
    count
}

pub(crate) fn count() -> Count {
    let mut count = Count {
        status: CountStatus::Posted,
        version: 3,
        posted_at: Some(NOON),
        ..recorded_count()
    };
    for line in count.lines.iter_mut().flatten() {
        line.outcome = Some(CountOutcome::Adjusted);
        line.adjusted = Some(-3);
    }
    count
}

pub(crate) fn cancelled_count() -> Count {
    Count {
        status: CountStatus::Cancelled,
        version: 2,
        updated_at: NOON,
        ..open_count()
    }
}

pub(crate) fn channel() -> Channel {
    Channel {
        id: 2,
        kind: ChannelKind::Slack,
        name: "Warehouse team".to_owned(),
        url: Some("https://hooks.slack.com/…".to_owned()),
        to: Vec::new(),
        from: None,
        account_sid: None,
        filter: ChannelFilter {
            alerts: vec![AlertKind::Low, AlertKind::Out],
            level_min: AlertLevel::Info,
            location_ids: vec![2],
        },
        enabled: true,
        disabled_reason: None,
        failing_since: None,
        version: 1,
        created_at: MORNING,
        updated_at: MORNING,
    }
}

pub(crate) fn channel_with_secret() -> ChannelWithSecret {
    ChannelWithSecret::new(channel(), None)
}

pub(crate) fn channel_delivery() -> Delivery {
    Delivery {
        receiver_id: 2,
        event_type: EventType::StockLow.to_string(),
        ..delivery()
    }
}

pub(crate) fn snoozed_alert() -> Alert {
    Alert {
        snoozed_until: Some(NOON.plus_minutes(240)),
        version: 2,
        ..alert()
    }
}
