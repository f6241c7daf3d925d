package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const (
	selectMessages = "SELECT " + columns + " FROM messages WHERE room = (SELECT id FROM rooms WHERE name = ?) AND "
	selectAfter    = selectMessages + "seq > ? ORDER BY seq LIMIT ?"
	selectBefore   = selectMessages + "seq < ? ORDER BY seq DESC LIMIT ?"
	selectBetween  = selectMessages + "seq BETWEEN ? AND ? ORDER BY seq"
	selectSizes    = "SELECT seq, octet_length(msg) FROM messages WHERE room = (SELECT id FROM rooms WHERE name = ?) AND seq BETWEEN ? AND ? ORDER BY seq"
	selectRooms    = `SELECT name, last_seq, last_stored_at,
		coalesce((SELECT seq FROM messages WHERE room = rooms.id ORDER BY seq LIMIT 1), 0) FROM rooms WHERE `
)

// reads are the statements of the readers' pool. They are closed with it.
type reads struct {
	after, before, storedAt, room, rooms, lastSeqs, switches, beginning, sizes, between, revocations *sql.Stmt
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
		{&r.lastSeqs, selectLastSeqs},
		{&r.switches, selectSwitches},
		{&r.beginning, selectBeginning},
		{&r.sizes, selectSizes},
		{&r.between, selectBetween},
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
	conn                                                         *sql.Conn
	begin, commit, savepoint, rollbackTo                         *sql.Stmt
	findRoom, addRoom, moveRoom, insert, repeat, probe, switchOn *sql.Stmt
	after, setMark, carryMark, addEpoch, addBegins               *sql.Stmt

	findRevocation, dropRevocation, addRevocation, expireRevocations *sql.Stmt

	prepared []*sql.Stmt // all of them
}

func prepare(ctx context.Context, conn *sql.Conn) (*statements, error) {
	s := &statements{conn: conn}
	for _, p := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&s.begin, "BEGIN IMMEDIATE"},
		{&s.commit, "COMMIT"},
		{&s.savepoint, "SAVEPOINT probe"},
		{&s.rollbackTo, "ROLLBACK TO probe"},
		{&s.findRoom, "SELECT id, last_seq, last_stored_at FROM rooms WHERE name = ?"},
		{&s.addRoom, "INSERT INTO rooms (name, last_seq, last_stored_at) VALUES (?, 0, 0)"},
		{&s.moveRoom, "UPDATE rooms SET last_seq = ?, last_stored_at = ? WHERE id = ?"},
		{&s.insert, insertMessage},
		{&s.repeat, "SELECT " + columns + " FROM messages WHERE room = ? AND id = ?"},
		{&s.probe, "UPDATE probe SET at = ?, space = zeroblob(?)"},
		{&s.switchOn, insertSwitch},
		{&s.findRevocation, findRevocation},
		{&s.dropRevocation, "DELETE FROM revocations WHERE kind = ? AND name = ?"},
		{&s.addRevocation, insertRevocation},
		{&s.expireRevocations, "DELETE FROM revocations WHERE until <= ?"},
		{&s.after, selectAfter},
		{&s.setMark, "UPDATE store SET mark = ?, closed = ?"},
		{&s.carryMark, "UPDATE store SET turns = turns + 1"},
		{&s.addEpoch, insertEpoch},
		{&s.addBegins, "INSERT INTO begins (room, epoch, last_seq) SELECT name, ?, last_seq FROM rooms WHERE last_seq > 0"},
	} {
		stmt, err := conn.PrepareContext(ctx, p.query)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare %q: %w", p.query, err), s.close())
		}
		*p.stmt = stmt
		s.prepared = append(s.prepared, stmt)
	}
	return s, nil
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
