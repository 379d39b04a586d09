#include "setup/yaml.h"
#include "setup/environment.h"

#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Any bytes are a tree or have at least one mistake; every place is within the file, every line
 * said is UTF-8, and of each text in the tree each byte has a place that does not go
 * backwards. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
	const struct yaml *y;
	struct arena *mem;
	int lines;
};

static void check_place(const struct file *f, struct place at)
{
	if (at.line < 1 || at.line > f->lines || at.column < 1)
		abort();
}

static void check_text(const struct file *f, const char *pointer, const char *text)
{
	struct place before = { .line = 1 }, at;

	for (size_t i = 0; i <= strlen(text) && i < 100; i++) {
		bool exact = yaml_place_in(f->y, pointer, text, i, &at);

		check_place(f, at);
		if (exact && (at.line < before.line ||
				 (at.line == before.line && at.column < before.column)))
			abort();
		if (exact)
			before = at;
	}
}

static void check_value(const struct file *f, const json_t *v, const char *pointer)
{
	const char *key;
	json_t *child;
	size_t i;

	check_place(f, yaml_place(f->y, pointer));
	if (yaml_at(f->y, pointer) != v)
		abort();
	if (json_is_string(v))
		check_text(f, pointer, json_string_value(v));
	json_object_foreach (json_unconst(v), key, child) {
		check_value(f, child, json_below(f->mem, pointer, key));
	}
	json_array_foreach (v, i, child) {
		check_value(f, child, json_below_index(f->mem, pointer, i));
	}
}

static void check_mistakes(struct file *f, struct mistakes *m)
{
	mistakes_sort(m);
	for (int i = 0; i < m->n; i++) {
		const char *line = mistake_line(f->mem, &m->list[i]);

		check_place(f, m->list[i].at);
		if (!text_is_utf8(line, strlen(line)))
			abort();
	}
}

/* libyaml also breaks lines at NEL, LS and PS, and at a CR alone. */
static int count_lines(const uint8_t *data, size_t size)
{
	int n = 2;

	for (size_t i = 0; i < size; i++)
		n += data[i] == '\n' || data[i] == '\r' || data[i] == 0x85 || data[i] == 0xA8 ||
		     data[i] == 0xA9;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct file f = { .mem = arena_new(), .lines = count_lines(data, size) };
	struct mistakes m = mistakes_none(f.mem);
	struct yaml *y = yaml_read(&m, "fuzz.yaml", (const char *)data, size);

	f.y = y;
	if (!y && !m.n)
		abort();
	if (y) {
		check_value(&f, yaml_root(y), "");
		yaml_refuse_cut(y, &m);
		environment_expand(&m, y);
	}
	check_mistakes(&f, &m);
	arena_free(f.mem);
	return 0;
}
