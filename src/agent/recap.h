#ifndef AGENT_RECAP_H
#define AGENT_RECAP_H

#include "agent/turn.h"

/* Long conversations: the first turns give way to bullet points.
 *
 * From the 20th turn on a model reads the first ten as a recap, from the 30th the first twenty, and
 * so on: what the customer wants, facts with their ids, what was done, what was promised, what is
 * open.  Rarely, since each recap makes the provider's cache begin anew; whole turns only, so that
 * no call loses its result; the log keeps everything.  Who the customer is and what is pending is
 * in the state of every prompt (prompt.c) and never left to a recap.
 *
 * The recap is an event; dropping what it covers is the history's own doing (conversation/wire.h).
 * models.router writes it, on a fiber of its own that no turn waits for; where it fails, or there
 * is none but builtin, it is extracted from the covered messages.  Nothing is held but in memory: a
 * recap that a crash cut short is due again.
 *
 * It is appended only while no model is asked: between turns by the conversation's runner or, when
 * no turn is open, by the fiber; before a step by the turn itself. */

/* The runner's, around each turn: append the recap that is ready, begin one that is due. */
void recap_between_turns(struct agent *a, struct conversation *c);

/* Before a step: recap at once, by extraction, what exceeds limits.context_tokens; of whole turns
 * the last two stay if they can, and this turn stays whole.  1: the prompt is within the limit; 0:
 * this turn alone exceeds it; -1: the conversation is broken. */
int recap_to_fit(struct turn *t, struct err *e);
/* A model said that the prompt is too long for it: recap half of the turns.  1: it is shorter now;
 * 0: nothing more can be left out, in this turn; -1: as above. */
int recap_shorten(struct turn *t, struct err *e);

/* recap_extract.c: the first `n` messages as bullets of about `max` bytes, in mem; a recap among
 * them is merged.  A pure function. */
const char *recap_extract(struct arena *mem, const struct wire *w, int n, size_t max);

/* recap_ask.c.  The same messages as a transcript, of at most `max` bytes: NULL if it is longer. */
const char *recap_transcript(struct arena *mem, const struct wire *w, int n, size_t max);
/* Ask the router for a recap of the transcript, for t (with `aside`), which has then what it used;
 * the text in t->mem, and who wrote it.  NULL: none that can be taken.  May wait. */
const char *recap_ask(
    struct turn *t, const char *transcript, const struct model **who, struct err *e);

#endif
