-- Undoes all of it; mails that wait are lost, which their invitations say.
UPDATE invitations SET email_status = 'failed' WHERE email_status = 'queued';
DROP TABLE password_resets;
DROP TABLE outbox;
