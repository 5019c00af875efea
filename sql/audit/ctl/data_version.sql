-- Changes whenever somebody else committed.
PRAGMA data_version
