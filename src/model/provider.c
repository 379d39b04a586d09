#include "model/provider.h"

#include "base/mem.h"
#include "base/text.h"
#include "model/provider_inside.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PAUSES_MAX 8  /* a provider's own tools may run long, but not for ever */
#define WORD_MAX   60 /* of what a stranger calls his error */
#define FIELDS_MAX 24
#define TOKENS_MAX 1000000000 /* more is no count, and sums of it would overflow */

static const struct dialect *const dialects[] = {
	[API_ANTHROPIC] = &anthropic_dialect,
	[API_OPENAI] = &openai_dialect,
};

/* One step: a request, or several where the provider pauses. */
struct asking {
	const struct provider_model *m;
	const struct model_request *r;
	const struct model_sink *sink;
	bool unwanted; /* the sink said no */
	struct arena *mem;
	struct model_answer *out;
};

static int failed(struct asking *a, enum model_fault fault, int64_t retry_ms)
{
	a->out->fault = fault;
	a->out->retry_ms = retry_ms;
	return -1;
}

/* A word of a stranger's for the log: letters, digits and a few signs, not long. */
static const char *word(struct arena *mem, const char *s)
{
	char *out = arena_strndup(mem, s ? s : "", strnlen(s ? s : "", WORD_MAX));

	for (char *p = out; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_-.:", *p))
			*p = '?';
	return out;
}

/* " overloaded_error (request req_011)": what may be said of an error. */
static const char *details(
    const struct asking *a, const struct http_open *x, const struct reading *got)
{
	const char *id = http_field(x, "request-id"), *type = word(a->mem, got->error_type),
		   *code = word(a->mem, got->error_code);

	if (text_is(type, code) || atoi(code) == http_status(x))
		code = ""; /* some say the same twice */
	if (!id)
		id = http_field(x, "x-request-id");
	return arena_printf(a->mem, "%s%s%s%s%s%s%s", *type ? " " : "", type, *code ? " " : "",
	    code, id ? " (request " : "", id ? word(a->mem, id) : "", id ? ")" : "");
}

static enum err_code code_of(enum model_fault fault)
{
	switch (fault) {
	case MODEL_FAULT_ACCOUNT: return ERR_DENIED;
	case MODEL_FAULT_REQUEST:
	case MODEL_FAULT_REFUSED: return ERR_INVALID;
	case MODEL_FAULT_CONTEXT: return ERR_LIMIT;
	case MODEL_FAULT_NONE:
	case MODEL_FAULT_NETWORK:
	case MODEL_FAULT_BUSY: break;
	}
	return ERR_IO;
}

static const char *host_of(const struct asking *a)
{
	return provider_host(a->mem, a->m->provider->base_url);
}

static int reported(
    struct asking *a, const struct http_open *x, const struct reading *got, struct err *e)
{
	struct provider_said s = { .status = http_status(x),
		.type = got->error_type,
		.code = got->error_code,
		.message = got->error_message,
		.retry_after_ms = http_field(x, "retry-after-ms"),
		.retry_after = http_field(x, "retry-after"),
		.should_retry = http_field(x, "x-should-retry"),
		.now = world_time(a->m->provider->world) };
	enum model_fault fault = provider_fault(&s);

	err_set(e, code_of(fault), "%s answered %d%s", host_of(a), s.status, details(a, x, got));
	return failed(a, fault, provider_retry_ms(&s));
}

/* The message is whole: does it count? */
static int judge(
    struct asking *a, const struct http_open *x, const struct reading *got, struct err *e)
{
	const char *stop = got->stop_reason;

	if (text_is(stop, "refusal") || text_is(stop, "content_filter") ||
	    (got->refusal && *got->refusal)) {
		err_set(e, ERR_INVALID, "%s declined to answer (%s)%s", host_of(a),
		    word(a->mem, stop ? stop : "refusal"), details(a, x, got));
		return failed(a, MODEL_FAULT_REFUSED, -1);
	}
	if (text_is(stop, "model_context_window_exceeded")) {
		err_set(e, ERR_LIMIT, "%s: the prompt is too long for it%s", host_of(a),
		    details(a, x, got));
		return failed(a, MODEL_FAULT_CONTEXT, -1);
	}
	if (text_is(stop, "error")) {
		err_set(e, ERR_IO, "%s broke off with an error%s", host_of(a), details(a, x, got));
		return failed(a, MODEL_FAULT_NETWORK, -1);
	}
	return 0;
}

static int64_t count(int64_t n)
{
	return n < 0 ? 0 : n > TOKENS_MAX ? TOKENS_MAX : n;
}

static void add_usage(struct model_usage *u, const struct reading_usage *got)
{
	int64_t parts =
	    count(got->input_uncached) + count(got->cache_read) + count(got->cache_write);

	u->input_tokens += got->input_total >= 0 ? count(got->input_total) : parts;
	u->cache_read_tokens += count(got->cache_read);
	u->cache_write_tokens += count(got->cache_write);
	u->output_tokens += count(got->output);
}

static bool is_success(int status)
{
	return status >= 200 && status < 300;
}

/* cut: what the reading of the body failed with; NULL: it came to its regular end. */
static int conclude(struct asking *a, const struct http_open *x, const struct reading *got,
    const struct err *cut, struct err *e)
{
	add_usage(&a->out->usage, &got->usage); /* a failure is paid for too */
	if (!is_success(http_status(x)) || got->outcome == READING_ERROR)
		return reported(a, x, got, e);
	if (got->outcome == READING_MESSAGE)
		return judge(a, x, got, e);
	if (cut)
		*e = *cut;
	else
		err_set(e, ERR_IO, "%s: the answer ended before it was complete, or is none%s",
		    host_of(a), details(a, x, got));
	return failed(a, MODEL_FAULT_NETWORK, -1);
}

static int tap(void *self, const char *s, size_t n, struct err *e)
{
	struct asking *a = self;

	if (!a->sink || !a->sink->text || a->sink->text(a->sink->self, s, n, e) == 0)
		return 0;
	a->unwanted = true;
	return -1;
}

/* 0: the body ended, or what follows would not matter. */
static int read_body(struct http_open *x, struct reader *r, struct err *e)
{
	const char *bytes;
	int n = 1;

	while (!reader_complete(r) && (n = http_read(x, &bytes, e)) > 0)
		if (reader_feed(r, bytes, (size_t)n, e) < 0)
			return -1;
	return n < 0 ? -1 : 0;
}

static int receive(struct asking *a, struct http_open *x, struct reading *got, struct err *e)
{
	struct model_sink sink = { .text = tap, .self = a };
	struct reader *r = reader_open(a->m->dialect->reader, http_status(x), &sink);
	struct err cut;
	int ended = read_body(x, r, &cut);

	reader_end(r, a->mem, got);
	reader_free(r);
	if (a->unwanted) {
		*e = cut;
		return failed(a, MODEL_FAULT_NONE, -1);
	}
	return conclude(a, x, got, ended < 0 ? &cut : NULL, e);
}

/* The head. */

static void add_field(struct http_field *f, int *n, const char *name, const char *value)
{
	f[(*n)++] = (struct http_field){ name, value };
}

static int fields(const struct asking *a, struct http_field *f)
{
	const struct provider *p = a->m->provider;
	int n = 0;

	add_field(f, &n, "content-type", "application/json");
	add_field(f, &n, "accept", p->stream ? "text/event-stream" : "application/json");
	if (p->version)
		add_field(f, &n, "anthropic-version", p->version);
	if (p->key && p->auth == AUTH_BEARER)
		add_field(f, &n, "authorization", arena_printf(a->mem, "Bearer %s", p->key));
	else if (p->key && p->auth != AUTH_NONE)
		add_field(f, &n, p->auth == AUTH_API_KEY ? "api-key" : "x-api-key", p->key);
	for (int i = 0; i < p->nfields && n < FIELDS_MAX; i++)
		f[n++] = p->fields[i];
	return n;
}

/* The path goes in front of a query that base_url may have. */
static const char *url(const struct asking *a)
{
	const char *base = a->m->provider->base_url;
	size_t n = strcspn(base, "?"), path = n;

	while (path && base[path - 1] == '/')
		path--;
	return arena_printf(a->mem, "%.*s%s%s", (int)path, base, a->m->dialect->path, base + n);
}

static int ask(struct asking *a, const struct body *b, struct reading *got, struct err *e)
{
	const struct provider *p = a->m->provider;
	struct http_field f[FIELDS_MAX];
	struct http_piece piece = { b->bytes.data, b->bytes.len };
	struct http_request request = { .method = "POST",
		.url = url(a),
		.fields = f,
		.nfields = fields(a, f),
		.body = &piece,
		.npieces = 1,
		.connect_ms = p->connect_ms,
		.first_byte_ms = p->first_byte_ms,
		.silence_ms = p->silence_ms };
	enum http_sent sent;
	struct http_open *x = http_open(p->client, &request, &sent, e);
	int result;

	if (!x)
		return failed(a,
		    e->code == ERR_DENIED || e->code == ERR_INVALID ? MODEL_FAULT_REQUEST
								    : MODEL_FAULT_NETWORK,
		    -1);
	result = receive(a, x, got, e);
	http_close(x);
	return result;
}

/* The answer, in one piece or several. */

/* What of this piece goes back later, behind what of the others does. */
static void add_opaque(struct asking *a, const struct reading *got)
{
	json_t *all;

	if (!a->out->opaque || !json_is_array(a->out->opaque) || !json_is_array(got->opaque)) {
		a->out->opaque = got->opaque;
		return;
	}
	all = json_in(a->mem, json_copy(json_unconst(a->out->opaque)));
	json_array_extend(all, json_unconst(got->opaque));
	a->out->opaque = all;
}

static void add_calls(struct asking *a, const struct reading *got)
{
	struct model_call *list = arena_array(a->mem, struct model_call, got->ncalls);

	for (int i = 0; i < got->ncalls; i++) {
		const struct reading_call *c = &got->calls[i];

		list[i] = (struct model_call){
			.id = c->id, .name = c->name, .arguments = c->whole ? c->arguments : NULL
		};
	}
	a->out->calls = list;
	a->out->ncalls = got->ncalls;
}

static bool was_cut(const char *stop)
{
	return text_is(stop, "max_tokens") || text_is(stop, "length");
}

static void take(struct asking *a, const struct reading *got)
{
	struct model_answer *out = a->out;

	out->text = *out->text ? arena_printf(a->mem, "%s%s", out->text, got->text) : got->text;
	add_opaque(a, got);
	add_calls(a, got);
	out->stop = was_cut(got->stop_reason) ? MODEL_CUT : got->ncalls ? MODEL_CALLS : MODEL_DONE;
}

/* It paused: is it asked to go on?  Where it is not, what it left goes back no more: a tool of the
 * provider's own may have been begun there, and would be refused without its result. */
static bool goes_on(struct asking *a, const struct reading *got, int pauses)
{
	struct err e;

	if (!got->pause || !a->m->dialect->go_on)
		return false;
	if (pauses < PAUSES_MAX && (!a->sink || !a->sink->more ||
				       a->sink->more(a->sink->self, &a->out->usage, &e) == 0))
		return true;
	a->out->stop = MODEL_CUT;
	a->out->opaque = NULL;
	return false;
}

static int complete(const struct model *model, const struct model_request *r,
    const struct model_sink *sink, struct arena *mem, struct model_answer *out, struct err *e)
{
	const struct provider_model *m = container_of(model, struct provider_model, model);
	struct asking a = { .m = m, .r = r, .sink = sink, .mem = mem, .out = out };
	struct body body = { 0 };
	struct reading got;
	int pauses = 0, result;

	*out = (struct model_answer){ .text = "", .retry_ms = -1 };
	body_write(&body, m, r, mem);
	while ((result = ask(&a, &body, &got, e)) == 0) {
		take(&a, &got);
		if (!goes_on(&a, &got, pauses++))
			break;
		body_go_on(&body, m, r, got.content);
	}
	buf_done(&body.bytes);
	return result;
}

static void model_free(struct model *model)
{
	struct provider_model *m = container_of(model, struct provider_model, model);

	head_free(m->head);
	free(m);
}

static const struct model_class provider_class = {
	.name = "provider", .complete = complete, .free = model_free
};

struct model *provider_model_new(
    const struct provider *p, const char *name, const char *id, const struct capabilities *can)
{
	struct provider_model *m = mem_new(struct provider_model);

	m->dialect = dialects[p->api];
	m->model = (struct model){
		.class = &provider_class, .name = name, .more_tokens = can->thinking_tokens
	};
	m->wire = (struct wire_dialect){ .name = m->dialect->name, .render = m->dialect->render };
	m->provider = p;
	m->id = id;
	m->can = *can;
	m->head = head_new();
	return &m->model;
}

const char *provider_default_url(enum model_api api)
{
	return dialects[api]->base_url;
}

const char *provider_host(struct arena *mem, const char *base_url)
{
	const char *host = strstr(base_url, "://"), *at;

	host = host ? host + 3 : base_url;
	at = memchr(host, '@', strcspn(host, "/?#"));
	if (at)
		host = at + 1;
	return arena_strndup(mem, host, strcspn(host, *host == '[' ? "/?#" : ":/?#"));
}
