-- Undoes all of it; executions of a restored n8n stay under their numbers of epoch.
DROP INDEX executions_by_bucket;
ALTER TABLE executions DROP COLUMN seen_at;
DROP TABLE epochs;
ALTER TABLE collections DROP COLUMN epoch_begun_at;
ALTER TABLE collections DROP COLUMN gaps;
ALTER TABLE collections DROP COLUMN failures;
ALTER TABLE collections DROP COLUMN next_attempt_at;
ALTER TABLE collections DROP COLUMN probed_to;
ALTER TABLE collections DROP COLUMN listed;
ALTER TABLE collections DROP COLUMN walked_at;
ALTER TABLE collections DROP COLUMN walk_rows;
ALTER TABLE collections DROP COLUMN walk_below;
ALTER TABLE collections DROP COLUMN walk_cursor;
ALTER TABLE collections DROP COLUMN back_filled;
