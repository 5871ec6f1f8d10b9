//! Upper bounds on everything that comes from outside. A bound that a request exceeds is a clear refusal, never a cut.

/// Units in one request: the seed's rule `0 <= quantity <= 10000`.
pub const QUANTITY_MAX: i64 = 10_000;
/// Units at one location; far below what 64-bit sums over a whole stock could overflow.
pub const ON_HAND_MAX: i64 = 1_000_000_000;
/// Reorder points and reorder quantities, in units.
pub const REORDER_MAX: i64 = 1_000_000;
/// A unit price, in minor units of its currency (one billion in a currency with cents is ten million).
pub const UNIT_PRICE_MINOR_MAX: i64 = 1_000_000_000;
/// Lines of one order.
pub const ORDER_LINES_MAX: usize = 200;
/// Characters of a carrier's name.
pub const CARRIER_CHARS_MAX: usize = 64;
/// Characters of a carrier's tracking reference (UPS has 18, GS1's SSCC 20; others are longer).
pub const TRACKING_CHARS_MAX: usize = 64;
/// Money of one payment, in minor units.
pub const PAYMENT_MINOR_MAX: i64 = 1_000_000_000_000;
/// Minutes a hold may last: thirty days.
pub const HOLD_MINUTES_MAX: i64 = 43_200;
/// Seconds a hold without an order may last: thirty days.
pub const HOLD_SECONDS_MAX: i64 = HOLD_MINUTES_MAX * 60;
/// Seconds a hold without an order lasts when the caller does not say: fifteen minutes, a checkout.
pub const HOLD_SECONDS_DEFAULT: i64 = 900;
/// Characters of a caller's own name for something.
pub const REFERENCE_CHARS_MAX: usize = 100;
/// Characters of a SKU.
pub const SKU_CHARS_MAX: usize = 64;
/// Characters of a product's or location's name.
pub const NAME_CHARS_MAX: usize = 200;
/// Characters of a category.
pub const CATEGORY_CHARS_MAX: usize = 100;
/// Characters of a barcode (GS1 element strings end at 48; others are longer).
pub const BARCODE_CHARS_MAX: usize = 64;
/// Characters of a location's code.
pub const CODE_CHARS_MAX: usize = 64;
/// Characters of a customer's reference.
pub const CUSTOMER_CHARS_MAX: usize = 100;
/// Characters of a free note.
pub const NOTE_CHARS_MAX: usize = 500;
/// Priority of a location: 0 is served first.
pub const PRIORITY_MAX: i64 = 10_000;
/// Rows of one page of a list.
pub const PAGE_LIMIT_MAX: i64 = 1_000;
/// Rows of one page when the caller does not say.
pub const PAGE_LIMIT_DEFAULT: i64 = 100;
/// Characters of a search.
pub const SEARCH_CHARS_MAX: usize = 100;
/// Characters of a cursor: the values of three columns, of which text may be one.
pub const CURSOR_CHARS_MAX: usize = 3_000;
/// Rows a list may skip; deeper pages are a scan in disguise.
pub const PAGE_SKIP_MAX: i64 = 1_000_000;
/// Bytes of an order message: the payload limit of a standard Service Bus namespace.
pub const ORDER_MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Bytes kept of a parked message's body.
pub const PARKED_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Characters of a message id, as Service Bus allows.
pub const MESSAGE_ID_CHARS_MAX: usize = 128;
/// Characters of what an event happened to; a session id of Service Bus has no more.
pub const SUBJECT_CHARS_MAX: usize = 128;
/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Characters of the name of a client or user.
pub const ACCOUNT_NAME_CHARS_MAX: usize = 64;
/// Characters of a password at least: length is what counts (NIST SP 800-63B, section 5.1.1.1, wants 8).
pub const PASSWORD_CHARS_MIN: usize = 12;
/// More characters than a passphrase has; a longer one would only cost time.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// How long a client's former secret may be good beside the new one.
pub const SECRET_OVERLAP_HOURS_MAX: i64 = 720;
/// How long an API key may be good.
pub const API_KEY_DAYS_MAX: i64 = 730;
/// Bytes of an export's file: more is for a copy of the database.
pub const EXPORT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Bytes of the header line of a file that is imported.
pub const IMPORT_HEADER_BYTES_MAX: usize = 16 * 1024;
/// Lines that are told of those that an import refuses; all are counted.
pub const REFUSED_LINES_MAX: usize = 200;
/// Characters of what is told of a refused line.
pub const REFUSED_DETAIL_CHARS_MAX: usize = 300;
/// Characters of an address that events are sent to.
pub const URL_CHARS_MAX: usize = 2_000;
/// Patterns of event types of one webhook.
pub const EVENT_PATTERNS_MAX: i64 = 50;
/// Webhooks and channels together: each may have its own task.
pub const RECEIVERS_MAX: i64 = 200;
/// Bytes of the body of a webhook: less than the 20 kB that receivers must take (Standard Webhooks).
pub const WEBHOOK_BODY_BYTES_MAX: usize = 19_000;
/// Products of one supplier.
pub const SUPPLIED_PRODUCTS_MAX: usize = 500;
/// Days from ordering to receiving.
pub const LEAD_TIME_DAYS_MAX: i64 = 365;
/// Units in a line of a purchase order.
pub const PURCHASE_QUANTITY_MAX: i64 = 1_000_000;
/// Lines of a purchase order, and suggestions that are taken at once.
pub const PURCHASE_LINES_MAX: usize = 200;
/// Days whose sales are looked at, or whose demand is covered.
pub const DEMAND_DAYS_MAX: i64 = 365;
/// Products that a count may be asked for by their ids.
pub const COUNT_PRODUCTS_MAX: usize = 200;
/// Stock items of one count.
pub const COUNT_LINES_MAX: usize = 2_000;
/// Lines that are recorded at once.
pub const RECORDED_LINES_MAX: usize = 1_000;
/// Locations that a channel's filter names.
pub const CHANNEL_LOCATIONS_MAX: i64 = 100;
/// Addresses of one e-mail.
pub const CHANNEL_RECIPIENTS_MAX: i64 = 50;
/// Characters of an e-mail address (RFC 3696, erratum 1690).
pub const EMAIL_CHARS_MAX: usize = 254;
/// Minutes an alert may be snoozed: thirty days.
pub const SNOOZE_MINUTES_MAX: i64 = 43_200;
