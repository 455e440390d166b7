-- Undoes all of it.
DROP TRIGGER users_changed;
DROP TRIGGER users_gone;
DROP TRIGGER sessions_changed;
DROP TRIGGER sessions_gone;
DROP TRIGGER clients_changed;
DROP TRIGGER clients_gone;
DROP TRIGGER collections_made;
DROP TRIGGER collections_changed;
DROP TRIGGER collections_gone;
DROP TABLE change_life;
DROP TABLE change_horizon;
DROP TABLE changes;
