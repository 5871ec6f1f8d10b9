-- Nearly every row of the trail is a decision. Who asks for those reads the trail itself; the indexes are for all others.
DROP INDEX audit_actor;
DROP INDEX audit_action;
CREATE INDEX audit_actor ON audit (actor, id) WHERE actor <> 'orders_process';
CREATE INDEX audit_action ON audit (action, id) WHERE action <> 'orders_process';
