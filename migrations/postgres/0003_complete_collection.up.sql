-- What a complete collection remembers: walks that go on after a kill, backing off, gaps, lives of an instance, and what has aged out.
ALTER TABLE collections ADD COLUMN back_filled BOOLEAN NOT NULL DEFAULT FALSE; -- whether everything that n8n had was read once
UPDATE collections SET back_filled = complete_to IS NOT NULL;
ALTER TABLE collections ADD COLUMN walk_cursor TEXT; -- n8n's, of the page at which a walk over all executions goes on
ALTER TABLE collections ADD COLUMN walk_below BIGINT; -- the lowest id that the walk has read
ALTER TABLE collections ADD COLUMN walk_rows BIGINT NOT NULL DEFAULT 0; -- how many it has read
ALTER TABLE collections ADD COLUMN walked_at BIGINT; -- when a walk last came to the end
ALTER TABLE collections ADD COLUMN listed BIGINT; -- how many executions n8n kept then
ALTER TABLE collections ADD COLUMN probed_to BIGINT; -- every id up to it that was in no list was asked for
ALTER TABLE collections ADD COLUMN next_attempt_at BIGINT; -- when it is due; null is at once
ALTER TABLE collections ADD COLUMN failures BIGINT NOT NULL DEFAULT 0; -- how many in a row
ALTER TABLE collections ADD COLUMN gaps TEXT NOT NULL DEFAULT '[]'; -- spans that n8n pruned before they were read: [[from, to], …]
ALTER TABLE collections ADD COLUMN epoch_begun_at BIGINT; -- when the epoch became the current one, unless it is the first

-- An epoch without a row began with nothing and has kept everything.
CREATE TABLE epochs (
    client_id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    parent BIGINT, -- the epoch that it shares the ids up to fork_at with: n8n was restored from a back-up
    fork_at BIGINT NOT NULL DEFAULT 0,
    aged_to BIGINT NOT NULL DEFAULT 0, -- ended executions up to this id have aged out, and stay counted
    aged_until BIGINT NOT NULL DEFAULT 0, -- the newest quarter hour of one that has
    PRIMARY KEY (client_id, epoch)
);

ALTER TABLE executions ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0; -- while unfinished: about when n8n last confirmed it
UPDATE executions SET seen_at = CAST(extract(epoch FROM now()) * 1000 AS BIGINT) WHERE status < 3;
CREATE INDEX executions_by_bucket ON executions (client_id, bucket, epoch, execution_id);
