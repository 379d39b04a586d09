/* libyaml's events, one after another, into a tree.
 *
 * A variable may stand unquoted in a flow map, { key: ${API_KEY} }, where YAML forbids braces
 * within a text.  So libyaml is shown a copy in which the braces of variables are two characters of
 * the private use area, and each text gets its braces back; lines and columns stay the same.
 *
 * libyaml reads YAML 1.1 and gives scalars as text with their style; which of them are numbers or
 * booleans is decided here, by the rules of 1.2.  After a mistake of meaning (a tag, a key that is
 * there twice) reading goes on; after a mistake of form it cannot. */
#include "setup/yaml.h"

#include "base/buf.h"
#include "base/text.h"
#include "setup/yaml_inside.h"
#include "setup/yaml_scalar.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define KEY_LONGEST     200
#define POINTER_LONGEST 1000
#define DEPTH_MAX       (JSON_DEPTH_MAX - 8) /* room for what we wrap around it */
#define VALUES_MAX      50000

struct reader {
	yaml_parser_t parser;
	struct yaml *y;
	struct mistakes *m;
	struct buf pointer;
	int depth;
	int line; /* see line_at() */
	const char *line_start;
	bool broken; /* no more events */
};

#define OPEN  "\xee\xa3\xb1" /* U+E8F1 in place of { */
#define CLOSE "\xee\xa3\xb2" /* U+E8F2 in place of } */

/* The length of a ${NAME}, or 0. */
static size_t variable(const char *s)
{
	size_t n = 2;

	if (s[0] != '$' || s[1] != '{' || isdigit((unsigned char)s[2]))
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n > 2 && s[n] == '}' ? n + 1 : 0;
}

static void mask(struct buf *out, const char *s, size_t n)
{
	const char *end = s + n;
	bool ours = !strstr(s, OPEN) && !strstr(s, CLOSE);

	while (s < end) {
		size_t len = ours ? variable(s) : 0;

		if (len) {
			buf_adds(out, "$" OPEN);
			buf_add(out, s + 2, len - 3);
			buf_adds(out, CLOSE);
			s += len;
		} else {
			buf_add(out, s++, 1);
		}
	}
}

/* In place; the new length. */
static size_t unmask(char *s)
{
	char *to = s;

	for (const char *from = s; *from;) {
		bool open = !strncmp(from, OPEN, 3), close = !strncmp(from, CLOSE, 3);
		char c = *from;

		if (open || close)
			c = '{';
		if (close)
			c = '}';
		*to++ = c;
		from += open || close ? 3 : 1;
	}
	*to = '\0';
	return (size_t)(to - s);
}

static struct place at(const struct reader *r, yaml_mark_t mark)
{
	return (struct place){ r->y->name, (int)mark.line + 1, (int)mark.column + 1 };
}

static void broken(struct reader *r, yaml_mark_t mark, const char *message)
{
	mistakes_add(r->m, at(r, mark), "", "%s", message);
	r->broken = true;
}

static bool tab_at(const struct reader *r, yaml_mark_t mark)
{
	const char *line = r->y->text;

	for (size_t i = 0; line && i < mark.line; i++) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return line && *yaml_column(line, (int)mark.column + 1) == '\t';
}

static void say_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "cannot be read";

	r->broken = true;
	if (tab_at(r, p->problem_mark)) {
		mistakes_add(r->m, at(r, p->problem_mark), "",
		    "a tab is here; lines are indented with blanks");
		return;
	}
	if (p->context && p->context_mark.line != p->problem_mark.line)
		mistakes_add(r->m, at(r, p->problem_mark), "", "%s, %s that starts in line %zu",
		    problem, p->context, p->context_mark.line + 1);
	else if (p->context)
		mistakes_add(r->m, at(r, p->problem_mark), "", "%s, %s", problem, p->context);
	else
		mistakes_add(r->m, at(r, p->problem_mark), "", "%s", problem);
}

/* The event is the caller's to delete; type YAML_NO_EVENT when there is none. */
static void next(struct reader *r, yaml_event_t *ev)
{
	memset(ev, 0, sizeof(*ev));
	if (!r->broken && !yaml_parser_parse(&r->parser, ev))
		say_syntax(r);
}

static char style_of(yaml_scalar_style_t style)
{
	switch (style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE: return '\'';
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE: return '"';
	case YAML_LITERAL_SCALAR_STYLE:
	case YAML_FOLDED_SCALAR_STYLE: return '|';
	default: return 0;
	}
}

/* The start of a line.  Asked for in the order of the file, so that all are found in one pass. */
static const char *line_at(struct reader *r, int line)
{
	const char *end;

	for (; r->line < line && (end = strchr(r->line_start, '\n')); r->line++)
		r->line_start = end + 1;
	return r->line_start;
}

/* The # of what looks like a comment by mistake: right behind a plain text, and no blank behind
 * it. */
static struct place cut_at(struct reader *r, const yaml_event_t *ev)
{
	struct place here = at(r, ev->end_mark);
	const char *s;
	int blanks = 0;

	if (ev->type != YAML_SCALAR_EVENT || ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
	    !ev->data.scalar.length)
		return (struct place){ 0 };
	s = yaml_column(line_at(r, here.line), here.column);
	for (; s[blanks] == ' ' || s[blanks] == '\t'; blanks++)
		;
	here.column += blanks;
	s += blanks;
	if (blanks && s[0] == '#' && (isalpha((unsigned char)s[1]) || s[1] == '(' || s[1] == '_'))
		return here;
	return (struct place){ 0 };
}

static void note(struct reader *r, const yaml_event_t *ev, const yaml_mark_t *key)
{
	struct yaml *y = r->y;
	yaml_mark_t point = key ? *key : ev->start_mark;

	if (y->nmarks == y->room) {
		struct mark *more = arena_array(y->mem, struct mark, y->room * 2 + 64);

		if (y->nmarks)
			memcpy(more, y->marks, sizeof(*more) * y->nmarks);
		y->marks = more;
		y->room = y->room * 2 + 64;
	}
	y->marks[y->nmarks++] = (struct mark){
		.pointer = arena_strdup(y->mem, buf_str(&r->pointer)),
		.line = (int)point.line + 1,
		.column = (int)point.column + 1,
		.value_line = (int)ev->start_mark.line + 1,
		.value_column = (int)ev->start_mark.column + 1,
		.cut = cut_at(r, ev),
		.style = ev->type == YAML_SCALAR_EVENT ? style_of(ev->data.scalar.style) : 0,
	};
}

static void refuse_decoration(
    struct reader *r, const yaml_event_t *ev, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		mistakes_add(r->m, at(r, ev->start_mark), "",
		    "anchors are not supported: write the value out where it is needed");
	if (tag)
		mistakes_add(r->m, at(r, ev->start_mark), "",
		    "tags are not supported; quotes make text of anything");
}

static json_t *scalar(char *s, bool plain, const char **why)
{
	size_t n = unmask(s);
	json_t *v = plain ? yaml_plain(s, n, why) : json_stringn(s, n);

	if (!v && !*why)
		*why = "is not UTF-8";
	return v;
}

static json_t *read_scalar(struct reader *r, const yaml_event_t *ev)
{
	char *s = (char *)ev->data.scalar.value;
	const char *why = NULL;
	json_t *v = NULL;

	refuse_decoration(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
	if (strlen(s) == ev->data.scalar.length)
		v = scalar(s, ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE, &why);
	else
		why = "a text may not contain the character NUL";
	if (v)
		return v;
	mistakes_add(r->m, at(r, ev->start_mark), "", "%s", why);
	return json_null();
}

static json_t *read_value(struct reader *r, yaml_event_t *ev, const yaml_mark_t *key);

static json_t *read_list(struct reader *r, const yaml_event_t *start)
{
	json_t *list = json_array();
	size_t before = r->pointer.len;
	yaml_event_t ev;

	refuse_decoration(
	    r, start, start->data.sequence_start.anchor, start->data.sequence_start.tag);
	for (next(r, &ev); !r->broken && ev.type != YAML_SEQUENCE_END_EVENT; next(r, &ev)) {
		buf_printf(&r->pointer, "/%zu", json_array_size(list));
		json_array_append_new(list, read_value(r, &ev, NULL));
		r->pointer.len = before;
		r->pointer.data[before] = '\0';
		yaml_event_delete(&ev);
	}
	yaml_event_delete(&ev);
	return list;
}

/* The text of a key, or NULL after saying why it is none. */
static const char *read_key(struct reader *r, const yaml_event_t *ev)
{
	const char *why = NULL;
	json_t *meaning;
	bool text;
	char *s;

	if (ev->type != YAML_SCALAR_EVENT) {
		broken(r, ev->start_mark, "a key must be text, not a list or a map");
		return NULL;
	}
	refuse_decoration(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
	s = (char *)ev->data.scalar.value;
	if (strlen(s) != ev->data.scalar.length || unmask(s) > KEY_LONGEST) {
		mistakes_add(r->m, at(r, ev->start_mark), "", "a key is text of at most %d bytes",
		    KEY_LONGEST);
		return NULL;
	}
	if (ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return s;
	meaning = yaml_plain(s, strlen(s), &why);
	text = json_is_string(meaning);
	json_decref(meaning);
	if (text)
		return s;
	mistakes_add(
	    r->m, at(r, ev->start_mark), "", "a key must be text: put \"%s\" in quotes", s);
	return NULL;
}

/* Reads the value even where there is no good key, so that the rest is checked too. */
static void read_member(struct reader *r, json_t *map, const yaml_event_t *key_event)
{
	const char *key = read_key(r, key_event);
	size_t before = r->pointer.len;
	yaml_event_t ev;
	json_t *value;

	buf_adds(&r->pointer, json_below(r->y->mem, "", key ? key : "?"));
	if (key && json_object_get(map, key))
		mistakes_add(r->m, at(r, key_event->start_mark), "", "\"%s\" is here twice", key);
	next(r, &ev);
	value = r->broken ? json_null() : read_value(r, &ev, &key_event->start_mark);
	yaml_event_delete(&ev);
	if (key && !json_object_get(map, key))
		json_object_set_new(map, key, value);
	else
		json_decref(value);
	r->pointer.len = before;
	r->pointer.data[before] = '\0';
}

static json_t *read_map(struct reader *r, const yaml_event_t *start)
{
	json_t *map = json_object();
	yaml_event_t ev;

	refuse_decoration(
	    r, start, start->data.mapping_start.anchor, start->data.mapping_start.tag);
	for (next(r, &ev); !r->broken && ev.type != YAML_MAPPING_END_EVENT; next(r, &ev)) {
		read_member(r, map, &ev);
		yaml_event_delete(&ev);
	}
	yaml_event_delete(&ev);
	return map;
}

/* A new reference, never NULL: what is wrong is null. */
static json_t *read_value(struct reader *r, yaml_event_t *ev, const yaml_mark_t *key)
{
	json_t *v;

	note(r, ev, key);
	if (r->depth == DEPTH_MAX || r->pointer.len > POINTER_LONGEST) {
		broken(r, ev->start_mark, "nested too deeply");
		return json_null();
	}
	if (r->y->nmarks > VALUES_MAX) {
		broken(r, ev->start_mark, "too many values for one file");
		return json_null();
	}
	r->depth++;
	switch (ev->type) {
	case YAML_SCALAR_EVENT: v = read_scalar(r, ev); break;
	case YAML_SEQUENCE_START_EVENT: v = read_list(r, ev); break;
	case YAML_MAPPING_START_EVENT: v = read_map(r, ev); break;
	default:
		mistakes_add(r->m, at(r, ev->start_mark), "",
		    "aliases are not supported: write the value out where it is needed");
		v = json_null();
	}
	r->depth--;
	return v;
}

/* Stream start, document start, the value, document end, stream end. */
static void read_document(struct reader *r)
{
	yaml_event_t ev;

	for (next(r, &ev); !r->broken && ev.type != YAML_STREAM_END_EVENT; next(r, &ev)) {
		if (ev.type == YAML_DOCUMENT_START_EVENT && r->y->root)
			broken(r, ev.start_mark, "a second document is not supported");
		else if (ev.type != YAML_STREAM_START_EVENT &&
			 ev.type != YAML_DOCUMENT_START_EVENT && ev.type != YAML_DOCUMENT_END_EVENT)
			r->y->root = json_in(r->y->mem, read_value(r, &ev, NULL));
		yaml_event_delete(&ev);
	}
	yaml_event_delete(&ev);
	if (!r->broken && !r->y->root)
		mistakes_add(r->m, (struct place){ r->y->name, 1, 1 }, "", "the file is empty");
}

/* libyaml says where bad bytes are only by their offset in the file. */
static bool bytes_ok(struct mistakes *m, const struct yaml *y)
{
	struct place here = { y->name, 1, 1 };

	if (y->len > YAML_BYTES_MAX) {
		mistakes_add(m, here, "", "larger than %d KiB", YAML_BYTES_MAX / 1024);
		return false;
	}
	for (size_t i = 0, n; i < y->len; i += n) {
		for (n = 1; n <= 4 && i + n <= y->len && !text_is_utf8(y->text + i, n);)
			n++;
		if (n > 4 || i + n > y->len) {
			mistakes_add(m, here, "", "not UTF-8 here");
			return false;
		}
		if (!y->text[i]) {
			mistakes_add(m, here, "", "the character NUL is not allowed");
			return false;
		}
		here.column = y->text[i] == '\n' ? 1 : here.column + 1;
		here.line += y->text[i] == '\n';
	}
	return true;
}

struct yaml *yaml_read(struct mistakes *m, const char *name, const char *text, size_t n)
{
	struct yaml *y = arena_new_of(m->mem, struct yaml);
	struct reader r = { .y = y, .m = m };
	struct buf masked = { 0 };

	if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* a byte order mark says nothing */
		text += 3;
		n -= 3;
	}
	*y = (struct yaml){ .mem = m->mem,
		.name = arena_strdup(m->mem, name),
		.text = arena_memdup(m->mem, text, n),
		.len = n };
	if (!bytes_ok(m, y))
		return NULL;
	r.line = 1;
	r.line_start = y->text;
	if (!yaml_parser_initialize(&r.parser))
		abort(); /* only for want of memory */
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	mask(&masked, y->text, n);
	yaml_parser_set_input_string(
	    &r.parser, (const unsigned char *)buf_str(&masked), masked.len);
	read_document(&r);
	yaml_parser_delete(&r.parser);
	buf_done(&r.pointer);
	buf_done(&masked);
	yaml_marks_sort(y);
	return r.broken || !y->root ? NULL : y;
}

json_t *yaml_root(const struct yaml *y)
{
	return y->root;
}
