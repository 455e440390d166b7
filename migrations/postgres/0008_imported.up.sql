-- What was taken over from another FlowMastery, so that taking it over again makes and changes nothing.
CREATE TABLE imported (
    kind TEXT NOT NULL CHECK (kind IN ('client', 'user', 'invitation', 'history')),
    source_id TEXT NOT NULL, -- its id there; of a history, its client's
    id BIGINT NOT NULL, -- its id here, which stays when the record goes
    PRIMARY KEY (kind, source_id)
);
CALL protect_rows('imported', 'FALSE'); -- only who may see everything imports

ALTER TABLE collections ADD COLUMN imported_at BIGINT; -- when a history was taken over, from which on there are numbers

-- Where migration 2 was undone and applied again, clients that were there before have no row, without which they are not there.
INSERT INTO collections (client_id)
SELECT id FROM clients WHERE deleted_at IS NULL AND id NOT IN (SELECT client_id FROM collections);
