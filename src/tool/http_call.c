#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "tool/http_tool.h"

/* One call of an http tool: a request, perhaps a second, and what they mean.
 *
 * The question is always the same: may it have happened?  Nothing left us, or the other side said
 * in so many words that it did nothing: it did not.  It said yes: it did.  Everything else of a
 * write is unknown, and the status only says how sure the other side is of itself. */

#define PAUSE_READ_MS  200
#define PAUSE_WRITE_MS 1000

enum meaning {
	DONE,
	NO_SUCH, /* not there, or not for us: one must not be told from the other */
	REFUSED, /* and did nothing */
	LOCKED,  /* our credentials are not right */
	BUSY,    /* did nothing, may do it later */
	MOVED,
	UNSURE,
};

struct attempt {
	bool heard; /* there was a head */
	struct http_answer answer;
	enum http_sent sent;
	struct err err;
};

static enum meaning meaning_of(const struct http_answer *a)
{
	switch (a->status) {
	case 401: return LOCKED;
	case 403:
	case 404: return NO_SUCH;
	case 408: return UNSURE;
	case 425:
	case 429: return BUSY;
	case 301:
	case 307:
	case 308: return MOVED;
	case 503: return a->busy ? BUSY : UNSURE;
	}
	if (a->status >= 200 && a->status < 300)
		return DONE;
	return a->status >= 400 && a->status < 500 ? REFUSED : UNSURE;
}

static void attempt(const struct tool *t, const struct tool_call *call,
    const struct http_request *r, struct attempt *a)
{
	const struct http_tool *tool = t->impl;
	struct http_open *x;

	*a = (struct attempt){ 0 };
	x = http_open(tool->client, r, &a->sent, &a->err);
	if (!x)
		return;
	a->heard = true;
	http_answer_read(tool, call->mem, x, &a->answer);
	http_close(x);
}

/* Would another attempt help, and do no harm? */
static bool is_worth_another(const struct tool *t, const struct attempt *a)
{
	int status = a->answer.status;

	if (t->effect == EFFECT_WRITE && !t->repeatable)
		return false;
	if (!a->heard)
		return a->err.code == ERR_IO;
	if (t->effect == EFFECT_WRITE)
		return !a->answer.busy && (status >= 500 || status == 408);
	return a->answer.cut || (!a->answer.busy && status >= 502 && status <= 504);
}

/* It was sent before, and whether that did anything is not known: does the last answer tell?  One
 * that knows the key says of what was done that it was done, and a refusal is one of both.  Only a
 * conflict may be with the first attempt, which is still under way. */
static bool settles(const struct attempt *last)
{
	enum meaning meaning = last->heard ? meaning_of(&last->answer) : UNSURE;

	return meaning == DONE || meaning == NO_SUCH ||
	       (meaning == REFUSED && last->answer.status != 409);
}

static bool may_be_done(const struct attempt *a)
{
	return a->heard ? meaning_of(&a->answer) == UNSURE : a->sent == HTTP_SENT;
}

/* What became of it. */

struct verdict {
	const struct tool *tool;
	const struct tool_call *call;
	const char *afterwards; /* behind the words of a failure that had no effect */
	struct tool_result *out;
};

static const char *host_of(const struct verdict *v)
{
	return ((const struct http_tool *)v->tool->impl)->host;
}

static bool is_write(const struct verdict *v)
{
	return v->tool->effect == EFFECT_WRITE;
}

static void not_answered(const struct verdict *v, const struct attempt *a)
{
	struct arena *mem = v->call->mem;
	bool late = a->err.code == ERR_TIMEOUT || a->err.code == ERR_CANCELED;

	log_warn("tool %s: %s", v->tool->name, a->err.msg);
	if (is_write(v) && a->sent == HTTP_SENT)
		tool_unknown(v->out, mem,
		    late
			? "it was not answered in time, and may have been done"
			: "the connection broke before it was answered, and it may have been done");
	else if (a->err.code == ERR_DENIED || a->err.code == ERR_INVALID)
		tool_failed(v->out, mem, false, "the service cannot be reached%s", v->afterwards);
	else if (late)
		tool_failed(v->out, mem, true, "it took too long%s", v->afterwards);
	else
		tool_failed(
		    v->out, mem, true, "the service cannot be reached just now%s", v->afterwards);
}

/* A write that was done is done, whatever can be made of the answer.  A page is no yes: those who
 * stand between us and the service answer so. */
static void done(const struct verdict *v, const struct http_answer *a)
{
	const char *why = a->why;
	const json_t *value = why ? NULL : http_answer_result(v->tool, v->call, a);

	if (!value && !why)
		why = "its answer is not as expected";
	if (value)
		*v->out = (struct tool_result){ .status = TOOL_OK, .value = value };
	else if (is_write(v) && a->page)
		tool_unknown(v->out, v->call->mem, "%s, and it may have been done", why);
	else if (is_write(v))
		*v->out = (struct tool_result){ .status = TOOL_OK,
			.value = json_in(v->call->mem, json_sprintf("it was done, but %s", why)) };
	else
		tool_failed(v->out, v->call->mem, a->cut, "%s", why);
}

static void refused(const struct verdict *v, const struct http_answer *a)
{
	const char *detail = http_answer_detail(v->call->mem, a);

	tool_failed(v->out, v->call->mem, false, "the service refused it: %s",
	    detail ? detail : arena_printf(v->call->mem, "status %d", a->status));
}

static void unsure(const struct verdict *v, const struct http_answer *a)
{
	struct arena *mem = v->call->mem;

	if (!is_write(v))
		tool_failed(v->out, mem, a->status >= 400, "the service failed (%d)", a->status);
	else
		tool_unknown(
		    v->out, mem, "the service answered %d, and it may have been done", a->status);
}

static void answered(const struct verdict *v, const struct http_answer *a)
{
	struct arena *mem = v->call->mem;
	enum meaning meaning = meaning_of(a);

	if (meaning != DONE && a->status != 404) /* that it is not there is an answer */
		log_warn("tool %s: %s answered %d", v->tool->name, host_of(v), a->status);
	switch (meaning) {
	case DONE: done(v, a); break;
	case NO_SUCH: tool_failed(v->out, mem, false, "there is no such thing"); break;
	case REFUSED: refused(v, a); break;
	case LOCKED:
		tool_failed(v->out, mem, false, "the service does not let us in%s", v->afterwards);
		break;
	case BUSY:
		tool_failed(v->out, mem, true, "the service is busy just now%s", v->afterwards);
		break;
	case MOVED:
		tool_failed(v->out, mem, false, "the service has moved elsewhere%s", v->afterwards);
		break;
	case UNSURE: unsure(v, a); break;
	}
}

static void judge(const struct tool *t, const struct tool_call *call, const struct attempt *last,
    bool open, struct tool_result *out)
{
	struct verdict v = { t, call, t->effect == EFFECT_WRITE ? ", and nothing was changed" : "",
		out };

	if (t->effect == EFFECT_WRITE && open && !settles(last)) {
		tool_unknown(out, call->mem,
		    "it was sent more than once without a clear answer, and may have been done");
		log_warn("tool %s: %s: %s", t->name, host_of(&v),
		    last->heard ? arena_printf(call->mem, "answered %d", last->answer.status)
				: last->err.msg);
	} else if (last->heard) {
		answered(&v, &last->answer);
	} else {
		not_answered(&v, last);
	}
}

void http_call(const struct tool *t, const struct tool_call *call, struct tool_result *out)
{
	int64_t pause = t->effect == EFFECT_WRITE ? PAUSE_WRITE_MS : PAUSE_READ_MS;
	bool open = call->again;
	struct http_request r;
	struct attempt a;
	struct err e;

	if (t->effect == EFFECT_WRITE && !call->key)
		bug("tool %s: a write without a key", t->name);
	if (http_request_fill(t, call, &r, out) < 0)
		return;
	attempt(t, call, &r, &a);
	if (is_worth_another(t, &a) && fiber_sleep(pause, &e) == 0) {
		open = open || may_be_done(&a);
		attempt(t, call, &r, &a);
	}
	judge(t, call, &a, open, out);
}
