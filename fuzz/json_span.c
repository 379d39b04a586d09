#include "model/reader_span.h"

#include "base/json.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Spans and jansson agree: what jansson reads is whole here, with the same members, items and
 * strings; a beginning of what is whole is cut, not bad. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct span v, const json_t *j);

static void same_string(struct span v, const json_t *j)
{
	struct buf text = { 0 };
	const char *s = json_string_value(j);

	span_text(&text, v);
	/* NUL and lone surrogates are replaced; jansson refuses the latter. */
	if (!memchr(s, 0, json_string_length(j)) && !text_is(buf_str(&text), s))
		abort();
	if (!text_is_utf8(buf_str(&text), text.len))
		abort();
	buf_done(&text);
}

static void same_list(struct span v, const json_t *j)
{
	struct span key, item;
	size_t at = 0, n = 0;

	while (span_next(v, &at, &key, &item)) {
		if (json_is_array(j))
			same(item, json_array_get(j, n));
		n++;
	}
	if (json_is_array(j) ? n != json_array_size(j) : n < json_object_size(j))
		abort();
}

static void same(struct span v, const json_t *j)
{
	const char *key;
	json_t *member;

	json_object_foreach (json_unconst(j), key, member)
		if (!strstr(key, "\xEF\xBF\xBD")) /* may be another one, replaced */
			same(span_member(v, key), member);
	if (json_is_string(j))
		same_string(v, j);
	else if (json_is_object(j) || json_is_array(j))
		same_list(v, j);
	else if (span_kind(v) != (json_is_number(j)     ? '0'
				     : json_is_true(j)  ? 't'
				     : json_is_false(j) ? 'f'
							: 'n'))
		abort();
	if (json_is_integer(j) && llabs(json_integer_value(j)) < 1LL << 52 &&
	    span_int(v, -1) != json_integer_value(j) && v.n < 30)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	struct span v;
	struct err e;
	enum span_state state = span_check(s, size, &v);
	/* jansson takes a NUL behind the value for the end. */
	json_t *tree = memchr(s, 0, size) ? NULL : json_read(s, size, &e);

	if (tree && state != SPAN_WHOLE)
		abort();
	if (tree)
		same(v, tree);
	for (size_t n = 0; state == SPAN_WHOLE && n < size && size < 2000; n++) {
		char *part = malloc(n + 1);
		struct span cut;

		memcpy(part, s, n);
		if (span_check(part, n, &cut) == SPAN_BAD)
			abort();
		free(part);
	}
	json_decref(tree);
	return 0;
}
