#include "model/reader_inside.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

const struct reader_dialect *reader_find(const char *name)
{
	static const struct reader_dialect *const all[] = { &reader_anthropic, &reader_openai };

	for (size_t i = 0; i < array_len(all); i++)
		if (text_is(all[i]->name, name))
			return all[i];
	return NULL;
}

struct reader *reader_open(
    const struct reader_dialect *d, int status, const struct model_sink *sink)
{
	return d->open(status, sink);
}

bool reader_complete(const struct reader *r)
{
	return r->over;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	r->class->free(r);
	sse_done(&r->sse);
	buf_done(&r->body);
	buf_done(&r->text);
	free(r->id);
	free(r->model);
	free(r->stop);
	reader_error_free(r);
	free(r);
}

/* What is kept. */

static void fail(struct reader *r, enum err_code code, const char *msg)
{
	if (!r->failed && r->e)
		err_set(r->e, code, "%s", msg);
	r->failed = true;
}

void reader_limit(struct reader *r, const char *what)
{
	fail(r, ERR_LIMIT, what);
}

static bool may_keep(struct reader *r, size_t n)
{
	r->kept += n;
	if (r->kept > READER_MAX)
		reader_limit(r, "the answer is longer than 16 MiB");
	return !r->failed;
}

void reader_keep(struct reader *r, struct buf *out, struct span string)
{
	if (span_kind(string) == '"' && may_keep(r, string.n))
		span_text(out, string);
}

void reader_keep_raw(struct reader *r, struct buf *out, struct span value)
{
	if (value.n && may_keep(r, value.n))
		span_bytes(out, value.s, value.n);
}

void reader_show(struct reader *r, size_t from)
{
	if (from == r->text.len || !r->sink.text || r->failed || !r->e)
		return;
	if (r->sink.text(r->sink.self, r->text.data + from, r->text.len - from, r->e) != 0)
		r->failed = true;
}

void reader_set(char **slot, struct span string)
{
	char *s = span_dup(string);

	if (!s || !*s) {
		free(s);
		return;
	}
	free(*slot);
	*slot = s;
}

void reader_count(int64_t *slot, struct span number)
{
	int64_t n = span_int(number, -1);

	if (n >= 0)
		*slot = n;
}

const char *reader_given(struct arena *mem, const char *s)
{
	return s ? arena_strdup(mem, s) : NULL;
}

const char *reader_text(struct arena *mem, const struct buf *b)
{
	return b->len ? arena_memdup(mem, b->data, b->len) : "";
}

const char *reader_text_or_null(struct arena *mem, const struct buf *b)
{
	return b->len ? arena_memdup(mem, b->data, b->len) : NULL;
}

/* A stream. */

static bool is_done(struct span data)
{
	return data.n == 6 && memcmp(data.s, "[DONE]", 6) == 0;
}

static struct span trimmed(const char *s, size_t n)
{
	static const char white[] = " \t\r\n";

	while (n && memchr(white, *s, 4)) {
		s++;
		n--;
	}
	while (n && memchr(white, s[n - 1], 4))
		n--;
	return (struct span){ s, n };
}

static void on_event(void *self, const char *name, const char *bytes, size_t n)
{
	struct reader *r = self;
	struct span data = trimmed(bytes, n);

	if (r->over || r->failed || !data.n)
		return;
	if (is_done(data)) {
		if (r->class->done)
			r->class->done(r);
		return;
	}
	if (span_check(data.s, data.n, &data) == SPAN_WHOLE)
		r->class->event(r, name, data);
	else if (!r->tail)
		reader_not_understood(r, "malformed_json", bytes, n);
}

void reader_start(
    struct reader *r, const struct reader_class *class, int status, const struct model_sink *sink)
{
	r->class = class;
	r->status = status;
	if (sink)
		r->sink = *sink;
	r->usage = (struct reading_usage){ -1, -1, -1, -1, -1, -1 };
	sse_init(&r->sse, READER_MAX, on_event, r);
}

/* Which form it has, from the first bytes that are not white. */

static enum reader_form form_of(const char *s, size_t n)
{
	static const char *const fields[] = { ":", "data:", "event:", "id:", "retry:" };

	for (size_t i = 0; i < array_len(fields); i++) {
		size_t len = strlen(fields[i]);

		if (memcmp(s, fields[i], n < len ? n : len) == 0)
			return n < len ? FORM_UNKNOWN : FORM_STREAM;
	}
	return memcmp(s, "\xEF\xBB\xBF", n < 3 ? n : 3) == 0 ? FORM_UNKNOWN : FORM_DOCUMENT;
}

static int take(struct reader *r, const char *bytes, size_t n, struct err *e)
{
	if (r->form == FORM_STREAM)
		return sse_feed(&r->sse, bytes, n, e);
	if (n > READER_MAX - r->body.len)
		return err_set(e, ERR_LIMIT, "the document is longer than 16 MiB");
	buf_add(&r->body, bytes, n);
	return 0;
}

/* Returns how many bytes it took. */
static size_t look(struct reader *r, const char *bytes, size_t n)
{
	size_t i = 0;

	while (i < n && r->form == FORM_UNKNOWN) {
		char c = bytes[i++];

		if (r->nhead == 0 && memchr(" \t\r\n", c, 4))
			continue;
		r->head[r->nhead++] = c;
		r->form = form_of(r->head, r->nhead);
		if (r->form == FORM_UNKNOWN && r->nhead == 3 && r->head[0] == '\xEF')
			r->nhead = 0; /* a BOM */
	}
	return i;
}

int reader_feed(struct reader *r, const char *bytes, size_t n, struct err *e)
{
	size_t used = 0;

	if (r->over)
		return 0;
	if (r->failed)
		return err_set(e, ERR_LIMIT, "the answer was refused before");
	r->e = e;
	if (r->form == FORM_UNKNOWN) {
		used = look(r, bytes, n);
		if (r->form != FORM_UNKNOWN)
			(void)take(r, r->head, r->nhead, e);
	}
	if (used < n && take(r, bytes + used, n - used, e) != 0 && !r->over)
		r->failed = true;
	r->e = NULL;
	return r->failed ? -1 : 0;
}

/* A document. */

static bool is_fine(int status)
{
	return status >= 200 && status <= 299;
}

static void read_document(struct reader *r)
{
	struct span body = trimmed(buf_str(&r->body), r->body.len);
	const char *bytes = body.s;
	const size_t n = body.n;
	enum span_state state = n ? span_check(bytes, n, &body) : SPAN_CUT;

	if (state == SPAN_CUT && is_fine(r->status))
		return;
	if (state != SPAN_WHOLE) {
		reader_not_understood(r, is_fine(r->status) ? "malformed_json" : NULL, bytes, n);
		return;
	}
	if (!is_fine(r->status))
		reader_error(r, body);
	else
		r->class->document(r, body);
	if (!r->over)
		reader_not_understood(r, "unexpected_json", bytes, n);
}

/* The end. */

static bool may_run(const struct reading *m)
{
	for (int i = 0; i < m->ncalls; i++)
		if (!m->calls[i].whole || !m->calls[i].arguments || !*m->calls[i].name)
			return false;
	return m->ncalls && m->outcome == READING_MESSAGE && !m->refusal;
}

void reader_end(struct reader *r, struct arena *mem, struct reading *out)
{
	*out = (struct reading){ .text = "" };
	r->tail = true;
	if (r->form == FORM_STREAM && !r->failed)
		(void)sse_end(&r->sse);
	else if (r->form == FORM_DOCUMENT && !r->failed)
		read_document(r);
	out->id = reader_given(mem, r->id);
	out->model = reader_given(mem, r->model);
	out->stop_reason = reader_given(mem, r->stop);
	out->usage = r->usage;
	r->class->finish(r, mem, out);
	if (r->erred || !is_fine(r->status))
		out->outcome = READING_ERROR;
	else
		out->outcome = r->over && !r->failed ? READING_MESSAGE : READING_TRUNCATED;
	reader_error_finish(r, mem, out);
	out->run = out->run && may_run(out);
}

json_t *reader_tree(struct arena *mem, const char *s, size_t n)
{
	struct err e;

	return json_read_digits_in(mem, s, n, &e);
}

const json_t *reader_arguments(struct arena *mem, const char *s, size_t n)
{
	json_t *tree;

	if (strspn(s, " \t\r\n") == n)
		return json_in(mem, json_object());
	tree = reader_tree(mem, s, n);
	if (json_is_null(tree))
		return json_in(mem, json_object());
	return json_is_object(tree) ? tree : NULL;
}
