#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "agent/agent.h"
#include "net/http.h"

#include <stdbool.h>

/* The HTTP API and the pages: requests in, conversations behind.
 *
 * A route is a row in routes.c: method, path, who may call it, and a function of one of the files
 * beside it.  Routes take exchanges (net/http.h) and know no sockets; so tests call them
 * directly.  They wait on the log for what they answer, and never call a turn.
 *
 * Who calls is one of three: an admin (the API key), a customer (a conversation's token: that
 * conversation only, and of it what a customer may see), or nobody. */

struct server_options {
	struct conversations *all;
	struct agent *agent;
	const char
	    *admin_key; /* accepted as it is (from the environment); NULL: only the stored one */
	bool demo;      /* on loopback, whoever has no key may be one of these customers */
	const char *const *demo_customers; /* NULL ends the list */
};

struct server;

/* Waits: reads the server's secrets from the log, makes them at the first start. *new_key (in mem):
 * a key that was made now, to be shown once; NULL: there was one.  It is good already, and kept for
 * the next start by server_keep_key(), which waits too: a start that fails has shown nothing. */
struct server *server_new(
    const struct server_options *o, struct arena *mem, const char **new_key, struct err *e);
int server_keep_key(struct server *s, struct err *e);
void server_free(struct server *s);

/* One request, on a fiber of its own. `self` is the server. */
void server_handle(void *self, struct http_exchange *x);
/* From now on /readyz says that the server stops. */
void server_stopping(struct server *s);
/* The contract's error body, in mem: for what is refused before a route is known. */
const char *server_error_body(struct arena *mem, int status, const char *code, const char *message);

#endif
