#ifndef SETUP_SETUP_TOOLS_H
#define SETUP_SETUP_TOOLS_H

#include "setup/agent_setup.h"

/* The part of agent_setup.c that is about databases and tools. */

/* trial: what is absent is made in a temporary folder. */
void setup_databases(
    struct mistakes *m, struct agent_setup *s, struct world *w, const char *data, bool trial);
void setup_tools(struct mistakes *m, struct agent_setup *s);
void setup_tools_close(struct agent_setup *s);

#endif
