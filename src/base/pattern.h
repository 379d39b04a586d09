#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* A regular expression of a configuration (PCRE2, UTF-8, compiled to machine code where possible),
 * run on strangers' text with a bound on the work: what would take too long does not match. */

struct pattern;

/* ERR_INVALID: PCRE2's words and the place, "at 4: missing closing parenthesis". */
struct pattern *pattern_new(const char *source, struct err *e);
void pattern_free(struct pattern *p); /* NULL is fine */

/* The first match at or after `from`, as offsets; false: none. */
bool pattern_find(
    const struct pattern *p, const char *text, size_t n, size_t from, size_t *start, size_t *end);

#endif
