#include "tests/net/fake_exchange.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

struct fake_handling {
	struct http_exchange x;
	struct fake_exchange *fake;
	struct scope scope;
};

static struct fake_exchange *fake_of(struct http_exchange *x)
{
	return container_of(x, struct fake_handling, x)->fake;
}

static void head(
    struct fake_exchange *f, int status, const struct http_header *headers, size_t nheaders)
{
	struct http_header *copy = arena_array(f->mem, struct http_header, nheaders);

	for (size_t i = 0; i < nheaders; i++) {
		copy[i].name = arena_strdup(f->mem, headers[i].name);
		copy[i].value = arena_strdup(f->mem, headers[i].value);
	}
	f->headers = copy;
	f->nheaders = nheaders;
	f->status = status;
	signal_wake_all(&f->changed);
}

static void answer(struct http_exchange *x, int status, const struct http_header *headers,
    size_t nheaders, const char *body, size_t body_len)
{
	struct fake_exchange *f = fake_of(x);

	if (f->hung_up)
		return;
	buf_add(&f->said, body, body_len);
	head(f, status, headers, nheaders);
}

static void stream(
    struct http_exchange *x, int status, const struct http_header *headers, size_t nheaders)
{
	struct fake_exchange *f = fake_of(x);

	if (f->hung_up)
		return;
	f->streaming = true;
	head(f, status, headers, nheaders);
}

static int push(struct http_exchange *x, const char *bytes, size_t n, struct err *e)
{
	struct fake_exchange *f = fake_of(x);

	if (f->hung_up)
		return err_set(e, ERR_CANCELED, "the client has hung up");
	if (f->push_limit && f->said.len + n > f->push_limit)
		return err_set(e, ERR_LIMIT, "the reader of this stream was cut off");
	buf_add(&f->said, bytes, n);
	signal_wake_all(&f->changed);
	return 0;
}

static int drain(struct http_exchange *x, struct err *e)
{
	(void)x;
	return fiber_check(e);
}

static const struct http_exchange_class on_buffers = { answer, stream, push, drain, NULL };

static void free_said(void *arg)
{
	struct fake_exchange *f = arg;

	buf_done(&f->said);
}

struct fake_exchange *fake_exchange_new(
    struct arena *mem, const char *method, const char *target, const char *body)
{
	struct fake_exchange *f = arena_new_of(mem, struct fake_exchange);

	f->mem = mem;
	f->method = arena_strdup(mem, method);
	f->target = arena_strdup(mem, target);
	f->body = arena_strdup(mem, body ? body : "");
	f->body_len = strlen(f->body);
	f->loopback = true;
	signal_init(&f->changed);
	arena_defer(mem, free_said, f);
	return f;
}

void fake_exchange_header(struct fake_exchange *f, const char *name, const char *value)
{
	if (f->nin == array_len(f->in))
		bug("a fake exchange with more than %zu headers", f->nin);
	f->in[f->nin].name = arena_strdup(f->mem, name);
	f->in[f->nin++].value = arena_strdup(f->mem, value);
}

/* A request in memory of its own, so that whoever keeps a piece of it past the handler is caught by
 * AddressSanitizer here as on the server. */
static struct fake_handling *handling_new(struct fake_exchange *f)
{
	struct arena *mem = arena_new();
	struct fake_handling *h = arena_new_of(mem, struct fake_handling);
	size_t path = strcspn(f->target, "?");
	struct http_header *headers = arena_array(mem, struct http_header, f->nin);

	for (size_t i = 0; i < f->nin; i++) {
		headers[i].name = arena_strdup(mem, f->in[i].name);
		headers[i].value = arena_strdup(mem, f->in[i].value);
	}
	h->fake = f;
	h->x = (struct http_exchange){
		.mem = mem,
		.method = arena_strdup(mem, f->method),
		.path = arena_strndup(mem, f->target, path),
		.query = f->target[path] ? arena_strdup(mem, f->target + path + 1) : "",
		.headers = headers,
		.nheaders = f->nin,
		.body = arena_memdup(mem, f->body, f->body_len),
		.body_len = f->body_len,
		.loopback = f->loopback,
		.class = &on_buffers,
	};
	return h;
}

static void call(void *arg)
{
	struct fake_handling *h = arg;

	h->fake->handle(h->fake->self, &h->x);
}

static void handle(void *arg)
{
	struct fake_exchange *f = arg;
	struct fake_handling *h = handling_new(f);

	if (!f->hung_up) {
		scope_open(&h->scope, FOREVER);
		f->handling = h;
		scope_run(&h->scope, call, h);
		scope_join(&h->scope);
		f->handling = NULL;
	}
	arena_free(h->x.mem);
	f->ended = true;
	signal_wake_all(&f->changed);
}

void fake_exchange_start(struct fake_exchange *f, struct scope *s,
    void (*handler)(void *self, struct http_exchange *x), void *self)
{
	if (f->handle)
		bug("a fake exchange is started twice");
	f->handle = handler;
	f->self = self;
	scope_go(s, handle, f);
}

void fake_exchange_run(
    struct fake_exchange *f, void (*handler)(void *self, struct http_exchange *x), void *self)
{
	struct scope s;

	scope_open(&s, FOREVER);
	fake_exchange_start(f, &s, handler, self);
	scope_join(&s);
}

struct wish {
	bool answer, end;
	size_t bytes;
	const char *words;
};

static bool come_true(const struct fake_exchange *f, const struct wish *w)
{
	if (w->end)
		return f->ended;
	if (w->words)
		return strstr(buf_str(&f->said), w->words);
	return w->answer ? f->status != 0 : f->said.len >= w->bytes;
}

static int wait_for(struct fake_exchange *f, const struct wish *w, int64_t deadline, struct err *e)
{
	while (!come_true(f, w)) {
		if (f->ended)
			return err_set(e, ERR_NOT_FOUND,
			    "%s %s: the handler has returned before; it said %d: %.200s", f->method,
			    f->target, f->status, buf_str(&f->said));
		if (signal_wait(&f->changed, deadline, e) < 0)
			return err_wrap(e, "%s %s, which said %d: %.200s", f->method, f->target,
			    f->status, buf_str(&f->said));
	}
	return 0;
}

int fake_exchange_wait_answer(struct fake_exchange *f, int64_t deadline, struct err *e)
{
	return wait_for(f, &(struct wish){ .answer = true }, deadline, e);
}

int fake_exchange_wait_bytes(struct fake_exchange *f, size_t n, int64_t deadline, struct err *e)
{
	return wait_for(f, &(struct wish){ .bytes = n }, deadline, e);
}

int fake_exchange_wait_words(
    struct fake_exchange *f, const char *words, int64_t deadline, struct err *e)
{
	return wait_for(f, &(struct wish){ .words = words }, deadline, e);
}

int fake_exchange_wait_end(struct fake_exchange *f, int64_t deadline, struct err *e)
{
	return wait_for(f, &(struct wish){ .end = true }, deadline, e);
}

void fake_exchange_hang_up(struct fake_exchange *f)
{
	f->hung_up = true;
	if (f->handling)
		scope_cancel(&f->handling->scope);
}

const char *fake_exchange_body(const struct fake_exchange *f)
{
	return buf_str(&f->said);
}

const char *fake_exchange_said(const struct fake_exchange *f, const char *header)
{
	for (size_t i = 0; i < f->nheaders; i++)
		if (!strcasecmp(f->headers[i].name, header))
			return f->headers[i].value;
	return NULL;
}
