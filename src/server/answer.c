#include "server/route.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdarg.h>
#include <string.h>

static const struct http_header json_headers[] = { { "Content-Type", "application/json" },
	{ "Cache-Control", "no-store" }, { "X-Content-Type-Options", "nosniff" } };

static void send(struct request *r, int status, const char *body)
{
	http_answer(r->x, status, json_headers, array_len(json_headers), body, strlen(body));
}

void answer_json(struct request *r, int status, json_t *body)
{
	if (!body)
		bug("an answer to %s %s is not UTF-8", r->x->method, r->x->path);
	send(r, status, json_text(r->mem, json_in(r->mem, body)));
}

static json_t *error_json(const char *code, const char *field, const char *message)
{
	json_t *error = json_pack("{ss ss}", "code", code, "message", message);

	json_put_str(error, "field", field);
	return json_pack("{so}", "error", error);
}

void answer_error(
    struct request *r, int status, const char *code, const char *field, const char *fmt, ...)
{
	va_list ap;
	const char *message;

	va_start(ap, fmt);
	message = arena_vprintf(r->mem, fmt, ap);
	va_end(ap);
	answer_json(r, status, error_json(code, field, message));
}

const char *server_error_body(struct arena *mem, int status, const char *code, const char *message)
{
	(void)status;
	return json_text(mem, json_in(mem, error_json(code, NULL, message)));
}

void answer_err(struct request *r, const struct err *e)
{
	static const struct {
		int status;
		const char *code;
		const char *words; /* instead of the error's own, which are for the operator */
	} table[] = {
		[ERR_NONE] = { 500, "internal", "the server made a mistake" },
		[ERR_TIMEOUT] = { 503, "timeout", NULL },
		[ERR_CANCELED] = { 503, "stopping",
		    "the server stops; what was acknowledged is kept: try again in a moment" },
		[ERR_IO] = { 503, "unavailable",
		    "the server cannot store or read anything at the moment: try again later" },
		/* What was sent has been checked before: this is the log's. */
		[ERR_INVALID] = { 500, "internal",
		    "what is stored of this cannot be read; the server has logged why" },
		[ERR_DENIED] = { 403, "forbidden", NULL },
		[ERR_NOT_FOUND] = { 404, "not_found", NULL },
		[ERR_CONFLICT] = { 409, "conflict", NULL },
		[ERR_LIMIT] = { 429, "limit", NULL },
	};
	const char *words = table[e->code].words;

	if (words && e->code != ERR_CANCELED)
		log_error("%s %s: %s", r->x->method, r->x->path, e->msg);
	answer_error(
	    r, table[e->code].status, table[e->code].code, NULL, "%s", words ? words : e->msg);
}

json_t *answer_time(int64_t ms)
{
	char out[TEXT_TIME_SIZE];

	return json_string(text_time(out, ms));
}

bool wants_stream(const struct request *r)
{
	const char *accept = http_header(r->x, "Accept");

	return accept && strcasestr(accept, "text/event-stream");
}

bool page_of(struct request *r, int64_t *after, int *limit)
{
	const char *last = http_header(r->x, "Last-Event-ID"), *l = http_query(r->x, "limit"),
		   *a = last ? last : http_query(r->x, "after");
	char *end = NULL;
	long n;

	*after = 0;
	*limit = 200;
	if (a && *a) {
		*after = strtoll(a, &end, 10);
		if (*end || *after < 0) {
			answer_error(r, 400, "bad_request", last ? "Last-Event-ID" : "after",
			    "%s: expected the seq of an event, got \"%.40s\"",
			    last ? "Last-Event-ID" : "after", a);
			return false;
		}
	}
	if (l && *l) {
		n = strtol(l, &end, 10);
		if (*end || n < 1 || n > 1000) {
			answer_error(r, 400, "bad_request", "limit",
			    "limit: expected a number from 1 to 1000, got \"%.40s\"", l);
			return false;
		}
		*limit = (int)n;
	}
	return true;
}
