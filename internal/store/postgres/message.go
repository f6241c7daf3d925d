package postgres

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
	"restante/internal/errs"
)

// columns are the columns of a message m as scanMessage reads them. The name of the sender and the text are looked up for each row,
// so that a message never vanishes from a page because one of them is missing.
const columns = `m.room, m.seq, m.id, (SELECT s.name FROM restante.senders s WHERE s.id = m.sender),
	(SELECT t.msg FROM restante.texts t WHERE t.number = m.text), m.sent_at, m.stored_at`

func scanMessage(row pgx.CollectableRow) (chat.Message, error) {
	var m chat.Message
	var id pgtype.UUID
	var sender *string
	var msg []byte
	err := row.Scan(&m.Room, &m.Seq, &id, &sender, &msg, &m.SentAt, &m.StoredAt)
	if err == nil && (sender == nil || msg == nil) {
		return m, errs.Wrap(errs.Internal, fmt.Errorf("room %q, number %d", m.Room, m.Seq), "the sender or the text of a message is missing in the database")
	}
	if err != nil {
		return m, err
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
