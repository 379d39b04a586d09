#include "base/json.h"

#include "base/text.h"

#include <string.h>

/* JSON as text, byte for byte as jansson would write it, but for fractions: 0.1 is not to be
 * 0.10000000000000001, neither in a log nor for a model.
 *
 * Each event of a turn is written once and the conversation's state with it, and jansson's own
 * writer looks each container up in a table of its parents, under an address that it prints first:
 * that was a fifth of what a turn costs.  Our trees have no loops.  Sorting keys stays jansson's.
 */

#define PLAIN (JSON_COMPACT | JSON_ENCODE_ANY)

static void write_value(struct buf *out, const json_t *j);

static void write_char(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char named[0x20] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
	};
	char s[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (c >= 0x20 || named[c]) {
		s[1] = c >= 0x20 ? (char)c : named[c];
		buf_add(out, s, 2);
	} else {
		buf_add(out, s, 6);
	}
}

/* Eight at a time.  A byte of `odd` has its high bit set when it is below 0x20, a quote or a
 * backslash; where one is, a higher one may be marked wrongly, so the last few are looked at one by
 * one. */
size_t json_plain(const char *s, size_t n)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t v, quote, slash, odd;

		memcpy(&v, s + i, 8);
		quote = v ^ (ones * '"');
		slash = v ^ (ones * '\\');
		odd = ((v - ones * 0x20) & ~v) | ((quote - ones) & ~quote) |
		      ((slash - ones) & ~slash);
		if (odd & high)
			break;
	}
	while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

void json_write_chars(struct buf *out, const char *s, size_t n)
{
	size_t from = 0;

	for (size_t i = json_plain(s, n); i < n; i += json_plain(s + i, n - i)) {
		buf_add(out, s + from, i - from);
		write_char(out, (unsigned char)s[i++]);
		from = i;
	}
	buf_add(out, s + from, n - from);
}

static void write_string(struct buf *out, const char *s, size_t n)
{
	buf_add(out, "\"", 1);
	json_write_chars(out, s, n);
	buf_add(out, "\"", 1);
}

static void write_integer(struct buf *out, json_int_t v)
{
	char s[24], *p = s + sizeof(s);
	unsigned long long rest = v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v;

	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	if (v < 0)
		*--p = '-';
	buf_add(out, p, (size_t)(s + sizeof(s) - p));
}

static void write_real(struct buf *out, double x)
{
	char s[TEXT_NUMBER_SIZE], *e = strchr(text_number(s, x), 'e');

	if (!e) {
		buf_adds(out, s);
		if (!strchr(s, '.'))
			buf_adds(out, ".0"); /* or it would read back as an integer */
		return;
	}
	buf_add(out, s, (size_t)(e + 1 - s)); /* "1e+20" is written 1e20, "1e-05" 1e-5 */
	if (*++e == '-')
		buf_add(out, "-", 1);
	buf_adds(out, e + 1 + strspn(e + 1, "0"));
}

static void write_array(struct buf *out, const json_t *j)
{
	buf_add(out, "[", 1);
	for (size_t i = 0; i < json_array_size(j); i++) {
		if (i)
			buf_add(out, ",", 1);
		write_value(out, json_array_get(j, i));
	}
	buf_add(out, "]", 1);
}

static void write_object(struct buf *out, const json_t *j)
{
	json_t *object = json_unconst(j);

	buf_add(out, "{", 1);
	for (void *at = json_object_iter(object), *first = at; at;
	     at = json_object_iter_next(object, at)) {
		if (at != first)
			buf_add(out, ",", 1);
		write_string(out, json_object_iter_key(at), json_object_iter_key_len(at));
		buf_add(out, ":", 1);
		write_value(out, json_object_iter_value(at));
	}
	buf_add(out, "}", 1);
}

static void write_value(struct buf *out, const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT: write_object(out, j); break;
	case JSON_ARRAY: write_array(out, j); break;
	case JSON_STRING: write_string(out, json_string_value(j), json_string_length(j)); break;
	case JSON_INTEGER: write_integer(out, json_integer_value(j)); break;
	case JSON_REAL: write_real(out, json_real_value(j)); break;
	case JSON_TRUE: buf_adds(out, "true"); break;
	case JSON_FALSE: buf_adds(out, "false"); break;
	case JSON_NULL: buf_adds(out, "null"); break;
	}
}

void json_write(struct buf *out, const json_t *j)
{
	if (j)
		write_value(out, j);
}

void json_write_str(struct buf *out, const char *s)
{
	write_string(out, s, strlen(s));
}

void json_write_int(struct buf *out, int64_t v)
{
	write_integer(out, v);
}

void json_write_key(struct buf *out, const char *name)
{
	if (out->data[out->len - 1] != '{')
		buf_add(out, ",", 1);
	buf_add(out, "\"", 1);
	buf_adds(out, name);
	buf_add(out, "\":", 2);
}

char *json_text(struct arena *mem, const json_t *j)
{
	struct buf out = { 0 };
	char *s;

	buf_room(&out, 500);
	json_write(&out, j);
	s = arena_memdup(mem, out.data, out.len);
	buf_done(&out);
	return s;
}

size_t json_size(const json_t *j)
{
	struct buf out = { 0 };
	size_t n;

	json_write(&out, j);
	n = out.len;
	buf_done(&out);
	return n;
}

char *json_canonical(struct arena *mem, const json_t *j)
{
	size_t n = json_dumpb(j, NULL, 0, PLAIN | JSON_SORT_KEYS);
	char *s = arena_alloc(mem, n + 1);

	json_dumpb(j, s, n, PLAIN | JSON_SORT_KEYS);
	return s;
}
