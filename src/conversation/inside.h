#ifndef CONVERSATION_INSIDE_H
#define CONVERSATION_INSIDE_H

#include "base/map.h"
#include "conversation/conversation.h"
#include "conversation/rows.h"

/* What the files of a conversation share: conversation.c keeps it in memory, append.c writes,
 * follow.c is for who reads along. */

/* Clients' keys remembered, so that one does not come twice at once. */
#define CONVERSATION_KEYS 8

struct conversations {
	struct world *world;
	struct store *store;
	struct digest *digest;
	struct map by_id;
	struct link idle; /* held by nobody, longest first */
	size_t budget, idle_bytes;
};

struct conversation {
	struct conversations *all;
	char id[WORLD_ID_SIZE];
	int refs, changes, followers, live;
	struct link idle;
	size_t idle_bytes;
	struct head head;
	struct wire *wire;
	struct turn_log turn;
	int64_t committed;
	bool loading, broken, running;
	struct recap *recap;
	struct err why;                 /* broken */
	struct signal moved;            /* something was committed, or will never be */
	struct chain chain;             /* of its changes */
	struct pending_change *waiting; /* one that is still in the queue; NULL: none */
	struct link pending;            /* appended events, not yet committed, and then the tail */
	int tail;
	char *keys[CONVERSATION_KEYS]; /* the newest, in a ring */
	int nkeys;
};

/* An event on its way: in the tail from the start, visible once seq <= committed. */
struct kept {
	struct link link;
	struct event ev;
	char turn[24];
};

/* conversation.c */
struct conversation *conversation_new(struct conversations *all, const char *id);
void conversation_forget(struct conversation *c); /* nobody finds it any more */
/* After refs or changes went down: it may be nobody's. */
void conversation_release(struct conversation *c);

/* follow.c: the tail. */
void tail_keep(struct conversation *c, const struct event *ev);
/* The newest committed events are kept for followers, those under way always. */
void tail_trim(struct conversation *c);
void tail_free(struct conversation *c);

#endif
