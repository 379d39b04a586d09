#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "tool/http_tool.h"

#include <string.h>
#include <strings.h>

/* What came back, as far as a model may read it: JSON or text, of bounded size and depth, without
 * what is secret. */

#define DETAIL_MAX 300

/* Of the head, for `result`. */
static const char *const shown[] = { "content-type", "etag", "last-modified", "link", "location",
	"x-total-count" };

/* Secrets. */

static const char *hide_one(struct arena *mem, const char *s, size_t *n, const char *secret)
{
	struct buf b = { 0 };
	size_t length = strlen(secret);
	const char *at = memmem(s, *n, secret, length), *end = s + *n, *out;

	if (!at)
		return s;
	for (; at; at = memmem(s, (size_t)(end - s), secret, length)) {
		buf_add(&b, s, (size_t)(at - s));
		buf_adds(&b, "***");
		s = at + length;
	}
	buf_add(&b, s, (size_t)(end - s));
	*n = b.len;
	out = arena_memdup(mem, b.data, b.len);
	buf_done(&b);
	return out;
}

static const char *hide(const struct http_tool *tool, struct arena *mem, const char *s, size_t *n)
{
	for (int i = 0; i < tool->nsecrets; i++)
		s = hide_one(mem, s, n, tool->secrets[i]);
	return s;
}

/* What stands in v's place: a new reference.  As deep as json_read() takes. */
static json_t *without_secrets(const struct http_tool *tool, struct arena *mem, json_t *v)
{
	const char *key;
	json_t *child, *out;
	size_t i, n;

	if (json_is_string(v)) {
		n = json_string_length(v);
		key = hide(tool, mem, json_string_value(v), &n);
		return key == json_string_value(v) ? json_incref(v) : json_stringn(key, n);
	}
	if (!json_is_object(v) && !json_is_array(v))
		return json_incref(v);
	out = json_is_object(v) ? json_object() : json_array();
	json_object_foreach (v, key, child) {
		n = strlen(key);
		json_object_set_new(
		    out, hide(tool, mem, key, &n), without_secrets(tool, mem, child));
	}
	json_array_foreach (v, i, child) {
		json_array_append_new(out, without_secrets(tool, mem, child));
	}
	return out;
}

/* The body. */

static bool is_type(const char *type, const char *name)
{
	size_t n = strlen(name);

	return type && !strncasecmp(type, name, n) && (!type[n] || strchr("; \t", type[n]));
}

static bool says_json(const char *type)
{
	const char *plus = type ? strchr(type, '+') : NULL;

	return is_type(type, "application/json") || (plus && is_type(plus, "+json"));
}

static bool is_text(const char *s, size_t n)
{
	if (!text_is_utf8(s, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)s[i] < 0x20 && !strchr("\t\n\r", s[i])) || !s[i])
			return false;
	return true;
}

static bool is_page(const char *type, const char *s, size_t n)
{
	while (n && strchr(" \t\r\n", *s)) {
		s++;
		n--;
	}
	return is_type(type, "text/html") || is_type(type, "application/xhtml+xml") ||
	       (n > 14 && !strncasecmp(s, "<!doctype html", 14)) ||
	       (n > 5 && !strncasecmp(s, "<html", 5));
}

static void read_text(
    struct arena *mem, struct http_answer *a, const char *type, const char *s, size_t n)
{
	struct err e;

	if (n >= 3 && !memcmp(s, "\xef\xbb\xbf", 3)) {
		s += 3;
		n -= 3;
	}
	if (!n)
		return;
	a->page = is_page(type, s, n);
	if (a->page) {
		a->why = "it answered with a page for people";
		return;
	}
	if (says_json(type) || strchr("{[", *s))
		a->body = json_read_digits_in(mem, s, n, &e);
	if (a->body)
		return;
	if (says_json(type))
		a->why = "it answered with JSON that is broken";
	else if (!is_text(s, n))
		a->why = "it answered with something that is no text";
	else
		a->body = json_in(mem, json_stringn(s, n));
}

/* All of it, or a->why. */
static void read_bytes(struct http_open *x, struct http_answer *a, struct buf *out, size_t max)
{
	const char *bytes;
	struct err e = { 0 };
	int n;

	while ((n = http_read(x, &bytes, &e)) > 0 && out->len + (size_t)n <= max)
		buf_add(out, bytes, (size_t)n);
	if (n == 0)
		return;
	if (n > 0 || e.code == ERR_LIMIT) {
		a->why = "its answer is too long: ask for less";
		return;
	}
	a->cut = e.code == ERR_IO;
	a->why = a->cut ? "its answer broke off" : "its answer took too long";
}

static json_t *read_headers(const struct http_tool *tool, struct arena *mem, struct http_open *x)
{
	json_t *all = json_in(mem, json_object());

	for (size_t i = 0; i < array_len(shown); i++) {
		const char *v = http_field(x, shown[i]);
		size_t n = v ? strlen(v) : 0;

		if (v && is_text(v, n)) {
			v = hide(tool, mem, v, &n);
			json_object_set_new(all, shown[i], json_stringn(v, n));
		}
	}
	return all;
}

void http_answer_read(
    const struct http_tool *tool, struct arena *mem, struct http_open *x, struct http_answer *a)
{
	struct buf b = { 0 };

	*a = (struct http_answer){ .status = http_status(x),
		.busy = http_field(x, "Retry-After") != NULL,
		.headers = read_headers(tool, mem, x) };
	read_bytes(x, a, &b, tool->max_bytes);
	if (!a->why)
		read_text(mem, a, http_field(x, "Content-Type"), buf_str(&b), b.len);
	buf_done(&b);
	if (a->body && tool->nsecrets)
		a->body = json_in(mem, without_secrets(tool, mem, a->body));
}

/* What becomes of it. */

/* One line without control characters or a full stop. */
static const char *one_line(struct arena *mem, const char *s)
{
	size_t n = text_utf8_cut(s, strlen(s), DETAIL_MAX);
	char *out = arena_strndup(mem, s, n);

	for (size_t i = 0; i < n; i++)
		memset(out + i, ' ', http_control(out + i, n - i));
	while (n && strchr(" .", out[n - 1]))
		out[--n] = '\0';
	return n ? out : NULL;
}

const char *http_answer_detail(struct arena *mem, const struct http_answer *a)
{
	const json_t *error = json_object_get(a->body, "error");
	const char *s = json_str(a->body, "detail");

	if (!s)
		s = json_str(a->body, "message");
	if (!s)
		s = json_is_string(error) ? json_string_value(error) : json_str(error, "message");
	return s ? one_line(mem, s) : NULL;
}

static json_t *what_result_sees(const struct tool_call *call, const struct http_answer *a)
{
	const struct caller *who = call->caller;
	json_t *data = json_pack(
	    "{si sO sO}", "status", a->status, "headers", a->headers, "args", call->arguments);

	json_object_set(data, "body", a->body ? a->body : json_null());
	if (who->customer)
		json_object_set(data, "customer", json_unconst(who->customer));
	else if (who->customer_id)
		json_object_set_new(data, "customer", json_pack("{ss}", "id", who->customer_id));
	return json_in(call->mem, data);
}

const json_t *http_answer_result(
    const struct tool *t, const struct tool_call *call, const struct http_answer *a)
{
	const struct http_tool *tool = t->impl;
	const json_t *value;
	struct err e;

	if (!tool->result)
		return a->body ? a->body
			       : json_in(call->mem, json_pack("{si}", "status", a->status));
	value = expression_value(tool->result, what_result_sees(call, a), call->mem, &e);
	if (!value)
		log_warn("tool %s: its result: %s", t->name, e.msg);
	return value;
}
