#ifndef MODEL_READER_INSIDE_H
#define MODEL_READER_INSIDE_H

#include "base/buf.h"
#include "model/reader.h"
#include "model/reader_span.h"
#include "net/sse.h"

/* What the readers of all dialects share: telling a stream from a document, errors, limits.  A
 * dialect's own struct begins with a struct reader. */

#define READER_MAX       (16u << 20) /* bytes in a line or document, and of what is kept of them */
#define READER_CALLS_MAX 1000

struct reader_class {
	/* One event of a stream; name: "" when none was given. */
	void (*event)(struct reader *r, const char *name, struct span data);
	/* "[DONE]"; may be NULL. */
	void (*done)(struct reader *r);
	/* A document that came with a status of success: leaves r->over unset when it is neither a
	 * message nor an error. */
	void (*document)(struct reader *r, struct span body);
	/* All but outcome and errors; out->run: as far as the stop reason goes. */
	void (*finish)(struct reader *r, struct arena *mem, struct reading *out);
	void (*free)(struct reader *r);
};

enum reader_form {
	FORM_UNKNOWN,
	FORM_STREAM,
	FORM_DOCUMENT
};

struct reader {
	const struct reader_class *class;
	struct model_sink sink; /* text NULL: none */
	int status;
	enum reader_form form;
	char head[8]; /* while the form is unknown */
	unsigned nhead;
	struct sse sse;
	struct buf body; /* of a document */
	bool over;       /* the message came to its end, or an error came */
	bool erred;      /* an error came */
	bool tail;       /* the stream has ended: this event may be half of one */
	bool failed;     /* a limit, or the sink */
	struct err *e;   /* while fed */
	size_t kept;
	char *id, *model, *stop; /* NULL: never sent */
	struct buf text;         /* as sent */
	struct reading_usage usage;
	char *error_type, *error_code, *error_message, *error;
};

/* *r is zeroed memory. */
void reader_start(
    struct reader *r, const struct reader_class *class, int status, const struct model_sink *sink);

/* Adds a string's text, if it may be kept. */
void reader_keep(struct reader *r, struct buf *out, struct span string);
void reader_keep_raw(struct reader *r, struct buf *out, struct span value); /* its JSON */
void reader_limit(struct reader *r, const char *what); /* more of this than anybody needs */
/* r->text from here on may be shown. */
void reader_show(struct reader *r, size_t from);
void reader_set(char **slot, struct span string); /* unless it is no string or empty */
void reader_count(int64_t *slot, struct span number);

/* An error event or body, in any of the forms they come in. */
void reader_error(struct reader *r, struct span body);
bool reader_is_error(struct span error); /* of a member "error": does it say something? */
/* No JSON where JSON had to be, or JSON that says nothing: `type` names what is wrong. */
void reader_not_understood(struct reader *r, const char *type, const char *bytes, size_t n);
void reader_error_finish(const struct reader *r, struct arena *mem, struct reading *out);
void reader_error_free(struct reader *r);

/* JSON as a tree in mem, NULL when it is none; numbers too large for it become strings. */
json_t *reader_tree(struct arena *mem, const char *s, size_t n);
/* The arguments of a call: an object, {} when nothing was sent; else NULL. */
const json_t *reader_arguments(struct arena *mem, const char *s, size_t n);

const char *reader_given(struct arena *mem, const char *s);      /* NULL stays NULL */
const char *reader_text(struct arena *mem, const struct buf *b); /* "" when empty */
const char *reader_text_or_null(struct arena *mem, const struct buf *b);

#endif
