#include "base/mem.h"
#include "base/text.h"
#include "net/http_client_parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

/* The asker's side. */

#define CONNECT_MS    5000
#define FIRST_BYTE_MS 30000
#define SILENCE_MS    30000
#define BODY_MAX      (16u << 20)
#define HEAD_MAX      (64 * 1024)
#define SHORTAGE_MS   50

/* Three quarters of the descriptors. */
static int connections_allowed(void)
{
	struct rlimit limit;
	rlim_t files = 1024;

	if (!getrlimit(RLIMIT_NOFILE, &limit))
		files = limit.rlim_cur < 1000000 ? limit.rlim_cur : 1000000;
	return files > 8 ? (int)(files / 4 * 3) : 1;
}

struct http_client *http_client_new(struct world *w, int connections, struct err *e)
{
	struct http_client *c;

	if (connections <= 0)
		connections = connections_allowed();
	c = world_loop(w) ? http_client_curl(w, connections, e) : http_client_sim(w);
	if (!c)
		return NULL;
	c->world = w;
	c->connections = connections;
	semaphore_init(&c->places, connections);
	return c;
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	if (c->open)
		bug("an HTTP client is freed with %d requests open", c->open);
	c->class->free(c);
}

static bool token(const char *s)
{
	static const char signs[] = "!#$%&'*+-.^_`|~";
	const char *p = s;

	for (; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			(*p >= '0' && *p <= '9') || strchr(signs, *p)))
			return false;
	return p > s;
}

/* What frames the message is the client's business, and which host is meant is the guard's. */
static bool ours(const char *name)
{
	static const char *const names[] = { "Host", "Content-Length", "Transfer-Encoding",
		"Connection", "Expect", "Upgrade", "TE", "Trailer", "Keep-Alive",
		"Proxy-Connection" };

	for (size_t i = 0; i < array_len(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

static int check_field(const struct http_field *f, struct err *e)
{
	if (!token(f->name))
		return err_set(e, ERR_INVALID, "the name of a field is not one HTTP has");
	if (ours(f->name))
		return err_set(e, ERR_INVALID, "the field %s is set by the client itself", f->name);
	for (const char *p = f->value; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return err_set(e, ERR_INVALID,
			    "the value of the field %s holds a control character", f->name);
	return 0;
}

static int check_request(const struct http_request *r, struct err *e)
{
	if (!token(r->method) || !strcmp(r->method, "CONNECT"))
		return err_set(e, ERR_INVALID, "the method is not one to send");
	for (int i = 0; i < r->nfields; i++)
		if (check_field(&r->fields[i], e) < 0)
			return -1;
	return 0;
}

static int64_t or_else(int64_t given, int64_t usual)
{
	return given > 0 ? given : usual;
}

static struct http_open *prepare(struct http_client *c, const struct http_request *r, struct err *e)
{
	struct http_target t;
	struct permit p;
	struct http_open *x;

	if (check_request(r, e) < 0 || http_target_read(&t, r->url, e) < 0)
		return NULL;
	if (reach_permit(r->reach, &t, &p, e) < 0) {
		err_wrap(e, "%s", t.host);
		return NULL;
	}
	x = mem_new(struct http_open);
	x->client = c;
	x->permit = p;
	x->host = mem_alloc(t.nauthority + 1);
	memcpy(x->host, t.authority, t.nauthority);
	x->connect_ms = or_else(r->connect_ms, CONNECT_MS);
	x->first_byte_ms = or_else(r->first_byte_ms, FIRST_BYTE_MS);
	x->silence_ms = or_else(r->silence_ms, SILENCE_MS);
	x->max_body = r->max_body ? r->max_body : BODY_MAX;
	signal_init(&x->changed);
	return x;
}

/* Wait until something changed or our own time has come, which is 0 too. */
static int wait_change(struct http_open *x, int64_t due, struct err *e)
{
	struct err why;

	if (signal_wait(&x->changed, due, &why) == 0)
		return 0;
	if (world_crashed(x->client->world))
		return err_set(e, ERR_IO, "the world crashed");
	if (fiber_now() >= due && fiber_check(&why) == 0)
		return 0;
	*e = why;
	return -1;
}

/* Being connected wakes nobody: the earlier of two times is looked at, then again. */
static int64_t head_due(const struct http_open *x)
{
	if (x->sending)
		return x->connected + x->first_byte_ms;
	return x->opened + x->connect_ms;
}

static int wait_for_head(struct http_open *x, struct err *e)
{
	int64_t least = x->first_byte_ms < x->connect_ms ? x->first_byte_ms : x->connect_ms;
	int64_t look = x->opened + least;

	while (!x->headed && !x->ended) {
		int64_t due = head_due(x);

		if (fiber_now() >= due)
			return x->sending ? err_set(e, ERR_TIMEOUT, "no answer came within %lld ms",
						(long long)x->first_byte_ms)
					  : err_set(e, ERR_TIMEOUT,
						"no connection came about within %lld ms",
						(long long)x->connect_ms);
		if (look > fiber_now() && look < due)
			due = look;
		if (wait_change(x, due, e) < 0)
			return -1;
	}
	if (x->headed)
		return 0;
	*e = *x->failure;
	return -1;
}

static int ask_once(struct http_open *x, const struct http_request *r, struct err *e)
{
	struct http_client *c = x->client;

	if (semaphore_take(&c->places, FOREVER, e) < 0)
		return world_crashed(c->world) ? err_set(e, ERR_IO, "the world crashed") : -1;
	x->opened = fiber_now();
	if (c->class->start(x, r, e) < 0) {
		semaphore_give(&c->places);
		return -1;
	}
	return wait_for_head(x, e);
}

/* It failed, and the other side has nothing to do with it: we had no descriptor for a socket. */
static bool was_short(const struct http_open *x)
{
	return x->ended && !x->sent && x->failure && x->failure->code == HTTP_SHORT;
}

/* A descriptor will be free again: it is waited for as long as for a connection. */
static int ask(struct http_open *x, const struct http_request *r, struct err *e)
{
	int64_t due = 0;

	while (ask_once(x, r, e) < 0) {
		if (!due)
			due = x->opened + x->connect_ms;
		if (!was_short(x) || fiber_now() + SHORTAGE_MS >= due)
			return -1;
		free(x->failure);
		x->failure = NULL;
		x->ended = false;
		if (fiber_sleep(SHORTAGE_MS, e) < 0)
			return -1;
	}
	return 0;
}

struct http_open *http_open(
    struct http_client *c, const struct http_request *r, enum http_sent *sent, struct err *e)
{
	struct http_open *x;

	*sent = HTTP_NOT_SENT;
	x = prepare(c, r, e);
	if (!x)
		return NULL;
	c->open++;
	if (ask(x, r, e) < 0) {
		err_wrap(e, "%s", x->host);
		if (x->carrier ? c->class->sent(x) : x->sent)
			*sent = HTTP_SENT;
		http_close(x);
		return NULL;
	}
	*sent = HTTP_SENT;
	return x;
}

int http_status(const struct http_open *x)
{
	return x->status;
}

const char *http_field(const struct http_open *x, const char *name)
{
	const char *p = x->head.data, *end = p + x->head.len;

	while (p < end) {
		const char *value = p + strlen(p) + 1;

		if (!strcasecmp(p, name))
			return value;
		p = value + strlen(value) + 1;
	}
	return NULL;
}

/* What came is handed out where it lies; what comes meanwhile goes to where the last lay. */
static int hand_out(struct http_open *x, const char **bytes)
{
	struct buf b = x->given;

	x->given = x->came;
	x->came = b;
	buf_clear(&x->came);
	*bytes = x->given.data;
	if (x->full) {
		x->full = false;
		if (x->carrier)
			x->client->class->more(x);
	}
	return (int)x->given.len;
}

static int wait_for_body(struct http_open *x, struct err *e)
{
	int64_t due = fiber_now() + x->silence_ms;

	while (x->came.len == 0 && !x->ended) {
		if (fiber_now() >= due)
			return err_set(e, ERR_TIMEOUT,
			    "its answer stopped: nothing came for %lld ms",
			    (long long)x->silence_ms);
		if (wait_change(x, due, e) < 0)
			return -1;
	}
	return 0;
}

int http_read(struct http_open *x, const char **bytes, struct err *e)
{
	*bytes = "";
	if (!x->ended && fiber_check(e) < 0)
		return world_crashed(x->client->world)
			   ? err_set(e, ERR_IO, "%s: the world crashed", x->host)
			   : err_wrap(e, "%s", x->host);
	if (wait_for_body(x, e) < 0)
		return err_wrap(e, "%s", x->host);
	if (x->came.len > 0)
		return hand_out(x, bytes);
	if (!x->failure)
		return 0;
	*e = *x->failure;
	return err_wrap(e, "%s", x->host);
}

void http_close(struct http_open *x)
{
	if (!x)
		return;
	if (x->carrier) {
		x->client->class->stop(x);
		semaphore_give(&x->client->places);
	}
	x->client->open--;
	buf_done(&x->head);
	buf_done(&x->came);
	buf_done(&x->given);
	free(x->failure);
	free(x->host);
	free(x);
}

void http_connected(struct http_open *x)
{
	x->sending = true;
	x->connected = fiber_now();
}

void http_took_field(
    struct http_open *x, const char *name, size_t nname, const char *value, size_t n)
{
	buf_add(&x->head, name, nname);
	x->head.len++; /* the NUL is there */
	buf_add(&x->head, value, n);
	x->head.len++;
}

void http_took_head(struct http_open *x, int status)
{
	x->status = status;
	x->headed = true;
	signal_wake_all(&x->changed);
}

int http_took_body(struct http_open *x, const char *bytes, size_t n, struct err *e)
{
	if (n > x->max_body - x->received)
		return err_set(e, ERR_LIMIT, "its answer is longer than %zu bytes", x->max_body);
	x->received += n;
	buf_add(&x->came, bytes, n);
	x->full = x->came.len >= HTTP_AHEAD;
	signal_wake_all(&x->changed);
	return 0;
}

void http_ended(struct http_open *x, bool sent, const struct err *why)
{
	semaphore_give(&x->client->places);
	x->carrier = NULL;
	x->ended = true;
	x->sent = sent;
	if (why) {
		x->failure = mem_alloc(sizeof(*why));
		*x->failure = *why;
	}
	signal_wake_all(&x->changed);
}
