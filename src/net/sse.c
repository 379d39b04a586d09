#include "net/sse.h"

#include <string.h>

void sse_init(struct sse *s, size_t max,
    void (*event)(void *self, const char *name, const char *data, size_t n), void *self)
{
	*s = (struct sse){ .event = event, .self = self, .max = max };
}

void sse_done(struct sse *s)
{
	buf_done(&s->line);
	buf_done(&s->data);
	buf_done(&s->name);
}

static void deliver(struct sse *s)
{
	if (s->any)
		s->event(s->self, buf_str(&s->name), buf_str(&s->data), s->data.len);
	s->any = false;
	buf_clear(&s->data);
	buf_clear(&s->name);
}

static int too_long(const struct sse *s, struct err *e)
{
	return err_set(
	    e, ERR_LIMIT, "a line or event of the stream is longer than %zu bytes", s->max);
}

static int data(struct sse *s, const char *value, size_t n, struct err *e)
{
	if (s->data.len + s->any + n > s->max)
		return too_long(s, e);
	if (s->any)
		buf_add(&s->data, "\n", 1);
	buf_add(&s->data, value, n);
	s->any = true;
	return 0;
}

static int field(struct sse *s, const char *p, size_t n, struct err *e)
{
	const char *colon = memchr(p, ':', n), *value = colon ? colon + 1 : p + n;
	size_t name = colon ? (size_t)(colon - p) : n, len = (size_t)(p + n - value);

	if (len && *value == ' ') {
		value++;
		len--;
	}
	if (name == 4 && memcmp(p, "data", 4) == 0)
		return data(s, value, len, e);
	if (name == 5 && memcmp(p, "event", 5) == 0) {
		buf_clear(&s->name);
		buf_add(&s->name, value, len);
	}
	return 0;
}

static int line(struct sse *s, const char *p, size_t n, struct err *e)
{
	bool bom = !s->begun && n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0;

	s->begun = true;
	if (n > s->max)
		return too_long(s, e);
	if (n > (bom ? 3 : 0))
		return field(s, bom ? p + 3 : p, bom ? n - 3 : n, e);
	deliver(s);
	return 0;
}

/* The line that began in earlier bytes, or this one where it lies. */
static int line_ends(struct sse *s, const char *p, size_t n, struct err *e)
{
	int r;

	if (s->line.len == 0)
		return line(s, p, n, e);
	buf_add(&s->line, p, n);
	r = line(s, s->line.data, s->line.len, e);
	buf_clear(&s->line);
	return r;
}

static const char *find(const char *p, const char *end, char c)
{
	const char *at = memchr(p, c, (size_t)(end - p));

	return at ? at : end;
}

int sse_feed(struct sse *s, const char *bytes, size_t n, struct err *e)
{
	const char *p = bytes, *end = bytes + n, *lf = NULL, *cr = NULL;

	while (p < end) {
		const char *stop;

		if (s->after_cr && *p == '\n')
			p++;
		s->after_cr = false;
		if (p == end)
			break;
		/* Each is looked for once: a stream of the other kind has none for megabytes. */
		lf = lf && lf >= p ? lf : find(p, end, '\n');
		cr = cr && cr >= p ? cr : find(p, end, '\r');
		stop = lf < cr ? lf : cr;
		if (stop == end) {
			buf_add(&s->line, p, (size_t)(end - p));
			return s->line.len > s->max ? too_long(s, e) : 0;
		}
		if (line_ends(s, p, (size_t)(stop - p), e) != 0)
			return -1;
		s->after_cr = stop == cr;
		p = stop + 1;
	}
	return 0;
}

bool sse_end(struct sse *s)
{
	struct err e;
	bool inside;

	if (s->line.len)
		(void)line_ends(s, "", 0, &e); /* sse_feed() has measured it */
	inside = s->any;
	deliver(s);
	return inside;
}
