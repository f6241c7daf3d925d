package postgres

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
	"restante/internal/errs"
)

// columns are the columns of a message m with its sender s as scanMessage reads them, before the text and what the caller reads, too. A
// message does not vanish from what is read because its sender or its text is missing: then reading it fails.
const columns = "m.room, m.seq, m.id, s.name, m.sent_at, m.stored_at"

// scanMessage reads the columns and the text, and further columns into more.
func scanMessage(row pgx.CollectableRow, more ...any) (chat.Message, error) {
	var m chat.Message
	var id pgtype.UUID
	var sender *string
	var msg []byte
	err := row.Scan(append([]any{&m.Room, &m.Seq, &id, &sender, &m.SentAt, &m.StoredAt, &msg}, more...)...)
	if err != nil {
		return m, err
	}
	if sender == nil || msg == nil {
		return m, errs.Wrap(errs.Internal, fmt.Errorf("room %q, number %d", m.Room, m.Seq), "the sender or the text of a message is missing in the database")
	}
	m.ID, m.ClientID, m.Msg = uuid.UUID(id.Bytes).String(), *sender, string(msg)
	m.SentAt, m.StoredAt = m.SentAt.UTC(), m.StoredAt.UTC()
	return m, nil
}

func parseID(id string) (pgtype.UUID, error) {
	if canonical, err := chat.ParseID(id); err != nil || canonical != id {
		return pgtype.UUID{}, errs.Field("id", "must be a UUID in canonical form")
	}
	parsed, err := uuid.Parse(id)
	return pgtype.UUID{Bytes: parsed, Valid: true}, err
}
