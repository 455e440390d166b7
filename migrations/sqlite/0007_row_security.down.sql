-- Undoes all of it.
DROP INDEX invitations_invited_by;
DROP INDEX users_created_by;
