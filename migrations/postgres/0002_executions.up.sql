-- What is collected from the clients' n8n: workflows, executions, their rollups, and how far collection is.
CREATE TABLE collections (
    client_id BIGINT PRIMARY KEY REFERENCES clients (id) ON DELETE CASCADE,
    turn BIGINT NOT NULL DEFAULT 0, -- counts up with every collection and configuration
    epoch BIGINT NOT NULL DEFAULT 0, -- which life of which instance the ids belong to
    epochs BIGINT NOT NULL DEFAULT 1, -- how many there were
    identified BOOLEAN NOT NULL DEFAULT FALSE, -- whether the instance at the address is that of the epoch
    data_version BIGINT NOT NULL DEFAULT 0,
    changed_at BIGINT,
    complete_to BIGINT,
    last_attempt_at BIGINT,
    last_success_at BIGINT,
    failure_status TEXT,
    failure_message TEXT,
    progress_executions BIGINT,
    progress_oldest BIGINT
);

CREATE TABLE workflows (
    client_id BIGINT NOT NULL,
    workflow_id TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'inactive', 'archived', 'deleted')),
    time_saved_per_execution_minutes BIGINT NOT NULL DEFAULT 30,
    last_execution_at BIGINT,
    PRIMARY KEY (client_id, workflow_id)
);

CREATE TABLE executions (
    client_id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    execution_id BIGINT NOT NULL,
    workflow_id TEXT NOT NULL,
    status SMALLINT NOT NULL, -- 0 new, 1 running, 2 waiting, 3 success, 4 error, 5 crashed, 6 canceled, 7 unknown
    mode TEXT NOT NULL,
    started_at BIGINT,
    stopped_at BIGINT,
    retry_of BIGINT,
    retry_success_id BIGINT,
    bucket BIGINT NOT NULL, -- start of the quarter hour in which it is counted
    misses SMALLINT NOT NULL DEFAULT 0,
    PRIMARY KEY (client_id, epoch, execution_id)
);
-- The status is a column of it too, or SQLite would rather read all executions by their primary key.
CREATE INDEX executions_open ON executions (client_id, epoch, status) WHERE status < 3;

CREATE TABLE rollups (
    client_id BIGINT NOT NULL,
    width SMALLINT NOT NULL, -- minutes
    bucket BIGINT NOT NULL,
    workflow_id TEXT NOT NULL,
    class SMALLINT NOT NULL, -- 0 production, 1 manual, 2 other
    new_count BIGINT NOT NULL,
    running_count BIGINT NOT NULL,
    waiting_count BIGINT NOT NULL,
    success_count BIGINT NOT NULL,
    error_count BIGINT NOT NULL,
    crashed_count BIGINT NOT NULL,
    canceled_count BIGINT NOT NULL,
    unknown_count BIGINT NOT NULL,
    duration_sum_ms BIGINT NOT NULL,
    sketch BYTEA NOT NULL,
    PRIMARY KEY (client_id, width, bucket, workflow_id, class)
);
