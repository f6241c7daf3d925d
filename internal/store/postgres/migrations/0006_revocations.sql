-- oldest: 6
-- Tokens that were revoked before their end. A version that does not know this table would let them pass.

-- One row for each client and each token that was revoked. A change is a new row in place of the old one, so that who has read up to
-- a number finds what is new after it: numbers are never used again, and each writer locks the table, so that they are committed
-- in order. Rows are removed when every token that they end has expired.
CREATE TABLE restante.revocations (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind    text COLLATE "C" NOT NULL, -- sub or jti
    name    text COLLATE "C" NOT NULL,
    before  bigint      NOT NULL, -- tokens of the sub that were issued before it have ended, in seconds; 0 for a jti
    until   bigint      NOT NULL, -- when the row is of no use any more, in seconds
    at      timestamptz NOT NULL, -- when it was revoked
    reason  text        NOT NULL,
    revoker text        NOT NULL, -- the sub of the operator
    UNIQUE (kind, name)
);
