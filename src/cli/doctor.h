#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "setup/agent_setup.h"

#include <stdbool.h>

/* frontdesk doctor: is everything there that an agent needs?
 *
 *     doctor.c          the verb, and the lines
 *     doctor_agent.c    what the folder asks for: configuration, environment, databases
 *     doctor_machine.c  what the machine gives: data folder, descriptors, clock
 *     doctor_reach.c    what answers: models, the hosts of http tools
 *
 * Nothing is changed and nothing is called that has an effect; a model is asked for a word. */

struct doctor {
	struct arena *mem;
	struct world *world;
	const char *folder, *data;
	bool offline;
	struct agent_setup *setup; /* NULL: the configuration has mistakes */
	int warned, failed;
};

/* One line: what was looked at, and what was found. */
void doctor_ok(struct doctor *d, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_skip(struct doctor *d, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_warn(struct doctor *d, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_fail(struct doctor *d, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void doctor_agent(struct doctor *d); /* fills in setup */
void doctor_machine(struct doctor *d);
void doctor_reach(struct doctor *d); /* on a fiber */

#endif
