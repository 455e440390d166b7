-- What changed lately, so that a host may answer from what it remembers. Triggers write it, so that no statement can forget to; it
-- names no tenant's data, only ids.
CREATE TABLE changes (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind SMALLINT NOT NULL, -- 0 user, 1 session, 2 client
    subject BIGINT NOT NULL,
    at BIGINT NOT NULL
);

-- Changes up to this position may have been removed: whoever has read less than that missed some.
CREATE TABLE change_horizon (
    pruned_to BIGINT NOT NULL
);
INSERT INTO change_horizon (pruned_to) VALUES (0);

-- Begun once here, where a crash takes nothing back that was committed; on Postgres each crash begins another.
CREATE TABLE change_life (
    id SMALLINT PRIMARY KEY CHECK (id = 1), -- so that there is one at most
    life TEXT NOT NULL -- random
);

CREATE TRIGGER users_changed AFTER UPDATE OF role, is_active, client_id, hashed_password ON users
WHEN OLD.role IS NOT NEW.role OR OLD.is_active IS NOT NEW.is_active OR OLD.client_id IS NOT NEW.client_id
    OR OLD.hashed_password IS NOT NEW.hashed_password
BEGIN
    INSERT INTO changes (kind, subject, at) VALUES (0, OLD.id, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER users_gone AFTER DELETE ON users
BEGIN
    INSERT INTO changes (kind, subject, at) VALUES (0, OLD.id, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;

CREATE TRIGGER sessions_changed AFTER UPDATE OF closed_at ON sessions
WHEN OLD.closed_at IS NOT NEW.closed_at
BEGIN
    INSERT INTO changes (kind, subject, at) VALUES (1, OLD.id, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER sessions_gone AFTER DELETE ON sessions
BEGIN
    INSERT INTO changes (kind, subject, at) VALUES (1, OLD.id, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;

CREATE TRIGGER clients_changed AFTER UPDATE OF name, n8n_api_url, n8n_api_key_encrypted, deleted_at ON clients
WHEN OLD.name IS NOT NEW.name OR OLD.n8n_api_url IS NOT NEW.n8n_api_url
    OR OLD.n8n_api_key_encrypted IS NOT NEW.n8n_api_key_encrypted OR OLD.deleted_at IS NOT NEW.deleted_at
BEGIN
    INSERT INTO changes (kind, subject, at) VALUES (2, OLD.id, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER clients_gone AFTER DELETE ON clients
BEGIN
    INSERT INTO changes (kind, subject, at) VALUES (2, OLD.id, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;

-- A client is there for readers as long as this row of it is. Turns and places to go on are no concern of readers.
CREATE TRIGGER collections_made AFTER INSERT ON collections
BEGIN
    INSERT INTO changes (kind, subject, at) VALUES (2, NEW.client_id, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER collections_changed AFTER UPDATE OF data_version, changed_at, back_filled, last_attempt_at, last_success_at, failure_status,
    failure_message, progress_executions, progress_oldest, gaps, epoch_begun_at ON collections
WHEN OLD.data_version IS NOT NEW.data_version OR OLD.changed_at IS NOT NEW.changed_at OR OLD.back_filled IS NOT NEW.back_filled
    OR OLD.last_attempt_at IS NOT NEW.last_attempt_at OR OLD.last_success_at IS NOT NEW.last_success_at
    OR OLD.failure_status IS NOT NEW.failure_status OR OLD.failure_message IS NOT NEW.failure_message
    OR OLD.progress_executions IS NOT NEW.progress_executions OR OLD.progress_oldest IS NOT NEW.progress_oldest
    OR OLD.gaps IS NOT NEW.gaps OR OLD.epoch_begun_at IS NOT NEW.epoch_begun_at
BEGIN
    INSERT INTO changes (kind, subject, at) VALUES (2, OLD.client_id, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER collections_gone AFTER DELETE ON collections
BEGIN
    INSERT INTO changes (kind, subject, at) VALUES (2, OLD.client_id, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
