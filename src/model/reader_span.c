#include "model/reader_span.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Checking: a pass that allocates nothing.  A function takes where a value begins and gives where
 * it ends, or NULL; `cut` then says whether more bytes could have mended it. */

struct check {
	const char *end;
	bool cut;
};

static const char *value(struct check *c, const char *p, int depth);

static const char *space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static const char *wrong(struct check *c, const char *p)
{
	c->cut = p >= c->end;
	return NULL;
}

static bool hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static const char *escape(struct check *c, const char *p)
{
	if (p == c->end)
		return wrong(c, p);
	if (*p != 'u')
		return memchr("\"\\/bfnrt", *p, 8) ? p + 1 : wrong(c, p);
	p++;
	for (int i = 0; i < 4; i++, p++)
		if (p == c->end || !hex(*p))
			return wrong(c, p);
	return p;
}

/* Where a string stops to be bytes that stand for themselves. */
static const char *plain(const char *p, const char *end)
{
	return p + json_plain(p, (size_t)(end - p));
}

static const char *string(struct check *c, const char *p)
{
	if (p == c->end || *p != '"')
		return wrong(c, p);
	p++;
	while ((p = plain(p, c->end)) < c->end && *p == '\\')
		if (!(p = escape(c, p + 1)))
			return NULL;
	return p < c->end && *p == '"' ? p + 1 : wrong(c, p);
}

static const char *digits(struct check *c, const char *p)
{
	if (p == c->end || *p < '0' || *p > '9')
		return wrong(c, p);
	while (p < c->end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static const char *number(struct check *c, const char *p)
{
	if (*p == '-')
		p++;
	p = p < c->end && *p == '0' ? p + 1 : digits(c, p);
	if (p && p < c->end && *p == '.')
		p = digits(c, p + 1);
	if (p && p < c->end && (*p | 32) == 'e') {
		p++;
		if (p < c->end && (*p == '+' || *p == '-'))
			p++;
		p = digits(c, p);
	}
	return p;
}

static const char *word(struct check *c, const char *p, const char *w)
{
	for (; *w; w++, p++)
		if (p == c->end || *p != *w)
			return wrong(c, p);
	return p;
}

static const char *pair(struct check *c, const char *p, int depth)
{
	if (!(p = string(c, p)))
		return NULL;
	p = space(p, c->end);
	if (p == c->end || *p != ':')
		return wrong(c, p);
	return value(c, space(p + 1, c->end), depth);
}

static const char *list(struct check *c, const char *p, int depth)
{
	const bool object = *p == '{';
	const char close = object ? '}' : ']';

	if (depth == JSON_DEPTH_MAX) {
		c->cut = false;
		return NULL;
	}
	p = space(p + 1, c->end);
	if (p < c->end && *p == close)
		return p + 1;
	for (;;) {
		p = object ? pair(c, p, depth + 1) : value(c, p, depth + 1);
		if (!p)
			return NULL;
		p = space(p, c->end);
		if (p < c->end && *p == close)
			return p + 1;
		if (p == c->end || *p != ',')
			return wrong(c, p);
		p = space(p + 1, c->end);
	}
}

static const char *value(struct check *c, const char *p, int depth)
{
	if (p == c->end)
		return wrong(c, p);
	switch (*p) {
	case '{':
	case '[': return list(c, p, depth);
	case '"': return string(c, p);
	case 't': return word(c, p, "true");
	case 'f': return word(c, p, "false");
	case 'n': return word(c, p, "null");
	default: return number(c, p);
	}
}

enum span_state span_check(const char *s, size_t n, struct span *out)
{
	struct check c = { .end = s + n };
	const char *from = space(s, c.end), *end = value(&c, from, 0);

	if (!end)
		return c.cut ? SPAN_CUT : SPAN_BAD;
	*out = (struct span){ from, (size_t)(end - from) };
	return space(end, c.end) == c.end ? SPAN_WHOLE : SPAN_BAD;
}

/* Walking what has been checked. */

/* The quote that opens the string ends every row of backslashes. */
static bool escaped(const char *p)
{
	size_t n = 0;

	while (p[-1 - (ptrdiff_t)n] == '\\')
		n++;
	return n % 2;
}

static const char *past_string(const char *p, const char *end)
{
	do
		p = memchr(p + 1, '"', (size_t)(end - p - 1));
	while (escaped(p));
	return p + 1;
}

static const char *past_list(const char *p, const char *end)
{
	int depth = 0;

	do {
		if (*p == '"') {
			p = past_string(p, end);
			continue;
		}
		depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
		p++;
	} while (depth);
	return p;
}

static const char *past(const char *p, const char *end)
{
	if (*p == '"')
		return past_string(p, end);
	if (*p == '{' || *p == '[')
		return past_list(p, end);
	while (p < end && !(*p <= ' ' || *p == ',' || *p == ']' || *p == '}'))
		p++;
	return p;
}

char span_kind(struct span v)
{
	if (!v.n)
		return 0;
	return *v.s == '-' || (*v.s >= '0' && *v.s <= '9') ? '0' : *v.s;
}

bool span_given(struct span v)
{
	return v.n && *v.s != 'n';
}

static struct span take(const char **p, const char *end)
{
	const char *from = *p;

	*p = past(from, end);
	return (struct span){ from, (size_t)(*p - from) };
}

bool span_next(struct span l, size_t *at, struct span *key, struct span *v)
{
	const char kind = span_kind(l);
	const char *end, *p;

	if (kind != '{' && kind != '[')
		return false;
	end = l.s + l.n;
	p = space(l.s + (*at ? *at : 1), end);
	if (*p == ',')
		p = space(p + 1, end);
	if (*p == '}' || *p == ']')
		return false;
	if (kind == '{') {
		struct span name = take(&p, end);

		if (key)
			*key = name;
		p = space(space(p, end) + 1, end);
	}
	*v = take(&p, end);
	*at = (size_t)(p - l.s);
	return true;
}

/* A name may be written with escapes, but nobody does. */
static bool same(struct span key, const char *name)
{
	struct buf text = { 0 };
	bool equal;
	size_t n;

	if (*name && key.s[1] != *name && key.s[1] != '\\')
		return false;
	n = strlen(name);
	if (key.n == n + 2 && memcmp(key.s + 1, name, n) == 0)
		return !memchr(name, '\\', n);
	if (key.n <= n + 2 || !memchr(key.s, '\\', key.n))
		return false;
	span_text(&text, key);
	equal = text_is(text.data, name);
	buf_done(&text);
	return equal;
}

void span_members(struct span object, const char *const *names, struct span *out, int n)
{
	struct span key, v;
	size_t at = 0;

	for (int i = 0; i < n; i++)
		out[i] = (struct span){ 0 };
	if (span_kind(object) != '{')
		return;
	while (span_next(object, &at, &key, &v))
		for (int i = 0; i < n; i++)
			if (same(key, names[i])) {
				out[i] = v;
				break;
			}
}

struct span span_member(struct span object, const char *name)
{
	struct span v;

	span_members(object, &name, &v, 1);
	return v;
}

bool span_is(struct span v, const char *text)
{
	return span_kind(v) == '"' && same(v, text);
}

/* Decoding. */

#define REPLACEMENT 0xFFFDu

static void add_char(struct buf *out, unsigned c)
{
	char s[4];
	size_t n = 0;

	if (c < 0x80) {
		s[n++] = (char)c;
	} else if (c < 0x800) {
		s[n++] = (char)(0xC0 | c >> 6);
	} else if (c < 0x10000) {
		s[n++] = (char)(0xE0 | c >> 12);
		s[n++] = (char)(0x80 | (c >> 6 & 63));
	} else {
		s[n++] = (char)(0xF0 | c >> 18);
		s[n++] = (char)(0x80 | (c >> 12 & 63));
		s[n++] = (char)(0x80 | (c >> 6 & 63));
	}
	if (c >= 0x80)
		s[n++] = (char)(0x80 | (c & 63));
	buf_add(out, s, n);
}

static unsigned hex4(const char *p)
{
	unsigned c = 0;

	for (int i = 0; i < 4; i++)
		c = c << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
	return c;
}

/* p is behind \u; `end` is the closing quote. */
static const char *add_unicode(struct buf *out, const char *p, const char *end)
{
	unsigned c = hex4(p), low;

	p += 4;
	if (c >= 0xD800 && c < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		low = hex4(p + 2);
		if (low >= 0xDC00 && low < 0xE000) {
			add_char(out, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
			return p + 6;
		}
	}
	add_char(out, c == 0 || (c >= 0xD800 && c < 0xE000) ? REPLACEMENT : c);
	return p;
}

static const char *add_escape(struct buf *out, const char *p, const char *end)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *named = strchr(from, *p);

	if (*p == 'u')
		return add_unicode(out, p + 1, end);
	buf_add(out, named ? to + (named - from) : p, 1);
	return p + 1;
}

static bool is_ascii(const char *s, size_t n)
{
	uint64_t w, all = 0;

	for (; n >= 8; s += 8, n -= 8) {
		memcpy(&w, s, 8);
		all |= w;
	}
	while (n)
		all |= (uint64_t)(unsigned char)s[--n];
	return !(all & 0x8080808080808080ull);
}

void span_bytes(struct buf *out, const char *s, size_t n)
{
	if (is_ascii(s, n) || text_is_utf8(s, n)) {
		buf_add(out, s, n);
		return;
	}
	while (n) {
		unsigned char c = (unsigned char)*s;
		size_t len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

		if (len <= n && text_is_utf8(s, len)) {
			buf_add(out, s, len);
		} else {
			add_char(out, REPLACEMENT);
			len = 1;
		}
		s += len;
		n -= len;
	}
}

void span_text(struct buf *out, struct span v)
{
	const char *p = v.s, *end = v.s;

	if (span_kind(v) != '"')
		return;
	end += v.n - 1;
	p++;
	while (p < end) {
		const char *stop = plain(p, end);

		span_bytes(out, p, (size_t)(stop - p));
		p = stop < end ? add_escape(out, stop + 1, end) : end;
	}
}

char *span_dup(struct span v)
{
	struct buf text = { 0 };

	if (span_kind(v) != '"')
		return NULL;
	span_text(&text, v);
	return text.data ? text.data : mem_strdup("");
}

/* Counts and indexes: a fraction is cut off, and what no count can be is not there. */
int64_t span_int(struct span v, int64_t fallback)
{
	char s[32];
	int64_t whole = 0;
	size_t i = 0;
	double d;

	if (span_kind(v) != '0' || v.n >= sizeof(s))
		return fallback;
	while (i < v.n && v.s[i] >= '0' && v.s[i] <= '9' && i < 15)
		whole = whole * 10 + (v.s[i++] - '0');
	if (i == v.n)
		return whole;
	memcpy(s, v.s, v.n);
	s[v.n] = '\0';
	d = strtod(s, NULL);
	return d >= -9e15 && d <= 9e15 ? (int64_t)d : fallback;
}
