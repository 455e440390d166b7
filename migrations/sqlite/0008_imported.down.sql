-- Undoes all of it; what was taken over stays, and would be taken over again.
DROP TABLE imported;
