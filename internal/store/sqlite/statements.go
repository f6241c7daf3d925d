package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const (
	selectMessages = selectColumns + "room = (SELECT rooms.id FROM rooms WHERE name = ?) AND "
	selectAfter    = selectMessages + "seq > ? ORDER BY seq LIMIT ?"
	selectBefore   = selectMessages + "seq < ? ORDER BY seq DESC LIMIT ?"
	selectBetween  = selectMessages + "seq BETWEEN ? AND ? ORDER BY seq"
	selectSizes    = `SELECT seq, octet_length(msg) FROM messages LEFT JOIN texts ON number = text
		WHERE room = (SELECT id FROM rooms WHERE name = ?) AND seq BETWEEN ? AND ? ORDER BY seq`
	selectUses  = "SELECT sender, seq FROM messages INDEXED BY messages_once WHERE text >> 17 = ? AND id = ? AND room = ?"
	selectRooms = `SELECT name, last_seq, last_stored_at,
		coalesce((SELECT seq FROM messages WHERE room = rooms.id ORDER BY seq LIMIT 1), 0) FROM rooms WHERE `
	selectBetweenNames = selectRooms + "name > ? AND name < ? ORDER BY name LIMIT ?"
	selectRoomsNamed   = selectRooms + "name IN (SELECT value FROM json_each(?)) ORDER BY name"
)

// reads are the statements of the readers' pool. They are closed with it.
type reads struct {
	after, before, storedAt, room, rooms, roomsBetween, roomsNamed, lastSeqs, switches, beginning, sizes, between, name, revocations *sql.Stmt
}

func prepareReads(ctx context.Context, db *sql.DB) (reads, error) {
	var r reads
	var err error
	for _, p := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&r.after, selectAfter},
		{&r.before, selectBefore},
		{&r.storedAt, "SELECT stored_at FROM messages WHERE room = (SELECT id FROM rooms WHERE name = ?) AND seq = ?"},
		{&r.room, selectRooms + "name = ?"},
		{&r.rooms, selectRooms + "name > ? ORDER BY name LIMIT ?"},
		{&r.roomsBetween, selectBetweenNames},
		{&r.roomsNamed, selectRoomsNamed},
		{&r.lastSeqs, selectLastSeqs},
		{&r.switches, selectSwitches},
		{&r.beginning, selectBeginning},
		{&r.sizes, selectSizes},
		{&r.between, selectBetween},
		{&r.name, selectName},
		{&r.revocations, selectRevocations},
	} {
		if *p.stmt, err = db.PrepareContext(ctx, p.query); err != nil {
			return r, fmt.Errorf("prepare %q: %w", p.query, err)
		}
	}
	return r, nil
}

// statements are those of the writing connection.
type statements struct {
	conn                                                 *sql.Conn
	begin, commit, savepoint, rollbackTo                 *sql.Stmt
	findRoom, addRoom, moveRoom, probe, switchOn         *sql.Stmt
	findSender, addSender, findID, repeat, addBits, name *sql.Stmt
	insertTexts, insertMessages                          [len(runs)]*sql.Stmt // of so many rows
	after, setMark, carryMark, addEpoch, addBegins       *sql.Stmt

	findRevocation, dropRevocation, addRevocation, expireRevocations *sql.Stmt

	prepared []*sql.Stmt // all of them
}

// prepared is a statement that is to be prepared.
type prepared struct {
	stmt  **sql.Stmt
	query string
}

// prepareMarks prepares what marks the database and ends an epoch: that works in every schema that has marks.
func (s *statements) prepareMarks(ctx context.Context) error {
	return s.prepare(ctx, []prepared{
		{&s.begin, "BEGIN IMMEDIATE"},
		{&s.commit, "COMMIT"},
		{&s.setMark, "UPDATE store SET mark = ?, closed = ?"},
		{&s.carryMark, "UPDATE store SET turns = turns + 1"},
		{&s.addEpoch, insertEpoch},
		{&s.addBegins, "INSERT INTO begins (room, epoch, last_seq) SELECT name, ?, last_seq FROM rooms WHERE last_seq > 0"},
	})
}

// prepareAll prepares all statements.
func (s *statements) prepareAll(ctx context.Context) error {
	if err := s.prepareMarks(ctx); err != nil {
		return err
	}
	all := []prepared{
		{&s.savepoint, "SAVEPOINT probe"},
		{&s.rollbackTo, "ROLLBACK TO probe"},
		{&s.findRoom, "SELECT id, last_seq, last_stored_at FROM rooms WHERE name = ?"},
		{&s.addRoom, "INSERT INTO rooms (name, last_seq, last_stored_at) VALUES (?, 0, 0)"},
		{&s.moveRoom, "UPDATE rooms SET last_seq = ?, last_stored_at = ? WHERE id = ?"},
		{&s.findSender, "SELECT id FROM senders WHERE name = ?"},
		{&s.addSender, "INSERT INTO senders (name) VALUES (?)"},
		{&s.name, selectName},
		{&s.findID, selectUses},
		{&s.repeat, selectColumns + "room = ? AND seq = ?"},
		{&s.addBits, insertFilter},
		{&s.probe, "UPDATE probe SET at = ?, space = zeroblob(?)"},
		{&s.switchOn, insertSwitch},
		{&s.findRevocation, findRevocation},
		{&s.dropRevocation, "DELETE FROM revocations WHERE kind = ? AND name = ?"},
		{&s.addRevocation, insertRevocation},
		{&s.expireRevocations, "DELETE FROM revocations WHERE until <= ?"},
		{&s.after, selectAfter},
	}
	for i, rows := range runs {
		all = append(all, prepared{&s.insertTexts[i], values(insertTexts, rows, 2)}, prepared{&s.insertMessages[i], values(insertMessages, rows, 7)})
	}
	return s.prepare(ctx, all)
}

// prepare prepares statements.
func (s *statements) prepare(ctx context.Context, all []prepared) error {
	for _, p := range all {
		stmt, err := s.conn.PrepareContext(ctx, p.query)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", p.query, err)
		}
		*p.stmt = stmt
		s.prepared = append(s.prepared, stmt)
	}
	return nil
}

func exec(ctx context.Context, stmt *sql.Stmt, args ...any) error {
	_, err := stmt.ExecContext(ctx, args...)
	return err
}

// close closes the statements and the connection. A connection does not close its statements, which would keep the file
// open.
func (s *statements) close() error {
	var err error
	for _, stmt := range s.prepared {
		err = errors.Join(err, stmt.Close())
	}
	return errors.Join(err, s.conn.Close())
}
