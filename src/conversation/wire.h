#ifndef CONVERSATION_WIRE_H
#define CONVERSATION_WIRE_H

#include "base/buf.h"
#include "base/json.h"
#include "conversation/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The history as a model may legally see it.
 *
 * A pure function from events to wire messages: whatever the log holds (a crash between a
 * call and its result, a message that arrived in mid-turn, a call that was cut off, a person who
 * took over), what comes out is legal for every provider:
 *
 *  (1) each call has exactly one result, in the order of the calls, in the message right
 *      after the one that made them;
 *  (2) there is no result without its call;
 *  (3) a call that is still open has the result "interrupted" in what is sent, and only there:
 *      the real one replaces it when it comes;
 *  (4) what arrived while calls were open follows after their results, and what arrived while a
 *      reply was being shown follows after what was shown of it;
 *  (5) call ids are ours, never empty, never used twice;
 *  (6) what was shown of a reply that came to no end stays as said, with a note that it was cut
 *      short: so what is sent does not end in the model's own words.
 *
 * The wire grows at its end only: messages that are closed never change, so that a provider's
 * cached prefix stays a prefix.  Each dialect (a const struct of model/) renders a closed message
 * once; the bytes are kept and sent as they are.
 *
 * But for one kind of event: EVENT_RECAP puts a text in the place of the first turns.  They
 * leave the memory, the recap is the first message, and the bytes begin anew.  A wire that
 * is told so (wire_begin) and is given only the events behind the recap's place comes to the same
 * history, byte for byte, so a long conversation needs no more to be read than a short one.  Who
 * appends a recap sees to it that no model is being asked meanwhile: what was borrowed is gone. */

enum wire_role {
	WIRE_CUSTOMER,
	WIRE_AI,      /* text, calls or both */
	WIRE_RESULTS, /* all results of the message before */
	WIRE_PERSON,  /* a support agent's words to the customer */
	WIRE_NOTE,    /* what the server tells the model: not shown to anybody */
	WIRE_RECAP,   /* bullet points in the place of the turns before.  The first message or none;
			 a dialect renders it as the user's first, in words that say that it is no
			 message but a recap of the conversation so far */
};

struct wire_call {
	const char *id, *name;
	const json_t *arguments; /* always an object */
	bool write;
};

struct wire_result {
	const char *id, *name;
	bool ok;
	const char *text; /* JSON of the value, or "Tool NAME failed: REASON" */
};

struct wire_message {
	enum wire_role role;
	int64_t seq;        /* of the event that made it; of a recap, of the last it covers */
	const char *turn;   /* NULL: none */
	const char *text;   /* NULL: none */
	const char *author; /* a person's name */
	const struct wire_call *calls;     /* WIRE_AI */
	const struct wire_result *results; /* WIRE_RESULTS */
	int n;                             /* calls or results */
	const char *origin;                /* the model that said it: "builtin" */
	const json_t *opaque; /* its own block, to go back to that model only; or NULL */
};

/* How one model wants a message written.  render appends to out, the separator in front (",{...}"):
 * whoever sends the bytes leaves off the first.  A model has its own, since what it said itself may
 * go back to it with its own blocks, and to others without.  It outlives the wires it was used
 * with: they know it by its address. */
struct wire_dialect {
	const char *name;
	void (*render)(const struct wire_dialect *d, struct buf *out, const struct wire_message *m);
};

struct wire;

struct wire *wire_new(void);
void wire_free(struct wire *w);
/* Before the first event: it will be the one behind `seq`, and a recap that covers all up to there
 * is among them. */
void wire_begin(struct wire *w, int64_t seq);
/* Take the next event of the log.  Copies what it keeps. Kinds the model need not see are passed
 * over. */
void wire_append(struct wire *w, const struct event *ev);

int wire_len(const struct wire *w); /* closed messages */
const struct wire_message *wire_at(const struct wire *w, int i);

/* The open end as it would be sent now, in mem: the calls without results yet, with (3), or the
 * sentences shown so far, with (6); then what (4) holds back.  *n messages. */
const struct wire_message *wire_tail(const struct wire *w, struct arena *mem, int *n);

/* The bytes of all closed messages in this dialect; renders what is new.  Borrowed until the next
 * wire_append(). */
const struct buf *wire_bytes(struct wire *w, const struct wire_dialect *d);
/* Where in them closed message i begins, its separator first; i = wire_len(): where they end. */
size_t wire_offset(struct wire *w, const struct wire_dialect *d, int i);
size_t wire_size(const struct wire *w); /* bytes of memory it holds, for the cache's budget */

/* The turns that have ended and are no recap yet, oldest first. */
struct wire_turn {
	int64_t end;   /* seq of the event that ended it */
	int upto;      /* the closed messages up to its end, the recap included */
	size_t weight; /* theirs */
};

int wire_turns(const struct wire *w);
struct wire_turn wire_turn_at(const struct wire *w, int i);
/* Bytes of text, arguments and results: about what a model must read, in any dialect. */
size_t wire_weight(const struct wire *w);

/* The note of (6). */
extern const char wire_cut_short[];

#endif
