#include "model/reader_inside.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Errors, as providers and what stands before them report them: {"error":{...}} by both dialects'
 * owners, {"error":"..."} and {"detail":"..."} by proxies, {"object":"error","message":...} by
 * older vLLM, an error beside `choices` by OpenRouter, HTML or nothing at all by load balancers. */

#define SHOWN_MAX 500

enum member {
	ERROR,
	TYPE,
	CODE,
	MESSAGE,
	DETAIL,
	DETAILS,
	MEMBERS
};

static const char *const names[] = { "error", "type", "code", "message", "detail", "details" };

bool reader_is_error(struct span error)
{
	size_t at = 0;
	struct span v;

	switch (span_kind(error)) {
	case '{': return span_next(error, &at, NULL, &v);
	case '"': return error.n > 2;
	case 't':
	case '0': return true;
	default: return false;
	}
}

static char *copy(struct span v)
{
	struct buf b = { 0 };

	buf_add(&b, v.s, v.n);
	return b.data;
}

/* A code is a word or, with some, the status as a number. */
static void set_code(struct reader *r, struct span code)
{
	if (span_kind(code) == '0' && code.n < 20) {
		free(r->error_code);
		r->error_code = copy(code);
	}
	reader_set(&r->error_code, code);
}

static void read_object(struct reader *r, struct span error)
{
	struct span m[MEMBERS];

	span_members(error, names, m, MEMBERS);
	reader_set(&r->error_type, m[TYPE]);
	set_code(r, m[CODE]);
	set_code(r, span_member(m[DETAILS], "error_code"));
	reader_set(&r->error_message, m[DETAIL]);
	reader_set(&r->error_message, m[ERROR]);
	reader_set(&r->error_message, m[MESSAGE]);
	if (span_kind(m[ERROR]) != '"')
		r->error = copy(error);
}

void reader_error(struct reader *r, struct span body)
{
	struct span error = span_member(body, "error");

	if (r->erred)
		return;
	r->erred = r->over = true;
	if (span_kind(body) == '[') { /* Google puts it into a list */
		size_t at = 0;

		if (span_next(body, &at, NULL, &body))
			error = span_member(body, "error");
	}
	if (span_kind(error) == '{')
		read_object(r, error);
	else if (span_kind(body) == '{')
		read_object(r, body);
	else
		reader_set(&r->error_message, body);
}

void reader_not_understood(struct reader *r, const char *type, const char *bytes, size_t n)
{
	struct buf shown = { 0 };
	size_t some = text_utf8_cut(bytes, n, SHOWN_MAX);

	r->erred = r->over = true;
	if (type)
		r->error_type = mem_strdup(type);
	span_bytes(&shown, bytes, some);
	r->error_message = shown.len ? shown.data : NULL;
	if (!shown.len)
		buf_done(&shown);
}

void reader_error_finish(const struct reader *r, struct arena *mem, struct reading *out)
{
	out->error_type = reader_given(mem, r->error_type);
	out->error_code = reader_given(mem, r->error_code);
	out->error_message = reader_given(mem, r->error_message);
	out->error = r->error ? reader_tree(mem, r->error, strlen(r->error)) : NULL;
}

void reader_error_free(struct reader *r)
{
	free(r->error_type);
	free(r->error_code);
	free(r->error_message);
	free(r->error);
}
