#include "store/migrations.h"

#include "base/mem.h"

/* In the dialect that SQLite and PostgreSQL share. */
static const char *const steps[] = {
	/* 1: a conversation's head, its events, the keys of clients, the server's own settings */
	"CREATE TABLE conversations ("
	"  id TEXT PRIMARY KEY,"
	"  seq BIGINT NOT NULL,"   /* of its last event */
	"  epoch BIGINT NOT NULL," /* raised when a person takes it: changes of an older one fail */
	"  owner TEXT NOT NULL,"
	"  open_since BIGINT NOT NULL," /* seq of the message that still needs a turn; 0: none */
	"  customer_id TEXT,"
	"  head TEXT NOT NULL," /* the state, folded up to seq */
	"  created_at BIGINT NOT NULL,"
	"  updated_at BIGINT NOT NULL);"
	"CREATE INDEX conversations_open ON conversations (open_since) WHERE open_since > 0;"
	"CREATE INDEX conversations_customer ON conversations (customer_id, created_at);"
	"CREATE TABLE events ("
	"  conversation TEXT NOT NULL,"
	"  seq BIGINT NOT NULL,"
	"  epoch BIGINT NOT NULL,"
	"  at BIGINT NOT NULL,"
	"  turn TEXT,"
	"  kind TEXT NOT NULL,"
	"  seen_by BIGINT NOT NULL," /* bits: 1 customer, 2 desk, 4 admin */
	"  payload TEXT NOT NULL,"   /* the only place of personal data; emptied when erased */
	"  salt BYTEA NOT NULL,"
	"  hash BYTEA NOT NULL," /* SHA-256 of salt and payload; stays when the payload is erased */
	"  PRIMARY KEY (conversation, seq));"
	"CREATE TABLE client_keys ("
	"  scope TEXT NOT NULL," /* a conversation, or who creates conversations */
	"  key TEXT NOT NULL,"
	"  body_hash TEXT NOT NULL,"
	"  conversation TEXT NOT NULL,"
	"  seq BIGINT NOT NULL," /* the event that the first request made */
	"  at BIGINT NOT NULL,"
	"  PRIMARY KEY (scope, key));"
	"CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);",
	/* 2: what models cost, for limits by the day */
	"CREATE TABLE costs ("
	"  conversation TEXT NOT NULL,"
	"  day BIGINT NOT NULL,"  /* UTC, since 1970 */
	"  cost BIGINT NOT NULL," /* millionths of a US dollar */
	"  PRIMARY KEY (conversation, day));"
	"CREATE INDEX costs_day ON costs (day);",
};

static int first_int(void *arg, const struct db_value *values, int n)
{
	*(int64_t *)arg = n ? values[0].i : 0;
	return 1;
}

static int run_from(struct sqlite *log, int64_t version, struct err *e)
{
	const int64_t newest = (int64_t)array_len(steps);

	if (version > newest)
		return err_set(e, ERR_INVALID,
		    "the file has version %lld, this frontdesk knows %lld: use the newer program",
		    (long long)version, (long long)newest);
	for (int64_t v = version; v < newest; v++) {
		struct db_value p = DB_NUM(v + 1);

		if (sqlite_script(log, steps[v], e) < 0 ||
		    sqlite_run(log, "DELETE FROM schema_version", NULL, 0, NULL, NULL, NULL, e) <
			0 ||
		    sqlite_run(log, "INSERT INTO schema_version (version) VALUES ($1)", &p, 1, NULL,
			NULL, NULL, e) < 0)
			return err_wrap(e, "migration %lld", (long long)v + 1);
	}
	return 0;
}

int migrations_run(struct sqlite *log, struct err *e)
{
	int64_t version = 0;
	struct err ignored;

	if (sqlite_run(log, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, NULL, e) < 0)
		return -1;
	if (sqlite_script(log,
		"CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)", e) == 0 &&
	    sqlite_run(log, "SELECT version FROM schema_version", NULL, 0, first_int, &version,
		NULL, e) == 0 &&
	    run_from(log, version, e) == 0)
		return sqlite_run(log, "COMMIT", NULL, 0, NULL, NULL, NULL, e);
	sqlite_run(log, "ROLLBACK", NULL, 0, NULL, NULL, NULL, &ignored);
	return -1;
}
