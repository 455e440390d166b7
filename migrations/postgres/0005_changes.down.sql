-- Undoes all of it.
DROP TRIGGER users_changed ON users;
DROP TRIGGER users_gone ON users;
DROP TRIGGER sessions_changed ON sessions;
DROP TRIGGER sessions_gone ON sessions;
DROP TRIGGER clients_changed ON clients;
DROP TRIGGER clients_gone ON clients;
DROP TRIGGER collections_made ON collections;
DROP TRIGGER collections_changed ON collections;
DROP TRIGGER collections_gone ON collections;
DROP FUNCTION note_change();
DROP TABLE change_life;
DROP TABLE change_horizon;
DROP TABLE changes;
