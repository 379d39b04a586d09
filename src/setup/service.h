#ifndef SETUP_SERVICE_H
#define SETUP_SERVICE_H

#include "fiber/world.h"

#include <stdbool.h>

/* The server as a whole: an agent folder and a data folder in, a process that answers until it is
 * told to stop out.
 *
 * A configuration with mistakes starts nothing.  The address is taken last, when everything else
 * stands, so whoever can connect gets answers.  SIGTERM and SIGINT stop it gracefully: no new
 * connections, streams ended, running requests answered for a few seconds; a turn that is open then
 * goes on at the next start.  A second signal stops at once. */

struct service_options {
	const char *folder; /* with agent.yaml in it */
	const char *data;   /* NULL: "data" in the folder */
	const char *listen; /* HOST:PORT; port 0: any */
	bool demo, insecure;
	/* For who talks to the server rather than runs it; NULL: it greets, and serves until told
	 * to stop.  Called on a fiber with its address ("http://127.0.0.1:8080") once it answers;
	 * when ready() returns, the server stops, and when the server is told to stop, ready()'s
	 * scope is cancelled.  SIGINT is ready()'s business.  Where another process serves the data
	 * folder, the address is that one's (here: false), and nothing is started. */
	void (*ready)(void *self, struct world *w, const char *address, bool here);
	void *ready_self;
	/* For tests alone: called at named points of a turn (agent.h). */
	void (*pause)(void *self, const char *point);
	void *pause_self;
};

/* The process's exit status: 0 stopped as told; with the reason on stderr 1, or 2 when the options
 * are wrong. */
int service_run(const struct service_options *o);

#endif
