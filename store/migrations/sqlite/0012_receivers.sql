-- Who is told what happens: webhooks and channels, what is on its way to them, and how it went (docs/adr/0018).

-- Which events have a further destination: the types that begin with `prefix`, for `owner` (`receivers/3`). Each event gets one
-- delivery for a destination, however many owners want it there; none where nobody does.
CREATE TABLE subscriptions (
    owner TEXT NOT NULL,
    prefix TEXT NOT NULL,
    destination TEXT NOT NULL,
    PRIMARY KEY (owner, prefix)
) STRICT;

CREATE TABLE receivers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    resource TEXT NOT NULL CONSTRAINT receivers_resource_known CHECK (resource IN ('webhooks', 'channels')),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Where it is and what it wants: JSON, nothing secret.
    details TEXT NOT NULL,
    -- Sealed under the master key, bound to `seal`.
    secrets TEXT,
    seal BLOB NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1,
    disabled_reason TEXT,
    failing_since INTEGER,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX receivers_name_key ON receivers (resource, name);

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver_id INTEGER NOT NULL REFERENCES receivers (id) ON DELETE CASCADE,
    event_id BLOB NOT NULL,
    event_type TEXT NOT NULL,
    -- Where the event is in the outbox; NULL: the body is here.
    seq INTEGER,
    body TEXT,
    state TEXT NOT NULL DEFAULT 'pending' CONSTRAINT notifications_state_known CHECK (state IN ('pending', 'delivered', 'failed')),
    -- Who is at it.
    owner BLOB,
    -- Tries ever, and tries of the present round through the schedule.
    attempts INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    begun_at INTEGER,
    next_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE UNIQUE INDEX notifications_once ON notifications (receiver_id, event_id);
CREATE INDEX notifications_receiver ON notifications (receiver_id, id);
CREATE INDEX notifications_due ON notifications (receiver_id, next_at) WHERE state = 'pending';
CREATE INDEX notifications_next ON notifications (next_at) WHERE state = 'pending';
CREATE INDEX notifications_seq ON notifications (seq) WHERE state = 'pending';
CREATE INDEX notifications_owner ON notifications (owner) WHERE owner IS NOT NULL;
CREATE INDEX notifications_finished ON notifications (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE notification_attempts (
    notification_id INTEGER NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    status INTEGER,
    problem TEXT,
    answer TEXT,
    PRIMARY KEY (notification_id, attempt)
) STRICT;

-- Nobody is told of an alert until then.
ALTER TABLE alerts ADD COLUMN snoozed_until INTEGER;
