#ifndef CONVERSATION_ROWS_H
#define CONVERSATION_ROWS_H

#include "base/digest.h"
#include "conversation/conversation.h"

/* A conversation as rows: the statements of the log, and rows back into events.  The SQL is in the
 * dialect that SQLite and PostgreSQL share. */

/* The row of the conversation: made, or moved from `was` to the head's seq in the same epoch;
 * `identified`: its customer may be another. */
void rows_create(struct change *c, const char *id, const struct head *h);
void rows_move(
    struct change *c, const char *id, int64_t was, const struct head *h, bool identified);
/* One event; the payload is salted and hashed here. */
void rows_event(
    struct change *c, struct world *w, struct digest *d, const char *id, const struct event *ev);
/* What it says was spent goes to its conversation and day. */
void rows_cost(struct change *c, const char *id, const struct event *ev);
void rows_client_key(
    struct change *c, const struct client_key *k, const char *id, int64_t seq, int64_t at);

/* In mem. -1: ERR_NOT_FOUND, or what the log says. */
int rows_read_head(
    struct store *s, struct arena *mem, const char *id, struct head *h, struct err *e);
int rows_read_events(struct store *s, struct arena *mem, const char *id, int64_t after, int max,
    const struct event **out, int *n, struct err *e);
/* As conversations_forget_keys() promises. */
void rows_forget_keys(struct change *c, const char *scope, int64_t before);
/* As conversation_key_used() and conversations_unfinished() promise. */
int rows_read_client_key(struct store *s, struct arena *mem, const struct client_key *k,
    const char **conversation, int64_t *seq, struct err *e);
/* As conversations_spent() promises. */
int rows_read_spent(struct store *s, int64_t day, int64_t *cost, struct err *e);
int rows_read_unfinished(
    struct store *s, struct arena *mem, const char *const **ids, int *n, struct err *e);

#endif
