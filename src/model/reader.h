#ifndef MODEL_READER_H
#define MODEL_READER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

/* What a provider's body says: one reader a dialect, fed with bytes as they come.
 *
 * A body is a stream of server-sent events or one JSON document; which, its first bytes tell.  It
 * comes from strangers: cut anywhere, out of order, wrong about its length, HTML.  Whatever it is,
 * the reading at its end is one of three things: a message, an error the provider reported, or
 * truncated (neither its end nor an error came).  How the bytes were cut makes no difference.
 *
 * Text goes to the sink while a stream comes; the last of it may be only in the reading, and a
 * document's all is.  Reasoning and refusals never go there.  Calls are complete only at the end,
 * and `run` says whether they may be executed: all of them are whole, each with an object for
 * arguments, and the answer was not cut off, refused, filtered or in error. */

enum reading_outcome {
	READING_MESSAGE,
	READING_ERROR,
	READING_TRUNCATED
};

struct reading_call {
	const char *id, *name;   /* as sent; "" when missing */
	const json_t *arguments; /* an object; NULL when none came out */
	const char *raw;         /* the arguments as they were sent */
	bool whole;              /* they came to their end */
};

/* As counted by the provider; -1: it did not say. */
struct reading_usage {
	int64_t input_total; /* all of the prompt (openai-chat) */
	int64_t input_uncached, cache_read, cache_write;
	int64_t output, reasoning; /* reasoning is part of output */
};

struct reading {
	enum reading_outcome outcome;
	const char *id, *model, *stop_reason; /* NULL: never sent */
	const char *text;                     /* "" when there is none */
	const char *reasoning, *refusal;      /* NULL: none */
	/* Some servers leave the reasoning in front of the text, in <think> tags: it is taken out,
	 * and this is the text as it was sent, with them.  NULL: there was none. */
	const char *tagged;
	bool refusal_sent; /* a document has the member, if only as "" */
	const struct reading_call *calls;
	int ncalls;
	struct reading_usage usage;
	bool run;
	/* READING_ERROR: as the provider says it; NULL where it does not.  Of what could not be
	 * read error_message is the beginning, and error_type is "malformed_json",
	 * "unexpected_json" or "spliced_message" unless the status says enough.  `error`: all that
	 * it said. */
	const char *error_type, *error_code, *error_message;
	const json_t *error;
	/* What must go back to the same model with this message (anthropic_reader.c and
	 * openai_reader.c say in which form); NULL: nothing.  `pause`: the provider wants to go on
	 * (pause_turn): `content` is its message so far, to be sent back as it is. */
	const json_t *opaque;
	bool pause;
	const char *content;
};

struct reader;

struct reader_dialect {
	const char *name; /* "anthropic-messages" */
	struct reader *(*open)(int status, const struct model_sink *sink);
};

extern const struct reader_dialect reader_anthropic; /* anthropic-messages */
extern const struct reader_dialect reader_openai;    /* openai-chat */

const struct reader_dialect *reader_find(const char *name); /* NULL: no such dialect */

/* sink may be NULL. */
struct reader *reader_open(
    const struct reader_dialect *d, int status, const struct model_sink *sink);
/* -1: ERR_LIMIT (more than 16 MiB in a line or a document, or kept of a stream; more than 1000
 * calls), or the sink wants no more.  The reading is then truncated. */
int reader_feed(struct reader *r, const char *bytes, size_t n, struct err *e);
/* Has the message come to its end?  What follows would not matter: the body need not be read on. */
bool reader_complete(const struct reader *r);
/* The body ended, or was cut off.  All of *out is in mem. */
void reader_end(struct reader *r, struct arena *mem, struct reading *out);
void reader_free(struct reader *r);

#endif
