/*
 * floor: the physical limit, as a system under test. The whole turn (accept the
 * request, LLM call, three tool calls in parallel, LLM call, durable commit,
 * reply) with one epoll loop, pooled keep-alive connections, string search in
 * place of a JSON parser, history in memory and one SQLite transaction for all
 * turns that finished in one pass of the loop. Trusts every peer: a yardstick,
 * not a server. No streaming.
 */
#include "util.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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
	while (c->out_off < c->out.len) {
		ssize_t n =
		    send(c->fd, c->out.p + c->out_off, c->out.len - c->out_off, MSG_NOSIGNAL);
		if (n < 0) {
			if (errno == EAGAIN)
				interest(c, EPOLLIN | EPOLLOUT);
			return;
		}
		c->out_off += (size_t)n;
	}
	c->out.len = c->out_off = 0;
}

static struct conn *upstream(int up)
{
	struct conn *c = idle[up];
	if (c) {
		idle[up] = c->next;
		return c;
	}
	int one = 1;
	c = calloc(1, sizeof *c);
	c->up = up;
	c->connecting = true;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)up_port[up]),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (connect(c->fd, (void *)&a, sizeof a) && errno != EINPROGRESS)
		die("connect");
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
	epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
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

static void on_upstream(struct conn *c, const char *body, size_t n)
{
	struct turn *t = c->turn;
	c->turn = NULL;
	t->waiting--;
	if (c->up > 0) {
		t->result[c->slot].len = 0;
		buf_add(&t->result[c->slot], body, n);
		if (t->waiting)
			return;
		for (int i = 0; i < N_TOOLS; i++) {
			buf_printf(&t->fresh,
			    ",{\"role\":\"tool\",\"tool_call_id\":\"%s\",\"content\":\"", t->id[i]);
			add_escaped(&t->fresh, t->result[i].p, t->result[i].len);
			buf_add(&t->fresh, "\"}", 2);
			add_item(t);
		}
		call_llm(t);
		return;
	}
	char *m = memmem(body, n, "\"message\":", 10), *e;
	if (!m || !(e = memmem(m, n - (size_t)(m - body), ",\"finish_reason\"", 16))) {
		fprintf(stderr, "floor: unexpected LLM answer: %.200s\n", body);
		exit(1);
	}
	m += 10;
	size_t at = t->fresh.len + 1;
	buf_add(&t->fresh, ",", 1);
	buf_add(&t->fresh, m, (size_t)(e - m));
	add_item(t);
	char *p = t->fresh.p + at;
	int k = 0;
	while (k < N_TOOLS && (p = strstr(p, "\"id\":\""))) {
		p += 6;
		size_t l = strcspn(p, "\"");
		memcpy(t->id[k], p, l);
		t->id[k++][l] = 0;
	}
	if (k == N_TOOLS) {
		call_tools(t);
		return;
	}
	char *r = strstr(t->fresh.p + at, "\"content\":\"") + 11;
	t->reply_at = (size_t)(r - t->fresh.p);
	t->reply_len = strcspn(r, "\"");
	t->next = saving;
	saving = t;
}

static void commit_pass(void)
{
	if (!saving)
		return;
	step(q_begin);
	for (struct turn *t = saving; t; t = t->next) {
		size_t from = 0;
		for (int i = 0; i < t->n_items; i++) {
			sqlite3_bind_int(q_add, 1, t->conv);
			sqlite3_bind_int(q_add, 2, ++convs[t->conv].seq);
			sqlite3_bind_text(q_add, 3, t->fresh.p + from + 1,
			    (int)(t->item_end[i] - from - 1), SQLITE_STATIC);
			step(q_add);
			from = t->item_end[i];
		}
	}
	step(q_commit);
	static struct buf b;
	for (struct turn *t = saving, *next; t; t = next) {
		next = t->next;
		b.len = 0;
		buf_printf(&b, "{\"reply\":\"");
		buf_add(&b, t->fresh.p + t->reply_at, t->reply_len);
		buf_add(&b, "\"}", 2);
		if (t->client) {
			t->client->turn = NULL;
			respond(t->client, "200 OK", b.p, b.len);
		}
		buf_add(&convs[t->conv].hist, t->fresh.p, t->fresh.len);
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

static void on_client(struct conn *c, const char *body, size_t n)
{
	const char *path = strchr(c->in.p, ' ') + 1;
	char tmp[16];
	if (!strncmp(path, "/v1/conversations ", 18)) {
		if (n_convs == cap_convs) {
			cap_convs = cap_convs ? cap_convs * 2 : 1024;
			convs = realloc(convs, (size_t)cap_convs * sizeof *convs);
		}
		convs[n_convs] = (struct conv){ 0 };
		sqlite3_bind_int(q_conv, 1, n_convs);
		step(q_conv);
		int l = snprintf(tmp, sizeof tmp, "{\"id\":\"%d\"}", n_convs++);
		respond(c, "201 Created", tmp, (size_t)l);
		return;
	}
	int id = atoi(path + 18);
	if (c->in.p[0] == 'G') {
		get_conversation(c, id);
		return;
	}
	const char *s = memmem(body, n, "\"content\":", 10), *e;
	if (id < 0 || id >= n_convs || !s || !(s = strchr(s + 10, '"')) ||
	    !(e = strchr(s + 1, '"'))) {
		respond(c, "400 Bad Request", "{}", 2);
		return;
	}
	struct turn *t = spare;
	if (t)
		spare = t->next;
	else
		t = calloc(1, sizeof *t);
	t->fresh.len = 0;
	t->n_items = 0;
	t->client = c;
	t->conv = id;
	c->turn = t;
	buf_printf(&t->fresh, ",{\"role\":\"user\",\"content\":");
	buf_add(&t->fresh, s, (size_t)(e - s) + 1);
	buf_add(&t->fresh, "}", 1);
	add_item(t);
	call_llm(t);
}

static void on_readable(struct conn *c)
{
	for (;;) {
		buf_reserve(&c->in, 8192);
		size_t room = c->in.cap - c->in.len - 1;
		ssize_t n = recv(c->fd, c->in.p + c->in.len, room, 0);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			if (c->up < 0 && c->turn)
				c->turn->client = NULL;
			else if (c->up >= 0) { /* only idle ones are expected to close */
				struct conn **p = &idle[c->up];
				while (*p && *p != c)
					p = &(*p)->next;
				if (!*p)
					die("upstream closed during a call");
				*p = c->next;
			}
			bury(c);
			return;
		}
		c->in.len += (size_t)n;
		c->in.p[c->in.len] = 0;
		if ((size_t)n < room)
			break;
	}
	if (!c->body_at) {
		char *h = strstr(c->in.p, "\r\n\r\n");
		if (!h)
			return;
		c->body_at = (size_t)(h - c->in.p) + 4;
		const char *cl = header_value(c->in.p, c->body_at, "content-length");
		c->need = cl ? strtoul(cl, NULL, 10) : 0;
	}
	if (c->in.len < c->body_at + c->need)
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

/* WORKERS processes share the port; each keeps its own conversations and database file. */
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

int main(void)
{
	const char *path = fork_workers();
	int one = 1, base = atoi(strrchr(env("LLM_URL", "http://127.0.0.1:21300/v1"), ':') + 1);
	for (int i = 0; i < N_UP; i++)
		up_port[i] = base + i;
	if (sqlite3_open(path, &db))
		die("open");
	char sql[128];
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

	int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(ls, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(env("PORT", "21310"))),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (bind(ls, (void *)&a, sizeof a) || listen(ls, 4096))
		die("bind");
	ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN }, evs[512];
	epoll_ctl(ep, EPOLL_CTL_ADD, ls, &ev);
	for (;;) {
		int n = epoll_wait(ep, evs, 512, -1);
		for (int i = 0; i < n; i++) {
			struct conn *c = evs[i].data.ptr;
			if (!c) {
				for (int fd; (fd = accept4(ls, NULL, NULL,
						  SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
					setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
					c = calloc(1, sizeof *c);
					c->fd = fd;
					c->up = -1;
					ev = (struct epoll_event){ .events = EPOLLIN,
						.data.ptr = c };
					epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
				}
				continue;
			}
			if (c->fd < 0)
				continue;
			if (evs[i].events & EPOLLOUT) {
				c->connecting = false;
				interest(c, EPOLLIN);
				flush_out(c);
			}
			if (evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				on_readable(c);
		}
		commit_pass();
		while (n_dead) {
			struct conn *c = dead[--n_dead];
			buf_free(&c->in);
			buf_free(&c->out);
			free(c);
		}
	}
}
