#include "tool/placeholders.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdbool.h>
#include <string.h>

/* A lexer that knows just enough of SQL to tell what is code: it reads one token after the other
 * and copies each, except for the names. */

struct lexer {
	const char *text, *at;
	struct buf sql;
	struct arena *mem;
	struct placeholders *out;
};

static bool starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool in_name(char c)
{
	return starts_name(c) || (c >= '0' && c <= '9');
}

/* What SQLite takes into an identifier; a $ or : behind it is none of ours. */
static bool in_identifier(char c)
{
	return in_name(c) || c == '$' || (unsigned char)c >= 0x80;
}

/* Behind the closing quote; what a doubled quote opens again is a token of its own.  To the end
 * when it never closes: the database says so better. */
static const char *after_quoted(const char *at, char close)
{
	const char *end = strchr(at + 1, close);

	return end ? end + 1 : at + strlen(at);
}

static const char *after_comment(const char *at)
{
	const char *end = *at == '-' ? strchr(at, '\n') : strstr(at + 2, "*/");

	if (!end)
		return at + strlen(at);
	return *at == '-' ? end + 1 : end + 2;
}

/* Behind the token that starts here and is no placeholder. */
static const char *after_token(const char *at)
{
	char c = *at;

	if (c == '\'' || c == '"' || c == '`')
		return after_quoted(at, c);
	if (c == '[')
		return after_quoted(at, ']');
	if ((c == '-' && at[1] == '-') || (c == '/' && at[1] == '*'))
		return after_comment(at);
	if (c == ':' && at[1] == ':')
		return at + 2;
	if (!in_identifier(c) || c == '$')
		return at + 1;
	while (in_identifier(*at))
		at++;
	return at;
}

static int number_of(struct lexer *l, const char *name)
{
	struct placeholders *out = l->out;

	for (int i = 0; i < out->n; i++) {
		if (text_is(out->names[i], name))
			return i + 1;
	}
	if (out->n == PLACEHOLDERS_MAX)
		return 0;
	out->places[out->n] = (size_t)(l->at - l->text);
	out->names[out->n++] = name;
	return out->n;
}

static int take_name(struct lexer *l, struct err *e)
{
	const char *start = l->at + 1, *end = start;
	size_t before = l->sql.len, length;
	const char *name;
	int number;

	if (!starts_name(*start))
		return err_set(e, ERR_INVALID, "':' is not followed by the name of a parameter");
	/* x:a would become x$1, which is a name. */
	if (before > 0 && in_identifier(l->sql.data[before - 1]))
		return err_set(e, ERR_INVALID, "there is no blank before the ':' of a parameter");
	while (in_name(*end) || (*end == '.' && starts_name(end[1])))
		end++;
	length = (size_t)(end - start);
	name = arena_strndup(l->mem, start, length);
	number = number_of(l, name);
	if (number == 0)
		return err_set(e, ERR_LIMIT, "more than %d different parameters", PLACEHOLDERS_MAX);
	buf_printf(&l->sql, "$%d", number);
	while (l->sql.len - before < length + 1)
		buf_add(&l->sql, " ", 1);
	l->at = end;
	return 0;
}

static int take_token(struct lexer *l, struct err *e)
{
	const char *end;
	char c = *l->at;

	if (c == ':' && l->at[1] != ':')
		return take_name(l, e);
	if (c == '?' || c == '@' || c == '$' || c == '#')
		return err_set(
		    e, ERR_INVALID, "'%c' is not known here: a parameter is written :name", c);
	end = after_token(l->at);
	buf_add(&l->sql, l->at, (size_t)(end - l->at));
	l->at = end;
	return 0;
}

int placeholders_read(
    struct arena *mem, const char *text, struct placeholders *out, size_t *offset, struct err *e)
{
	struct lexer l = { .text = text, .at = text, .mem = mem, .out = out };
	int rc = 0;

	*out = (struct placeholders){ .names = arena_array(mem, const char *, PLACEHOLDERS_MAX),
		.places = arena_array(mem, size_t, PLACEHOLDERS_MAX) };
	while (rc == 0 && *l.at != '\0')
		rc = take_token(&l, e);
	if (rc < 0)
		*offset = (size_t)(l.at - text);
	else
		out->sql = arena_strdup(mem, buf_str(&l.sql));
	buf_done(&l.sql);
	return rc;
}
