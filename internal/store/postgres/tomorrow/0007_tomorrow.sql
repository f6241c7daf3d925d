-- oldest: 6
-- What the tests of rolling upgrades add to the schema. Older versions neither write nor read it.
ALTER TABLE restante.rooms ADD COLUMN tomorrow text;
