-- Where in which trace (W3C traceparent) an event was written; NULL without traces.
ALTER TABLE outbox ADD COLUMN traceparent TEXT;
