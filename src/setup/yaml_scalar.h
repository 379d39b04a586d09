#ifndef SETUP_YAML_SCALAR_H
#define SETUP_YAML_SCALAR_H

#include "base/json.h"

#include <stddef.h>

/* What a plain scalar means in the core schema of YAML 1.2 (section 10.3.2): null, a boolean, an
 * integer, a float, or text.  NULL with *why for what JSON cannot hold: infinities, integers
 * beyond 64 bits. */
json_t *yaml_plain(const char *s, size_t n, const char **why);

#endif
