#include "net/http.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

const char *http_header(const struct http_exchange *x, const char *name)
{
	for (size_t i = 0; i < x->nheaders; i++)
		if (!strcasecmp(x->headers[i].name, name))
			return x->headers[i].value;
	return NULL;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *http_decode(struct arena *mem, const char *s, size_t n, bool plus_is_space)
{
	char *out = arena_alloc(mem, n + 1);
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)s[i];

		if (c == '%') {
			int high = i + 1 < n ? hex(s[i + 1]) : -1;
			int low = i + 2 < n ? hex(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return NULL;
			c = high * 16 + low;
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (!c) /* it would end the text early, and hide what follows */
			return NULL;
		out[len++] = (char)c;
	}
	return text_is_utf8(out, len) ? out : NULL;
}

const char *http_query(const struct http_exchange *x, const char *name)
{
	const char *end = x->query + strlen(x->query);

	for (const char *p = x->query; p < end;) {
		const char *amp = memchr(p, '&', (size_t)(end - p));
		const char *stop = amp ? amp : end;
		const char *equals = memchr(p, '=', (size_t)(stop - p));
		const char *name_end = equals ? equals : stop;
		const char *value = equals ? equals + 1 : stop;

		if (text_is(http_decode(x->mem, p, (size_t)(name_end - p), true), name))
			return http_decode(x->mem, value, (size_t)(stop - value), true);
		p = stop + 1;
	}
	return NULL;
}

static void answer_begins(struct http_exchange *x)
{
	if (x->answered)
		bug("%s %s is answered twice", x->method, x->path);
	x->answered = true;
}

void http_answer(struct http_exchange *x, int status, const struct http_header *headers,
    size_t nheaders, const char *body, size_t body_len)
{
	answer_begins(x);
	x->class->answer(x, status, headers, nheaders, body, body_len);
}

bool http_may_stream(const struct http_exchange *x)
{
	return !x->class->may_stream || x->class->may_stream(x);
}

void http_stream(struct http_exchange *x)
{
	static const struct http_header headers[] = {
		{ "Content-Type", "text/event-stream" },
		{ "Cache-Control", "no-store" },
	};

	answer_begins(x);
	x->streaming = true;
	x->class->stream(x, 200, headers, 2);
}

int http_push(struct http_exchange *x, const char *bytes, size_t n, struct err *e)
{
	if (!x->answered)
		bug("%s %s: a push before http_stream()", x->method, x->path);
	return x->class->push(x, bytes, n, e);
}

int http_drain(struct http_exchange *x, struct err *e)
{
	return x->class->drain(x, e);
}
