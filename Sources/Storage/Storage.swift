// The only room that touches SQLite: append log, index tables, cursors, snapshots, migrations.
