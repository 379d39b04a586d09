#ifndef BASE_SCHEMA_H
#define BASE_SCHEMA_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>

/* JSON Schema 2020-12, the part that tools and configurations use.
 *
 * Keywords: type, description, title, properties, required, additionalProperties, enum, const,
 * items, prefixItems, local $ref and $defs, anyOf, oneOf, allOf, not, default, format (annotation),
 * minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, minItems,
 * maxItems, uniqueItems, minProperties, maxProperties, propertyNames, patternProperties, pattern
 * (PCRE2).  Boolean schemas. A keyword outside of the list is refused by schema_compile(), never
 * ignored; so is a $ref that is not local.  Lengths count characters (RFC 8259 section 8.2
 * aside), 1.0 is an integer.
 *
 * A compiled schema is read only and may be shared by fibers; it keeps the JSON it was made from.
 */

struct schema;

struct schema *schema_compile(const json_t *definition, struct err *e);
void schema_free(struct schema *s);

/* Called for each mistake: a JSON pointer into the value ("/tools/refund/effect", "" for all of it)
 * and what was expected, in words ("expected integer, got string").  Non-zero stops. */
typedef int schema_mistake_fn(void *arg, const char *pointer, const char *message);

/* true: valid.  Every mistake is reported; fn may be NULL. */
bool schema_check(const struct schema *s, const json_t *value, schema_mistake_fn *fn, void *arg);

/* The first mistakes in one line, for a model or an API caller: "order_id: expected string, got
 * integer; ..." */
bool schema_check_brief(const struct schema *s, const json_t *value, struct err *e);

#endif
