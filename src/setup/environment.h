#ifndef SETUP_ENVIRONMENT_H
#define SETUP_ENVIRONMENT_H

#include "setup/yaml.h"

/* ${NAME} in any text of a file becomes the variable's value; $${ is a ${ as it stands.
 *
 * Keys are left alone, and what came in is text, never YAML: a value cannot add a key.  A variable
 * that is not set is a mistake where it is named; one that is set and empty is empty.  The texts of
 * an http tool's request are left as they are: tool/http_template.h. */
void environment_expand(struct mistakes *m, struct yaml *y);

/* Is this text one ${NAME} alone, of a variable that is not set or empty?  Its name, in mem; NULL:
 * no. */
const char *environment_unset(struct arena *mem, const char *text);

#endif
