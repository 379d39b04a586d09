#ifndef SETUP_LEARNING_H
#define SETUP_LEARNING_H

#include "agent/agent.h"
#include "setup/config.h"

/* The classifier of a server: from its file in the data folder when that fits the examples, else
 * trained from them on a thread, beside everything else.  The agent is told when it is there;
 * its turns wait until then.  An agent without examples has none. */

struct learning;

struct learning *learning_start(
    struct world *w, struct agent *a, const struct config *c, const char *data);
/* From a fiber, when the agent has stopped.  false: training still runs, and cannot be interrupted;
 * nothing is freed, the process is to end now.  What it leaves half done the next start begins
 * again. */
bool learning_stop(struct learning *l);

#endif
