-- What changed lately, so that a host may answer from what it remembers. Triggers write it, so that no statement can forget to; it
-- names no tenant's data, only ids.
CREATE TABLE changes (
    position XID8 NOT NULL, -- of the transaction, since numbers of a sequence are not committed in their order
    kind SMALLINT NOT NULL, -- 0 user, 1 session, 2 client
    subject BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (position, kind, subject)
);

-- Changes up to this position may have been removed: whoever has read less than that missed some.
CREATE TABLE change_horizon (
    pruned_to XID8 NOT NULL
);
INSERT INTO change_horizon (pruned_to) VALUES ('0');

-- Unlogged, so that a crash and a promotion empty it: the server may then give numbers of transactions out again, and positions in the feed that
-- were read before mean nothing. Who finds it empty begins another life.
CREATE UNLOGGED TABLE change_life (
    id SMALLINT PRIMARY KEY CHECK (id = 1), -- so that there is one at most
    life TEXT NOT NULL -- random
);

CREATE FUNCTION note_change() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    changed BIGINT;
BEGIN
    IF TG_TABLE_NAME = 'collections' THEN
        changed := COALESCE(OLD.client_id, NEW.client_id);
    ELSE
        changed := OLD.id;
    END IF;
    -- The schema is named, since whoever changes a row by hand may have another search path.
    INSERT INTO flowmastery.changes (position, kind, subject, at)
    VALUES (pg_current_xact_id(), TG_ARGV[0]::SMALLINT, changed, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_changed AFTER UPDATE OF role, is_active, client_id, hashed_password ON users FOR EACH ROW
WHEN (OLD.role IS DISTINCT FROM NEW.role OR OLD.is_active IS DISTINCT FROM NEW.is_active
    OR OLD.client_id IS DISTINCT FROM NEW.client_id OR OLD.hashed_password IS DISTINCT FROM NEW.hashed_password)
EXECUTE FUNCTION note_change(0);
CREATE TRIGGER users_gone AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION note_change(0);

CREATE TRIGGER sessions_changed AFTER UPDATE OF closed_at ON sessions FOR EACH ROW
WHEN (OLD.closed_at IS DISTINCT FROM NEW.closed_at)
EXECUTE FUNCTION note_change(1);
CREATE TRIGGER sessions_gone AFTER DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION note_change(1);

CREATE TRIGGER clients_changed AFTER UPDATE OF name, n8n_api_url, n8n_api_key_encrypted, deleted_at ON clients FOR EACH ROW
WHEN (OLD.name IS DISTINCT FROM NEW.name OR OLD.n8n_api_url IS DISTINCT FROM NEW.n8n_api_url
    OR OLD.n8n_api_key_encrypted IS DISTINCT FROM NEW.n8n_api_key_encrypted OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
EXECUTE FUNCTION note_change(2);
CREATE TRIGGER clients_gone AFTER DELETE ON clients FOR EACH ROW EXECUTE FUNCTION note_change(2);

-- A client is there for readers as long as this row of it is. Turns and places to go on are no concern of readers.
CREATE TRIGGER collections_made AFTER INSERT ON collections FOR EACH ROW EXECUTE FUNCTION note_change(2);
CREATE TRIGGER collections_changed AFTER UPDATE OF data_version, changed_at, back_filled, last_attempt_at, last_success_at, failure_status,
    failure_message, progress_executions, progress_oldest, gaps, epoch_begun_at ON collections FOR EACH ROW
WHEN (OLD.data_version IS DISTINCT FROM NEW.data_version OR OLD.changed_at IS DISTINCT FROM NEW.changed_at
    OR OLD.back_filled IS DISTINCT FROM NEW.back_filled OR OLD.last_attempt_at IS DISTINCT FROM NEW.last_attempt_at
    OR OLD.last_success_at IS DISTINCT FROM NEW.last_success_at OR OLD.failure_status IS DISTINCT FROM NEW.failure_status
    OR OLD.failure_message IS DISTINCT FROM NEW.failure_message OR OLD.progress_executions IS DISTINCT FROM NEW.progress_executions
    OR OLD.progress_oldest IS DISTINCT FROM NEW.progress_oldest OR OLD.gaps IS DISTINCT FROM NEW.gaps
    OR OLD.epoch_begun_at IS DISTINCT FROM NEW.epoch_begun_at)
EXECUTE FUNCTION note_change(2);
CREATE TRIGGER collections_gone AFTER DELETE ON collections FOR EACH ROW EXECUTE FUNCTION note_change(2);
