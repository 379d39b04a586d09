#ifndef SETUP_SHAPE_H
#define SETUP_SHAPE_H

#include "setup/yaml.h"

/* The shape of each file: which keys there may be, and what stands under them.
 *
 * One JSON Schema a section; what needs more than one section to judge is in the
 * config_*.c.  Keys that are promised and do not work yet are refused by name, and taken out of the
 * tree, so that they are not called unknown as well. */

void shape_agent(struct mistakes *m, struct yaml *y);
void shape_intents(struct mistakes *m, struct yaml *y);
/* schema: JSON, or YAML that means it, of our own. */
void shape_check(struct mistakes *m, struct yaml *y, const char *schema);

#endif
