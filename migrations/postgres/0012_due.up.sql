-- Whom to collect from next, and whose lease has run out, are asked all the time: without a look at every client.
CREATE INDEX collections_due ON collections ((failure_status IS NOT NULL), (COALESCE(next_attempt_at, 0)), client_id)
    WHERE leased_until IS NULL;
CREATE INDEX collections_leased ON collections (leased_until, client_id) WHERE leased_until IS NOT NULL;
