#ifndef MODEL_ANTHROPIC_BLOCKS_H
#define MODEL_ANTHROPIC_BLOCKS_H

#include "model/reader_inside.h"

/* A block of an anthropic-messages answer as its reader keeps it, and as JSON again. */

enum anthropic_kind {
	BLOCK_TEXT,
	BLOCK_CALL,  /* tool_use: ours to run */
	BLOCK_OPAQUE /* everything else, known or not */
};

struct anthropic_block {
	enum anthropic_kind kind;
	int64_t index;
	bool whole; /* it came at once, in the message */
	bool stopped;
	size_t text;       /* BLOCK_TEXT: how much of the message's text it is */
	struct buf raw;    /* as it began */
	struct buf grown;  /* deltas: of the input's JSON, or of thinking */
	struct buf member; /* a signature; citations; the delta of a compaction */
};

/* The thinking in it, if it is a block of that. */
void anthropic_thinking(struct buf *out, const struct anthropic_block *b);
/* Its bytes where it came whole, else what its deltas made of its beginning.  text: BLOCK_TEXT,
 * what it says. */
const char *anthropic_block_json(
    struct arena *mem, const struct anthropic_block *b, const char *text);

#endif
