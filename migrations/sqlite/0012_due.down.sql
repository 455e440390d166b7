DROP INDEX collections_leased;
DROP INDEX collections_due;
