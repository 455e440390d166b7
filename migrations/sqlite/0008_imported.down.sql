-- Undoes all of it; what was taken over stays, and would be taken over again.
ALTER TABLE collections DROP COLUMN imported_at;
DROP TABLE imported;
