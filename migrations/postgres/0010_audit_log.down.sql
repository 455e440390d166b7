-- Undoes all of it; the entries are lost.
DROP FUNCTION remove_old_audit;
DROP TABLE audit_log;
DROP FUNCTION refuse_change;
