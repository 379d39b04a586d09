#ifndef BASE_SCHEMA_H
#define BASE_SCHEMA_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>

/* JSON Schema 2020-12, the part that tools and configurations use.
 *
 * Keywords: type, properties, required, additionalProperties, enum, const, items, prefixItems,
 * local $ref ("#", "#/$defs/x") and $defs, anyOf, oneOf, allOf, not, minimum, maximum,
 * exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, minItems, maxItems,
 * uniqueItems, minProperties, maxProperties, propertyNames, patternProperties, pattern (PCRE2).
 * Read over, because they only describe: title, description, default, examples, format,
 * deprecated, readOnly, writeOnly, $comment, and $schema when it names 2020-12 or draft-07. Boolean
 * schemas.  Every other keyword is refused when the schema is compiled, never ignored; so is a
 * $ref that is not local.  Lengths count characters, 1.0 is an integer.
 *
 * Both the definition and the value may come from strangers.  Compiling refuses nesting deeper
 * than 64, circles of $ref that make no headway, and long chains of them.  Checking has a budget
 * of work and of depth (a fiber's stack is small); a value that exceeds it is not valid, and the
 * mistake says so.
 *
 * A compiled schema is read only and may be shared by fibers; it keeps the JSON it was made from.
 */

struct schema;

/* NULL with ERR_INVALID: the first mistake, as "POINTER: what is wrong". */
struct schema *schema_compile(const json_t *definition, struct err *e);
void schema_free(struct schema *s); /* NULL is fine */

/* Called for each mistake: a JSON pointer into the value ("/tools/refund/effect", "" for all of it)
 * and what was expected, in words ("expected integer, got string"); both live until it returns.
 * A member that may not be there is pointed at itself.  Non-zero stops. */
typedef int schema_mistake_fn(void *arg, const char *pointer, const char *message);

/* The same, but NULL after telling fn of every mistake in the definition. */
struct schema *schema_compile_all(const json_t *definition, schema_mistake_fn *fn, void *arg);

/* true: valid.  Every mistake is reported; fn may be NULL. */
bool schema_check(const struct schema *s, const json_t *value, schema_mistake_fn *fn, void *arg);

/* The first mistakes in one line, for a model or an API caller: "order_id: expected string, got
 * integer; ..." */
bool schema_check_brief(const struct schema *s, const json_t *value, struct err *e);

#endif
