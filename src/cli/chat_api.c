#include "cli/chat.h"

#include "base/mem.h"
#include "base/text.h"
#include "net/sse.h"

#include <string.h>

#define ANSWER_MAX   ((size_t)4 << 20)
#define EVENT_MAX    ((size_t)4 << 20)
#define TURN_MS      660000 /* a turn may take 600 s */
#define HEARTBEAT_MS 45000  /* an open stream says something every 15 s */

static enum err_code code_of(int status)
{
	if (status == 401 || status == 403)
		return ERR_DENIED;
	if (status == 404)
		return ERR_NOT_FOUND;
	return status == 429 || status >= 500 ? ERR_IO : ERR_INVALID;
}

/* All of the body, in mem. */
static int read_all(
    struct http_open *x, struct arena *mem, const char **text, size_t *n, struct err *e)
{
	struct buf all = { 0 };
	const char *bytes;
	int got;

	while ((got = http_read(x, &bytes, e)) > 0)
		buf_add(&all, bytes, (size_t)got);
	*text = arena_strndup(mem, buf_str(&all), all.len);
	*n = all.len;
	buf_done(&all);
	return got;
}

/* What a status that is no success means, in the server's words where it gave any. */
static int refused(int status, const json_t *body, struct err *e)
{
	const json_t *error = json_object_get(body, "error");
	const char *said = json_str(error, "message");

	if (said)
		return err_set(e, code_of(status), "%s", said);
	return err_set(e, code_of(status), "the server answered with status %d", status);
}

static int read_answer(struct http_open *x, struct arena *mem, json_t **out, struct err *e)
{
	const char *text;
	struct err unread;
	size_t n;

	if (read_all(x, mem, &text, &n, e) < 0)
		return -1;
	*out = json_read_in(mem, text, n, &unread);
	if (http_status(x) / 100 != 2)
		return refused(http_status(x), *out, e);
	return *out ? 0
		    : err_set(e, ERR_INVALID, "that is no frontdesk server: its answer is no JSON");
}

static const char *bearer_of(struct arena *mem, const char *bearer)
{
	return arena_printf(mem, "Bearer %s", bearer);
}

int chat_post(const struct chat_api *a, struct arena *mem, const char *path, const char *bearer,
    const char *once, const json_t *body, json_t **out, struct err *e)
{
	const char *text = json_text(mem, body);
	struct http_piece piece = { text, strlen(text) };
	struct http_field fields[3] = { { "Content-Type", "application/json" } };
	struct http_request r = { .method = "POST",
		.url = arena_printf(mem, "%s/v1%s", a->address, path),
		.fields = fields,
		.nfields = 1,
		.body = &piece,
		.npieces = 1,
		.first_byte_ms = TURN_MS,
		.max_body = ANSWER_MAX };
	enum http_sent sent;
	struct http_open *x;
	int result;

	if (bearer)
		fields[r.nfields++] =
		    (struct http_field){ "Authorization", bearer_of(mem, bearer) };
	if (once)
		fields[r.nfields++] = (struct http_field){ "Idempotency-Key", once };
	x = http_open(a->http, &r, &sent, e);
	if (!x)
		return -1;
	result = read_answer(x, mem, out, e);
	http_close(x);
	return result;
}

struct following {
	int64_t *seq;
	chat_event_fn *fn;
	void *self;
	struct err *err;
	bool spoilt;
};

static void on_event(void *self, const char *name, const char *data, size_t n)
{
	struct following *f = self;
	struct arena *mem = arena_new();
	json_t *event = json_read_in(mem, data, n, f->err);

	(void)name; /* the kind is in the data too */
	f->spoilt |= event == NULL;
	if (event && json_int(event, "seq", 0) > *f->seq) {
		*f->seq = json_int(event, "seq", 0);
		f->fn(f->self, event);
	}
	arena_free(mem);
}

static int read_events(struct http_open *x, struct following *f, struct err *e)
{
	const char *bytes;
	struct sse sse;
	int n;

	f->err = e;
	sse_init(&sse, EVENT_MAX, on_event, f);
	while ((n = http_read(x, &bytes, e)) > 0)
		if (sse_feed(&sse, bytes, (size_t)n, e) < 0 || f->spoilt)
			break;
	sse_done(&sse);
	return n == 0 ? err_set(e, ERR_IO, "the server ended the stream") : -1;
}

int chat_follow(const struct chat_api *a, const char *id, const char *token, int64_t *seq,
    chat_event_fn *fn, void *self, struct err *e)
{
	struct following f = { .seq = seq, .fn = fn, .self = self };
	struct arena *mem = arena_new();
	struct http_field fields[] = { { "Accept", "text/event-stream" },
		{ "Authorization", bearer_of(mem, token) } };
	struct http_request r = { .method = "GET",
		.url = arena_printf(mem, "%s/v1/conversations/%s/events?after=%lld", a->address, id,
		    (long long)*seq),
		.fields = fields,
		.nfields = array_len(fields),
		.silence_ms = HEARTBEAT_MS,
		.max_body = SIZE_MAX };
	enum http_sent sent;
	struct http_open *x = http_open(a->http, &r, &sent, e);
	json_t *body;

	if (x && http_status(x) == 200)
		read_events(x, &f, e);
	else if (x && read_answer(x, mem, &body, e) == 0)
		err_set(e, ERR_INVALID, "the server answered with status %d", http_status(x));
	http_close(x);
	arena_free(mem);
	return -1;
}
