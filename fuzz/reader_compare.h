#ifndef FUZZ_READER_COMPARE_H
#define FUZZ_READER_COMPARE_H

#include "model/reading.h"

#include <stdint.h>
#include <stdlib.h>

/* A body from a stranger, before a byte that says which status and how it is cut: the reading is
 * the same at once and in pieces, what the sink heard is the beginning of the text, and what may
 * run is whole. */

static void check_opaque(const struct reading *r)
{
	const json_t *item;
	size_t i, text = 0;
	int calls = 0;

	json_array_foreach (r->opaque, i, item) {
		text += json_is_integer(item) ? (size_t)json_integer_value(item) : 0;
		calls += json_is_null(item);
	}
	if (json_is_array(r->opaque) && (text != strlen(r->text) || calls != r->ncalls))
		abort();
}

static void check_reading(const struct reading *r)
{
	if (!text_is_utf8(r->text, strlen(r->text)))
		abort();
	for (int i = 0; i < r->ncalls; i++)
		if (r->run && (!r->calls[i].whole || !json_is_object(r->calls[i].arguments) ||
				  !*r->calls[i].name))
			abort();
	if (r->run && (r->outcome != READING_MESSAGE || !r->ncalls || r->refusal))
		abort();
	if (r->pause && !r->content)
		abort();
	check_opaque(r);
}

static void compare(const struct reader_dialect *d, const uint8_t *data, size_t size)
{
	const char *body = (const char *)data;
	struct arena *mem = arena_new();
	struct hearing at_once = { 0 }, in_pieces = { 0 };
	struct reading a, b;
	struct err e;
	struct cuts cuts = { .chunk = size ? data[size - 1] % 16 : 0, .seed = size };
	int status = size && data[size - 1] >= 0xF0 ? 500 : 200;

	if (size) {
		int ra =
		    read_body(mem, d, status, body, size - 1, (struct cuts){ 0 }, &at_once, &a, &e);
		int rb = read_body(mem, d, status, body, size - 1, cuts, &in_pieces, &b, &e);

		if (ra != rb || !text_is(reading_text(mem, &a), reading_text(mem, &b)) ||
		    !text_is(buf_str(&at_once.text), buf_str(&in_pieces.text)) ||
		    !text_starts(a.text, buf_str(&at_once.text)))
			abort();
		check_reading(&a);
	}
	buf_done(&at_once.text);
	buf_done(&in_pieces.text);
	arena_free(mem);
}

#endif
