#include "tool/placeholders.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The rewritten text has the length of the old one (but for the one-letter names past the ninth),
 * every name is a name, and reading it again finds the parameters that were put in. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_names(const struct placeholders *p)
{
	for (int i = 0; i < p->n; i++) {
		const char *name = p->names[i];

		check(strlen(name) > 0 && strchr("0123456789.", name[0]) == NULL);
		check(strpbrk(name, " '\"`[]:$?@#-/*()") == NULL);
		for (int j = 0; j < i; j++)
			check(strcmp(p->names[j], name) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *mem = arena_new();
	char *text = arena_strndup(mem, (const char *)data, size);
	struct placeholders p, again;
	struct err e = { 0 };
	size_t offset = 0;

	if (placeholders_read(mem, text, &p, &offset, &e) < 0) {
		check(offset < strlen(text) && e.msg[0] != '\0');
	} else {
		check_names(&p);
		if (p.n < 10)
			check(strlen(p.sql) == strlen(text));
		/* Where a name was, there is a $ now, which is refused in a query. */
		check((placeholders_read(mem, p.sql, &again, &offset, &e) < 0) == (p.n > 0));
	}
	arena_free(mem);
	return 0;
}
