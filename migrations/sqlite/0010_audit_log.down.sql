-- Undoes all of it; the entries are lost.
DROP TABLE audit_log;
