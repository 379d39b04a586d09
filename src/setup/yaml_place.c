#include "setup/yaml_inside.h"

#include "base/buf.h"
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int by_pointer(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;
	int order = strcmp(x->pointer, y->pointer);

	if (!order)
		order = (x->line > y->line) - (x->line < y->line);
	return order ? order : (x->column > y->column) - (x->column < y->column);
}

void yaml_marks_sort(struct yaml *y)
{
	if (y->nmarks)
		qsort(y->marks, y->nmarks, sizeof(*y->marks), by_pointer);
}

static const struct mark *find(const struct yaml *y, const char *pointer)
{
	size_t low = 0, high = y->nmarks;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (strcmp(y->marks[mid].pointer, pointer) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < y->nmarks && !strcmp(y->marks[low].pointer, pointer) ? &y->marks[low] : NULL;
}

/* Of the nearest thing around it that is in the file. */
static const struct mark *nearest_mark(const struct yaml *y, const char *pointer)
{
	char *shorter = arena_strdup(y->mem, pointer);

	for (;;) {
		const struct mark *m = find(y, shorter);
		char *cut = strrchr(shorter, '/');

		if (m || !cut)
			return m;
		*cut = '\0';
	}
}

struct place yaml_place(const struct yaml *y, const char *pointer)
{
	const struct mark *m = nearest_mark(y, pointer);

	return m ? (struct place){ y->name, m->line, m->column } : (struct place){ y->name, 1, 1 };
}

static const char *line_start(const struct yaml *y, int line)
{
	const char *s = y->text;

	for (; line > 1; line--) {
		s = strchr(s, '\n');
		if (!s)
			return NULL;
		s++;
	}
	return s;
}

const char *yaml_column(const char *line, int column)
{
	for (; column > 1 && *line && *line != '\n'; column--)
		do
			line++;
		while (((unsigned char)*line & 0xC0) == 0x80);
	return line;
}

/* The first byte of the value itself: behind its quote, below its |. */
static const char *value_start(const struct yaml *y, const struct mark *m)
{
	const char *s = line_start(y, m->value_line + (m->style == '|'));

	if (!s || m->style == '|')
		return s;
	s = yaml_column(s, m->value_column);
	return s + (m->style && *s);
}

/* The source behind what stands for one character before it: '' and \" are two. */
static const char *unescape(const char *source, char style)
{
	if (style == '\'' && source[0] == '\'' && source[1] == '\'')
		return source + 1;
	if (style == '"' && source[0] == '\\' && (source[1] == '"' || source[1] == '\\'))
		return source + 1;
	return source;
}

static const char *skip_space(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* Walks text and source together; NULL where they part.  Between words the source may break lines
 * and indent as it likes, so white space matches white space. */
static const char *walk(const char *source, char style, const char *text, size_t offset)
{
	const char *end = text + offset;

	if (!isspace((unsigned char)*text))
		source = skip_space(source);
	while (text < end) {
		if (isspace((unsigned char)*text)) {
			if (!isspace((unsigned char)*source))
				return NULL;
			text = skip_space(text);
			source = skip_space(source);
			continue;
		}
		source = unescape(source, style);
		if (*source++ != *text++)
			return NULL;
	}
	return source;
}

static void place_at(const struct yaml *y, const char *s, struct place *at)
{
	at->line = at->column = 1;
	for (const char *p = y->text; p < s; p++)
		if (*p == '\n') {
			at->line++;
			at->column = 1;
		} else if (((unsigned char)*p & 0xC0) != 0x80) {
			at->column++;
		}
}

bool yaml_place_in(
    const struct yaml *y, const char *pointer, const char *text, size_t offset, struct place *at)
{
	const struct mark *m = find(y, pointer);
	const char *s;

	*at = yaml_place(y, pointer);
	if (!m)
		return false;
	at->line = m->value_line;
	at->column = m->value_column;
	s = value_start(y, m);
	if (s && offset <= strlen(text))
		s = walk(s, m->style, text, offset);
	if (!s)
		return false;
	place_at(y, s, at);
	return true;
}

/* The next name of a pointer, unescaped; returns what follows it. */
static const char *pointer_name(const char *s, struct buf *name)
{
	buf_clear(name);
	for (; *s && *s != '/'; s++)
		if (*s == '~' && (s[1] == '0' || s[1] == '1'))
			buf_add(name, *++s == '1' ? "/" : "~", 1);
		else
			buf_add(name, s, 1);
	return s;
}

json_t *yaml_at(const struct yaml *y, const char *pointer)
{
	json_t *at = y->root;
	struct buf name = { 0 };

	while (*pointer == '/') {
		pointer = pointer_name(pointer + 1, &name);
		at = json_is_array(at) ? json_array_get(at, strtoul(buf_str(&name), NULL, 10))
				       : json_object_get(at, buf_str(&name));
	}
	buf_done(&name);
	return at;
}

bool yaml_place_line(
    const struct yaml *y, const char *pointer, int line, int column, struct place *at)
{
	const char *text = json_string_value(yaml_at(y, pointer)), *s = text;

	*at = yaml_place(y, pointer);
	if (!text)
		return false;
	for (; line > 1 && *s; s++)
		line -= *s == '\n';
	for (; column > 1 && *s; column--)
		do
			s++;
		while (((unsigned char)*s & 0xC0) == 0x80);
	return yaml_place_in(y, pointer, text, (size_t)(s - text), at);
}

const char *yaml_path(const struct yaml *y, const char *pointer)
{
	struct buf path = { 0 }, name = { 0 };
	const json_t *at = y->root;
	const char *out;

	while (*pointer == '/') {
		pointer = pointer_name(pointer + 1, &name);
		if (json_is_array(at)) {
			buf_printf(&path, "[%s]", buf_str(&name));
			at = json_array_get(at, strtoul(buf_str(&name), NULL, 10));
		} else {
			buf_printf(&path, "%s%s", path.len ? "." : "", buf_str(&name));
			at = json_object_get(at, buf_str(&name));
		}
	}
	out = arena_strdup(y->mem, buf_str(&path));
	buf_done(&path);
	buf_done(&name);
	return out;
}

void yaml_unset(struct yaml *y, const char *pointer)
{
	const struct mark *m = find(y, pointer);

	if (m)
		y->marks[m - y->marks].unset = true;
}

void yaml_mistake(
    const struct yaml *y, struct mistakes *m, const char *pointer, const char *fmt, ...)
{
	const struct mark *mark = find(y, pointer);
	const char *message;
	va_list ap;

	if (mark && mark->unset)
		return;
	va_start(ap, fmt);
	message = arena_vprintf(m->mem, fmt, ap);
	va_end(ap);
	mistakes_add(m, yaml_place(y, pointer), yaml_path(y, pointer), "%s", message);
}

bool yaml_is_cut(const struct yaml *y, const char *pointer)
{
	const struct mark *m = find(y, pointer);

	return m && m->cut.line;
}

static void refuse_cut(const struct yaml *y, struct mistakes *m, const struct mark *mark)
{
	if (mark && mark->cut.line)
		mistakes_add(m, mark->cut, yaml_path(y, mark->pointer),
		    "a # behind a blank starts a comment; put all of it in quotes if the # "
		    "belongs to it, and a blank behind the # if not");
}

void yaml_refuse_cut(const struct yaml *y, struct mistakes *m)
{
	for (size_t i = 0; i < y->nmarks; i++)
		refuse_cut(y, m, &y->marks[i]);
}

void yaml_refuse_cut_at(const struct yaml *y, struct mistakes *m, const char *pointer)
{
	refuse_cut(y, m, find(y, pointer));
}

bool yaml_spoiled(const struct yaml *y, const struct mistakes *m)
{
	for (int i = 0; i < m->n; i++)
		if (text_is(m->list[i].at.file, y->name))
			return true;
	return false;
}
