-- oldest: 2
-- Zeros that a readiness check writes for a moment, to learn whether the disk takes as much as the last append needed.
ALTER TABLE probe ADD COLUMN space BLOB;
