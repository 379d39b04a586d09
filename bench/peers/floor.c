/*
 * floor: the physical limit, as a system under test. The whole turn (accept the
 * request, LLM call, three tool calls in parallel, LLM call, durable commit,
 * reply) with one epoll loop, pooled keep-alive connections, string search in
 * place of a JSON parser, history in memory and one SQLite transaction for all
 * turns that finished in one pass of the loop. Trusts every peer: a yardstick,
 * not a server. No streaming.
 */
#include "util.h"
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
	N_TOOLS = 3,
	N_UP = 1 + N_TOOLS,
	MAX_ITEMS = 8,
	ID_MAX = 64
};

struct turn;

struct conv {
	struct buf hist; /* ,{...},{...} */
	int seq;
};

struct conn {
	int fd;
	int up; /* -1: client, else upstream index */
	bool connecting;
	struct buf in, out;
	size_t out_off, body_at, need;
	struct turn *turn;
	int slot; /* which tool */
	struct conn *next;
};

struct turn {
	struct conn *client;
	int conv;
	struct buf fresh;
	size_t item_end[MAX_ITEMS];
	int n_items, waiting;
	char id[N_TOOLS][ID_MAX];
	struct buf result[N_TOOLS];
	size_t reply_at, reply_len;
	struct turn *next;
};

static const char *const tool_names[N_TOOLS] = { "lookup_order", "check_refund_policy",
	"check_cancellation_policy" };
static int ep, up_port[N_UP];
static struct conn *idle[N_UP];
static struct conv *convs;
static int n_convs, cap_convs;
static struct turn *saving, *spare;
static struct buf prefix;
static struct conn **dead;
static int n_dead, cap_dead;
static sqlite3 *db;
static sqlite3_stmt *q_begin, *q_commit, *q_add, *q_conv;

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, db ? sqlite3_errmsg(db) : strerror(errno));
	exit(1);
}

static void step(sqlite3_stmt *q)
{
	if (sqlite3_step(q) != SQLITE_DONE)
		die("sqlite");
	sqlite3_reset(q);
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *q;
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q, NULL))
		die(sql);
	return q;
}

static void bury(struct conn *c) /* freed at the end of the pass */
{
	close(c->fd);
	c->fd = -1;
	if (n_dead == cap_dead)
		dead =
		    realloc(dead, (size_t)(cap_dead = cap_dead ? cap_dead * 2 : 64) * sizeof *dead);
	dead[n_dead++] = c;
}

static void interest(struct conn *c, uint32_t ev)
{
	struct epoll_event e = { .events = ev, .data.ptr = c };
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void flush_out(struct conn *c)
{
	if (!give(c->fd, &c->out, &c->out_off))
		return; /* reading will find out */
	if (c->out_off < c->out.len)
		interest(c, EPOLLIN | EPOLLOUT);
	else
		c->out.len = c->out_off = 0;
}

static void watch(struct conn *c, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };
	epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}

static struct conn *upstream(int up)
{
	struct conn *c = idle[up];
	if (c) {
		idle[up] = c->next;
		return c;
	}
	c = calloc(1, sizeof *c);
	c->up = up;
	c->connecting = true;
	c->fd = connect_to(up_port[up]);
	watch(c, EPOLLIN | EPOLLOUT);
	return c;
}

static void respond(struct conn *c, const char *status, const char *body, size_t n)
{
	buf_printf(&c->out,
	    "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status,
	    n);
	buf_add(&c->out, body, n);
	flush_out(c);
}

static void add_item(struct turn *t)
{
	t->item_end[t->n_items++] = t->fresh.len;
}

static void call_llm(struct turn *t)
{
	struct conn *c = upstream(0);
	struct buf *h = &convs[t->conv].hist;
	c->turn = t;
	t->waiting = 1;
	buf_printf(&c->out,
	    "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
	    "application/json\r\nAuthorization: Bearer x\r\nContent-Length: %zu\r\n\r\n",
	    prefix.len + h->len + t->fresh.len + 2);
	buf_add(&c->out, prefix.p, prefix.len);
	buf_add(&c->out, h->p ? h->p : "", h->len);
	buf_add(&c->out, t->fresh.p, t->fresh.len);
	buf_add(&c->out, "]}", 2);
	if (!c->connecting)
		flush_out(c);
}

static void call_tools(struct turn *t)
{
	static const char args[] = "{\"order_id\":\"A-1042\"}";
	t->waiting = N_TOOLS;
	for (int i = 0; i < N_TOOLS; i++) {
		struct conn *c = upstream(1 + i);
		c->turn = t;
		c->slot = i;
		buf_printf(&c->out,
		    "POST /tools/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
		    "application/json\r\nContent-Length: %zu\r\n\r\n%s",
		    tool_names[i], sizeof args - 1, args);
		if (!c->connecting)
			flush_out(c);
	}
}

static void add_escaped(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"' || s[i] == '\\')
			buf_add(b, "\\", 1);
		buf_add(b, s + i, 1);
	}
}

/* The last of the three: their results go to the model, in the order of the calls. */
static void on_result(struct conn *c, struct turn *t, const char *body, size_t n)
{
	t->result[c->slot].len = 0;
	buf_add(&t->result[c->slot], body, n);
	if (t->waiting)
		return;
	for (int i = 0; i < N_TOOLS; i++) {
		buf_printf(&t->fresh, ",{\"role\":\"tool\",\"tool_call_id\":\"%s\",\"content\":\"",
		    t->id[i]);
		add_escaped(&t->fresh, t->result[i].p, t->result[i].len);
		buf_add(&t->fresh, "\"}", 2);
		add_item(t);
	}
	call_llm(t);
}

/* The ids of the calls in a message; how many there are. */
static int read_ids(struct turn *t, const char *message)
{
	const char *p = message;
	int n = 0;
	while (n < N_TOOLS && (p = strstr(p, "\"id\":\""))) {
		size_t l = strcspn(p += 6, "\"");
		if (l >= ID_MAX)
			die("the id of a call is too long");
		memcpy(t->id[n], p, l);
		t->id[n++][l] = 0;
	}
	return n;
}

/* The message is kept as it came: it is a piece of the history. */
static void on_answer(struct turn *t, const char *body, size_t n)
{
	const char *m = memmem(body, n, "\"message\":", 10), *e;
	if (!m || !(e = memmem(m, n - (size_t)(m - body), ",\"finish_reason\"", 16))) {
		fprintf(stderr, "floor: unexpected LLM answer: %.200s\n", body);
		exit(1);
	}
	m += 10;
	size_t at = t->fresh.len + 1;
	buf_add(&t->fresh, ",", 1);
	buf_add(&t->fresh, m, (size_t)(e - m));
	add_item(t);
	if (read_ids(t, t->fresh.p + at) == N_TOOLS) {
		call_tools(t);
		return;
	}
	char *r = strstr(t->fresh.p + at, "\"content\":\"");
	if (!r)
		die("an answer without content");
	t->reply_at = (size_t)(r + 11 - t->fresh.p);
	t->reply_len = strcspn(r + 11, "\"");
	t->next = saving;
	saving = t;
}

static void on_upstream(struct conn *c, const char *body, size_t n)
{
	struct turn *t = c->turn;
	c->turn = NULL;
	t->waiting--;
	if (c->up > 0)
		on_result(c, t, body, n);
	else
		on_answer(t, body, n);
}

static void save_items(const struct turn *t)
{
	size_t from = 0;
	for (int i = 0; i < t->n_items; i++) {
		sqlite3_bind_int(q_add, 1, t->conv);
		sqlite3_bind_int(q_add, 2, ++convs[t->conv].seq);
		sqlite3_bind_text(q_add, 3, t->fresh.p + from + 1, (int)(t->item_end[i] - from - 1),
		    SQLITE_STATIC);
		step(q_add);
		from = t->item_end[i];
	}
}

static void send_reply(struct turn *t)
{
	static struct buf b;
	b.len = 0;
	buf_printf(&b, "{\"reply\":\"");
	buf_add(&b, t->fresh.p + t->reply_at, t->reply_len);
	buf_add(&b, "\"}", 2);
	if (t->client) {
		t->client->turn = NULL;
		respond(t->client, "200 OK", b.p, b.len);
	}
	buf_add(&convs[t->conv].hist, t->fresh.p, t->fresh.len);
}

/* All turns that ended in this pass of the loop, in one transaction; then they are answered. */
static void commit_pass(void)
{
	if (!saving)
		return;
	step(q_begin);
	for (struct turn *t = saving; t; t = t->next)
		save_items(t);
	step(q_commit);
	for (struct turn *t = saving, *next; t; t = next) {
		next = t->next;
		send_reply(t);
		t->next = spare;
		spare = t;
	}
	saving = NULL;
}

static void get_conversation(struct conn *c, int id)
{
	sqlite3_stmt *q = prepare("SELECT json FROM item WHERE conversation=? ORDER BY seq");
	struct buf b = { 0 };
	buf_printf(&b, "{\"id\":\"%d\",\"messages\":[", id);
	sqlite3_bind_int(q, 1, id);
	for (int i = 0; sqlite3_step(q) == SQLITE_ROW; i++) {
		if (i)
			buf_add(&b, ",", 1);
		buf_add(&b, sqlite3_column_text(q, 0), (size_t)sqlite3_column_bytes(q, 0));
	}
	buf_add(&b, "]}", 2);
	sqlite3_finalize(q);
	respond(c, "200 OK", b.p, b.len);
	buf_free(&b);
}

static void create_conversation(struct conn *c)
{
	char id[16];
	if (n_convs == cap_convs) {
		cap_convs = cap_convs ? cap_convs * 2 : 1024;
		convs = realloc(convs, (size_t)cap_convs * sizeof *convs);
	}
	convs[n_convs] = (struct conv){ 0 };
	sqlite3_bind_int(q_conv, 1, n_convs);
	step(q_conv);
	int l = snprintf(id, sizeof id, "{\"id\":\"%d\"}", n_convs++);
	respond(c, "201 Created", id, (size_t)l);
}

/* content: between its quotes, and with them. */
static void begin_turn(struct conn *c, int conv, const char *content, size_t n)
{
	struct turn *t = spare;
	if (t)
		spare = t->next;
	else
		t = calloc(1, sizeof *t);
	t->fresh.len = 0;
	t->n_items = 0;
	t->client = c;
	t->conv = conv;
	c->turn = t;
	buf_printf(&t->fresh, ",{\"role\":\"user\",\"content\":");
	buf_add(&t->fresh, content, n);
	buf_add(&t->fresh, "}", 1);
	add_item(t);
	call_llm(t);
}

/* POST /v1/conversations, POST and GET of /v1/conversations/ID...: nothing else is asked. */
static void on_client(struct conn *c, const char *body, size_t n)
{
	const char *path = strchr(c->in.p, ' ') + 1;
	if (!strncmp(path, "/v1/conversations ", 18)) {
		create_conversation(c);
		return;
	}
	int id = atoi(path + 18);
	if (c->in.p[0] == 'G') {
		get_conversation(c, id);
		return;
	}
	const char *s = memmem(body, n, "\"content\":", 10), *e;
	if (id < 0 || id >= n_convs || !s || !(s = strchr(s + 10, '"')) ||
	    !(e = strchr(s + 1, '"')))
		respond(c, "400 Bad Request", "{}", 2);
	else
		begin_turn(c, id, s, (size_t)(e - s) + 1);
}

static void on_closed(struct conn *c)
{
	if (c->up >= 0) { /* only idle ones are expected to close */
		struct conn **p = &idle[c->up];
		while (*p && *p != c)
			p = &(*p)->next;
		if (!*p)
			die("upstream closed during a call");
		*p = c->next;
	} else if (c->turn) {
		c->turn->client = NULL;
	}
	bury(c);
}

/* Is there a whole message?  Then c->body_at and c->need say where its body is. */
static bool is_whole(struct conn *c)
{
	if (!c->body_at) {
		char *h = strstr(c->in.p, "\r\n\r\n");
		if (!h)
			return false;
		c->body_at = (size_t)(h - c->in.p) + 4;
		const char *cl = header_value(c->in.p, c->body_at, "content-length");
		c->need = cl ? strtoul(cl, NULL, 10) : 0;
	}
	return c->in.len >= c->body_at + c->need;
}

static void on_readable(struct conn *c)
{
	if (!take(c->fd, &c->in)) {
		on_closed(c);
		return;
	}
	if (!is_whole(c))
		return;
	if (c->up < 0)
		on_client(c, c->in.p + c->body_at, c->need);
	else
		on_upstream(c, c->in.p + c->body_at, c->need);
	c->in.len = c->body_at = 0;
	if (c->in.cap > 16384)
		buf_free(&c->in);
	if (c->up >= 0) {
		c->next = idle[c->up];
		idle[c->up] = c;
	}
}

static const char *env(const char *k, const char *dflt)
{
	const char *v = getenv(k);
	return v ? v : dflt;
}

/* WORKERS processes share the port; each keeps its own conversations and database file.  In the
 * parent w comes down to 0, in a child it stays at the child's number. */
static const char *fork_workers(void)
{
	static char path[512];
	int n = atoi(env("WORKERS", "1")), w = 0;
	if (n > 1) {
		for (w = n - 1; w > 0 && fork() > 0;)
			w--;
		if (w > 0)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	snprintf(path, sizeof path, w ? "%s.w%d" : "%s", env("DB", "/tmp/floor.db"), w);
	return path;
}

static void open_database(const char *path)
{
	char sql[128];
	if (sqlite3_open(path, &db))
		die("open");
	snprintf(sql, sizeof sql, "PRAGMA journal_mode=WAL; PRAGMA synchronous=%s",
	    env("SYNC", "NORMAL"));
	if (sqlite3_exec(db, sql, 0, 0, 0) ||
	    sqlite3_exec(db,
		"CREATE TABLE IF NOT EXISTS conversation(id INTEGER PRIMARY KEY, state TEXT);"
		"CREATE TABLE IF NOT EXISTS item(conversation INTEGER, seq INTEGER, json TEXT,"
		"PRIMARY KEY(conversation,seq)) WITHOUT ROWID",
		0, 0, 0))
		die("schema");
	q_begin = prepare("BEGIN IMMEDIATE");
	q_commit = prepare("COMMIT");
	q_add = prepare("INSERT INTO item VALUES(?,?,?)");
	q_conv = prepare("INSERT OR IGNORE INTO conversation VALUES(?,'{}')");
}

/* What is in front of every history: the tools, and instructions of some length. */
static void make_prefix(void)
{
	buf_printf(&prefix, "{\"model\":\"mock\",\"tools\":[");
	for (int i = 0; i < N_TOOLS; i++)
		buf_printf(&prefix,
		    "%s{\"type\":\"function\",\"function\":{\"name\":\"%s\",\"description\":\"Look "
		    "up facts about an order\",\"parameters\":{\"type\":\"object\",\"properties\":"
		    "{\"order_id\":{\"type\":\"string\"}},\"required\":[\"order_id\"]}}}",
		    i ? "," : "", tool_names[i]);
	buf_printf(&prefix, "],\"messages\":[{\"role\":\"system\",\"content\":\"");
	for (int i = 0; i < 12; i++)
		buf_printf(&prefix,
		    "You are the tier-1 customer support agent of Example Shop. Be brief. ");
	buf_printf(&prefix, "\"}");
}

static void accept_clients(int listener)
{
	for (int fd; (fd = accept_from(listener)) >= 0;) {
		struct conn *c = calloc(1, sizeof *c);
		c->fd = fd;
		c->up = -1;
		watch(c, EPOLLIN);
	}
}

static void on_event(struct conn *c, uint32_t events)
{
	if (c->fd < 0) /* buried in this pass */
		return;
	if (events & EPOLLOUT) {
		c->connecting = false;
		interest(c, EPOLLIN);
		flush_out(c);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		on_readable(c);
}

static void free_dead(void)
{
	while (n_dead) {
		struct conn *c = dead[--n_dead];
		buf_free(&c->in);
		buf_free(&c->out);
		free(c);
	}
}

int main(void)
{
	open_database(fork_workers());
	make_prefix();
	int first = atoi(strrchr(env("LLM_URL", "http://127.0.0.1:21300/v1"), ':') + 1);
	for (int i = 0; i < N_UP; i++)
		up_port[i] = first + i;
	int listener = listen_on(atoi(env("PORT", "21310")), true);
	ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event listening = { .events = EPOLLIN },
			   all[512]; /* data.ptr NULL: that one */
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &listening);
	for (;;) {
		int n = epoll_wait(ep, all, 512, -1);
		for (int i = 0; i < n; i++)
			if (all[i].data.ptr)
				on_event(all[i].data.ptr, all[i].events);
			else
				accept_clients(listener);
		commit_pass();
		free_dead();
	}
}
