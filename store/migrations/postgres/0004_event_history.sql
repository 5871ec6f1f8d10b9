-- Events are read by what they happened to (docs/adr/0007).
CREATE INDEX outbox_subject ON outbox (subject, seq);
-- Nothing reads events by their id on PostgreSQL: a write joins the rows that it has just inserted. One index goes, one comes.
DROP INDEX outbox_event;
