#ifndef TESTS_MODEL_READING_H
#define TESTS_MODEL_READING_H

#include "base/buf.h"
#include "base/text.h"
#include "model/reader.h"

#include <stdio.h>
#include <string.h>

/* A body read in pieces, and a reading as text: equal readings give equal bytes. */

struct hearing {
	struct buf text; /* what went to the sink */
	int pieces;
	int enough; /* the sink wants no more than so many; 0: all */
};

static inline int hear(void *self, const char *s, size_t n, struct err *e)
{
	struct hearing *h = self;

	buf_add(&h->text, s, n);
	return ++h->pieces == h->enough ? err_set(e, ERR_CANCELED, "heard enough") : 0;
}

/* Where the next cut is, for bodies of n bytes of which `at` are read. */
struct cuts {
	size_t chunk;  /* so many bytes at a time; 0: by chance */
	uint64_t seed; /* 0 with chunk 0: all at once */
};

static inline size_t cut_next(struct cuts *c, size_t left)
{
	size_t n = c->chunk ? c->chunk : left;

	if (!c->chunk && c->seed) {
		c->seed = c->seed * 6364136223846793005u + 1442695040888963407u;
		n = 1 + (size_t)(c->seed >> 33) % ((c->seed >> 60) ? 9 : 700);
	}
	return n < left ? n : left;
}

static inline int read_body(struct arena *mem, const struct reader_dialect *d, int status,
    const char *body, size_t n, struct cuts cuts, struct hearing *h, struct reading *out,
    struct err *e)
{
	struct model_sink sink = { .text = hear, .self = h };
	struct reader *r = reader_open(d, status, h ? &sink : NULL);
	int result = 0;

	for (size_t at = 0, some; at < n && result == 0; at += some) {
		/* A piece of its own, so that reading beyond its end is seen. */
		char *piece;

		some = cut_next(&cuts, n - at);
		piece = malloc(some);
		memcpy(piece, body + at, some);
		result = reader_feed(r, piece, some, e);
		free(piece);
	}
	reader_end(r, mem, out);
	reader_free(r);
	return result;
}

static inline json_t *reading_calls(const struct reading *r)
{
	json_t *list = json_array(), *o;

	for (int i = 0; i < r->ncalls; i++) {
		const struct reading_call *c = &r->calls[i];

		o = json_pack("{ss ss ss sb}", "id", c->id, "name", c->name, "raw", c->raw, "whole",
		    (int)c->whole);
		if (c->arguments)
			json_object_set(o, "arguments", (json_t *)c->arguments);
		json_array_append_new(list, o);
	}
	return list;
}

static inline const char *reading_text(struct arena *mem, const struct reading *r)
{
	const struct reading_usage *u = &r->usage;
	json_t *o = json_in(mem, json_object());

	json_object_set_new(o, "outcome", json_integer(r->outcome));
	json_put_str(o, "id", r->id);
	json_put_str(o, "model", r->model);
	json_put_str(o, "stop", r->stop_reason);
	json_put_str(o, "text", r->text);
	json_put_str(o, "reasoning", r->reasoning);
	json_put_str(o, "refusal", r->refusal);
	json_put_str(o, "tagged", r->tagged);
	json_put_str(o, "type", r->error_type);
	json_put_str(o, "code", r->error_code);
	json_put_str(o, "message", r->error_message);
	json_put_str(o, "content", r->content);
	json_object_set_new(o, "calls", reading_calls(r));
	json_object_set_new(
	    o, "flags", json_pack("[bbb]", (int)r->run, (int)r->pause, (int)r->refusal_sent));
	json_object_set_new(o, "usage",
	    json_pack("[IIIIII]", (json_int_t)u->input_total, (json_int_t)u->input_uncached,
		(json_int_t)u->cache_read, (json_int_t)u->cache_write, (json_int_t)u->output,
		(json_int_t)u->reasoning));
	if (r->error)
		json_object_set(o, "error", (json_t *)r->error);
	if (r->opaque)
		json_object_set(o, "opaque", (json_t *)r->opaque);
	return json_canonical(mem, o);
}

/* The reading of a body, which is the same in pieces of 1 to 40 bytes.  h (may be NULL) heard it at
 * once, text in it to be freed. */
static inline struct reading reading_of(struct arena *mem, const struct reader_dialect *d,
    int status, const char *body, struct hearing *h)
{
	struct reading whole, cut;
	struct err e;
	const size_t n = strlen(body);

	if (read_body(mem, d, status, body, n, (struct cuts){ 0 }, h, &whole, &e) != 0)
		bug("%s", e.msg);
	for (size_t chunk = 1; chunk <= 40; chunk++) {
		if (read_body(mem, d, status, body, n, (struct cuts){ chunk, 0 }, NULL, &cut, &e) !=
		    0)
			bug("%s", e.msg);
		if (!text_is(reading_text(mem, &whole), reading_text(mem, &cut)))
			bug("another reading in pieces of %zu bytes: %s", chunk,
			    reading_text(mem, &cut));
	}
	return whole;
}

#endif
