DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE invitations;
ALTER TABLE clients DROP CONSTRAINT clients_creator;
DROP TABLE users;
DROP TABLE clients;
