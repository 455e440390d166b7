DROP TABLE rollups;
DROP TABLE executions;
DROP TABLE workflows;
DROP TABLE collections;
