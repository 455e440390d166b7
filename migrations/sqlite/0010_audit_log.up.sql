-- Who did what, and from where: written with what was done, in one transaction, and never changed. Nothing refers to other tables, since
-- users and clients go and what they did stays.
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    actor_id BIGINT, -- none: the host itself, or somebody who is not signed in
    actor_email TEXT, -- as it was then
    client_id BIGINT, -- whose scope sees it
    subject_kind TEXT, -- what it was done to
    subject_id BIGINT,
    address TEXT,
    request_id TEXT,
    detail TEXT NOT NULL, -- a JSON object without secrets
    CHECK ((subject_kind IS NULL) = (subject_id IS NULL))
);
CREATE INDEX audit_log_by_time ON audit_log (at, id);
CREATE INDEX audit_log_by_action ON audit_log (action, at, id);
CREATE INDEX audit_log_by_actor ON audit_log (actor_id, at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_log_by_client ON audit_log (client_id, at, id) WHERE client_id IS NOT NULL;

CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'entries of audit_log are never changed');
END;
-- Only what is old goes, whatever is asked for.
CREATE TRIGGER audit_log_spares BEFORE DELETE ON audit_log
WHEN OLD.at >= CAST(unixepoch('subsec') * 1000 AS INTEGER) - 2592000000
BEGIN
    SELECT RAISE(ABORT, 'entries of audit_log of the last 30 days are never removed');
END;
