#include "tool/http.h"

#include "base/mem.h"
#include "base/text.h"
#include "tool/http_tool.h"
#include "tool/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Checks an http entry when the configuration is loaded, and makes a tool of it. */

#define BYTES_DEFAULT 262144
#define SECRET_MIN    8 /* what is shorter stands in answers by chance */

#define PAIRS(name_)                                                                               \
	" \"" name_ "\": {\"type\": \"object\", \"maxProperties\": 100, "                          \
	"\"additionalProperties\": "                                                               \
	"{\"type\": [\"string\", \"number\", \"boolean\"]}},"

static const char schema[] =
    "{\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"url\"],"
    "\"properties\": {"
    " \"method\": {\"enum\": [\"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\"]},"
    " \"url\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 4000}," PAIRS("query")
	PAIRS("headers")
	    PAIRS("form") " \"body\": {\"type\": [\"object\", \"array\", \"string\"]},"
			  " \"result\": {\"type\": \"string\", \"minLength\": 1},"
			  " \"max_bytes\": {\"type\": \"integer\", \"minimum\": 100, \"maximum\": "
			  "1048576}}}";

static const char *const texts[] = { "url", "query", "headers", "form", "body" };

int http_mistake(struct http_making *m, const char *pointer, int64_t offset, const char *fmt, ...)
{
	va_list ap;
	char text[sizeof(m->e->msg)];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(m->where->pointer, sizeof(m->where->pointer), "%s", pointer);
	m->where->offset = (int)offset;
	return err_set(m->e, ERR_INVALID, "%s", text);
}

int http_compile(
    struct http_making *m, const char *pointer, const char *text, struct http_template *out)
{
	struct arena *mem = m->tool->mem;
	struct err e;
	size_t wrong = 0;

	if (http_template_read(mem, text, out, &wrong, &e) < 0)
		return http_mistake(m, pointer, (int64_t)wrong, "%s", e.msg);
	for (int i = 0; i < out->n; i++) {
		const struct http_part *p = &out->parts[i];

		if (p->kind == HTTP_NAME &&
		    names_check(m->parameters, p->text, arena_printf(mem, "{%s}", p->text), &e) < 0)
			return http_mistake(m, pointer, (int64_t)p->offset, "%s", e.msg);
	}
	return 0;
}

static void keep_secret(struct http_tool *tool, const char *secret)
{
	const char **more = arena_array(tool->mem, const char *, tool->nsecrets + 1);

	if (tool->nsecrets)
		memcpy(more, tool->secrets, (size_t)tool->nsecrets * sizeof(*more));
	more[tool->nsecrets++] = secret;
	tool->secrets = more;
}

/* Also as it stands in a URL: an answer may hold links. */
void http_keep_secrets(struct http_making *m, const struct http_template *t)
{
	for (int i = 0; i < t->n; i++) {
		const char *secret = t->parts[i].text;
		struct buf b = { 0 };

		if (t->parts[i].kind != HTTP_SECRET || strlen(secret) < SECRET_MIN)
			continue;
		keep_secret(m->tool, secret);
		http_encode(&b, secret, strlen(secret));
		if (!text_is(buf_str(&b), secret))
			keep_secret(m->tool, arena_strdup(m->tool->mem, buf_str(&b)));
		buf_done(&b);
	}
}

static int check_method(struct http_making *m, const json_t *config)
{
	const char *method = json_str_or(config, "method", "GET");
	bool asks = text_is(method, "GET") || text_is(method, "HEAD");
	const char *body = json_object_get(config, "body") ? "/body" : "/form";

	m->tool->method = arena_strdup(m->tool->mem, method);
	if (m->tool->write && asks)
		return http_mistake(m, json_str(config, "method") ? "/method" : "", -1,
		    "the tool has effect: write, and %s changes nothing; say method: POST, PUT, "
		    "PATCH or DELETE",
		    method);
	if (!m->tool->write && !asks && !text_is(method, "POST"))
		return http_mistake(m, "/method", -1,
		    "%s changes something, and the tool has no effect: write", method);
	if (json_object_get(config, "body") && json_object_get(config, "form"))
		return http_mistake(m, "/form", -1, "there is a body already");
	if (asks && (json_object_get(config, "body") || json_object_get(config, "form")))
		return http_mistake(m, body, -1, "%s has no body", method);
	return 0;
}

/* Said by the server or by the connection, by nobody else. */
static const char *not_theirs(const char *name)
{
	static const char *const taken[] = { "Host", "Content-Length", "Transfer-Encoding",
		"Connection", "Keep-Alive", "Expect", "TE", "Trailer", "Upgrade", "Accept-Encoding",
		"Proxy-Authorization", "Proxy-Connection" };

	if (!strcasecmp(name, "Idempotency-Key"))
		return "the server sends the key of a write itself; say idempotent: true";
	for (size_t i = 0; i < array_len(taken); i++)
		if (!strcasecmp(taken[i], name))
			return "the connection says this header itself";
	return NULL;
}

static int check_header(struct http_making *m, const struct http_pair *p)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789!#$%&'*+-.^_`|~";
	const char *pointer = json_below(m->tool->mem, "/headers", p->name);
	const char *why = not_theirs(p->name);

	if (!*p->name || p->name[strspn(p->name, letters)])
		return http_mistake(m, pointer, -1, "is no name of a header");
	if (why)
		return http_mistake(m, pointer, -1, "%s", why);
	for (const struct http_pair *q = m->tool->headers.list; q < p; q++)
		if (!strcasecmp(q->name, p->name))
			return http_mistake(m, pointer, -1, "this header is here twice");
	for (int i = 0; i < p->value.n; i++)
		if (p->value.parts[i].kind != HTTP_NAME &&
		    http_has_control(p->value.parts[i].text, strlen(p->value.parts[i].text)))
			return http_mistake(m, pointer, -1,
			    "a header cannot hold the end of a line or another control character");
	return 0;
}

static int read_headers(struct http_making *m, const json_t *config)
{
	struct http_tool *tool = m->tool;

	if (http_read_pairs(m, "/headers", json_object_get(config, "headers"), &tool->headers) < 0)
		return -1;
	for (int i = 0; i < tool->headers.n; i++) {
		const char *name = tool->headers.list[i].name;

		if (check_header(m, &tool->headers.list[i]) < 0)
			return -1;
		tool->has_accept |= !strcasecmp(name, "Accept");
		tool->has_type |= !strcasecmp(name, "Content-Type");
	}
	return 0;
}

/* The byte that "LINE:COLUMN: what" speaks of; *message goes on behind it. */
static int64_t place_of(const char *text, const char **message)
{
	int line, column, n = 0;
	const char *s = text;

	if (sscanf(*message, "%d:%d: %n", &line, &column, &n) != 2 || !n)
		return -1;
	*message += n;
	for (; line > 1 && strchr(s, '\n'); line--)
		s = strchr(s, '\n') + 1;
	for (; column > 1 && *s; column--)
		do
			s++;
		while (((unsigned char)*s & 0xc0) == 0x80);
	return s - text;
}

static int read_result(struct http_making *m, const struct tool_sources *from, const char *text)
{
	static const char *const names[] = { "status", "body", "headers", "args", "customer",
		NULL };
	struct err e;
	const char *message = e.msg;
	int64_t offset;

	if (!text)
		return 0;
	m->tool->result = script_expression(from->script, text, names, &e);
	if (m->tool->result)
		return 0;
	offset = place_of(text, &message);
	return http_mistake(m, "/result", offset, "%s", message);
}

static int check(struct http_making *m, const struct tool_sources *from, const json_t *config)
{
	struct http_tool *tool = m->tool;

	tool->max_bytes = (size_t)json_int(config, "max_bytes", BYTES_DEFAULT);
	tool->has_form = json_object_get(config, "form");
	if (check_method(m, config) < 0 || http_read_url(m, json_str_or(config, "url", "")) < 0 ||
	    http_read_pairs(m, "/query", json_object_get(config, "query"), &tool->query) < 0 ||
	    read_headers(m, config) < 0 ||
	    http_read_pairs(m, "/form", json_object_get(config, "form"), &tool->form) < 0 ||
	    http_read_body(m, json_object_get(config, "body")) < 0)
		return -1;
	return read_result(m, from, json_str(config, "result"));
}

static int make(const struct tool_sources *from, const json_t *config, const json_t *parameters,
    enum effect effect, void **impl, struct tool_mistake *where, struct err *e)
{
	struct arena *mem = arena_new();
	struct http_tool *tool = arena_new_of(mem, struct http_tool);
	struct http_making m = { tool, parameters, where, e };

	*where = (struct tool_mistake){ .offset = -1 };
	*tool = (struct http_tool){ .mem = mem,
		.client = from->http,
		.reach = from->reach,
		.write = effect == EFFECT_WRITE };
	if (check(&m, from, config) < 0) {
		arena_free(mem);
		return -1;
	}
	*impl = tool;
	return 0;
}

static bool asks(const json_t *v)
{
	const char *key;
	json_t *child;
	size_t i;

	if (json_is_string(v))
		return http_template_asks_for_customer(json_string_value(v));
	json_object_foreach (json_unconst(v), key, child) {
		if (asks(child))
			return true;
	}
	json_array_foreach (v, i, child) {
		if (asks(child))
			return true;
	}
	return false;
}

static bool asks_for_customer(const json_t *config)
{
	for (size_t i = 0; i < array_len(texts); i++)
		if (asks(json_object_get(config, texts[i])))
			return true;
	return false;
}

static const char *where_it_goes(const struct tool *t, struct arena *mem)
{
	const struct http_tool *tool = t->impl;

	return arena_printf(mem, "%s %s", tool->method, tool->host);
}

static void http_tool_free(void *impl)
{
	struct http_tool *tool = impl;

	arena_free(tool->mem);
}

const struct tool_kind http_tool_kind = {
	.name = "http",
	.schema = schema,
	.asks_for_customer = asks_for_customer,
	.make = make,
	.where = where_it_goes,
	.run = http_call,
	.free = http_tool_free,
};
