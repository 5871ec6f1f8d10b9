-- Who did it from where; what the audit trail is asked for; customers that are erased; who saw personal data.

ALTER TABLE audit ADD COLUMN address TEXT;
CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_at ON audit (at);

ALTER TABLE customers ADD COLUMN erased_at INTEGER;

-- Orders are told to others by the customer's id, not by the reference. So are those of before from here on.
CREATE TEMPORARY TABLE orders_told AS
SELECT 'orders/' || lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
                          substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) AS subject, customer_id FROM orders;
UPDATE audit
SET before = json_set(json_remove(audit.before, '$.customer'), '$.customer_id', o.customer_id),
    after = json_set(json_remove(audit.after, '$.customer'), '$.customer_id', o.customer_id)
FROM orders_told o WHERE audit.entity = o.subject;
UPDATE outbox
SET body = json_set(json_remove(outbox.body, '$.data.customer'), '$.data.customer_id', o.customer_id)
FROM orders_told o WHERE outbox.type LIKE 'inventory.order.%' AND outbox.subject = o.subject;
DROP TABLE orders_told;
-- Messages that were sent again carry what their producer wrote.
UPDATE outbox SET type = 'inventory.message.resent' WHERE type = 'inventory.message.replayed' AND body NOT LIKE '{"id":"%","source":"/inventory"%';
CREATE INDEX outbox_resent ON outbox (seq) WHERE type = 'inventory.message.resent';

CREATE TABLE access_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    times INTEGER NOT NULL CONSTRAINT access_log_times_positive CHECK (times > 0),
    actor TEXT NOT NULL,
    address TEXT,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    entity TEXT NOT NULL
) STRICT;
CREATE INDEX access_log_entity ON access_log (entity, id);
CREATE INDEX access_log_actor ON access_log (actor, id);
CREATE INDEX access_log_last_at ON access_log (last_at);
