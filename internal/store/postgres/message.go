package postgres

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
	"restante/internal/errs"
)

// columns are the columns of a message, in the order in which values writes and scanMessage reads them.
const columns = "room, seq, id, client_id, msg, sent_at, stored_at"

// values returns the values of columns.
func values(m *chat.Message, id pgtype.UUID) []any {
	return []any{m.Room, m.Seq, id, m.ClientID, []byte(m.Msg), chat.Micros(m.SentAt), chat.Micros(m.StoredAt)}
}

func scanMessage(row pgx.CollectableRow) (chat.Message, error) {
	var m chat.Message
	var id pgtype.UUID
	var msg []byte
	err := row.Scan(&m.Room, &m.Seq, &id, &m.ClientID, &msg, &m.SentAt, &m.StoredAt)
	m.ID, m.Msg = uuid.UUID(id.Bytes).String(), string(msg)
	m.SentAt, m.StoredAt = m.SentAt.UTC(), m.StoredAt.UTC()
	return m, err
}

func parseID(id string) (pgtype.UUID, error) {
	if canonical, err := chat.ParseID(id); err != nil || canonical != id {
		return pgtype.UUID{}, errs.Field("id", "must be a UUID in canonical form")
	}
	parsed, err := uuid.Parse(id)
	return pgtype.UUID{Bytes: parsed, Valid: true}, err
}
