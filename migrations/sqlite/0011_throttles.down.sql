-- Undoes all of it.
DROP INDEX users_imported;
DROP TABLE known_addresses;
