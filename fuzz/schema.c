#include "base/schema.h"

#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A definition and a value, with a NUL between them, both from a stranger.  Compiling and checking
 * end, the answer is the same whether anybody listens to the mistakes, a value without mistakes
 * is valid and one with mistakes is not, and what is said is UTF-8. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int listen(void *arg, const char *pointer, const char *message)
{
	if (!text_is_utf8(pointer, strlen(pointer)) || !text_is_utf8(message, strlen(message)) ||
	    !*message || (*pointer && *pointer != '/'))
		abort();
	++*(int *)arg;
	return 0;
}

static void check(const struct schema *s, const json_t *value)
{
	struct err e = { 0 };
	int mistakes = 0;
	bool valid = schema_check(s, value, listen, &mistakes);

	if (valid != (mistakes == 0) || valid != schema_check(s, value, NULL, NULL))
		abort();
	if (schema_check_brief(s, value, &e) != valid || valid != (e.code == ERR_NONE))
		abort();
	if (!valid && !text_is_utf8(e.msg, strlen(e.msg)))
		abort();
}

static void compile(const json_t *definition, const json_t *value)
{
	struct err e = { 0 };
	int mistakes = 0;
	struct schema *s = schema_compile_all(definition, listen, &mistakes);
	struct schema *again = schema_compile(definition, &e);

	if (!s != (mistakes > 0) || !s != !again || !s != (e.code != ERR_NONE))
		abort();
	if (s && value)
		check(s, value);
	schema_free(s);
	schema_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data, *cut = memchr(s, 0, size);
	size_t n = cut ? (size_t)(cut - s) : size;
	json_t *definition, *value;
	struct err e;

	definition = json_read(s, n, &e);
	value = cut ? json_read(cut + 1, size - n - 1, &e) : NULL;
	if (definition)
		compile(definition, value);
	json_decref(definition);
	json_decref(value);
	return 0;
}
