#ifndef SETUP_AGENT_SETUP_H
#define SETUP_AGENT_SETUP_H

#include "agent/agent.h"
#include "fiber/world.h"
#include "net/http_client.h"
#include "setup/config.h"
#include "tool/database.h"

/* The working parts that a configuration describes: databases opened, queries and playbook
 * compiled, models made; with them the configuration's last mistakes are found.
 *
 * All or nothing: with any mistake, here or in config_load(), there is no setup, and whatever was
 * opened on the way is closed again.  Blocks: for the start, or for `check`. */

struct agent_setup {
	const struct config *config;
	struct agent_config agent; /* what agent_new() takes */
	struct sql_database **databases;
	int ndatabases;

	struct arena *mem;
	struct world *world;
	struct script *script;
	struct http_client *http; /* for all that goes out; NULL: nothing does */
	struct provider *providers;
	struct model **models;
	char *trial_folder; /* agent_setup_try(): where databases are that do not exist yet */
};

/* Reads the folder and makes what it says, with databases in the folder `data`.  NULL: *m has the
 * reasons.  Lives as long as m->mem. */
struct agent_setup *agent_setup_open(
    struct mistakes *m, struct world *w, const char *folder, const char *data);

/* The same to find mistakes: a database that is absent is made elsewhere, and is gone after
 * agent_setup_close(). */
struct agent_setup *agent_setup_try(
    struct mistakes *m, struct world *w, const char *folder, const char *data);

void agent_setup_close(struct agent_setup *s); /* NULL is fine */

#endif
