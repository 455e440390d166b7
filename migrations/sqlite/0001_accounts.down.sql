DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE invitations;
-- The two name each other, so neither may go while the other has rows that point to it.
UPDATE clients SET created_by_admin_id = NULL;
DROP TABLE users;
DROP TABLE clients;
