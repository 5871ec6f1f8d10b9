-- Events are read by what they happened to (docs/adr/0007).
CREATE INDEX outbox_subject ON outbox (subject, seq);
