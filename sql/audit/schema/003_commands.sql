-- The order in which commands took effect, whatever the clock did meanwhile: by it the audit
-- tells what a resume ended (doc/audit-chain.md).
ALTER TABLE command ADD COLUMN taken_seq INTEGER NOT NULL DEFAULT 0; -- audit's head when it was taken
