-- Undoes all of it; what was taken over stays. The next import leaves out clients of the same names.
ALTER TABLE collections DROP COLUMN imported_at;
DROP TABLE imported;
