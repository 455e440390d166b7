-- Undoes all of it; who collects meanwhile stores nothing more.
DROP TABLE origins;
UPDATE collections SET turn = turn + 1 WHERE leased_until IS NOT NULL;
ALTER TABLE collections DROP COLUMN leased_until;
