-- Whom to collect from next, and whose lease has run out, are asked all the time: without a look at every client.
CREATE INDEX collections_due ON collections ((CASE WHEN failure_status IS NULL THEN 0 ELSE 1 END), (COALESCE(next_attempt_at, 0)), client_id)
    WHERE leased_until IS NULL;
CREATE INDEX collections_leased ON collections (leased_until, client_id) WHERE leased_until IS NOT NULL;
