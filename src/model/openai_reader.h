#ifndef MODEL_OPENAI_READER_H
#define MODEL_OPENAI_READER_H

#include "model/reader_inside.h"

/* Parts of the openai-chat reader: calls, reasoning. */

/* Calls as their deltas come: which one a delta is about, every server says in its own way. */

struct openai_call {
	int64_t index; /* -1: the server gives none */
	struct buf id, name, arguments;
};

struct openai_calls {
	struct openai_call *list;
	int n, cap;
	/* Of the document that is read now: each item of its list is a call of its own. */
	bool whole;
};

void openai_calls_read(struct openai_calls *c, struct reader *r, struct span tool_calls);
void openai_calls_read_one(struct openai_calls *c, struct reader *r, struct span call);
void openai_calls_finish(const struct openai_calls *c, struct arena *mem, struct reading *out);
void openai_calls_free(struct openai_calls *c);

/* Reasoning, in a member of its own or left in the text between <think> tags. */

enum openai_think {
	THINK_LOOK, /* is it a tag that the text begins with? */
	THINK_INSIDE,
	THINK_BEHIND, /* white space behind the tag */
	THINK_NONE    /* text, from here to the end */
};

struct openai_reasoning {
	enum openai_think think;
	size_t inside, behind; /* where in the text reasoning begins, and ends */
	size_t at;             /* up to here the text has been looked at */
	const char *member;    /* "reasoning_content" or "reasoning": the one that is used */
	struct buf said;
	json_t *details;
};

/* What of the text may be shown begins there. */
size_t openai_think(struct openai_reasoning *t, const char *text, size_t n, bool ended);
/* m: what the message has as reasoning_content, reasoning and reasoning_details. */
#define OPENAI_REASONING_MEMBERS 3
void openai_reasoning_read(struct openai_reasoning *t, struct reader *r, const struct span *m);
void openai_reasoning_finish(const struct openai_reasoning *t, const struct buf *text,
    struct arena *mem, struct reading *out);
void openai_reasoning_free(struct openai_reasoning *t);

#endif
