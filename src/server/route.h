#ifndef SERVER_ROUTE_H
#define SERVER_ROUTE_H

#include "base/map.h"
#include "base/schema.h"
#include "server/server.h"

/* What the files of server/ share: a request on its way through a route, and ways to answer it. */

enum access {
	ACCESS_ANYBODY,
	ACCESS_CUSTOMER, /* the conversation's token, or an admin */
	ACCESS_ADMIN,
};

struct server {
	struct server_options o;
	struct world *world;
	char secret[65];         /* signs conversation tokens */
	char admin_key_hash[65]; /* of the key made at the first start; "": none */
	struct map in_flight;    /* scope and Idempotency-Key of requests that run */
	struct signal landed;    /* one of them ended */
	struct schema *create_schema, *identify_schema, *message_schema;
	bool stopping;
};

struct request {
	struct server *server;
	struct http_exchange *x;
	struct arena *mem;
	const char *id;         /* of the path: the conversation; NULL: none in it */
	unsigned viewer;        /* SEEN_BY_CUSTOMER or SEEN_BY_ADMIN; 0: nobody */
	struct conversation *c; /* opened for routes below a conversation */
	json_t *body;
	struct client_key key; /* key NULL: none was sent */
};

/* answer.c */
void answer_json(struct request *r, int status, json_t *body); /* takes the reference */
void answer_error(struct request *r, int status, const char *code, const char *field,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* An error that travelled here, as the contract says it: not found 404, conflict 409, I/O 503. */
void answer_err(struct request *r, const struct err *e);
json_t *answer_time(int64_t ms);            /* RFC 3339 */
bool wants_stream(const struct request *r); /* Accept: text/event-stream */
/* Page through a list: after and limit of the query; false: answered 400.  A browser that connects
 * again sends the address it began with, so Last-Event-ID, which knows more, comes before `after`.
 */
bool page_of(struct request *r, int64_t *after, int *limit);

/* auth.c */
/* Fill in the viewer, from the Authorization header and the path's conversation. */
void auth_who(struct request *r);
/* false: not allowed, and answered 401, 403 or 404. */
bool auth_check(struct request *r, enum access needed);
bool auth_key(const struct request *r); /* was the API key sent? */
/* The scope of the API key's Idempotency-Keys, for what is no conversation yet. */
#define CREATE_SCOPE "create:"
const char *auth_key_scope(const struct request *r);
const char *auth_token(struct server *s, struct arena *mem, const char *id);
int auth_start(struct server *s, struct arena *mem, const char **new_key, struct err *e);

/* body.c */
/* The body as an object that the schema accepts, in r->body; false: answered. */
bool body_read(struct request *r, const struct schema *schema);
/* The Idempotency-Key, if one was sent, for this scope.  Waits while a request with the same key
 * runs.  false: answered.  *seq and *conversation: what an earlier one made, *seq 0: nothing.
 * key_done() when it is over. */
bool key_begin(struct request *r, const char *scope, const char **conversation, int64_t *seq);
void key_done(struct request *r);
extern const char create_body[], identify_body[], message_body[];

/* The routes. */
void post_conversation(struct request *r); /* conversations.c */
void post_identify(struct request *r);
void get_conversation(struct request *r);
void get_demo(struct request *r);
void post_message(struct request *r); /* messages.c */
void get_messages(struct request *r);
void post_cancel(struct request *r);
void get_events(struct request *r); /* events.c */
void get_health(struct request *r); /* pages.c */
void get_ready(struct request *r);
void get_page(struct request *r);

/* What was said, as the API lists it (messages.c); and how it names a message (turns.c). */
json_t *said_json(const struct event *ev);
json_t *message_json(const struct request *r, int64_t seq);

/* turns.c: what the API says of a turn. */
/* Wait for the end of the turn that answers the message `seq`, telling each committed event of it
 * on the way, from the turn's beginning when the message joins one that runs; each() returning
 * non-zero stops with 0 and *answer NULL.  *answer: the contract's object, in
 * mem; its "reply" is null when nobody answers (a person has the conversation). */
typedef int turn_event_fn(void *arg, const struct event *ev);
int turn_answer(
    struct request *r, int64_t seq, turn_event_fn *each, void *arg, json_t **answer, struct err *e);
/* The calls among these events, as the state shows them to this viewer. */
json_t *turn_calls(const struct event *events, int n, unsigned viewer);
json_t *escalation_json(const struct head *h, unsigned viewer); /* null when none is pending */

#endif
