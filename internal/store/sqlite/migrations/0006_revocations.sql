-- oldest: 6
-- Tokens that were revoked before their end. A version that does not know this table would let them pass.

-- One row for each client and each token that was revoked. A change is a new row in place of the old one, so that who has read up to
-- a number finds what is new after it: numbers are never used again. Rows are removed when every token that they end has expired.
CREATE TABLE revocations (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT    NOT NULL, -- sub or jti
    name    TEXT    NOT NULL,
    before  INTEGER NOT NULL, -- tokens of the sub that were issued before it have ended, in seconds; 0 for a jti
    until   INTEGER NOT NULL, -- when the row is of no use any more, in seconds
    at      INTEGER NOT NULL, -- when it was revoked, in microseconds
    reason  TEXT    NOT NULL,
    revoker TEXT    NOT NULL, -- the sub of the operator
    UNIQUE (kind, name)
) STRICT;
